"""One table in the forms that people and programs read: lines of text, Markdown, CSV.

Widths are cells of a terminal, as rich counts them: two for wide characters, none for combining ones. What rich would
wrap or cut to fit its console is kept whole here, for the same text goes to terminals, pipes and files; where a width
is given, the columns beyond it stand below.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Sequence

from rich.cells import cell_len

from hmtl.common.characters import visible
from hmtl.common.files import write_csv

_GAP = "  "


@dataclass
class Table:
    """Rows of values by the names of their columns, the same for people and for programs.

    # Attributes

    name : `str`
        Of its CSV file.
    rows : `List[Dict[str, Any]]`
    """

    name: str
    rows: List[Dict[str, Any]] = field(default_factory=list)

    @property
    def columns(self) -> List[str]:
        """Those of all rows, in the order in which they first occur."""
        return list(dict.fromkeys(column for row in self.rows for column in row))

    def write(self, directory: Path) -> None:
        """Writes `{name}.csv`."""
        write_csv(directory / f"{self.name}.csv", self.columns, self.rows)


def aligned(rows: Iterable[Sequence[str]], numbers: bool = False, indent: str = "") -> str:
    """The rows as lines whose columns stand below one another; a row may have too few cells.

    What would act on a terminal is shown as an escape.

    # Parameters

    rows : `Iterable[Sequence[str]]`
        With a header or without.
    numbers : `bool`, optional (default = `False`)
        Whether all columns but the first hold numbers, and stand to the right.
    indent : `str`, optional (default = `""`)
        Stands before each line that is not empty.
    """
    cells = _cells(rows)
    widths = [max(map(cell_len, column)) for column in zip(*cells)]
    lines = []
    for first, *others in cells:
        line = [_padded(first, widths[0])]
        line += [_padded(cell, width, to_the_right=numbers) for cell, width in zip(others, widths[1:])]
        lines.append((indent + _GAP.join(line)).rstrip())
    return "\n".join(lines)


def aligned_within(width: int, rows: Iterable[Sequence[str]], numbers: bool = False) -> List[str]:
    """The rows as one table, `aligned`, or as several where `width` cells of a terminal do not hold all columns.

    Each has the first column, and at least one more.
    """
    names, *columns = zip(*_cells(rows))
    blocks: List[List[Sequence[str]]] = []
    left = 0
    for column in columns:
        needed = len(_GAP) + max(map(cell_len, column))
        if not blocks or needed > left:
            blocks.append([names])
            left = width - max(map(cell_len, names))
        blocks[-1].append(column)
        left -= needed
    return [aligned(zip(*block), numbers) for block in blocks]


def markdown(titles: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False) -> Iterator[str]:
    """The lines of a table in Markdown; `numbers` as for `aligned`."""
    yield _markdown_row(titles)
    yield "|---|" + ("---:|" if numbers else "---|") * (len(titles) - 1)
    yield from map(_markdown_row, rows)


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').splitlines()) for cell in cells)} |"


def _cells(rows: Iterable[Sequence[str]]) -> List[List[str]]:
    """The rows, all as long as the longest."""
    cells = [[visible(cell) for cell in row] for row in rows]
    length = max(map(len, cells), default=0)
    return [row + [""] * (length - len(row)) for row in cells]


def _padded(text: str, width: int, to_the_right: bool = False) -> str:
    space = " " * (width - cell_len(text))
    return space + text if to_the_right else text + space
