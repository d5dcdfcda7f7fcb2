"""Reading a file of a release, with one line that names it where that fails."""

from pathlib import Path

from hmtl.common.lines import check_name
from hmtl.errors import DataError


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    # Raises

    DataError
        Where the file is missing, cannot be read or can have no such name.
    """
    check_name(path)
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError("no such file; is the LDC's directory complete?", path) from error
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from error
