"""The plots of an experiment, drawn from its tables: scores, learning curves, gains by size, claims."""

import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, List, Sequence, Tuple

from hmtl.common.figures import TYPED
from hmtl.common.files import write_png
from hmtl.common.tables import Table
from research.paper.claims import CONTRADICTED, HOLDS
from research.paper.comparisons import SIZES
from research.paper.paper import paper_f1, setup_in_words, task_title
from research.paper.results import tasks_in_order
from research.paper.table_files import Row, Tables, column_of, columns_in, groups, mean_and_std, rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAPTIONS = {
    "scores": "Scores: dots are seeds, bars the mean ± standard deviation, stars the paper's figures.",
    "curves": "Validation over the updates of a task: the mean of the seeds, from the lowest to the highest of them.",
    "sizes": "The gain of multi-task over single-task by the part of the task's training documents: dots are seeds, "
    "the line is their mean, bars the 95 % interval over documents and seeds.",
    "claims": "What speaks to the paper's claims: means and 95 % intervals; left of 0 speaks against a claim.",
}


def caption_of(image: str) -> str:
    """What the figure of this file name shows."""
    return CAPTIONS[Path(image).stem.partition("_")[0]]


# Of a seed: the epoch, the updates until its end, and the score.
Curve = List[Tuple[int, int, float]]

# The palette of Okabe and Ito, without its yellow, which white paper swallows, and with a brown in the place of its
# second blue; dashes tell more setups apart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#7F5539", "#000000")
DASHES = ("-", "--", ":", "-.")
# More lines than these nobody tells apart: then only these setups have curves.
MOST_CURVES, IN_CURVES = 8, ("A", "B", "C", "D", "E", "F")


def figures(tables: Tables) -> Dict[str, Dict[str, Callable[[], "Figure"]]]:
    """What makes each figure, by corpora and the name of its file; those of all corpora below an empty name."""
    found: Dict[str, Dict[str, Callable[[], "Figure"]]] = {}
    for (corpora,), rows in groups(tables["scores"].rows, "corpora").items():
        if corpora == SIZES:
            gains = [row for row in rows_of(tables["comparisons"], family="sizes") if row["difference"] is not None]
            found[corpora] = {"sizes.png": partial(sizes_figure, gains)} if gains else {}
            continue
        # What is of interest beside these alone, tables have.
        main = [row for row in rows if row["chosen_alike"] and row["figure"] != TYPED]
        found[corpora] = {f"scores_{corpora}.png": partial(scores_figure, main)}
        curves = rows_of(tables["curves"], corpora=corpora)
        if curves:
            found[corpora][f"curves_{corpora}.png"] = partial(curves_figure, curves, rows)
    evidence = [row for row in tables["claims"].rows if row["low"] is not None]
    if evidence:
        found[""] = {"claims.png": partial(claims_figure, Table("claims", evidence))}
    return found


def draw(tables: Tables, directory: Path) -> None:
    """Draws all figures.

    # Raises

    ImportError
        Where matplotlib is missing.
    """
    for of_corpora in figures(tables).values():
        for name, make in of_corpora.items():
            write_png(directory / name, make())


def scores_figure(rows: Sequence[Row]) -> "Figure":
    """A panel a task, of the scores of one corpora: test F1 of each setup, each seed as a dot, the mean with its
    standard deviation."""
    columns = columns_in(rows)
    tasks = {row["setup"]: row["tasks"].split("+") for row in rows}

    def draw_panel(number: int, axes: "Axes") -> None:
        column = columns[number]
        axes.set_title(column.title)
        axes.set_xlabel("test F1 x 100")
        axes.grid(alpha=0.3, axis="x")
        setups = groups((row for row in rows if column_of(row) == column), "setup")
        for position, ((setup,), of_setup) in enumerate(setups.items()):
            values = [row["f1"] for row in of_setup]
            mean, std = mean_and_std(values)
            axes.errorbar([mean], [position], xerr=[std or 0], fmt="|", markersize=12, color=COLORS[0], capsize=3)
            axes.plot(values, [position] * len(values), "o", markersize=4, alpha=0.6, color=COLORS[1])
            paper = paper_f1(of_setup[0]["corpora"], setup, column)
            if paper is not None:
                axes.plot([paper], [position], "*", color="black", markersize=9)
        names = [_wrapped(setup_in_words(setup, tasks[setup])) for (setup,) in setups]
        axes.set_yticks(range(len(setups)), names, fontsize=8)
        axes.set_ylim(len(setups) - 0.4, -0.6)

    return _panels(len(columns), draw_panel, height=1.0 + 0.24 * len(tasks), width=6.5)


def curves_figure(curves: Sequence[Row], scores: Sequence[Row]) -> "Figure":
    """A panel a task, of one corpora: validation over the updates of that task, a line a setup, the mean of its seeds,
    with a band from the lowest to the highest of them."""
    setups = {row["setup"]: row["tasks"].split("+") for row in scores}
    if len(setups) > MOST_CURVES:
        setups = {setup: tasks for setup, tasks in setups.items() if setup in IN_CURVES} or setups
    tasks = tasks_in_order(list({task for tasks in setups.values() for task in tasks}))

    def draw_panel(number: int, axes: "Axes") -> None:
        task = tasks[number]
        axes.set_title(task_title(task).replace("$", r"\$"))
        axes.set_xlabel("updates of the task")
        axes.set_ylabel("validation score")
        axes.grid(alpha=0.3)
        for place, (setup, its_tasks) in enumerate(setups.items()):
            of_seeds = groups((row for row in curves if (row["setup"], row["task"]) == (setup, task)), "seed")
            band = mean_and_band(
                [[(row["epoch"], row["updates"], row["score"]) for row in rows] for rows in of_seeds.values()]
            )
            if not band:
                continue
            color = COLORS[place % len(COLORS)]
            updates, means, lowest, highest = zip(*band)
            dashes = DASHES[place // len(COLORS) % len(DASHES)]
            axes.plot(updates, means, dashes, color=color, linewidth=1.6, label=setup_in_words(setup, its_tasks))
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


def sizes_figure(rows: Sequence[Row]) -> "Figure":
    """A panel a score: the gain by the size of the task."""
    columns = columns_in(rows)

    def draw_panel(number: int, axes: "Axes") -> None:
        of_column = sorted((row for row in rows if column_of(row) == columns[number]), key=lambda row: row["percent"])
        sizes, means = [row["percent"] for row in of_column], [row["difference"] for row in of_column]
        below, above = ([abs(row[end] - row["difference"]) for row in of_column] for end in ("low", "high"))
        axes.set_title(columns[number].title)
        axes.set_xlabel("% of the task's training documents")
        axes.set_ylabel("gain in test F1 x 100")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.grid(alpha=0.3)
        axes.errorbar(sizes, means, [below, above], fmt="-", color=COLORS[0], capsize=4, linewidth=1.6)
        for row in of_column:
            gains = [float(gain) for gain in row["differences"].split()]
            axes.plot([row["percent"]] * len(gains), gains, "o", markersize=4, alpha=0.6, color=COLORS[1])
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()

    return _panels(len(columns), draw_panel)


def claims_figure(claims: Table) -> "Figure":
    """A panel a claim: each figure with its interval, turned so that what is right of 0 speaks for the claim."""
    by_claim = list(groups(claims.rows, "claim").items())

    def draw_panel(number: int, axes: "Axes") -> None:
        (claim,), rows = by_claim[number]
        axes.set_title(claim.replace(": ", ":\n"), fontsize=9)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.grid(alpha=0.3, axis="x")
        of_updates = rows[0]["unit"] == "percent"
        axes.set_xlabel("fewer updates, %" if of_updates else "difference of test F1 x 100")
        sign = -1 if of_updates else 1
        names = []
        for position, row in enumerate(rows):
            color = {HOLDS: COLORS[2], CONTRADICTED: COLORS[1]}.get(row["outcome"], "gray")
            axes.plot([sign * row["low"], sign * row["high"]], [position] * 2, "-", color=color, linewidth=1.6)
            axes.plot([sign * row["difference"]], [position], "o", color=color, markersize=5)
            title = task_title(row["task"]) if of_updates else column_of(row).title
            names.append(_wrapped(f"{row['corpora']}: {title} ({row['system']} - {row['other']})"))
        axes.set_yticks(range(len(rows)), names, fontsize=7)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        if of_updates:
            # One seed that takes ten times as long would leave the others no room.
            axes.set_xlim(left=max(axes.get_xlim()[0], -300), right=100)

    most = max(len(rows) for _, rows in by_claim)
    return _panels(len(by_claim), draw_panel, height=1.2 + 0.22 * most, width=6.5)


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


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 34, break_on_hyphens=False))


def _panels(count: int, draw_panel: Callable[[int, "Axes"], None], height: float = 3.4, width: float = 5.5) -> "Figure":
    # Only here: it is optional, and takes its time. Without pyplot nothing looks for a display.
    from matplotlib.figure import Figure

    num_columns = min(2, count)
    num_rows = -(-count // num_columns)
    figure = Figure(figsize=(width * num_columns, height * num_rows), layout="constrained")
    for number in range(count):
        draw_panel(number, figure.add_subplot(num_rows, num_columns, number + 1))
    return figure
