"""The tables of the tasks as questions beside the hierarchy, from CSV files.

`docs/results/questions` holds what `scripts/score_questions.py` said of each run of `configs/questions.jsonnet`, and
what the runs took. The hierarchy's scores are those of the setups `paper` and `spans` in `docs/results/heads`, with the
same data, encoder and gold.

- `answers.csv`: a row for each seed, task, and kind of `heads`, the spans that questions are about: `gold` ones, the
  model's `own` answers, or none where a task asks about no span. Where it is `chosen`, the threshold is that with the
  best F1 in validation.
- `runs.csv`: what each run took.
- `systems.csv`: the trained parameters of each system.
- `gold.csv`: what the scores count in the test data.
"""

from pathlib import Path
from typing import Dict, Iterator, List

from hmtl.common.tables import markdown
from hmtl.errors import UserError
from research.paper.table_files import Row, mean_and_std, mean_with_std, read_table, rows_of

ANSWERS = "answers.csv"
HEADS = "heads"
QUESTIONS = "questions"
HIERARCHIES = ("paper", "spans")

TASKS = {"ner": "NER", "emd": "EMD", "entities": "entities", "coref": "CR", "relation": "RE, strict"}
# The tasks some of whose spans can be given.
_WITH_GIVEN = ("coref", "relation")
_OWN, _GOLD = "own", "gold"


def page_lines(results: Path, block: str) -> Iterator[str]:
    """The lines of a table: `scores`, `given` or `cost`.

    # Parameters

    results : `Path`
        The folder that has the folders `questions` and `heads`.

    # Raises

    UserError
        Where there is no such block.
    """
    blocks = {"scores": _scores_lines, "given": _given_lines, "cost": _cost_lines}
    if block not in blocks:
        raise UserError(f"{results / QUESTIONS}: no block {block}; there are {', '.join(blocks)}")
    return blocks[block](results)


def _scores_lines(results: Path) -> Iterator[str]:
    """Test F1 where each system finds all spans itself."""
    titles = _titles(results)
    gold = {row["task"]: row for row in read_table(results / QUESTIONS / "gold.csv").rows}
    lines = [["gold in the test data", "", *(f"{gold[task]['gold']:,}" for task in TASKS), ""]]
    for system in HIERARCHIES:
        lines.append(_line(titles[system], {task: _of_hierarchy(results, system, task) for task in TASKS}))
    for chosen in (False, True):
        by_task = {task: _of_questions(results, task, _OWN, chosen) for task in TASKS}
        lines.append(_line(titles[QUESTIONS] + ", thresholds from validation" * chosen, by_task))
    yield from markdown(["", "seeds", *TASKS.values(), "mean"], lines)


def _given_lines(results: Path) -> Iterator[str]:
    """Test F1 where gold spans are given."""
    titles = _titles(results)
    lines = []
    for system in HIERARCHIES:
        of_system = {task: _of_hierarchy(results, system, task, given=True) for task in _WITH_GIVEN}
        lines.append(_line(titles[system], of_system, with_mean=False))
    for chosen in (False, True):
        by_task = {task: _of_questions(results, task, _GOLD, chosen) for task in _WITH_GIVEN}
        lines.append(_line(titles[QUESTIONS] + ", thresholds from validation" * chosen, by_task, with_mean=False))
    yield from markdown(["", "seeds", *(TASKS[task] for task in _WITH_GIVEN)], lines)


def _cost_lines(results: Path) -> Iterator[str]:
    """What each system has and took."""
    systems = read_table(results / QUESTIONS / "systems.csv").rows
    own = read_table(results / QUESTIONS / "runs.csv").rows
    lines = []
    for system in systems:
        if system["system"] == QUESTIONS:
            runs = own
        else:
            # Of what was killed nobody knows how long it had computed.
            runs = rows_of(read_table(results / HEADS / "runs.csv"), setup=system["system"], killed=0)
        minutes = [f"{row['cpu_seconds'] / 60:.1f}" for row in runs]
        counts = [f"{system[name]:,}" for name in ("embedding", "levels", "heads")]
        lines.append([system["title"], *counts, str(runs[0]["epochs"]), f"{runs[0]['updates']:,}", ", ".join(minutes)])
    titles = ["", "trained: embedding", "levels", "heads", "epochs", "updates", "CPU minutes of each run"]
    yield from markdown(titles, lines)


def _titles(results: Path) -> Dict[str, str]:
    return {row["system"]: row["title"] for row in read_table(results / QUESTIONS / "systems.csv").rows}


def _of_hierarchy(results: Path, setup: str, task: str, given: bool = False) -> List[Row]:
    return rows_of(read_table(results / HEADS / "scores.csv"), setup=setup, task=task, gold_mentions=given, figure="f1")


def _of_questions(results: Path, task: str, heads: str, chosen: bool) -> List[Row]:
    table = read_table(results / QUESTIONS / ANSWERS)
    rows = rows_of(table, task=task, heads=heads if task in _WITH_GIVEN else None, chosen=chosen)
    return [{**row, "f1": 100 * row["f1"]} for row in rows]


def _line(title: str, by_task: Dict[str, List[Row]], with_mean: bool = True) -> List[str]:
    """A system's row: mean and sample standard deviation over its seeds; the mean of all tasks, where it has all."""
    numbers = sorted({len(rows) for rows in by_task.values() if rows})
    cells = [mean_with_std([row["f1"] for row in rows]) for rows in by_task.values()]
    means = [mean_and_std([row["f1"] for row in rows])[0] for rows in by_task.values() if rows]
    mean = f"{sum(means) / len(means):.1f}" if len(means) == len(by_task) else ""
    return [title, " to ".join(map(str, numbers)), *cells, *([mean] if with_mean else [])]
