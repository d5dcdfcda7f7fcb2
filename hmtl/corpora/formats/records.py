"""Records of JSON files: lines, or one list."""

from pathlib import Path
from typing import Any, Iterator, NamedTuple, Optional

from hmtl.common.checks import shown
from hmtl.common.json_text import parse_json
from hmtl.common.lines import decoded, raw_lines
from hmtl.errors import DataError


class Record(NamedTuple):
    """A JSON value of a file; `number` counts from 1, `line` is its line in a file of JSON lines, else `None`."""

    number: int
    line: Optional[int]
    value: Any


def read_records(path: Path, expected: str) -> Iterator[Record]:
    """Yields the values of JSON lines, or the elements of a file that is one JSON list; empty lines are skipped.

    # Raises

    DataError
        Where the file, or a line, is not UTF-8 or no JSON.
    """
    if _is_one_value(path):
        value = parse_json(path.read_bytes(), expected, path)
        values = value if isinstance(value, list) else [value]
        yield from (Record(number, None, each) for number, each in enumerate(values, start=1))
        return
    count = 0
    for number, raw in raw_lines(path):
        text = decoded(raw, path, number)
        if text.strip():
            count += 1
            yield Record(count, number, parse_json(text, expected, path, number))


def _is_one_value(path: Path) -> bool:
    """Whether a file is a list, or an object over several lines."""
    with open(path, "rb") as file:
        start = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        # A line that is a list by itself, `["text", {...}]`, has others below it.
        first, _, rest = start.partition(b"\n")
        return not (first.rstrip().endswith(b"]") and rest.lstrip().startswith(b"["))
    return start.startswith(b"{") and start.partition(b"\n")[0].strip() in (b"{", b"{}")


def of_type(value: Any, kind: type, what: str, path: Path, line: Optional[int] = None) -> Any:
    """The value, if it is of that type.

    # Raises

    DataError
        Where it is of another.
    """
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    names = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}
    raise DataError(f"{what} is {shown(value)}; expected {names.get(kind, kind.__name__)}", path, line)
