"""The `.sgm` files of ACE: the text that the annotation's offsets count, and its layout."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Dict, List, Tuple

from hmtl.corpora.ace.files import read_bytes
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
