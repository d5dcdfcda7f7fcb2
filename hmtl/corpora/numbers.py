"""Whole numbers in the cells and attributes of files."""

from typing import Optional

# Of the largest number that anybody would mean. Python refuses to convert some thousand.
_MAX_DIGITS = 18


def whole_number(cell: str) -> Optional[int]:
    """The number of a cell of ASCII digits; `None` where it holds anything else, such as `²`, or far too many."""
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) <= _MAX_DIGITS else None
