"""The table of sentence probes: a row for each level and pooling, a column for each task, as in the paper."""

from typing import Any, Dict, Iterator, List, Sequence, Tuple

from hmtl.analysis.probing.paper import PAPER
from hmtl.analysis.probing.results import RANDOM, TRAINED, Result
from hmtl.analysis.probing.senteval import ProbingTask
from hmtl.analysis.probing.vectors import WORDS
from hmtl.experiments.tables import Table

NAME = "table"
MAJORITY, THE_PAPER = "majority", "paper"

_TITLES = {TRAINED: "", RANDOM: "random encoder: ", THE_PAPER: "paper: "}


def probing_table(results: Sequence[Result], tasks: Sequence[ProbingTask], levels: Sequence[str]) -> Table:
    """Test accuracies in percent: of each row of the results, of the majority class, and the paper's for these levels.

    The paper's are those of SentEval's own data, and comparable with results on these alone.
    """
    rows: Dict[Tuple[str, str, str], Dict[str, Any]] = {}
    for result in results:
        row = rows.setdefault(result.row, dict(zip(("encoder", "level", "pooling"), result.row)))
        row[result.task] = 100 * result.accuracy
    majority = {task.name: 100 * task.majority_accuracy() for task in tasks}
    table = Table(NAME, [*rows.values(), {"encoder": MAJORITY, "level": "", "pooling": "", **majority}])
    for (level, pooling), accuracies in PAPER.items():
        if level in levels:
            chosen = {task.name: accuracies[task.name] for task in tasks}
            table.rows.append({"encoder": THE_PAPER, "level": level, "pooling": pooling, **chosen})
    return table


def markdown(table: Table, tasks: Sequence[ProbingTask]) -> Iterator[str]:
    """The lines of the table for people, and below it how large the tasks are.

    `+-` is half of the 95 % interval of an accuracy of 50 %, in points, for so many test sentences.
    """
    names = [task.name for task in tasks]
    yield from _rows(["level", "pooling", *names], [_cells(row, names) for row in table.rows])
    yield ""
    sizes = []
    for task in tasks:
        counts = [str(len(examples)) for examples in task.splits.values()]
        sizes.append([task.name, str(len(task.labels)), *counts, f"{98 / len(task.splits['test']) ** 0.5:.1f}"])
    yield from _rows(["task", "classes", *tasks[0].splits, "+-"], sizes)


def _cells(row: Dict[str, Any], names: Sequence[str]) -> List[str]:
    level = "bag of word vectors" if row["level"] == WORDS else row["level"]
    title = "majority class" if row["encoder"] == MAJORITY else _TITLES[row["encoder"]] + level
    return [title, row["pooling"], *(f"{row[name]:.1f}" for name in names)]


def _rows(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
