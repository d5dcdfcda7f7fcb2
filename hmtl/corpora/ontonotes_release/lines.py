"""The lines of a file of the release, with one kind of error for whatever keeps it from being read."""

from pathlib import Path
from typing import Iterator, Tuple

from hmtl.common.lines import read_lines
from hmtl.errors import DataError


def file_lines(path: Path) -> Iterator[Tuple[int, str]]:
    """Yields `(number, line)`, numbers from 1, as `read_lines` does.

    # Raises

    DataError
        Where the file does not exist, must not be read or is not UTF-8.
    """
    try:
        yield from read_lines(path)
    except FileNotFoundError as error:
        raise DataError("no such file; is the release complete?", path) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path) from error
