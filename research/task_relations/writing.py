"""Rows as a CSV file."""

from pathlib import Path
from typing import Any, Dict, List

from hmtl.common.tables import Table
from hmtl.errors import UserError


def write_rows(path: Path, rows: List[Dict[str, Any]]) -> None:
    """Writes rows of the same columns, whole or not at all.

    # Raises

    UserError
        Where the name is not that of a CSV file, or there is no directory for it.
    """
    if path.suffix != ".csv" or not path.parent.is_dir():
        raise UserError(f"{path}: expected a file *.csv in a directory that is there")
    Table(path.stem, rows).write(path.parent)
