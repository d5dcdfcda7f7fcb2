"""The tables and the heat map of a probing, from the CSV files that `hmtl probe` left."""

from dataclasses import fields
from pathlib import Path
from typing import Iterator, List, Tuple

from hmtl.common.files import write_png
from hmtl.common.tables import Table
from hmtl.errors import UserError
from hmtl.probing import tokens
from hmtl.probing.outputs import IMAGE, TOKENS, WITHOUT_MATPLOTLIB, heat_map, table_lines
from research.paper.table_files import read_table


def draw(directory: Path) -> List[str]:
    """Writes the heat map of the sentence tasks; returns notes for the user."""
    table, sizes = _sentence_tables(directory)
    try:
        write_png(directory / IMAGE, heat_map(table, {row["task"]: row["test"] for row in sizes.rows}))
    except ImportError:
        return [WITHOUT_MATPLOTLIB]
    return []


def page_lines(directory: Path, block: str) -> Iterator[str]:
    """The lines of a table: `sentences` or `tokens`.

    # Raises

    UserError
        Where there is no such block.
    """
    if block == "sentences":
        yield from table_lines(*_sentence_tables(directory))
    elif block == "tokens":
        names = {field.name for field in fields(tokens.TokenProbeResult)}
        rows = read_table(directory / f"{TOKENS}.csv").rows
        results = [
            tokens.TokenProbeResult(**{name: value for name, value in row.items() if name in names}) for row in rows
        ]
        yield tokens.table(results)
    else:
        raise UserError(f"{directory}: no block {block}; there are sentences and tokens")


def _sentence_tables(directory: Path) -> Tuple[Table, Table]:
    table = read_table(directory / "table.csv")
    # The cells that a row has not, such as the level of the majority class.
    rows = [{name: value for name, value in row.items() if value is not None} for row in table.rows]
    return Table("table", [{"level": "", "pooling": "", **row} for row in rows]), read_table(directory / "tasks.csv")
