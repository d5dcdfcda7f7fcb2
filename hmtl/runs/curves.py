"""Learning curves: the metrics of each epoch as a table and as an image."""

import csv
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, List, Mapping, Tuple

from hmtl.common.files import atomic_write, write_png
from hmtl.runs.run_directory import CURVES_IMAGE, CURVES_TABLE, RunDirectory
from hmtl.runs.summaries import Metrics, metrics_by_epoch, trained_tasks, validation_metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

WITHOUT_MATPLOTLIB = f"{CURVES_IMAGE} is not drawn without matplotlib: pip install 'hmtl[plots]'"

# Two colours of Okabe and Ito's palette, which colour-blind people tell apart; marks and dashes tell them apart too.
VALIDATION_COLOR = "#0072B2"
LOSS_COLOR = "#D55E00"


def write_curves(directory: Path) -> List[str]:
    """Writes `curves.csv` and, where matplotlib is installed, `curves.png` into the directory of a run.

    The table has a row for each epoch: each task's training loss, updates and share, and its validation metrics, under
    the names that they have in `metrics_epoch_*.json`. The image has a panel for each task. Returns the names of the
    files; a run without epochs gets none.

    # Raises

    UserError
        Where the metrics cannot be read, or a file cannot be written.
    """
    epochs = metrics_by_epoch(directory)
    if not epochs:
        return []
    _write_table(RunDirectory(directory).curves_table, epochs)
    if not trained_tasks(epochs):  # a run of another trainer
        return [CURVES_TABLE]
    try:
        _draw(directory, epochs)
    except ImportError as error:
        logger.info("%s (%s)", WITHOUT_MATPLOTLIB, error)
        return [CURVES_TABLE]
    return [CURVES_TABLE, CURVES_IMAGE]


def _write_table(path: Path, epochs: List[Metrics]) -> None:
    columns = {
        key: None
        for metrics in epochs
        for key, value in metrics.items()
        if key.startswith(("training_", "validation_")) and isinstance(value, (int, float))
    }
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, ["epoch", *columns], extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(epochs)


def _draw(directory: Path, epochs: List[Metrics]) -> None:
    figure = make_figure(epochs, {task: validation_metric(directory, task) for task in trained_tasks(epochs)})
    write_png(RunDirectory(directory).curves_image, figure)


def make_figure(epochs: List[Metrics], metric_names: Mapping[str, str]) -> "Figure":
    """A panel for each task with the curves of its training loss and of the validation metric that is named for it."""
    # Imported here because it is optional and slow. `Figure` needs no display, as pyplot may.
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    num_columns = min(2, len(metric_names))
    num_rows = -(-len(metric_names) // num_columns)
    figure = Figure(figsize=(5.5 * num_columns, 3.4 * num_rows), layout=ConstrainedLayoutEngine(wspace=0.08))
    for number, (task, metric) in enumerate(metric_names.items(), start=1):
        _draw_task(figure.add_subplot(num_rows, num_columns, number), task, metric, epochs)
    _add_legend(figure)
    return figure


def _draw_task(axes: "Axes", task: str, metric: str, epochs: List[Metrics]) -> None:
    from matplotlib.ticker import MaxNLocator

    # Matplotlib would take what stands behind a dollar for mathematics.
    title = task.replace("$", r"\$")
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    name = "F1" if metric == "f1" else metric
    measured, scores = _points(epochs, f"validation_{task}_{metric}")
    if scores:
        axes.plot(measured, scores, "o-", markersize=4, color=VALIDATION_COLOR, label="validation")
        axes.set_ylabel(f"validation {name}", color=VALIDATION_COLOR)
    losses = axes.twinx()
    losses.plot(*_points(epochs, f"training_{task}_loss"), "--", color=LOSS_COLOR, label="training loss")
    losses.set_ylabel("training loss", color=LOSS_COLOR)
    losses.ticklabel_format(axis="y", scilimits=(-3, 4))
    best, score = epochs[-1].get(f"best_epoch_{task}"), epochs[-1].get(f"best_validation_{task}_{metric}")
    if best is not None and score is not None:
        axes.plot([best], [score], "*", color="black", markersize=11, label="best", zorder=3)
        axes.set_title(f"{title}: best {name} {score:#.4g} (epoch {best})")


def _points(epochs: List[Metrics], key: str) -> Tuple[List[int], List[Any]]:
    """The epochs that have a value, and their values."""
    points = [(metrics["epoch"], metrics[key]) for metrics in epochs if metrics.get(key) is not None]
    return [epoch for epoch, _ in points], [value for _, value in points]


def _add_legend(figure: "Figure") -> None:
    """One legend for all panels, whose lines have the same meanings."""
    handles = {label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), frameon=False)
