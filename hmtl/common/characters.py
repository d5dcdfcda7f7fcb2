"""Characters that would act on a terminal or a page instead of being seen."""

import logging
import re
import unicodedata

# Controls, halves of surrogate pairs, ends of lines and paragraphs.
_NOT_SHOWN = {"Cc", "Cs", "Zl", "Zp"}
# They turn the direction of all that follows.
_DIRECTIONS = {"\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


def visible(text: str) -> str:
    """The text with such characters written as escapes, `\\x1b`, and all others as they are."""
    if text.isprintable():
        return text
    return "".join(_escaped(character) if _acts(character) else character for character in text)


def visible_lines(text: str) -> str:
    """`visible`, but for line breaks and tabs."""
    return text if text.isprintable() else re.sub(r"[^\n\t]+", lambda part: visible(part[0]), text)


def on_one_line(text: str) -> str:
    """The text on one line, with what would act on a terminal as escapes."""
    return " ".join(visible_words(text).split())


def visible_words(text: str) -> str:
    """The text with its white space, and what else would act on a terminal as escapes."""
    return re.sub(r"\S+", lambda word: visible(word[0]), text)


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _NOT_SHOWN or character in _DIRECTIONS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class VisibleFormatter(logging.Formatter):
    """Log records in which what they quote of files is `visible`; a traceback keeps its lines."""

    def format(self, record: logging.LogRecord) -> str:
        return visible_lines(super().format(record))
