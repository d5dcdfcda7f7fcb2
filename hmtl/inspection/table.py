"""The statistics as a table of plain text."""

from typing import Any, Dict, List

from hmtl.common.tables import aligned_within
from hmtl.inspection.sections import Row, notes, sections

# Of the labels of a layer the most frequent are shown, and of the pairs of argument types.
MAX_LISTED = 15


def statistics_table(report: Dict[str, Any], width: int = 120, all_labels: bool = False) -> str:
    """A table with a column for each split, from the report of `corpus_statistics`.

    Where `width` characters do not hold all columns, tables of fewer stand one below another.
    """
    rows = [["", *report["splits"]]]
    for number, (title, section_rows) in enumerate(sections(report)):
        rows += [[""]] * bool(number) + [[title]]
        rows += [[f"  {row.name}", *(cell.text for cell in row.cells)] for row in _shortened(section_rows, all_labels)]
    return "\n\n\n".join([*aligned_within(width, rows, numbers=True), "\n".join(notes(report))])


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
