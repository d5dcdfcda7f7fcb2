"""The statistics as a table of plain text."""

from typing import Any, Dict, List, Tuple

from hmtl.common.characters import visible
from hmtl.corpora.validation import format_table
from hmtl.inspection.sections import Row, notes, sections

# Of the labels of a layer the most frequent are shown, and of the pairs of argument types.
MAX_LISTED = 15


def statistics_table(report: Dict[str, Any], width: int = 120, all_labels: bool = False) -> str:
    """A table with a column for each split, from the report of `corpus_statistics`.

    Where `width` characters do not hold all columns, tables of fewer stand one below another.
    """
    rows: List[Tuple[str, List[str]]] = []
    for title, section_rows in sections(report):
        rows += [("", []), (title, [])]
        rows += [(f"  {row.name}", [cell.text for cell in row.cells]) for row in _shortened(section_rows, all_labels)]
    names = [visible(name) for name in report["splits"]]
    for columns in range(len(names), 0, -1):
        tables = [_columns(names, rows[1:], first, columns) for first in range(0, len(names), columns)]
        if columns == 1 or max(len(line) for table in tables for line in table.splitlines()) <= width:
            break
    return "\n\n\n".join([*tables, "\n".join(notes(report))])


def _columns(names: List[str], rows: List[Tuple[str, List[str]]], first: int, number: int) -> str:
    chosen = slice(first, first + number)
    return format_table(["", *names[chosen]], [(name, cells[chosen]) for name, cells in rows])


def _shortened(rows: List[Row], all_labels: bool) -> List[Row]:
    if all_labels:
        return rows
    shown: List[Row] = []
    left_out = 0
    for row in [*rows, Row("", [])]:
        if row.rank is not None and row.rank >= MAX_LISTED:
            left_out += 1
            continue
        if left_out:
            shown.append(Row(f"  ... {left_out} more: see --all", []))
            left_out = 0
        shown.append(row)
    return shown[:-1]
