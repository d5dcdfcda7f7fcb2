"""Runs as a table with a row for each, sorted as one likes, the best marked."""

import json
from datetime import timedelta
from typing import Any, Callable, Dict, List, Optional, Tuple

from rich.cells import cell_len

from hmtl.common.checks import did_you_mean
from hmtl.common.tables import aligned
from hmtl.errors import UserError
from hmtl.runs.side_by_side import differing_options, names_of, short, tasks_of, telling_options
from hmtl.runs.summaries import RunSummary

_BEST = "*"
# Of a `RunSummary`.
_COLUMNS = ("run", "configuration", "status", "epochs", "num_epochs", "seconds", "last_change")
# By these, not by scores; the first of each is the smallest, of dates the newest.
_BY: Dict[str, Callable[[RunSummary], Any]] = {
    "name": lambda run: run.run,
    "status": lambda run: run.status,
    "epochs": lambda run: run.epochs,
    "duration": lambda run: run.seconds,
}
_NEWEST, _SCORE = "date", "score"


def sorted_runs(runs: List[RunSummary], key: Optional[str] = None, reverse: bool = False) -> List[RunSummary]:
    """The runs in another order.

    # Parameters

    runs : `List[RunSummary]`
    key : `Optional[str]`
        `name`, `status`, `epochs`, `duration`; `date`, the newest first; or, the best first, a task by its score in
        validation, `TASK.test` by its test F1, and `score` by the sum of all scores in validation. Runs without it are
        last. `None` keeps the order.
    reverse : `bool`, optional (default = `False`)

    # Raises

    UserError
        Where there is no such key.
    """
    tasks = tasks_of(runs)
    known = [*_BY, _NEWEST, _SCORE, *tasks, *(f"{task}.test" for task in tasks)]
    if key is not None and key not in known:
        raise UserError(f"--sort {key}: {did_you_mean(key, known, 'expected one of ' + ', '.join(known))}")
    if key in _BY:
        ordered = sorted(runs, key=_BY[key])
    elif key == _NEWEST:
        ordered = sorted(runs, key=lambda run: run.last_change, reverse=True)
    elif key is not None:
        values = {run.run: _sum_of_scores(run) if key == _SCORE else _value(run, key) for run in runs}
        sign = 1 if _is_loss(runs, key) else -1
        ordered = sorted(runs, key=lambda run: (values[run.run] is None, sign * (values[run.run] or 0)))
    else:
        ordered = list(runs)
    return ordered[::-1] if reverse else ordered


def table_of_rows(runs: List[RunSummary], width: int = 120, all_options: bool = False) -> str:
    """A table with a row for each run: its status, its scores, and of the options that differ those that fit."""
    columns = [
        ("run", names_of(runs)),
        ("status", [run.status for run in runs]),
        ("epochs", [f"{run.epochs}{'' if run.num_epochs is None else f'/{run.num_epochs}'}" for run in runs]),
        ("time", [str(timedelta(seconds=round(run.seconds))) for run in runs]),
    ]
    tasks = tasks_of(runs)
    for task in tasks:
        scores, is_loss = [_value(run, task) for run in runs], _is_loss(runs, task)
        columns.append((_title(runs, task), _marked([_percent(score, is_loss) for score in scores], scores, is_loss)))
        tests = [_value(run, f"{task}.test") for run in runs]
        if any(value is not None for value in tests):
            columns.append((f"{task} test", _marked([_percent(value) for value in tests], tests)))
    differences = differing_options([run.options for run in runs])
    options = differences if all_options else telling_options(differences)
    left = width - sum(_width(column) for column in columns)
    shown = 0
    for key, values in options:
        column = (key, ["-" if value is None else short(value) for value in values])
        left -= _width(column)
        if left < 0 and not all_options:
            break
        columns.append(column)
        shown += 1
    table = aligned([[title for title, _ in columns], *zip(*(cells for _, cells in columns))])
    return "\n\n".join([table, "\n".join(_notes(runs, tasks, len(differences) - shown))])


def rows_for_programs(runs: List[RunSummary]) -> List[Dict[str, Any]]:
    """A row of plain values for each run: what `RunSummary` has, by task, and the options that differ."""
    options = differing_options([run.options for run in runs])
    rows = []
    for number, run in enumerate(runs):
        row: Dict[str, Any] = {name: getattr(run, name) for name in _COLUMNS}
        for task, summary in run.tasks.items():
            row.update({f"{task}.{name}": value for name, value in vars(summary).items() if name != "test_figures"})
            row.update({f"{task}.test {title}": value for title, value in summary.test_figures.items()})
        row.update((key, values[number]) for key, values in options)
        rows.append({key: json.dumps(value) if isinstance(value, (list, dict)) else value for key, value in row.items()})
    return rows


def _value(run: RunSummary, key: str) -> Optional[float]:
    """The figure that `TASK` or `TASK.test` names."""
    task = run.tasks.get(key.removesuffix(".test"))
    if task is None:
        return None
    if not key.endswith(".test"):
        return task.best_score
    return next(iter(task.test_figures.values()), task.test_f1)


def _sum_of_scores(run: RunSummary) -> Optional[float]:
    scores = [task.best_score for task in run.tasks.values() if task.best_score is not None]
    return sum(scores) if scores else None


def _is_loss(runs: List[RunSummary], task: str) -> bool:
    return any(run.tasks[task].metric == "loss" for run in runs if task in run.tasks)


def _title(runs: List[RunSummary], task: str) -> str:
    metrics = {run.tasks[task].metric for run in runs if task in run.tasks}
    return task if metrics == {"f1"} else f"{task} {'/'.join(sorted(metrics))}"


def _percent(value: Optional[float], is_loss: bool = False) -> str:
    # Every figure but the loss lies between 0 and 1.
    return "-" if value is None else f"{value:.4g}" if is_loss else f"{100 * value:.2f}"


def _marked(cells: List[str], values: List[Optional[float]], smallest: bool = False) -> List[str]:
    """The cells, the best marked where there are several to choose from and not all are the same."""
    known = [value for value in values if value is not None]
    best = (min if smallest else max)(known, default=None)
    marks = len(set(known)) > 1
    return [f"{cell} {_BEST}" if marks and value == best else cell for cell, value in zip(cells, values)]


def _width(column: Tuple[str, List[str]]) -> int:
    title, cells = column
    return 2 + max(cell_len(text) for text in (title, *cells))


def _notes(runs: List[RunSummary], tasks: List[str], left_out: int) -> List[str]:
    notes = [f"scores: the best in validation (x 100, F1 unless named); {_BEST} the best of all runs"] * bool(tasks)
    if left_out:
        notes.append(f"{left_out} more {'option differs' if left_out == 1 else 'options differ'}: see --all, --wide")
    return [*notes, *(f"{name}: {line}" for name, run in zip(names_of(runs), runs) for line in run.problems())]
