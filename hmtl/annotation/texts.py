"""Texts from files and standard input, read one by one."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, Iterator, List, Sequence, TypeVar

from allennlp.common.util import JsonDict

from hmtl.errors import DataError, UserError
from hmtl.json_text import parse_json

# What a file is read as: by its name, as one text, as one text a line, as JSON lines.
KINDS = ("auto", "text", "lines", "jsonl")
_STDIN = "-"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_Output = TypeVar("_Output")


class Texts:
    """The inputs of an `HMTLPredictor` in some files, read while they are iterated, with a `doc_key` for each.

    A `doc_key` is that of the JSON line, or else the name of the file without its suffix (`stdin`), followed by the
    number of the line where a file holds several texts. Line breaks stay as they are, so that offsets count the
    characters of the file; a byte order mark is dropped. Empty lines hold no text.

    # Parameters

    paths : `Sequence[str]`
        Files of UTF-8; `-` is standard input.
    kind : `str`, optional (default = `"auto"`)
        `"text"`: each file is a text; `"lines"`: each line is one; `"jsonl"`: each line is a JSON object with `text` or
        `sentences`. By default files named `*.jsonl` are JSON lines, and others a text each.

    # Raises

    DataError
        Where there is no such file.
    """

    def __init__(self, paths: Sequence[str], kind: str = "auto") -> None:
        for path in paths:
            if path != _STDIN and not Path(path).is_file():
                raise DataError("no such file; expected text, JSON lines (*.jsonl), or - for standard input", path)
        self._paths = paths
        self._kind = kind
        self._place: List[Any] = []

    def __iter__(self) -> Iterator[JsonDict]:
        """Yields the inputs; iterate it by `located`, which gives its errors their place."""
        for path in self._paths:
            is_stdin = path == _STDIN
            name, stem = ("standard input", "stdin") if is_stdin else (path, Path(path).stem)
            self._place = [name]
            with nullcontext(sys.stdin.buffer) if is_stdin else open(path, "rb") as file:
                if self._kind == "text" or (self._kind == "auto" and not path.endswith(".jsonl")):
                    yield {"doc_key": stem, "text": _decoded(file.read(), 0)}
                else:
                    yield from self._lines(file, name, stem)

    def located(self, outputs: Iterator[_Output]) -> Iterator[_Output]:
        """Passes on what is made of these texts, and gives errors the place of the last text that was read.

        # Raises

        DataError
            In place of any `UserError`.
        """
        try:
            yield from outputs
        except UserError as error:
            raise DataError(str(error), *self._place) from error

    def _lines(self, file: IO[bytes], name: str, stem: str) -> Iterator[JsonDict]:
        first_byte, count = 0, 0
        for number, raw in enumerate(file, start=1):
            self._place = [name, number]
            line = _decoded(raw, first_byte).rstrip("\r\n")
            first_byte += len(raw)
            if not line.strip():
                continue
            count += 1
            record = {"text": line} if self._kind == "lines" else _json_object(line)
            if record.get("doc_key") is None:
                record["doc_key"] = f"{stem}_{number}"
            yield record
        if not count:
            self._place = [name]
            raise UserError("holds no text")


def _decoded(raw: bytes, first_byte: int) -> str:
    """UTF-8 as text, where `first_byte` is the offset of these bytes in their file."""
    try:
        return (raw.removeprefix(_BYTE_ORDER_MARK) if first_byte == 0 else raw).decode("utf-8")
    except UnicodeDecodeError as error:
        skipped = len(raw) - len(error.object)
        offset = first_byte + skipped + error.start
        raise UserError(f"not valid UTF-8 at byte {offset:,} ({error.reason}); convert the file to UTF-8") from error


def _json_object(line: str) -> JsonDict:
    record = parse_json(line, "one object a line")
    if not isinstance(record, dict):
        raise UserError(f'expected {{"text": ...}} or {{"sentences": ...}}, found {type(record).__name__}')
    return record
