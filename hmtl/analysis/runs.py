"""What the files of a run tell about it, whether it still trains or not; no model is loaded."""

import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional

from hmtl.errors import UserError

Metrics = Dict[str, Any]

RUNNING, FINISHED, STOPPED = "running", "finished", "stopped"

# A run that trains, validates or reads data writes its progress to its log every ten seconds.
SECONDS_UNTIL_STOPPED = 120

# What a run writes itself; an evaluation, or curves, may come later.
_WRITTEN_IN_TRAINING = ("config.json", "out*.log", "metrics*.json", "*.th", "*.partial")


@dataclass
class TaskSummary:
    """One task of a run.

    # Attributes

    metric : `str`
        The metric of its head that decides which epoch is best.
    best_score, best_epoch : `Optional[float]`, `Optional[int]`
        That metric in validation, and its epoch (from 0); `None` without validation.
    updates, share : `int`, `float`
        The updates of all epochs that are done, and their share in those of all tasks.
    test_f1 : `Optional[float]`
        The test F1 of the weights that were best for the task; `None` before `scripts/evaluate.py` has measured it.
    """

    metric: str
    best_score: Optional[float]
    best_epoch: Optional[int]
    updates: int
    share: float
    test_f1: Optional[float]


@dataclass
class RunSummary:
    """A run.

    # Attributes

    run : `str`
        Its serialization directory.
    status : `str`
        `finished`; `running` where it wrote something in the last two minutes; else `stopped`.
    epochs : `int`
        How many are done.
    num_epochs : `Optional[int]`
        How many there may be.
    seconds : `float`
        The time that the epochs took. Of a run that was recovered, some of the time before may be missing.
    last_change : `str`
        When the run last wrote something, in local time.
    tasks : `Dict[str, TaskSummary]`
        The tasks that have been trained.
    """

    run: str
    status: str
    epochs: int
    num_epochs: Optional[int]
    seconds: float
    last_change: str
    tasks: Dict[str, TaskSummary] = field(default_factory=dict)


def find_runs(directories: Iterable[Path]) -> List[Path]:
    """The runs among the directories, each once; for a directory that is none, those that it holds.

    # Raises

    UserError
        Where a directory neither is a run nor holds one.
    """
    found: Dict[Path, Path] = {}
    for directory in directories:
        runs = [directory] if is_run(directory) else [path for path in _entries(directory) if is_run(path)]
        if not runs:
            what = "no run in this directory" if directory.is_dir() else "no such directory"
            raise UserError(f"{directory}: {what}; expected what 'hmtl train -s' wrote, or a directory that holds some")
        for run in runs:
            found.setdefault(run.resolve(), run)
    return list(found.values())


def is_run(directory: Path) -> bool:
    """Whether this is a serialization directory, of a run that has only begun perhaps."""
    return (directory / "config.json").is_file() and any(
        (directory / name).exists() for name in ("meta.json", "vocabulary", "out.log")
    )


def metrics_by_epoch(directory: Path) -> List[Metrics]:
    """The metrics of the epochs that are done, in their order."""
    matches = (re.fullmatch(r"metrics_epoch_(\d+)\.json", path.name) for path in _entries(directory))
    epochs = sorted(int(match[1]) for match in matches if match is not None)
    return [{**_read_json(directory / f"metrics_epoch_{epoch}.json"), "epoch": epoch} for epoch in epochs]


def trained_tasks(epochs: List[Metrics]) -> List[str]:
    """The tasks of a run, in the order of its metrics."""
    matches = (re.fullmatch(r"training_(.+)_updates", key) for metrics in epochs for key in metrics)
    return list(dict.fromkeys(match[1] for match in matches if match is not None))


def validation_metric(directory: Path, task: str) -> str:
    """The name, without its sign, of the metric that decides which epoch is best for a task."""
    metric = _trainer_options(directory).get("validation_metric", "+f1")
    return str(metric.get(task, "+f1") if isinstance(metric, dict) else metric).lstrip("+-")


def summarize(directory: Path) -> RunSummary:
    """What the files of a run tell about it.

    # Raises

    UserError
        Where one of them is not the JSON object that a run writes.
    """
    epochs = metrics_by_epoch(directory)
    changed = _last_change(directory)
    return RunSummary(
        run=str(directory),
        status=_status(directory, epochs, changed),
        epochs=len(epochs),
        num_epochs=_trainer_options(directory).get("num_epochs"),
        seconds=_seconds(epochs),
        last_change=time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(changed)),
        tasks=_task_summaries(directory, epochs),
    )


def side_by_side(runs: List[RunSummary], width: int = 120) -> str:
    """A table with a column for each run; where `width` characters do not hold them all, several one below another."""
    # The runs with the most tasks know best how these follow one another.
    tasks = list(dict.fromkeys(task for run in sorted(runs, key=lambda run: -len(run.tasks)) for task in run.tasks))
    labels = ["", "status", "epochs", "duration", "last change"]
    labels += [f"{task} {row}" for task in tasks for row in ("validation", "updates", "test F1")]
    columns = [[name, *_cells(run, tasks)] for name, run in zip(_names(runs), runs)]
    notes = [
        "validation: the best score x 100 (F1 unless named) and its epoch, counted from 0",
        "updates: in all epochs that are done, and their share in those of all tasks",
        "test F1 (x 100): of the weights that were best for the task, from evaluation.json",
    ]
    tables = [_aligned([labels, *block]) for block in _blocks(columns, width - max(map(len, labels)))]
    return "\n\n".join([*tables, "\n".join(notes)]) if tasks else "\n\n".join(tables)


def _cells(run: RunSummary, tasks: List[str]) -> List[str]:
    limit = "" if run.num_epochs is None else f" of {run.num_epochs}"
    cells = [run.status, f"{run.epochs}{limit}", str(timedelta(seconds=round(run.seconds))), run.last_change]
    for name in tasks:
        task = run.tasks.get(name)
        cells += ["-"] * 3 if task is None else _task_cells(task)
    return cells


def _task_cells(task: TaskSummary) -> List[str]:
    best = test_f1 = "-"
    if task.best_score is not None:
        # The loss alone is not from 0 to 1.
        score = f"{task.best_score:.4g}" if task.metric == "loss" else f"{100 * task.best_score:.2f}"
        best = f"{score}{'' if task.metric == 'f1' else f' {task.metric}'} (epoch {task.best_epoch})"
    if task.test_f1 is not None:
        test_f1 = f"{100 * task.test_f1:.2f}"
    return [best, f"{task.updates} ({task.share:.0%})", test_f1]


def _names(runs: List[RunSummary]) -> List[str]:
    """The names of the directories, or where two are the same the paths."""
    names = [Path(run.run).resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [run.run for run in runs]


def _blocks(columns: List[List[str]], width: int) -> List[List[List[str]]]:
    """The columns in groups that fit into `width` characters, at least one in each."""
    blocks: List[List[List[str]]] = []
    left = 0
    for column in columns:
        needed = 2 + max(map(len, column))
        if not blocks or needed > left:
            blocks.append([])
            left = width
        blocks[-1].append(column)
        left -= needed
    return blocks


def _aligned(columns: List[List[str]]) -> str:
    widths = [max(map(len, column)) for column in columns]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in zip(*columns))


def _task_summaries(directory: Path, epochs: List[Metrics]) -> Dict[str, TaskSummary]:
    tasks = trained_tasks(epochs)
    updates = {task: sum(metrics.get(f"training_{task}_updates", 0) for metrics in epochs) for task in tasks}
    test_f1 = _test_f1(directory)
    summaries = {}
    for task in tasks:
        metric, newest = validation_metric(directory, task), epochs[-1]
        summaries[task] = TaskSummary(
            metric=metric,
            best_score=newest.get(f"best_validation_{task}_{metric}"),
            best_epoch=newest.get(f"best_epoch_{task}"),
            updates=updates[task],
            share=updates[task] / max(1, sum(updates.values())),
            test_f1=test_f1.get(task),
        )
    return summaries


def _test_f1(directory: Path) -> Dict[str, float]:
    """The F1 of each task with the weights that were best for it, where `scripts/evaluate.py` has written it."""
    path = directory / "evaluation.json"
    if not path.exists():
        return {}
    evaluation = _read_json(path)
    if evaluation.get("split") != "test":
        return {}
    diagonal = {
        task: scores["metrics"].get("f1")
        for weights, by_task in evaluation.get("scores", {}).items()
        for task, scores in by_task.items()
        if weights == f"best_{task}"
    }
    return {task: f1 for task, f1 in diagonal.items() if f1 is not None}


def _status(directory: Path, epochs: List[Metrics], changed: float) -> str:
    path = directory / "metrics.json"
    # Those of a finished run that was recovered to train on are of an earlier epoch.
    if path.exists() and _read_json(path).get("epoch") == (epochs[-1]["epoch"] if epochs else None):
        return FINISHED
    return RUNNING if time.time() - changed < SECONDS_UNTIL_STOPPED else STOPPED


def _last_change(directory: Path) -> float:
    times = [0.0]
    for path in (path for pattern in _WRITTEN_IN_TRAINING for path in directory.glob(pattern)):
        with suppress(FileNotFoundError):  # a run that trains removes old checkpoints
            times.append(path.stat().st_mtime)
    return max(times)


def _seconds(epochs: List[Metrics]) -> float:
    """The time of all epochs: each metrics file has the time since training began, or was recovered."""
    total = last = 0.0
    for metrics in epochs:
        seconds = _parse_duration(metrics.get("training_duration", ""))
        if seconds < last:
            total += last
        last = seconds
    return total + last


def _parse_duration(text: str) -> float:
    """The seconds of a `timedelta` that was printed, `1 day, 2:03:04.5`; 0 for what is none."""
    match = re.fullmatch(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    if match is None:
        return 0.0
    days, hours, minutes, seconds = match.groups(default="0")
    return timedelta(int(days), hours=int(hours), minutes=int(minutes), seconds=float(seconds)).total_seconds()


def _trainer_options(directory: Path) -> Dict[str, Any]:
    path = directory / "config.json"
    # A trainer that was built in Python leaves none.
    return _read_json(path).get("trainer") or {} if path.exists() else {}


def _read_json(path: Path) -> Dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


def _entries(directory: Path) -> List[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []
