"""Grapheme clusters, what a reader takes for one character, and characters that nobody sees (Unicode Annex 29).

Places in a text are `(start, end)`, in characters, the end excluded.
"""

import re
import unicodedata
from typing import Iterable, List, Tuple

import regex

Places = List[Tuple[int, int]]

# A flag, a key, or a cluster that is shown as a picture, by itself or because the text says so.
_EMOJI = regex.compile(
    r"(?:\p{RI}\p{RI}?|[0-9#*]\ufe0f?\u20e3)[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]*"
    r"|(?=\p{Emoji_Presentation}|\p{Emoji}\ufe0f)(?!\p{GCB=Extend})\X"
)
# Where emoji may be: all of them but the first character lies in such a run.
_BEYOND_LATIN = re.compile("[^\x00-\u02ff]+")
_CLUSTER = regex.compile(r"\X")
# The first character that joins the one before it, and the first that joins the one behind it.
_FIRST_EXTENDING, _FIRST_PREPENDED = "\u0300", "\u0600"

# Characters of format (Cf), without ink and width. Those that span the digits behind them are seen, and left out.
_FORMAT = (
    "\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
)
# These belong to the character before them, where there is one.
_JOINERS = "\u200c\u200d\U000e0020-\U000e007f"
_ZERO_WIDTH_SPACE = "\u200b"
_UNSEEN = re.compile(f"[{_FORMAT}{_JOINERS}]+")


def _characters(ranges: str) -> str:
    """All characters of such ranges."""
    parts = re.findall("(.)(?:-(.))?", ranges)
    return "".join(chr(code) for first, last in parts for code in range(ord(first), ord(last or first) + 1))


_FORMAT_CHARACTERS, _JOINER_CHARACTERS = _characters(_FORMAT), _characters(_JOINERS)
_UNSEEN_CHARACTERS = frozenset(_FORMAT_CHARACTERS + _JOINER_CHARACTERS)


def emoji_of(text: str) -> Places:
    """The clusters that are shown as pictures, in order."""
    if text.isascii() or not any(map(_makes_pictures, {*text})):
        return []
    # The first character of a key or a sign is the one before a run.
    runs = [(max(0, run.start() - 1), run.end()) for run in _BEYOND_LATIN.finditer(text)]
    return [match.span() for start, end in runs for match in _EMOJI.finditer(text, start, end)]


def _makes_pictures(character: str) -> bool:
    is_symbol = "\u2300" <= character < "\u2c00" or "\U0001f000" <= character < "\U00020000"
    return is_symbol or character in "\u20e3\ufe0f"


def unseen_of(text: str) -> Places:
    """What parts words without being seen: zero-width spaces, and characters of format but for those within a word."""
    if text.isascii() or _UNSEEN_CHARACTERS.isdisjoint(text):
        return []
    found: Places = []
    for run in _UNSEEN.finditer(text):
        start, end = run.span()
        if start and not text[start - 1].isspace():
            start = end - len(run[0].lstrip(_JOINER_CHARACTERS))
        is_within_word = _is_of_word(text[max(0, start - 1) : start]) and _is_of_word(text[end : end + 1])
        if start < end and (not is_within_word or _ZERO_WIDTH_SPACE in text[start:end]):
            found.append((start, end))
    return found


def _is_of_word(character: str) -> bool:
    return character.isalnum() or (character != "" and unicodedata.category(character).startswith("M"))


def blanked(text: str, places: Iterable[Tuple[int, int]]) -> str:
    """The text with spaces in those places, which are in order; no other character moves."""
    parts, last = [], 0
    for start, end in places:
        parts += [text[last:start], " " * (end - start)]
        last = end
    return "".join([*parts, text[last:]])


def whole(text: str, tokens: Places) -> Tuple[Places, List[Tuple[int, int]]]:
    """Words without characters of format at their edges, and such that none cuts a cluster.

    # Parameters

    text : `str`
    tokens : `List[Tuple[int, int]]`
        The places of its tokens, in order; none is white space.

    # Returns

    `Tuple[List[Tuple[int, int]], List[Tuple[int, int]]]`
        The places of the words, and of each the numbers of its first and its last token. Tokens between which a cluster
        would be cut are one word, and characters that nobody sees are none.
    """
    numbers = [(number, number) for number in range(len(tokens))]
    if text.isascii():
        return tokens, numbers
    inner = {place for start, end in emoji_of(text) for place in range(start + 1, end)}
    words: Places = []
    members: List[Tuple[int, int]] = []
    for (start, end), (number, _) in zip(tokens, numbers):
        if words and words[-1][1] == start and (start in inner or _joins(text, start)):
            words[-1], members[-1] = (words[-1][0], end), (members[-1][0], number)
        else:
            words.append((start, end))
            members.append((number, number))
    if _UNSEEN_CHARACTERS.isdisjoint(text):
        return words, members
    seen = [number for number, (start, end) in enumerate(words) if not _UNSEEN_CHARACTERS.issuperset(text[start:end])]
    return [_trimmed(text, *words[number]) for number in seen], [members[number] for number in seen]


def _trimmed(text: str, start: int, end: int) -> Tuple[int, int]:
    word = text[start:end]
    return end - len(word.lstrip(_FORMAT_CHARACTERS)), start + len(word.rstrip(_FORMAT_CHARACTERS))


def _joins(text: str, place: int) -> bool:
    """Whether a place that parts two tokens lies between two characters of a cluster, which is no flag."""
    before, behind = text[place - 1], text[place]
    if behind < _FIRST_EXTENDING and before < _FIRST_PREPENDED:
        return False
    # Of letters of flags it would count all that stand before.
    if _is_of_flag(before) and _is_of_flag(behind):
        return False
    return bool(_CLUSTER.match(text, place - 1, place + 1).end() > place)


def _is_of_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
