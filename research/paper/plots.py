"""The plots of an experiment: scores of all setups, and learning curves."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Sequence, Tuple

from hmtl.common.files import write_png
from research.paper.paper import setup_in_words, task_title
from research.paper.results import Result, by_setup, columns_of, tasks_in_order
from research.paper.tables import paper_f1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCORES_IMAGE, CURVES_IMAGE = "scores.png", "curves.png"

# Of a seed: the epoch, the updates until its end, and the score.
Curve = List[Tuple[int, int, float]]

# The palette of Okabe and Ito, without its yellow, which white paper swallows, and with a brown in the place of its
# second blue; dashes tell more setups apart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#7F5539", "#000000")
DASHES = ("-", "--", ":", "-.")


def draw(results: Sequence[Result], directory: Path) -> List[str]:
    """Draws both plots; returns the names of the files.

    # Raises

    ImportError
        Where matplotlib is missing.
    """
    for name, make in ((SCORES_IMAGE, scores_figure), (CURVES_IMAGE, curves_figure)):
        write_png(directory / name, make(results))
    return [SCORES_IMAGE, CURVES_IMAGE]


def scores_figure(results: Sequence[Result]) -> "Figure":
    """A panel a task: test F1 of each setup, each seed as a dot, the mean with its standard deviation."""
    columns = columns_of(results)
    words_of = {setup: setup_in_words(setup, runs[0].tasks) for setup, runs in by_setup(results).items()}

    def draw_panel(number: int, axes: "Axes") -> None:
        column = columns[number]
        axes.set_title(column.title)
        axes.set_ylabel("test F1 x 100")
        axes.grid(alpha=0.3, axis="y")
        setups = {
            setup: [100 * run.scores[column].f1 for run in runs if column in run.scores]
            for setup, runs in by_setup(results).items()
        }
        setups = {setup: values for setup, values in setups.items() if values}
        for position, (setup, values) in enumerate(setups.items()):
            mean = sum(values) / len(values)
            spread = (sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)) ** 0.5
            axes.errorbar([position], [mean], [spread], fmt="_", markersize=14, color=COLORS[0], capsize=4)
            axes.plot([position] * len(values), values, "o", markersize=4, alpha=0.6, color=COLORS[1])
            paper = paper_f1(results[0].corpora, setup, column)
            if paper is not None:
                axes.plot([position], [paper], "*", color="black", markersize=9)
        names = ["\n".join(textwrap.wrap(words_of[setup], 16)) for setup in setups]
        axes.set_xticks(range(len(setups)), names, fontsize=8, rotation=30 if len(setups) > 6 else 0)
        axes.set_xlim(-0.6, len(setups) - 0.4)

    return _panels(len(columns), draw_panel)


def curves_figure(results: Sequence[Result]) -> "Figure":
    """A panel a task: validation over the updates of that task, a line a setup, the mean of its seeds, with a band from
    the lowest to the highest of them."""
    tasks = tasks_in_order(list({task for run in results for task in run.tasks}))

    def draw_panel(number: int, axes: "Axes") -> None:
        task = tasks[number]
        axes.set_title(task_title(task).replace("$", r"\$"))
        axes.set_xlabel("updates of the task")
        axes.set_ylabel("validation score")
        axes.grid(alpha=0.3)
        for place, (setup, runs) in enumerate(by_setup(results).items()):
            curves = [run.curve(task) for run in runs if task in run.tasks]
            band = mean_and_band([curve for curve in curves if curve])
            if not band:
                continue
            color = COLORS[place % len(COLORS)]
            updates, means, lowest, highest = zip(*band)
            dashes = DASHES[place // len(COLORS) % len(DASHES)]
            axes.plot(updates, means, dashes, color=color, linewidth=1.6, label=setup_in_words(setup, runs[0].tasks))
            axes.fill_between(updates, lowest, highest, color=color, alpha=0.15, linewidth=0)

    figure = _panels(len(tasks), draw_panel)
    handles = {label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels())}
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside upper center",
        ncols=min(len(handles), 4),
        frameon=False,
    )
    return figure


def mean_and_band(curves: Sequence[Curve]) -> List[Tuple[float, float, float, float]]:
    """Of each epoch that all seeds have reached: the updates and the score, averaged, and the lowest and highest score.

    Seeds that stop early end the line; a mean of the others would be one of other seeds.
    """
    points = [{epoch: (updates, score) for epoch, updates, score in curve} for curve in curves]
    shared = sorted(set.intersection(*map(set, points))) if points else []
    band = []
    for epoch in shared:
        updates, scores = zip(*(of_seed[epoch] for of_seed in points))
        band.append((sum(updates) / len(updates), sum(scores) / len(scores), min(scores), max(scores)))
    return band


def _panels(count: int, draw_panel: Callable[[int, "Axes"], None]) -> "Figure":
    # Only here: it is optional, and takes its time. Without pyplot nothing looks for a display.
    from matplotlib.figure import Figure

    num_columns = min(2, count)
    num_rows = -(-count // num_columns)
    figure = Figure(figsize=(5.5 * num_columns, 3.4 * num_rows), layout="constrained")
    for number in range(count):
        draw_panel(number, figure.add_subplot(num_rows, num_columns, number + 1))
    return figure
