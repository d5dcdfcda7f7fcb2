"""The `.sgm` files of ACE: the text that the annotation's offsets count, its layout, and its sentences of tokens."""

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Collection, Dict, Iterable, List, Optional, Set, Tuple, cast

from hmtl.corpora.ace.apf import read_bytes
from hmtl.document import Bounds
from hmtl.errors import DataError

Range = Tuple[int, int]

# As all readers of ACE have it, a tag ends at the first `>`. A `<` before anything but a name is text, as in `a < b`.
_TAG = re.compile(r"<(?:/?(?P<name>[A-Za-z][\w-]*)|[!?])[^>]*>")
_OPEN_TAG = re.compile(r"<(?:/?[A-Za-z]|[!?])[^>]*\Z")
# Tags within running text; all others end a sentence.
_INLINE = ("TIMEX2",)
# A line break within a paragraph has characters on both sides; any other one ends the paragraph.
_BREAK = re.compile(r"(?<!\S)\n|\n(?!\S)")
_ENTITY = re.compile(r"&(amp|lt|gt|quot|apos);", re.IGNORECASE)
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


@dataclass(frozen=True)
class Passage:
    """A paragraph, in one line and with its entities decoded.

    # Attributes

    text : `str`
        The paragraph; a white space for each of its line breaks, `&` for `&amp;`.
    offsets : `List[int]`
        For each character of `text`, and for its end, the offset in characters in the source text.
    """

    text: str
    offsets: List[int]

    def position(self, offset: int) -> int:
        """The place in `text` of an offset in the source text; -1 where that lies outside or within an entity."""
        index = bisect_left(self.offsets, offset)
        return index if index < len(self.offsets) and self.offsets[index] == offset else -1


@dataclass(frozen=True)
class SourceText:
    """What the offsets of APF count: the SGML text without its tags.

    Entities such as `&amp;` stand as in the file, and count as many characters; a line break counts one, whether the
    file writes `\\n` or `\\r\\n`.

    # Attributes

    text : `str`
        The text.
    zones : `Dict[str, Range]`
        For each element, by its name in capitals, the range from its first start to its last end.
    breaks : `List[int]`
        Where tags end a sentence.
    """

    text: str
    zones: Dict[str, Range]
    breaks: List[int]

    def passages(self, zone: Range) -> List[Passage]:
        """The paragraphs of a range of the text.

        A paragraph ends at a blank line, at a line break beside other white space, and at a tag, `TIMEX2` excepted.
        """
        start, end = zone
        cuts = {start, end, *self.breaks, *(match.start() for match in _BREAK.finditer(self.text, start, end))}
        inside = sorted(cut for cut in cuts if start <= cut <= end)
        return [self._passage(first, last) for first, last in pairwise(inside) if self.text[first:last].strip()]

    def _passage(self, start: int, end: int) -> Passage:
        raw = self.text[start:end].replace("\n", " ")
        characters: List[str] = []
        offsets: List[int] = []
        position = 0
        for match in _ENTITY.finditer(raw):
            characters += [raw[position : match.start()], _CHARACTERS[match[1].lower()]]
            offsets += range(start + position, start + match.start() + 1)
            position = match.end()
        characters.append(raw[position:])
        offsets += range(start + position, end + 1)
        return Passage("".join(characters), offsets)


def decode_entities(text: str) -> str:
    """The text with `&` for `&amp;` (or `&AMP;`), and so on for `lt`, `gt`, `quot` and `apos`."""
    return _ENTITY.sub(lambda match: _CHARACTERS[match[1].lower()], text)


def read_source_text(path: Path) -> SourceText:
    """Reads a `.sgm` file.

    # Raises

    DataError
        Where the file cannot be read, is not UTF-8, or is no complete `<DOC>`.
    """
    try:
        sgml = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"not valid UTF-8 ({error}); convert the file to UTF-8", path) from error
    sgml = sgml.replace("\r\n", "\n")
    opened = _OPEN_TAG.search(sgml)
    if opened:
        line = sgml.count("\n", 0, opened.start()) + 1
        raise DataError("a tag has no end; is the file complete?", path, line)
    source = _without_tags(sgml)
    if "DOC" not in source.zones:
        raise DataError("expected one document from <DOC> to </DOC>; is the file complete, and SGML of ACE?", path)
    return source


def _without_tags(sgml: str) -> SourceText:
    parts: List[str] = []
    starts: Dict[str, int] = {}
    zones: Dict[str, Range] = {}
    breaks: List[int] = []
    length = position = 0
    for match in _TAG.finditer(sgml):
        parts.append(sgml[position : match.start()])
        length += match.start() - position
        position = match.end()
        name = (match["name"] or "").upper()
        if name not in _INLINE:
            breaks.append(length)
        if not match[0].startswith("</"):
            starts.setdefault(name, length)
        elif name in starts:
            zones[name] = (starts[name], length)
    parts.append(sgml[position:])
    return SourceText("".join(parts), zones, breaks)


@dataclass
class TokenizedSource:
    """The tokens of a text, and where its sentences and paragraphs begin.

    # Attributes

    tokens : `List[str]`
        The tokens, entities decoded.
    offsets : `List[Range]`
        For each token, its first character and the one behind its last, in the source text.
    sentence_starts : `Set[int]`
        The first token of each sentence.
    paragraph_starts : `Set[int]`
        The first token of each paragraph.
    """

    tokens: List[str] = field(default_factory=list)
    offsets: List[Range] = field(default_factory=list)
    sentence_starts: Set[int] = field(default_factory=set)
    paragraph_starts: Set[int] = field(default_factory=set)

    def bounds(self, characters: Range) -> Optional[Bounds]:
        """The first and the last token of a range of characters; `None` where it is no whole number of tokens."""
        start, end = characters
        first = bisect_left(self.offsets, start, key=lambda token: token[0])
        last = bisect_left(self.offsets, end, key=lambda token: token[1])
        if max(first, last) >= len(self.offsets) or self.offsets[first][0] != start or self.offsets[last][1] != end:
            return None
        return first, last

    def crosses(self, first: int, last: int, starts: Set[int]) -> bool:
        """Whether one of `starts` separates two tokens."""
        return not starts.isdisjoint(range(first + 1, last + 1))

    def merge(self, first: int, last: int) -> None:
        """Makes one sentence of those that the tokens from `first` to `last` lie in."""
        self.sentence_starts.difference_update(range(first + 1, last + 1))

    def sentences(self) -> List[List[str]]:
        """The tokens, sentence by sentence."""
        limits = [*sorted(self.sentence_starts), len(self.tokens)]
        return [self.tokens[start:end] for start, end in pairwise(limits)]


class Tokenizer:
    """Splits passages into sentences of tokens by `SentenceSplitter`; no sentence spans two passages.

    # Parameters

    spacy_model : `str`, optional (default = `None`)
        As in `SentenceSplitter`.

    # Raises

    UserError
        Where spaCy finds no such pipeline.
    """

    def __init__(self, spacy_model: str = None) -> None:
        # Predictors import models, and these the package that this module belongs to.
        from hmtl.text import SentenceSplitter

        self._split = SentenceSplitter(spacy_model)

    def __call__(self, passages: Iterable[Passage], boundaries: Collection[int]) -> TokenizedSource:
        """The tokens of the passages; those that a boundary (an offset in the source text) cuts become two."""
        result = TokenizedSource()
        ordered = sorted(boundaries)
        for passage in passages:
            first, last = (bisect_left(ordered, passage.offsets[end]) for end in (0, -1))
            cuts = sorted(passage.position(boundary) for boundary in ordered[first:last])
            result.paragraph_starts.add(len(result.tokens))
            text = self._split(passage.text)
            starts = set(text.sentence_starts)
            for number, (start, end) in enumerate(text.token_offsets):
                if number in starts:
                    result.sentence_starts.add(len(result.tokens))
                inside = cuts[bisect_left(cuts, start + 1) : bisect_left(cuts, end)]
                for left, right in pairwise([start, *dict.fromkeys(inside), end]):
                    result.tokens.append(passage.text[left:right])
                    result.offsets.append((passage.offsets[left], passage.offsets[right]))
        return result


def describe_tokenizer(spacy_model: Optional[str]) -> Dict[str, Any]:
    """Which tokeniser, in which version: different versions give different tokens."""
    import spacy

    if spacy_model is None:
        return {"pipeline": "blank English with hmtl's sentences", "spacy": spacy.__version__}
    meta = cast(Dict[str, Any], spacy.info(spacy_model, silent=True))
    return {"pipeline": spacy_model, "version": meta.get("version"), "spacy": spacy.__version__}
