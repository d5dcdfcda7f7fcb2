"""What the files of a run tell about it, whether it still trains or not; no model is loaded."""

import json
import re
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional

from hmtl.common.checks import path_advice
from hmtl.common.figures import figures_of
from hmtl.errors import UserError
from hmtl.runs.run_directory import RunDirectory, is_best_for

Metrics = Dict[str, Any]

RUNNING, FINISHED, STOPPED = "running", "finished", "stopped"

# For a task that has learned nothing, or less than counting strings would.
WHAT_TO_TRY = (
    "more epochs (trainer.num_epochs), smaller batches (data_loader.batch_size), a larger learning rate "
    "(trainer.optimizer.lr, 0.003 where words are learned from a small corpus), or a pretrained encoder; see 'A task "
    "stays at 0' in docs/troubleshooting.md"
)

# A run that trains, validates or reads data writes its progress to its log every ten seconds.
SECONDS_UNTIL_STOPPED = 120


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
    test_f1, test_f1_last_tokens, test_f1_typed : `Optional[float]`
        The test F1 of the weights that were best for the task, of relations by last tokens and with types, too (see
        `RelationScores`); `None` before `hmtl evaluate` has measured it.
    patience_left : `Optional[int]`
        How many more validations without improvement are borne; `None` where there is no limit.
    test_figures : `Dict[str, float]`
        Of a kind of prediction with other figures, these by their titles, measured like `test_f1`.
    baseline : `Optional[float]`
        What the task's baseline scores in validation; `None` without one, and before the run is finished.
    """

    metric: str
    best_score: Optional[float]
    best_epoch: Optional[int]
    updates: int
    share: float
    test_f1: Optional[float] = None
    test_f1_last_tokens: Optional[float] = None
    test_f1_typed: Optional[float] = None
    patience_left: Optional[int] = None
    test_figures: Dict[str, float] = field(default_factory=dict)
    baseline: Optional[float] = None

    @property
    def problem(self) -> Optional[str]:
        """What is wrong where the task has not learned, in words that follow its name."""
        if self.best_score == 0:
            return f"never had a validation {self.metric} above 0"
        if self.best_score is None or self.baseline is None or self.best_score > self.baseline or self.best_score == 1:
            return None
        return (
            f"never rose above its baseline: validation {self.metric} {100 * self.best_score:.2f}, "
            f"baseline {100 * self.baseline:.2f}"
        )


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
    configuration : `Optional[str]`
        The file that `hmtl train` was given; `None` where the run does not tell.
    options : `Dict[str, Any]`
        Its content, overrides included, by dotted keys (`trainer.optimizer.lr`); see `flat_options`.
    """

    run: str
    status: str
    epochs: int
    num_epochs: Optional[int]
    seconds: float
    last_change: str
    tasks: Dict[str, TaskSummary] = field(default_factory=dict)
    configuration: Optional[str] = None
    options: Dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> Dict[str, Any]:
        """All of it as JSON values; `test_figures` and `baseline` of the tasks that have some alone."""
        record = asdict(self)
        for task in record["tasks"].values():
            if not task["test_figures"]:
                del task["test_figures"]
            if task["baseline"] is None:
                del task["baseline"]
        return record

    def problems(self) -> List[str]:
        """A line for each task that has not learned, and one that says what to try; none where all have."""
        found = [f"{name} {task.problem}" for name, task in self.tasks.items() if task.problem is not None]
        return [*found, f"try {WHAT_TO_TRY}"] if found else []


def find_runs(directories: Iterable[Path]) -> List[Path]:
    """The runs among the directories, each once; for a directory that is none, those that it holds.

    # Raises

    UserError
        Where a directory neither is a run nor holds one.
    """
    found: Dict[Path, Path] = {}
    for directory in directories:
        places = [directory] if RunDirectory(directory).is_run() else _entries(directory)
        runs = [path for path in places if RunDirectory(path).is_run()]
        if not runs:
            what = "no run in this directory" if directory.is_dir() else f"no such directory{path_advice(directory)}"
            raise UserError(f"{directory}: {what}; expected what 'hmtl train -s' wrote, or a directory that holds some")
        for run in runs:
            found.setdefault(run.resolve(), run)
    return list(found.values())


def metrics_by_epoch(directory: Path) -> List[Metrics]:
    """The metrics of the epochs that are done, in their order."""
    run = RunDirectory(directory)
    return [{**_read_json(run.epoch_metrics(epoch)), "epoch": epoch} for epoch in run.epochs()]


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
        configuration=_configuration_name(directory),
        options=flat_options(_configuration(directory)),
    )


def flat_options(configuration: Dict[str, Any], above: str = "") -> Dict[str, Any]:
    """The values of a configuration by dotted keys; a `type` is the value of the key above it.

    So `optimizer: { type: "adam", lr: 0.1 }` has the options `optimizer` and `optimizer.lr`.
    """
    options: Dict[str, Any] = {}
    for key, value in configuration.items():
        name = above if above and key == "type" else f"{above}.{key}" if above else key
        options.update(flat_options(value, name) if isinstance(value, dict) else {name: value})
    return options


def _task_summaries(directory: Path, epochs: List[Metrics]) -> Dict[str, TaskSummary]:
    tasks = trained_tasks(epochs)
    updates = {task: sum(metrics.get(f"training_{task}_updates", 0) for metrics in epochs) for task in tasks}
    figures, patience = _test_figures(directory), _trainer_options(directory).get("patience")
    path = RunDirectory(directory).metrics
    whole_run = _read_json(path) if path.exists() else {}
    summaries = {}
    for task in tasks:
        metric, newest = validation_metric(directory, task), epochs[-1]
        summaries[task] = TaskSummary(
            metric=metric,
            best_score=newest.get(f"best_validation_{task}_{metric}"),
            best_epoch=newest.get(f"best_epoch_{task}"),
            updates=updates[task],
            share=updates[task] / max(1, sum(updates.values())),
            patience_left=_patience_left(patience, newest, task, metric),
            baseline=whole_run.get(f"baseline_validation_{task}_{metric}"),
            **figures.get(task, {}),
        )
    return summaries


def _patience_left(patience: Optional[int], newest: Metrics, task: str, metric: str) -> Optional[int]:
    if patience is None or f"best_epoch_{task}" not in newest:  # as without validation
        return patience
    if newest.get(f"best_validation_{task}_{metric}") == 0:  # spent from the first score above 0 on
        return patience
    best_epoch = newest[f"best_epoch_{task}"]
    return max(0, patience - newest["epoch"] + (-1 if best_epoch is None else best_epoch))


def _test_figures(directory: Path) -> Dict[str, Dict[str, Any]]:
    """The figures of each task with its own best weights, where `hmtl evaluate` has written them, by the names
    that `TaskSummary` has for them."""
    path = RunDirectory(directory).evaluation()
    if not path.exists():
        return {}
    evaluation = _read_json(path)
    if evaluation.get("split") != "test":
        return {}
    found: Dict[str, Dict[str, Any]] = {}
    for weights, by_task in evaluation.get("scores", {}).items():
        for task, scores in by_task.items():
            if not is_best_for(weights, task):
                continue
            figures = evaluation.get("figures", {}).get(task)
            if figures is None:
                found[task] = {f"test_{name}": value for name, value in figures_of(scores["metrics"]).items()}
            else:
                values = figures_of(scores["metrics"], figures)
                found[task] = {"test_figures": {figures[name]: value for name, value in values.items()}}
    return found


def _status(directory: Path, epochs: List[Metrics], changed: float) -> str:
    path = RunDirectory(directory).metrics
    # A finished run that is trained further keeps the metrics of its first end, which are of an earlier epoch.
    if path.exists() and _read_json(path).get("epoch") == (epochs[-1]["epoch"] if epochs else None):
        return FINISHED
    return RUNNING if time.time() - changed < SECONDS_UNTIL_STOPPED else STOPPED


def _last_change(directory: Path) -> float:
    times = [0.0]
    for path in RunDirectory(directory).written_in_training():
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
    return _configuration(directory).get("trainer") or {}


def _configuration(directory: Path) -> Dict[str, Any]:
    path = RunDirectory(directory).config
    # A trainer that was built in Python leaves none.
    return _read_json(path) if path.exists() else {}


def _configuration_name(directory: Path) -> Optional[str]:
    path = RunDirectory(directory).command
    # Runs of AllenNLP's own command line have none.
    return _read_json(path).get("configuration") if path.exists() else None


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
