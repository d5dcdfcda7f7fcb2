"""The tables and the plot of what levels add, from the CSV files of `research.probing_data.levels`."""

from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, Sequence

from hmtl.common.files import write_png
from hmtl.common.tables import markdown
from hmtl.errors import UserError
from hmtl.probing.outputs import WITHOUT_MATPLOTLIB
from hmtl.probing.sentences import TRAINED
from hmtl.probing.vectors import TRANSFORMER
from research.paper.plots import COLORS
from research.paper.table_files import Row, groups, mean_with_std, read_table, rows_of
from research.paper.tables import Bootstrap
from research.probing_data.levels import ACCURACIES, BESIDE, DIFFERENCES, PLACE, TASKS, TOKEN, own_level

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGE = "levels.png"
# What panels call it.
SIDES = {PLACE: "the level in its place", BESIDE: "the level beside it"}


def draw(directory: Path) -> List[str]:
    """Draws the differences from the transformer; returns notes for the user."""
    try:
        write_png(
            directory / IMAGE, levels_figure(rows_of(read_table(directory / f"{DIFFERENCES}.csv"), other=TRANSFORMER))
        )
    except ImportError:
        return [WITHOUT_MATPLOTLIB]
    return []


def page_lines(directory: Path, block: str, *arguments: str) -> Iterator[str]:
    """The lines of a table: `accuracies token` or `sentence`; `differences`, from `transformer` or `random` weights, of
    levels in the `place` of the transformer or `beside` it; `tasks`.

    # Raises

    UserError
        Where there is no such block.
    """
    blocks: Dict[str, Callable[..., Iterator[str]]] = {
        ACCURACIES: _accuracies,
        DIFFERENCES: _differences,
        TASKS: _tasks,
    }
    if block not in blocks or len(arguments) != {ACCURACIES: 1, DIFFERENCES: 2, TASKS: 0}[block]:
        raise UserError(f"{directory}: no block {' '.join((block, *arguments))}; there are {', '.join(blocks)}")
    return blocks[block](directory, *arguments)


def _accuracies(directory: Path, kind: str) -> Iterator[str]:
    """Mean and standard deviation over the runs, in percent."""
    of_kind = rows_of(read_table(directory / f"{ACCURACIES}.csv"), kind=kind)
    majority = {row["task"]: row["majority"] for row in rows_of(read_table(directory / f"{TASKS}.csv"), kind=kind)}
    tasks = list(dict.fromkeys(row["task"] for row in of_kind))
    rows = []
    for (encoder, level, pooling), of_row in groups(of_kind, "encoder", "level", "pooling").items():
        title = level if encoder == TRAINED else f"{encoder} weights: {level}"
        cells = [mean_with_std([row["accuracy"] for row in of_row if row["task"] == task]) for task in tasks]
        rows.append([title, *([] if kind == TOKEN else [pooling]), *cells])
    rows.append(["majority class", *([] if kind == TOKEN else [""]), *(f"{majority[task]:.1f}" for task in tasks)])
    yield from markdown(["level", *([] if kind == TOKEN else ["pooling"]), *tasks], rows, numbers=True)


def _differences(directory: Path, other: str, side: str) -> Iterator[str]:
    """In points, with intervals; in bold what is significant."""
    of_other = rows_of(read_table(directory / f"{DIFFERENCES}.csv"), other=other)
    rows = [row for row in of_other if row["side"] == side]
    levels = list(dict.fromkeys(row["level"] for row in rows))
    lines = []
    for of_task in groups(rows, "kind", "task", "pooling").values():
        cells = {row["level"]: _difference(row) for row in of_task}
        lines.append([_task_title(of_task[0]), *(cells.get(level, "") for level in levels)])
    yield from markdown(["", *levels], lines, numbers=True)


def _difference(row: Row) -> str:
    text = f"{row['difference']:+.1f} [{row['low']:.1f}, {row['high']:.1f}]"
    return f"**{text}**" if row["p_corrected"] < Bootstrap.level else text


def _task_title(row: Row) -> str:
    return row["task"] if row["pooling"] is None else f"{row['task']}, {row['pooling']}"


def _tasks(directory: Path) -> Iterator[str]:
    titles = ["of a", "task", "classes", "train", "validation", "test", "majority class"]
    rows = []
    for row in read_table(directory / f"{TASKS}.csv").rows:
        is_probed = row["classes"] is not None
        cells = [row["kind"], row["task"], *(row[name] for name in ("classes", "train", "validation", "test"))]
        rows.append(["" if cell is None else str(cell) for cell in cells])
        rows[-1].append(f"{row['majority']:.1f}" if is_probed else "left out")
    yield from markdown(titles, rows)


def levels_figure(rows: Sequence[Row]) -> "Figure":
    """Of each task the difference of each level from the transformer, the mean of the runs with its interval; small
    dots are runs. A row of panels for tokens and one for each pooling of sentences; on the left the level in the
    transformer's place, on the right, where this was probed, beside it.

    # Raises

    ImportError
        Where matplotlib is missing.
    """
    # Only here: it is optional, and takes its time. Without pyplot nothing looks for a display.
    from matplotlib.figure import Figure

    lines = groups(rows, "kind", "pooling")
    sides = [side for side in SIDES if any(row["side"] == side for row in rows)]
    levels = list(dict.fromkeys(own_level(row["level"]) for row in rows))
    figure = Figure(figsize=(7.5 * len(sides), 3.2 * len(lines)), layout="constrained")
    panels = figure.subplots(len(lines), len(sides), sharey="row", squeeze=False)
    for ((kind, pooling), of_line), of_sides in zip(lines.items(), panels):
        tasks = list(dict.fromkeys(row["task"] for row in of_line))
        of_sides[0].set_ylabel("accuracy less that of\nthe transformer, points")
        for side, axes in zip(sides, of_sides):
            if not any(row["side"] == side for row in of_line):
                axes.set_axis_off()
                continue
            axes.set_title(f"{kind}s{'' if pooling is None else f', {pooling} pooling'}: {SIDES[side]}")
            axes.axhline(0, color="black", linewidth=0.8)
            axes.grid(alpha=0.3, axis="y")
            axes.set_xticks(range(len(tasks)), tasks)
            for row in of_line:
                if row["side"] != side:
                    continue
                place = levels.index(own_level(row["level"]))
                color = COLORS[place % len(COLORS)]
                # The levels of a task stand side by side.
                position = tasks.index(row["task"]) + (place - (len(levels) - 1) / 2) * 0.15
                ends = [[row["difference"] - row["low"]], [row["high"] - row["difference"]]]
                axes.errorbar([position], [row["difference"]], ends, fmt="s", markersize=5, capsize=3, color=color)
                runs = [float(each) for each in str(row["differences"]).split()]
                axes.plot([position + 0.05] * len(runs), runs, ".", markersize=4, alpha=0.6, color=color)
    colors = {level: COLORS[place % len(COLORS)] for place, level in enumerate(levels)}
    handles = [figure.axes[0].plot([], [], "s", color=color)[0] for color in colors.values()]
    figure.legend(handles, list(colors), loc="outside upper center", ncols=len(levels), frameon=False)
    return figure
