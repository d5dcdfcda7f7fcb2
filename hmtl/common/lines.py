"""The lines of a text file, with an error that names the line where it is not UTF-8."""

import os
from typing import Iterator, Tuple, Union

from hmtl.errors import DataError

PathLike = Union[str, os.PathLike]


def read_lines(path: PathLike) -> Iterator[Tuple[int, str]]:
    """Yields `(number, line)`, numbers from 1, lines without their line break; a byte order mark is dropped.

    Lines end at line feeds only: a character such as U+2028 inside a token breaks none.

    # Raises

    DataError
        As `raw_lines` and `decoded` do.
    """
    for number, raw in raw_lines(path):
        yield number, decoded(raw, path, number)


def raw_lines(path: PathLike) -> Iterator[Tuple[int, bytes]]:
    """Yields `(number, line)`, numbers from 1, lines as they stand in the file.

    # Raises

    DataError
        Where no file can have such a name, as one from a list with a NUL in it.
    """
    check_name(path)
    with open(path, "rb") as file:
        yield from enumerate(file, start=1)


def decoded(raw: bytes, path: PathLike, number: int) -> str:
    """The text of a line, without its line break and, in the first one, without a byte order mark.

    # Raises

    DataError
        Where the line is not valid UTF-8, or a carriage return stands within it: lines that end in these alone, as on
        old Macintoshes, would be read as one.
    """
    try:
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"not valid UTF-8 ({error}); convert the file to UTF-8, if it is text", path, number) from error
    if "\r" in line:
        raise DataError(
            "a carriage return within the line; do lines end in carriage returns alone? Let them end in line feeds",
            path,
            number,
        )
    return line


def check_name(path: PathLike) -> None:
    """Raises `DataError` where no file can have such a name."""
    if "\0" in os.fspath(path):
        raise DataError("no file name holds a NUL; check the list that names it", path)
