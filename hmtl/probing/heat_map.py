"""How much of each task each level knows, as an image."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Sequence

from hmtl.common.files import write_png
from hmtl.common.tables import Table
from hmtl.probing.results import RANDOM
from hmtl.probing.table import MAJORITY, THE_PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGE = "heat_map.png"
WITHOUT_MATPLOTLIB = "no heat map without matplotlib: pip install 'hmtl[plots]'"


def draw(table: Table, tasks: Sequence[str], directory: Path) -> None:
    """Draws the heat map.

    # Raises

    ImportError
        Where matplotlib is missing.
    """
    write_png(directory / IMAGE, heat_map(table, tasks))


def heat_map(table: Table, tasks: Sequence[str]) -> "Figure":
    """A panel for each pooling, a line for each level of trained and random encoders.

    Numbers are accuracies in percent; colours go from the majority class (0) to no mistakes (1), so that tasks with
    few and many classes compare.
    """
    # Only here: it is optional, and takes its time. Without pyplot nothing looks for a display.
    from matplotlib.figure import Figure

    majority = next(row for row in table.rows if row["encoder"] == MAJORITY)
    rows = [row for row in table.rows if row["encoder"] not in (MAJORITY, THE_PAPER)]
    poolings = list(dict.fromkeys(row["pooling"] for row in rows))
    panels = {pooling: [row for row in rows if row["pooling"] == pooling] for pooling in poolings}
    height = 1.2 + 0.4 * max(map(len, panels.values()))
    figure = Figure(figsize=(2 + (1.6 + 0.7 * len(tasks)) * len(panels), height), layout="constrained")
    for number, (pooling, of_pooling) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), number + 1)
        axes.set_title(f"{pooling} pooling")
        image = axes.imshow(
            [[_share(row[task], majority[task]) for task in tasks] for row in of_pooling],
            cmap="viridis",
            vmin=0,
            vmax=1,
            aspect="auto",
        )
        axes.set_xticks(range(len(tasks)), list(tasks), rotation=40, ha="right")
        axes.set_yticks(range(len(of_pooling)), [_title(row) for row in of_pooling])
        for line, row in enumerate(of_pooling):
            for column, task in enumerate(tasks):
                dark = _share(row[task], majority[task]) < 0.6
                axes.text(
                    column,
                    line,
                    f"{row[task]:.0f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if dark else "black",
                )
    figure.colorbar(image, ax=figure.axes, label="from majority class to no mistakes")
    return figure


def _share(accuracy: float, majority: float) -> float:
    return (accuracy - majority) / (100 - majority) if majority < 100 else 0.0


def _title(row: Dict[str, Any]) -> str:
    return f"random: {row['level']}" if row["encoder"] == RANDOM else str(row["level"])
