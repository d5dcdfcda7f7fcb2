"""The gains of all pairs as an image (figure 1 of Bingel & Søgaard 2017)."""

from pathlib import Path
from typing import TYPE_CHECKING, Sequence

import numpy as np

from hmtl.common.files import write_png
from research.task_relations.gains import Gains

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of its quantiles, so that one extreme pair does not bleach the others.
COLOR_QUANTILE = 0.95


def gains_matrix(gains: Gains, tasks: Sequence[str]) -> np.ndarray:
    """Rows are main tasks, columns auxiliary tasks, NaN where no gain is known; shape: `(num_tasks, num_tasks)`."""
    return np.array([[gains.get((main, auxiliary), np.nan) for auxiliary in tasks] for main in tasks])


def draw_heat_map(gains: Gains, tasks: Sequence[str], path: Path) -> None:
    """Draws the gains in percent: red is a gain, blue a loss.

    # Raises

    ImportError
        Where matplotlib is missing.
    """
    write_png(path, heat_map_figure(gains, tasks))


def heat_map_figure(gains: Gains, tasks: Sequence[str]) -> "Figure":
    # Only here: it is optional, and takes its time. Without pyplot nothing looks for a display.
    from matplotlib.figure import Figure

    matrix = gains_matrix(gains, tasks)
    known = np.abs(matrix[~np.isnan(matrix)])
    limit = float(np.quantile(known, COLOR_QUANTILE)) if known.size and known.max() > 0 else 1.0
    limit = limit or float(known.max())
    size = 2 + 0.75 * len(tasks)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xticks(range(len(tasks)), tasks, rotation=45, ha="left")
    axes.set_yticks(range(len(tasks)), tasks)
    axes.set_xlabel("auxiliary task")
    axes.set_ylabel("main task")
    for row, column in np.argwhere(~np.isnan(matrix)):
        value = matrix[row, column]
        color = "white" if abs(value) > 0.6 * limit else "black"
        axes.text(column, row, f"{value:.1f}", ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(image, ax=axes, label="relative gain in F1, %", extend="both", shrink=0.8)
    return figure
