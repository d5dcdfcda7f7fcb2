"""Whether what a table says is what the kept runs score when they are evaluated again."""

import random
from pathlib import Path
from typing import Iterator, List, Optional

from hmtl.errors import UserError
from hmtl.runs.run_directory import best_stem, best_weights_name
from research.paper.experiment import read_record
from research.paper.table_files import Row, column_of, groups, mean_and_std, read_tables

# Of F1 x 100: what tables show. One item more or less of some thousand changes F1 by more.
TOLERANCE = 0.005


def check(runs: Path, tables: Path, num_cells: int, seed: int, data: Optional[Path] = None) -> Iterator[bool]:
    """Draws cells of the table of scores at random, evaluates the kept runs of each again as `hmtl evaluate` does, by
    the weights that were best for the task, and compares: each run, and the mean over the seeds. Prints the cell, the
    table's figure, the new one, and whether they are equal to two decimals. The runs stay as they are. Exit code 1: not
    all are equal."""
    cells = groups(read_tables(tables)["scores"].rows, "corpora", "setup", "task", "gold_mentions", "figure")
    if num_cells > len(cells):
        raise UserError(f"--cells {num_cells}: the table has {len(cells)}")
    for cell in random.Random(seed).sample(sorted(cells), num_cells):
        yield _is_right(cells[cell], runs, data)


def _is_right(rows: List[Row], runs: Path, data: Optional[Path]) -> bool:
    cell = f"{rows[0]['corpora']}/{rows[0]['setup']}, {column_of(rows[0]).title}"
    found, right = [], True
    for row in rows:
        found.append(100 * _evaluated(runs / row["corpora"] / row["setup"] / f"seed_{row['seed']}", row, data))
        right &= _tell(f"{cell}, seed {row['seed']}", row["f1"], found[-1])
    if len(rows) > 1:
        mean, _ = mean_and_std([row["f1"] for row in rows])
        right &= _tell(f"{cell}, mean of {len(rows)}", mean, sum(found) / len(found))
    return right


def _tell(cell: str, table: float, new: float) -> bool:
    equal = abs(table - new) < TOLERANCE
    print(f"{cell}: table {table:.2f}, evaluated again {new:.2f}: {'equal' if equal else 'NOT EQUAL'}", flush=True)
    return equal


def _evaluated(directory: Path, row: Row, data: Optional[Path]) -> float:
    """The figure of a row, from 0 to 1, of the weights that were best for its task."""
    import hmtl  # noqa: F401  registers what a configuration can name
    from hmtl.common.packages import include_package
    from hmtl.evaluation.evaluate import evaluate_run, load_run

    task, weights = row["task"], best_weights_name(row["task"])
    record = read_record(directory)
    if record is None or not (directory / weights).is_file():
        raise UserError(f"{directory}: no run with {weights}; expected the runs that the table was made of")
    for package in record.get("packages", []):
        include_package(package)
    # A setup of gold mentions has them by its own configuration.
    given = bool(row["gold_mentions"] and not row["chosen_alike"])
    run = load_run(directory, [weights], data)
    evaluation = evaluate_run(run, gold_mentions=given, with_baselines=False)
    return evaluation.scores[best_stem(task)][task].metrics[row["figure"]]
