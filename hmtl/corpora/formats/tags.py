"""Spans from one tag a token, in any of the usual schemes."""

import re
from typing import Dict, Iterable, List, Optional, Sequence

from hmtl.corpora.conll2003 import spans_of_tags
from hmtl.document import Span
from hmtl.errors import DataError

OUTSIDE = ("O", "OUT", "_")
# Begin, inside, middle, end, last, single, unit, whole: what the letters of all schemes mean in BIOES.
_LETTERS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}
_PREFIXED = re.compile(r"([BIMELSUW])[-_](.+)", re.DOTALL)
_SUFFIXED = re.compile(r"(.+)[-_]([BIMELSUW])", re.DOTALL)
SCHEMES = ("auto", "prefix", "suffix", "io", "words")
# What a scheme without labels marks.
UNNAMED = "entity"


def scheme_of(tags: Iterable[str]) -> str:
    """The scheme of a column of tags.

    `prefix`: `B-PER`, in IOB, IOB1, IOBES, BILOU, BMES and BMEWO alike, or the letters alone; `suffix`: `PER-B`; `io`:
    `PER`, where neighbours with one label are one span; `words`: a label for every token, where none is outside.
    """
    found = {tag for tag in tags if tag not in OUTSIDE}
    has_outside = any(tag in OUTSIDE for tag in tags)
    if found and all(_PREFIXED.fullmatch(tag) or tag in _LETTERS for tag in found):
        return "prefix"
    if found and all(_SUFFIXED.fullmatch(tag) for tag in found):
        return "suffix"
    return "io" if has_outside or not found else "words"


def spans_by_scheme(tags: Sequence[str], scheme: str) -> List[Span]:
    """The spans of a sentence. No sequence is refused; see `spans_of_tags`.

    # Raises

    DataError
        Where a tag is none of the scheme's.
    """
    if scheme == "words":
        return [Span(n, n, tag) for n, tag in enumerate(tags) if tag not in OUTSIDE]
    if scheme == "io":
        return spans_of_tags([tag if tag == "O" else f"I-{tag}" for tag in map(_outside, tags)])
    return spans_of_tags([_in_bioes(tag, scheme) for tag in tags])


def named(numbers: Sequence[int], names: Sequence[str]) -> Optional[List[str]]:
    """The names of numbered tags, or `None` where a number has none."""
    known: Dict[int, str] = dict(enumerate(names))
    found = [known.get(number) for number in numbers]
    return None if None in found else found  # type: ignore[return-value]


def _outside(tag: str) -> str:
    return "O" if tag in OUTSIDE else tag


def _in_bioes(tag: str, scheme: str) -> str:
    if tag in OUTSIDE:
        return "O"
    if scheme == "prefix":
        match = _PREFIXED.fullmatch(tag)
        if match is None and tag in _LETTERS:
            return f"{_LETTERS[tag]}-{UNNAMED}"
        letter, label = (match[1], match[2]) if match else ("", "")
    else:
        match = _SUFFIXED.fullmatch(tag)
        letter, label = (match[2], match[1]) if match else ("", "")
    if not label.strip():
        expected = "'O', 'B-PER' or 'I-PER'" if scheme == "prefix" else "'O', 'PER-B' or 'PER-I'"
        raise DataError(f"expected a tag such as {expected}, found '{tag}'")
    return f"{_LETTERS[letter]}-{label}"
