"""The lines of a text file, with an error that names the line where it is not UTF-8."""

import os
from typing import Iterator, Tuple, Union

from hmtl.errors import DataError


def read_lines(path: Union[str, os.PathLike]) -> Iterator[Tuple[int, str]]:
    """Yields `(number, line)`, numbers from 1, lines without their line break; a byte order mark is dropped.

    Lines end at line feeds only: a character such as U+2028 inside a token breaks none.

    # Raises

    DataError
        Where a line is not valid UTF-8.
    """
    with open(path, "rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(f"not valid UTF-8 ({error}); convert the file to UTF-8", path, number) from error
            yield number, line.rstrip("\r\n")
