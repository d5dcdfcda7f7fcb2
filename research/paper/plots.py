"""The plots of an experiment: scores of all setups, and learning curves."""

from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Sequence

from hmtl.common.files import write_png
from research.paper.paper import task_title
from research.paper.results import Result, by_setup, columns_of, tasks_in_order
from research.paper.tables import paper_f1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCORES_IMAGE, CURVES_IMAGE = "scores.png", "curves.png"

# The palette of Okabe and Ito, without its yellow, which white paper swallows; dashes tell more setups apart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
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
        axes.set_xticks(range(len(setups)), list(setups), rotation=30 if len(setups) > 6 else 0)
        axes.set_xlim(-0.6, len(setups) - 0.4)

    return _panels(len(columns), draw_panel)


def curves_figure(results: Sequence[Result]) -> "Figure":
    """A panel a task: validation over the updates of that task, a line a run, a colour a setup."""
    tasks = tasks_in_order(list({task for run in results for task in run.tasks}))
    setups = list(by_setup(results))

    def draw_panel(number: int, axes: "Axes") -> None:
        task = tasks[number]
        axes.set_title(task_title(task).replace("$", r"\$"))
        axes.set_xlabel("updates of the task")
        axes.set_ylabel("validation score")
        axes.grid(alpha=0.3)
        for run in results:
            if task not in run.tasks:
                continue
            place = setups.index(run.setup)
            axes.plot(
                [updates for _, updates, _ in run.curve(task)],
                [score for _, _, score in run.curve(task)],
                DASHES[place // len(COLORS) % len(DASHES)],
                color=COLORS[place % len(COLORS)],
                alpha=0.7,
                linewidth=1.2,
                label=run.setup,
            )

    figure = _panels(len(tasks), draw_panel)
    handles = {label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels())}
    in_order = [setup for setup in setups if setup in handles]
    figure.legend(
        [handles[setup] for setup in in_order],
        in_order,
        loc="outside upper center",
        ncols=min(len(in_order), 10),
        frameon=False,
    )
    return figure


def _panels(count: int, draw_panel: Callable[[int, "Axes"], None]) -> "Figure":
    # Only here: it is optional, and takes its time. Without pyplot nothing looks for a display.
    from matplotlib.figure import Figure

    num_columns = min(2, count)
    num_rows = -(-count // num_columns)
    figure = Figure(figsize=(5.5 * num_columns, 3.4 * num_rows), layout="constrained")
    for number in range(count):
        draw_panel(number, figure.add_subplot(num_rows, num_columns, number + 1))
    return figure
