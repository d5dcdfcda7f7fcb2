"""The beginning of a file or a folder, by which its format is found."""

import json
import re
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from hmtl.common.json_text import parse_json
from hmtl.corpora.conll_columns import split_cells
from hmtl.errors import DataError

# So much of a file is looked at, and so many names of a folder.
_HEAD = 1 << 16
_MAX_NAMES = 2_000
_TEXT_CONTROLS = {"\t", "\n", "\r", "\f", "\v", "\x1a", "\x85"}
# As the row of the token `#` in columns between blanks does.
_ENDS_IN_TAG = re.compile(r"\S+ (?:.* )?(?:O|[BIMELSUW]-\S+)")


class Sample:
    """A file's first bytes, or the names of the files in a folder.

    # Parameters

    path : `Path`
        An existing file or folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_folder = path.is_dir()
        # Of the file, or of most files of a folder, in lower case.
        self.suffix = path.suffix.lower()

    @cached_property
    def files(self) -> List[Path]:
        """The file itself, or the files below the folder, sorted, without hidden ones; of a large folder the first."""
        if not self.is_folder:
            return [self.path]
        found = []
        for file in self.path.rglob("*"):
            if file.is_file() and not any(part.startswith(".") for part in file.relative_to(self.path).parts):
                found.append(file)
            if len(found) == _MAX_NAMES:
                break
        return sorted(found)

    @cached_property
    def suffixes(self) -> Counter:
        """How many of the files have which suffix, in lower case."""
        return Counter(file.suffix.lower() for file in self.files)

    @cached_property
    def head(self) -> bytes:
        if self.is_folder:
            return b""
        with open(self.path, "rb") as file:
            return file.read(_HEAD)

    @cached_property
    def text(self) -> Optional[str]:
        """The beginning as text, whole lines of it, or `None` where it is none."""
        head = self.head
        if len(head) == _HEAD and b"\n" in head:
            head = head[: head.rindex(b"\n") + 1]
        try:
            text = head.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if len(self.head) < _HEAD or error.start < len(head) - 4:
                return None
            text = head[: error.start].decode("utf-8-sig")
        return None if any(ord(c) < 32 and c not in _TEXT_CONTROLS for c in text) else text

    @cached_property
    def lines(self) -> List[str]:
        """The lines of `text` that are not empty, without their ends."""
        return [line.rstrip("\r") for line in (self.text or "").split("\n") if line.strip()]

    @cached_property
    def is_list(self) -> bool:
        """Whether the file is one JSON list."""
        return (self.text or "").lstrip().startswith("[")

    @cached_property
    def record(self) -> Any:
        """The first JSON value: of a list its first element, of JSON lines the first, or the whole; else `None`."""
        text = (self.text or "").lstrip()
        if not text.startswith(("{", "[")):
            return None
        try:
            if text.startswith("["):
                inner = text[1:].lstrip()
                return None if inner.startswith("]") else json.JSONDecoder().raw_decode(inner)[0]
            return json.JSONDecoder().raw_decode(text)[0]
        except (ValueError, RecursionError):
            if len(self.head) < _HEAD:
                return None
        # Longer than what was looked at.
        try:
            with open(self.path, "rb") as file:
                value = parse_json(file.read() if self.is_list else file.readline(), "JSON")
        except DataError:
            return None
        return value[0] if isinstance(value, list) and value else value

    @property
    def keys(self) -> Dict[str, Any]:
        """The record, where it is an object, or else nothing."""
        return self.record if isinstance(self.record, dict) else {}

    @cached_property
    def rows(self) -> List[List[str]]:
        """The cells of the first rows, without comments, separated by tabs where each row has one, else by blanks."""
        lines = [line for line in self.lines[:200] if not is_comment(line) and not line.startswith("-DOCSTART-")]
        if lines and all("\t" in line for line in lines):
            return [line.split("\t") for line in lines]
        return [split_cells(line) for line in lines]

    @property
    def is_table(self) -> bool:
        """Whether all rows have as many cells; so may a text of one or two lines, whose words blanks part."""
        has_tabs = any("\t" in line for line in self.lines)
        is_even = len(set(map(len, self.rows))) == 1 and len(self.rows[0]) > 1
        return is_even and (has_tabs or len(self.rows) > 2)

    def describe(self) -> str:
        """What it looks like, for whoever gave it."""
        if self.is_folder:
            if not self.files:
                return "a folder without files"
            kinds = ", ".join(f"{count:,} of {suffix or 'no suffix'}" for suffix, count in self.suffixes.most_common(4))
            return f"a folder of files ({kinds})"
        if not self.head:
            return "an empty file"
        if self.text is None:
            start = self.head[:4].hex(" ")
            return f"a file that is no UTF-8 text (it begins with the bytes {start})"
        if self.record is not None or self.is_list:
            kind = "a JSON list" if self.is_list else "JSON"
            if isinstance(self.record, dict):
                return f"{kind} of objects with the keys {shown_keys(list(self.record))}"
            return f"{kind} of {type(self.record).__name__}" if self.record is not None else f"{kind}, empty or broken"
        if self.text.lstrip().startswith("<"):
            return "XML or HTML"
        if self.is_table:
            return f"a table of {len(self.rows[0])} columns, which begins with '{' | '.join(self.rows[0])[:80]}'"
        return f"plain text, which begins with {(self.lines or [''])[0][:60]!r}"


def is_comment(line: str) -> bool:
    """Whether a row of a table is a comment: `#` and a blank, or `#key=value`, without tabs and a tag at its end."""
    if not line.startswith("#") or "\t" in line or _ENDS_IN_TAG.fullmatch(line):
        return False
    return line.startswith("# ") or "=" in line or line == "#"


def shown_keys(keys: Sequence[str], limit: int = 8) -> str:
    """The first keys of an object, for messages."""
    names = ", ".join(f"'{key}'" for key in keys[:limit])
    return names + (", ..." if len(keys) > limit else "") if keys else "none"
