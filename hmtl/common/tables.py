"""Tables for people and for programs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

from hmtl.common.files import write_csv


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

    def write(self, directory: Path) -> None:
        """Writes `{name}.csv`; the columns are those of all rows."""
        columns = list(dict.fromkeys(column for row in self.rows for column in row))
        write_csv(directory / f"{self.name}.csv", columns, self.rows)


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table in Markdown."""
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
