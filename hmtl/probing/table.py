"""The table of sentence probes: a row for each level and pooling, a column for each task, as in the paper."""

from typing import Any, Dict, Iterator, List, Sequence, Tuple

from hmtl.common.tables import Table
from hmtl.common.tables import markdown as table_lines
from hmtl.probing.paper import PAPER
from hmtl.probing.results import COMPRESSION, RANDOM, SELECTIVITY, TRAINED, Result
from hmtl.probing.senteval import ProbingTask
from hmtl.probing.vectors import WORDS

NAME = "table"
MAJORITY, THE_PAPER = "majority", "paper"

_FURTHER = {
    SELECTIVITY: "Selectivity, accuracy less that in a control task in which the first word decides, in points:",
    COMPRESSION: "Compression, how many times shorter than the uniform code the training labels can be coded:",
}
_TITLES = {TRAINED: "", RANDOM: "random encoder: ", THE_PAPER: "paper: "}


def probing_table(results: Sequence[Result], tasks: Sequence[ProbingTask]) -> Table:
    """Test accuracies in percent: of each row of the results, of the majority class, and the paper's for these levels.

    Of results, further columns have the selectivity, in points, and the compression. The paper's are those of
    SentEval's own data, and comparable with results on these alone.
    """
    rows: Dict[Tuple[str, str, str], Dict[str, Any]] = {}
    for result in results:
        row = rows.setdefault(result.row, dict(zip(("encoder", "level", "pooling"), result.row)))
        row[result.task] = 100 * result.accuracy
        if result.selectivity is not None:
            row[column(result.task, SELECTIVITY)] = 100 * result.selectivity
        if result.compression is not None:
            row[column(result.task, COMPRESSION)] = result.compression
    majority = {task.name: 100 * task.majority_accuracy() for task in tasks}
    table = Table(NAME, [*rows.values(), {"encoder": MAJORITY, "level": "", "pooling": "", **majority}])
    for (level, pooling), accuracies in PAPER.items():
        if any(result.level == level for result in results):
            chosen = {task.name: accuracies[task.name] for task in tasks}
            table.rows.append({"encoder": THE_PAPER, "level": level, "pooling": pooling, **chosen})
    return table


def column(task: str, measure: str) -> str:
    """The name of the column of a measure other than the accuracy."""
    return f"{task} {measure}"


def markdown(table: Table, tasks: Sequence[ProbingTask]) -> Iterator[str]:
    """The lines of the table for people, below it one for each further measure, and how large the tasks are.

    `+-` is half of the 95 % interval of an accuracy of 50 %, in points, for so many test sentences.
    """
    names = [task.name for task in tasks]
    titles = ["level", "pooling", *names]
    yield "Accuracy in percent:"
    yield ""
    yield from table_lines(titles, [[*_title(row), *(f"{row[name]:.1f}" for name in names)] for row in table.rows])
    for measure, described in _FURTHER.items():
        columns = [column(name, measure) for name in names]
        rows = [row for row in table.rows if columns[0] in row]
        if rows:
            yield from ("", described, "")
            places = 2 if measure == COMPRESSION else 1
            yield from table_lines(
                titles, [[*_title(row), *(f"{row[name]:.{places}f}" for name in columns)] for row in rows]
            )
    yield from ("", "Sentences:", "")
    sizes = []
    for task in tasks:
        counts = [str(len(examples)) for examples in task.splits.values()]
        sizes.append([task.name, str(len(task.labels)), *counts, f"{98 / len(task.splits['test']) ** 0.5:.1f}"])
    yield from table_lines(["task", "classes", *tasks[0].splits, "+-"], sizes)


def _title(row: Dict[str, Any]) -> List[str]:
    level = "bag of word vectors" if row["level"] == WORDS else row["level"]
    return ["majority class" if row["encoder"] == MAJORITY else _TITLES[row["encoder"]] + level, row["pooling"]]
