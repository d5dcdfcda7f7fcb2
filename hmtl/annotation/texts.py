"""Texts from files and standard input, read one by one."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, Callable, Iterator, List, Optional, Sequence

from allennlp.common.util import JsonDict

from hmtl.common.checks import path_advice
from hmtl.common.json_text import parse_json
from hmtl.errors import DataError, UserError

# What a file is read as: by its name, as one text, as one text a line, as JSON lines.
KINDS = ("auto", "text", "lines", "jsonl")
_STDIN = "-"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Texts:
    """The inputs of an `HMTLPredictor` in some files, read while they are iterated, with a `doc_key` for each.

    A `doc_key` is that of the JSON line, or else the name of the file without its suffix (`stdin`), followed by the
    number of the line where a file holds several texts. Line breaks stay as they are, so that offsets count the
    characters of the file; a byte order mark is dropped. An empty file is an empty text; empty lines are none.

    # Parameters

    paths : `Sequence[str]`
        Files of UTF-8; `-` is standard input.
    kind : `str`, optional (default = `"auto"`)
        `"text"`: each file is a text; `"lines"`: each line is one; `"jsonl"`: each line is a JSON object with `text` or
        `sentences`. By default files named `*.jsonl` are JSON lines, and others a text each.
    on_error : `Callable[[DataError], None]`, optional (default = `None`)
        Called for each text that cannot be read, which is then left out. By default, the error is raised.

    # Raises

    DataError
        Where there is no such file.
    """

    def __init__(
        self, paths: Sequence[str], kind: str = "auto", on_error: Optional[Callable[[DataError], None]] = None
    ) -> None:
        for path in paths:
            if path != _STDIN and not Path(path).is_file():
                advice = path_advice(path) or "; expected text, JSON lines (*.jsonl), or - for standard input"
                raise DataError(f"no such file{advice}", path)
        self._paths = paths
        self._kind = kind
        self._on_error = on_error
        self._without_texts: List[str] = []
        self._place: List[Any] = []

    def __iter__(self) -> Iterator[JsonDict]:
        """Yields the inputs.

        # Raises

        DataError
            Where a text cannot be read, unless `on_error` takes it.
        """
        for path in self._paths:
            is_stdin = path == _STDIN
            name, stem = ("standard input", "stdin") if is_stdin else (path, Path(path).stem)
            self._place = [name]
            try:
                with nullcontext(sys.stdin.buffer) if is_stdin else open(path, "rb") as file:
                    if self._kind == "text" or (self._kind == "auto" and not path.endswith(".jsonl")):
                        yield from self._whole(file, stem)
                    else:
                        yield from self._lines(file, name, stem)
            except OSError as error:
                self.refuse(UserError(f"cannot be read: {error.strerror or error}"))

    def refuse(self, error: UserError) -> None:
        """Hands an error on to `on_error`, with the place of the text that was read last.

        # Raises

        DataError
            The error with its place, where there is no `on_error`.
        """
        located = DataError(str(error), *self._place)
        if self._on_error is None:
            raise located from error
        self._on_error(located)

    @property
    def notes(self) -> List[str]:
        """What the user is to know of what was read; a sentence each."""
        return [f"{name} holds no text" for name in self._without_texts]

    def _whole(self, file: IO[bytes], stem: str) -> Iterator[JsonDict]:
        try:
            text = _decoded(file.read(), 0)
        except UserError as error:
            self.refuse(error)
        else:
            yield {"doc_key": stem, "text": text}

    def _lines(self, file: IO[bytes], name: str, stem: str) -> Iterator[JsonDict]:
        first_byte, is_empty = 0, True
        for number, raw in enumerate(file, start=1):
            self._place = [name, number]
            try:
                record = self._record(raw, first_byte)
            except UserError as error:
                is_empty = False
                self.refuse(error)
            else:
                if record is not None:
                    is_empty = False
                    if record.get("doc_key") is None:
                        record["doc_key"] = f"{stem}_{number}"
                    yield record
            first_byte += len(raw)
        if is_empty:
            self._without_texts.append(name)

    def _record(self, raw: bytes, first_byte: int) -> Optional[JsonDict]:
        """The input in a line, or `None` where it is empty."""
        line = _decoded(raw, first_byte).rstrip("\r\n")
        if not line.strip():
            return None
        return {"text": line} if self._kind == "lines" else _json_object(line)


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
