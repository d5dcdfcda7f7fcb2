"""The tables of an experiment as files, and what is read off their rows."""

import csv
import statistics
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from hmtl.common.tables import Table
from hmtl.errors import UserError
from research.paper.paper import TITLES, Column, task_place

Row = Dict[str, Any]
Tables = Dict[str, Table]

CONVERGENCE = "convergence"
NAMES = (
    "scores",
    "baselines",
    "comparisons",
    "updates",
    CONVERGENCE,
    "claims",
    "curves",
    "runs",
    "notes",
    "settings",
)
# Columns of text, whatever they look like.
_TEXTS = {
    "corpora",
    "setup",
    "tasks",
    "task",
    "figure",
    "family",
    "system",
    "other",
    "less",
    "single",
    "seeds",
    "command",
}


def write_tables(tables: Tables, directory: Path) -> None:
    """Writes `{name}.csv` of each that has rows; what is left there of an earlier one without rows is removed."""
    directory.mkdir(parents=True, exist_ok=True)
    for table in tables.values():
        if table.rows:
            table.write(directory)
        else:
            (directory / f"{table.name}.csv").unlink(missing_ok=True)


def read_tables(directory: Path) -> Tables:
    """What `write_tables` wrote; tables that are not there are empty.

    # Raises

    UserError
        Where there are no scores.
    """
    tables = {name: read_table(directory / f"{name}.csv") for name in NAMES}
    if not tables["scores"].rows:
        raise UserError(f"{directory}: no scores.csv; expected the folder that 'research.paper report' wrote")
    return tables


def read_table(path: Path) -> Table:
    """A table from its CSV file: numbers, `True`, `False` and nothing (`None`) are what they were."""
    if not path.is_file():
        return Table(path.stem)
    with open(path, encoding="utf-8", newline="") as file:
        rows = [{name: _value(name, text) for name, text in row.items()} for row in csv.DictReader(file)]
    return Table(path.stem, rows)


def _value(column: str, text: str) -> Any:
    if text == "":
        return None
    if column in _TEXTS:
        return text
    if text in ("True", "False"):
        return text == "True"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def column_of(row: Row) -> Column:
    """What a row's score is about."""
    return Column(row["task"], row["gold_mentions"], row["figure"])


def rows_of(table: Table, **values: Any) -> List[Row]:
    """The rows that have these values."""
    return [row for row in table.rows if all(row.get(name) == value for name, value in values.items())]


def groups(rows: Iterable[Row], *names: str) -> Dict[Tuple[Any, ...], List[Row]]:
    """The rows by their values of some columns."""
    found: Dict[Tuple[Any, ...], List[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def columns_in(rows: Iterable[Row]) -> List[Column]:
    """What the rows are about: the paper's tasks in its order, then others."""
    return in_order({column_of(row) for row in rows})


def in_order(columns: Iterable[Column]) -> List[Column]:
    """The paper's tasks in its order, then others; of each without gold mentions first."""
    figures = list(TITLES)
    return sorted(columns, key=lambda c: (*task_place(c.task), c.gold_mentions, figures.index(c.figure)))


def mean_and_std(values: Sequence[float]) -> Tuple[float, Optional[float]]:
    """The mean, and the sample standard deviation of more than one."""
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None


def mean_with_std(values: Sequence[float], places: int = 1) -> str:
    """The same as a cell of a table, empty where there are no values."""
    if not values:
        return ""
    mean, std = mean_and_std(values)
    return f"{mean:.{places}f}" + ("" if std is None else f" ± {std:.{places}f}")
