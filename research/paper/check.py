"""Whether what a table says is what the kept runs score when they are evaluated again."""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator, List, Optional

from hmtl.errors import UserError
from hmtl.runs.run_directory import best_stem, best_weights_name
from research.paper.table_files import Row, column_of, groups, mean_and_std, read_tables

# Of F1 x 100: what tables show. One item more or less of some thousand changes F1 by more.
TOLERANCE = 0.005


def check(runs: Path, tables: Path, num_cells: int, seed: int, data: Optional[Path] = None) -> Iterator[bool]:
    """Draws cells of the table of scores at random, has `hmtl evaluate` score the kept runs of each again, by the
    weights that were best for its task, and compares: each run, and the mean over the seeds. Prints the cell, the
    table's figure, the new one, and whether they are equal to two decimals. The runs stay as they are. Exit code 1: not
    all are equal."""
    cells = groups(read_tables(tables)["scores"].rows, "corpora", "setup", "task", "gold_mentions", "figure")
    if num_cells > len(cells):
        raise UserError(f"--cells {num_cells}: the table has {len(cells)}")
    for cell in random.Random(seed).sample(sorted(cells), num_cells):
        yield _is_right(cells[cell], runs, data)


def _is_right(rows: List[Row], runs: Path, data: Optional[Path]) -> bool:
    first = rows[0]
    name = f"{first['corpora']}/{first['setup']}, {column_of(first).title}"
    found = []
    right = True
    for row in rows:
        found.append(100 * _evaluated(runs / row["corpora"] / row["setup"] / f"seed_{row['seed']}", row, data))
        right &= _tell(f"{name}, seed {row['seed']}", row["f1"], found[-1])
    if len(rows) > 1:
        right &= _tell(
            f"{name}, mean of {len(rows)}", mean_and_std([row["f1"] for row in rows])[0], sum(found) / len(found)
        )
    return right


def _tell(cell: str, table: float, new: float) -> bool:
    equal = abs(table - new) < TOLERANCE
    print(f"{cell}: table {table:.2f}, evaluated again {new:.2f}: {'equal' if equal else 'NOT EQUAL'}", flush=True)
    return equal


def _evaluated(run: Path, row: Row, data: Optional[Path]) -> float:
    """The figure of a row, from 0 to 1, as `hmtl evaluate` has it now."""
    if not (run / best_weights_name(row["task"])).is_file():
        raise UserError(f"{run}: no {best_weights_name(row['task'])}; expected the runs that the table is of")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "evaluation.json"
        command = [sys.executable, "-m", "hmtl", "evaluate", str(run), "--weights", best_weights_name(row["task"])]
        command += ["--no-baselines", "--output", str(output), "--device", "cpu"]
        # A setup of gold mentions has them by its own configuration.
        command += ["--gold-mentions"] * (row["gold_mentions"] and not row["chosen_alike"])
        command += [] if data is None else ["--data", str(data)]
        process = subprocess.run(command, capture_output=True, text=True)
        if process.returncode != 0:
            reason = (process.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"{run}: cannot be evaluated: {reason}")
        evaluation = json.loads(output.read_text(encoding="utf-8"))
    return evaluation["scores"][best_stem(row["task"])][row["task"]]["metrics"][row["figure"]]
