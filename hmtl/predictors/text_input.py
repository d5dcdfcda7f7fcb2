"""A text and what is asked of it: entities that are known, and whether the layers are to agree."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from hmtl.document import Document, Span
from hmtl.errors import UserError
from hmtl.text import TokenizedText

# Rows, or the span task that they stand in place of and its rows; see `entities_of`.
Entities = Union[Sequence[Any], Mapping[str, Sequence[Any]]]

_OF_TOKENS, _OF_CHARACTERS = ("start", "end"), ("char_start", "char_end")


@dataclass(frozen=True)
class TextInput(TokenizedText):
    """A text as it will be predicted.

    # Attributes

    entities : `Optional[List[Span]]`
        Those that are known, in tokens of the text; `None` where they are to be found.
    entity_task : `Optional[str]`
        The span task in whose layer they stand in the output; `None` where the model has none.
    consistent : `Optional[bool]`
        Whether to leave out what contradicts the spans; `None` where it is as for all texts of the predictor.
    second_text : `Optional[int]`
        Of a pair of texts, the number of the sentence that begins the second one.
    """

    entities: Optional[List[Span]] = None
    entity_task: Optional[str] = None
    consistent: Optional[bool] = None
    second_text: Optional[int] = None

    @classmethod
    def of(cls, text: TokenizedText, **asked: Any) -> "TextInput":
        """A text of which so much is asked; one of which something is asked already stays as it is."""
        return text if isinstance(text, TextInput) else cls(text.text, text.sentences, text.token_offsets, **asked)

    @property
    def entities_by_sentence(self) -> List[Optional[List[Span]]]:
        """The entities of each sentence, counted from its start; `None` for each where they are to be found."""
        if self.entities is None:
            return [None] * len(self.sentences)
        return [*Document("", self.sentences, {"entities": self.entities}).spans_by_sentence("entities")]


def entities_of(value: Any, text: TokenizedText, is_raw: bool) -> Tuple[TokenizedText, List[Span]]:
    """Entities that are given with a text, and the text that they fit.

    # Parameters

    value : `Any`
        A list of rows, or one such list a sentence. A row is an object with `label` and, where the text is raw,
        `char_start` and `char_end`, which counts characters, the end excluded; where its tokens are given `start` and
        `end`, which count tokens of the text, both included. Other keys are ignored, so that rows of an output will do.
        Or a row is a list of the three, the label last.
    text : `TokenizedText`
    is_raw : `bool`
        Whether the tokens are the splitter's. They then give way to the entities; see `TokenizedText.fitted`.

    # Raises

    UserError
        Where it is no such list, an entity lies outside the text, holds no token, or goes across given sentences.
    """
    keys = _OF_CHARACTERS if is_raw else _OF_TOKENS
    rows = [_row(number, row, keys) for number, row in enumerate(_flat(value, keys), start=1)]
    if is_raw:
        for number, (start, end, _) in enumerate(rows, start=1):
            if not 0 <= start < end <= len(text.text):
                raise UserError(
                    f"entity {number}: characters {start} to {end} are no part of the text, which has "
                    f"{len(text.text):,} (the end is excluded)"
                )
        text = text.fitted([(start, end) for start, end, _ in rows])
        firsts, ends = [start for start, _ in text.token_offsets], [end for _, end in text.token_offsets]
        spans = [Span(bisect_left(firsts, start), bisect_right(ends, end) - 1, label) for start, end, label in rows]
        for number, (span, row) in enumerate(zip(spans, rows), start=1):
            if span.end < span.start:
                raise UserError(f"entity {number}: characters {row.start} to {row.end} hold no token")
    else:
        spans = rows
    if spans:
        Document("document", text.sentences, {"entities": spans}).validate()
    return text, sorted(set(spans))


def _flat(value: Any, keys: Tuple[str, str]) -> Iterator[Any]:
    """The rows, one by one."""
    if not isinstance(value, (list, tuple)):
        raise UserError(f"the entities are {type(value).__name__}; expected a list of {_form(keys)}")
    for item in value:
        if isinstance(item, (list, tuple)) and all(isinstance(part, (list, tuple, dict)) for part in item):
            yield from item
        else:
            yield item


def _row(number: int, row: Any, keys: Tuple[str, str]) -> Span:
    if isinstance(row, Mapping):
        missing = [key for key in (*keys, "label") if key not in row]
        if missing:
            raise UserError(f"entity {number}: the key '{missing[0]}' is missing; expected {_form(keys)}")
        row = [row[key] for key in (*keys, "label")]
    are_fit = isinstance(row, (list, tuple)) and list(map(type, row)) == [int, int, str]
    if not are_fit:
        found = " and ".join(sorted({type(part).__name__ for part in row})) if isinstance(row, (list, tuple)) else ""
        raise UserError(
            f"entity {number} is {type(row).__name__}{f' of {found}' if found else ''}; expected {_form(keys)}"
        )
    return Span(*row)


def _form(keys: Tuple[str, str]) -> str:
    return f'{{"{keys[0]}": 0, "{keys[1]}": 1, "label": "..."}} or [0, 1, "..."]'
