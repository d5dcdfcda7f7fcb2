"""What stays on the screen of a training run: what is trained, a row an epoch, and what has come of it."""

from typing import TYPE_CHECKING, Any, List, Mapping, Optional, Sequence

from tqdm import tqdm

from hmtl.common.characters import visible_lines
from hmtl.common.figures import FIGURES, STRICT
from hmtl.common.tables import aligned
from hmtl.runs.run_directory import RunDirectory
from hmtl.runs.summaries import RunSummary, TaskSummary

if TYPE_CHECKING:
    from hmtl.training.trainer import MultiTaskTrainer

# Of more tasks the rest is counted: what stands before training is a dozen lines at most.
MOST_TASKS_LISTED = 8
_LOSS = "loss"


def opening_lines(trainer: "MultiTaskTrainer") -> List[str]:
    """What is trained: the tasks, their data and what their levels read, then parameters, device and epochs."""
    training = trainer.data_loader.num_instances
    validation = {} if trainer.validation_data_loader is None else trainer.validation_data_loader.num_instances
    rows = [["task", "reads", "training", "validation", "batches"]]
    for task in trainer.tasks[:MOST_TASKS_LISTED]:
        noun = f"{trainer.model.head(task).scope}s"
        number = training.get(task)
        rows.append(
            [
                task,
                ", ".join(dict.fromkeys([*trainer.model.read_levels[task], *trainer.model.reads_labels[task]])) or "-",
                "-" if number is None else f"{number:,} {noun}",
                f"{validation[task]:,}" if task in validation else "-",
                f"{trainer.data_loader.num_batches.get(task, 0):,}",
            ]
        )
    lines = aligned(rows).splitlines()
    if len(trainer.tasks) > MOST_TASKS_LISTED:
        lines.append(f"and {len(trainer.tasks) - MOST_TASKS_LISTED} more tasks")
    parameters = list(trainer.model.parameters())
    total = sum(parameter.numel() for parameter in parameters)
    trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    of_them = "" if trained == total else f", {trained:,} of them trained"
    lines.append(f"{total:,} parameters{of_them}; on {trainer.cuda_device}; {trainer.loop.num_epochs} epochs at most")
    return lines


class EpochTable:
    """A row an epoch: the tasks' scores in validation, the time that the epoch took, and the learning rates.

    Scores are times 100, and have a `*` where they are the task's best so far; losses are as they are. Without
    validation the losses of training take their place. The first row has the titles above it.

    # Parameters

    tasks : `Sequence[str]`
    metric_names : `Mapping[str, str]`
        The name, without its sign, of each task's validation metric.
    """

    def __init__(self, tasks: Sequence[str], metric_names: Mapping[str, str]) -> None:
        self._tasks = tasks
        self._metric_names = metric_names
        self._titles: Optional[List[str]] = None

    def lines(
        self, epoch: int, metrics: Mapping[str, Any], learning_rates: Sequence[float], seconds: float
    ) -> List[str]:
        """The row of an epoch, whose `metrics` are those of its `metrics_epoch_*.json`, after the titles if it is the
        first."""
        lines = []
        if self._titles is None:
            is_validated = any(f"validation_{task}_{name}" in metrics for task, name in self._metric_names.items())
            self._titles = [self._title(task, is_validated) for task in self._tasks]
            lines.append("validation scores x 100, * the best so far" if is_validated else "losses in training")
            lines.append(self._row("epoch", self._titles, "time", "learning rate"))
        cells = [self._score(task, epoch, metrics) for task in self._tasks]
        rates = sorted({f"{rate:.3g}" for rate in learning_rates}, key=float)
        # Tasks with optimizers of their own may have come to different rates.
        shown = rates[0] if len(rates) == 1 else f"{rates[0]} to {rates[-1]}" if rates else ""
        return [*lines, self._row(str(epoch), cells, tqdm.format_interval(seconds), shown)]

    def _title(self, task: str, is_validated: bool) -> str:
        name = self._metric_names[task] if is_validated else STRICT
        return task if name == STRICT else f"{task} {FIGURES.get(name, name)}"

    def _score(self, task: str, epoch: int, metrics: Mapping[str, Any]) -> str:
        name = self._metric_names[task]
        score = metrics.get(f"validation_{task}_{name}")
        if score is None:
            loss = metrics.get(f"training_{task}_loss")
            return "- " if loss is None else f"{short(loss)} "
        is_best = metrics.get(f"best_epoch_{task}") == epoch
        return f"{short(score) if name == _LOSS else format(100 * score, '.2f')}{'*' if is_best else ' '}"

    def _row(self, epoch: str, cells: Sequence[str], time: str, rates: str) -> str:
        assert self._titles is not None
        widths = [max(len(title), len("100.00*")) for title in self._titles]
        # Titles end above the last digit, not above the star.
        scores = [f"{cell if cell[-1] in '* ' else cell + ' ':>{width + 1}}" for cell, width in zip(cells, widths)]
        return f"{epoch:>5}  {' '.join(scores)}  {time:>7}  {rates}".rstrip()


def closing_lines(summary: RunSummary) -> List[str]:
    """What has come of a run: each task's best score beside its baseline's, and its files."""
    lines = [""]
    scored = {name: task for name, task in summary.tasks.items() if task.best_score is not None}
    if scored:
        rows = [["best in validation", "score", "epoch", "baseline"]]
        rows += [_closing_row(name, task) for name, task in scored.items()]
        lines += [*aligned(rows, numbers=True).splitlines(), ""]
    run = RunDirectory(summary.run)
    files = [path.name for path in (run.archive, run.curves_image, run.log) if path.exists()]
    epochs = f"{summary.epochs} epochs in {tqdm.format_interval(summary.seconds)}; " if summary.epochs else ""
    lines.append(f"{summary.run}: {epochs}{', '.join(files)}")
    return visible_lines("\n".join(lines)).split("\n")


def _closing_row(name: str, task: TaskSummary) -> List[str]:
    def shown(value: Optional[float]) -> str:
        if value is None:
            return "-"
        return short(value) if task.metric == _LOSS else f"{100 * value:.2f}"

    title = name if task.metric == STRICT else f"{name} {FIGURES.get(task.metric, task.metric)}"
    return [title, shown(task.best_score), str(task.best_epoch), shown(task.baseline)]


def short(value: float) -> str:
    """A number that is no share, to four digits."""
    return f"{value:.4f}" if abs(value) < 1 else f"{value:#.4g}".rstrip(".")
