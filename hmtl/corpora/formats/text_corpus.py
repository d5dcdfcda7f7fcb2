"""What formats of annotation tools have in common: policies, a count of what changes, and texts that hmtl splits."""

import logging
from itertools import accumulate
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

from hmtl.alignment import Annotations, Boundaries, Bounds, Changes, Crossing, Discontinuous, Policies
from hmtl.common.checks import label_fault
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.sample import Sample
from hmtl.document import Document
from hmtl.errors import DataError
from hmtl.text import TokenizedText, shared_splitter, split_at_white_space

logger = logging.getLogger(__name__)

_SPLIT_BY_LINES = "whitespace"


class ToolCorpus(Corpus):
    """A format that annotation tools and other programs write, which may hold more than a `Document` can.

    A subclass implements `read`, which counts what it drops and changes, and `fits`, by which the format is found.

    # Parameters

    boundaries, crossing_spans, crossing_relations, discontinuous : `str`, optional
        See `Policies`.
    splitter : `str`, optional (default = `None`)
        How raw text is split: by the spaCy pipeline of that name, by default by the built-in rules; `"whitespace"`
        takes lines for sentences, and splits tokens at white space alone.
    """

    # What the files hold, for people.
    title = ""

    def __init__(
        self,
        boundaries: Boundaries = "split",
        crossing_spans: Crossing = "merge",
        crossing_relations: Crossing = "drop",
        discontinuous: Discontinuous = "cover",
        splitter: str = None,
    ) -> None:
        self._policies = Policies(boundaries, crossing_spans, crossing_relations, discontinuous)
        self._splitter = splitter

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        """Whether a path holds this format, by its names and its beginning."""
        raise NotImplementedError

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        """What `parse` yields, with a count of what is dropped and changed."""
        raise NotImplementedError

    def parse(self, path: Path) -> Iterator[Attempt]:
        changes = Changes()
        yield from self.read(path, changes)
        for line in changes.lines():
            logger.info("%s: %s", path, line)

    def _split(self, text: str, splitter: Optional[str] = None) -> TokenizedText:
        splitter = self._splitter if splitter is None else splitter
        return split_at_white_space(text) if splitter == _SPLIT_BY_LINES else shared_splitter(splitter)(text)

    def _from_text(
        self,
        key: str,
        text: Union[str, TokenizedText],
        annotations: Annotations,
        changes: Changes,
        path: Path,
        line: Optional[int] = None,
    ) -> Iterator[Attempt]:
        """The document of a text whose annotations count characters; none of a text without words, which is counted."""
        try:
            tokenized = self._split(text) if isinstance(text, str) else text
            if not len(tokenized):
                _count_without_words(key, annotations, changes)
                return
            spans, relations, clusters = annotations.spans, annotations.relations, annotations.clusters
            yield Document.from_text(tokenized, spans, relations, clusters, key, self._policies, changes)
        except DataError as error:
            yield DataError(error.message, path, line)

    def _from_tokens(
        self,
        key: str,
        sentences: List[List[str]],
        annotations: Annotations,
        changes: Changes,
        path: Path,
        line: Optional[int] = None,
        metadata: Optional[Dict[str, Any]] = None,
    ) -> Iterator[Attempt]:
        """The document of tokens whose annotations count them, both ends included; empty sentences are left out."""
        try:
            sentences = [sentence for sentence in sentences if sentence]
            if not sentences:
                _count_without_words(key, annotations, changes)
                return
            yield Document.from_annotations(key, sentences, annotations, self._policies, changes, metadata)
        except DataError as error:
            yield DataError(error.message, path, line)

    def _one_piece(
        self, pieces: List[Bounds], text: Callable[[int, int], str], changes: Changes, example: str
    ) -> Optional[Bounds]:
        """The bounds of a span in pieces, by the policy; nothing where it is dropped. Ends are excluded.

        Pieces with nothing but white space between them are no policy's matter.
        """
        pieces = sorted(pieces)
        whole = pieces[0][0], max(end for _, end in pieces)
        gaps = [text(end, start) for (_, end), (start, _) in zip(pieces, pieces[1:])]
        if not any(gap.strip() for gap in gaps):
            return whole
        policy = self._policies.discontinuous
        if policy == "error":
            raise DataError(f"a span in {len(pieces)} pieces ({example}), and 'discontinuous' is 'error'")
        if policy == "drop":
            changes.drop("span", "it is in several pieces", example)
            return None
        what = "from its first piece to its last" if policy == "cover" else "its first piece alone"
        changes.change("span", f"in several pieces, taken {what}", example)
        return whole if policy == "cover" else pieces[0]


def label_of(value: Any, what: str, path: Path, line: Optional[int] = None) -> str:
    """A label, without white space around it.

    # Raises

    DataError
        Where it is none.
    """
    label = value.strip() if isinstance(value, str) else value
    fault = label_fault(label)
    if fault:
        raise DataError(f"{what} has a label that cannot be used: {fault}", path, line)
    return label


def _count_without_words(key: str, annotations: Annotations, changes: Changes) -> None:
    reason = "a text without words"
    changes.drop("document", reason, key)
    changes.drop("span", reason, key, sum(map(len, annotations.spans.values())))
    changes.drop("relation", reason, key, len(annotations.relations or []))
    changes.drop("cluster", reason, key, len(annotations.clusters or []))


class Quote(NamedTuple):
    """What an annotation says of the text that it covers, and where in the file it says so."""

    start: int
    end: int
    text: str
    line: Optional[int] = None


def fit_offsets(text: str, quotes: Iterable[Quote], path: Path, name: str) -> Tuple[str, Callable[[int], int]]:
    """The text, and what turns the offsets of its file into offsets of the text.

    Programs count differently: characters, with or without a byte order mark or the carriage returns of Windows' line
    ends, units of UTF-16 (browsers) or bytes of UTF-8. The first way is taken that agrees with every quoted text, where
    white space does not matter.

    # Raises

    DataError
        Where none agrees.
    """
    quotes = list(quotes)
    plain = text.removeprefix("\ufeff")
    shift = len(text) - len(plain)

    def agrees(place: Callable[[int], int]) -> bool:
        return all(_squeezed(plain[max(place(q.start), 0) : max(place(q.end), 0)]) == _squeezed(q.text) for q in quotes)

    if agrees(_same):
        return plain, _same
    if shift and agrees(lambda offset: offset - 1):
        return plain, lambda offset: offset - 1
    if not plain.isascii() or "\r\n" in plain:
        utf16 = [1 + (character > "\uffff") for character in plain]
        utf8 = [len(character.encode("utf-8", "surrogatepass")) for character in plain]
        without_returns = [int(plain[i : i + 2] != "\r\n") for i in range(len(plain))]
        for widths in (utf16, without_returns, utf8, [a * b for a, b in zip(utf16, without_returns)]):
            places = {external: own for own, external in reversed(list(enumerate(accumulate(widths, initial=0))))}
            # A place within a character is none of the text's.
            place = lambda offset, places=places: places.get(offset, -1)  # noqa: E731
            if agrees(place):
                return plain, place
    first = next(q for q in quotes if _squeezed(plain[q.start : q.end]) != _squeezed(q.text))
    found = plain[max(first.start, 0) : max(first.end, 0)]
    message = (
        f"{name}: characters {first.start} to {first.end} of the text are {found[:60]!r}, and the annotation says "
        f"{first.text[:60]!r}; offsets count characters from 0, the end excluded"
    )
    raise DataError(message, path, first.line)


def _same(offset: int) -> int:
    return offset


def _squeezed(text: str) -> str:
    return "".join(text.split())
