"""Scores beside baselines, and what is taken for what, drawn by matplotlib."""

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Optional, Sequence

from hmtl.tasks.errors.section import NONE, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Two colours of Okabe and Ito's palette, which colour-blind people tell apart.
SCORE_COLOR, BASELINE_COLOR = "#0072B2", "#BBBBBB"
# The width of a bar, where tasks are 1 apart.
_BAR = 0.38
# Matplotlib would take what stands behind a bare one for mathematics.
DOLLAR = r"\$"


class TaskFigure(NamedTuple):
    """A figure of a task, such as its F1, from 0 to 1, beside the baseline's, if there is one."""

    task: str
    title: str
    score: Optional[float]
    baseline: Optional[float]


def scores_figure(scores: Sequence[TaskFigure], split: str) -> "Figure":
    """A pair of bars for each figure, times 100; where there is no baseline, the second is missing.

    # Raises

    ImportError
        Where matplotlib is missing.
    """
    # Only here: it is optional, and takes its time. Without pyplot nothing looks for a display.
    from matplotlib.figure import Figure

    titles = [f"{each.task}\n{each.title}".replace("$", DOLLAR) for each in scores]
    figure = Figure(figsize=(1.5 + 1.2 * len(scores), 3.2), layout="constrained")
    axes = figure.add_subplot()
    for label, color, shift, values in (
        ("model", SCORE_COLOR, -_BAR / 2, [each.score for each in scores]),
        ("baseline", BASELINE_COLOR, _BAR / 2, [each.baseline for each in scores]),
    ):
        drawn = {place + shift: 100 * value for place, value in enumerate(values) if value is not None}
        if drawn:
            bars = axes.bar(list(drawn), list(drawn.values()), _BAR, color=color, label=label)
            axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.set_xticks(range(len(titles)), titles)
    axes.set_ylim(0, 118)
    axes.set_ylabel(f"{split} data, score x 100")
    axes.legend(loc="upper right", ncols=2, frameon=False, fontsize=8)
    return figure


def confusion_figure(section: Section, title: str) -> "Figure":
    """The confusion matrix of a section: gold labels down, the same as predicted across, with the numbers of items.

    Colours are shares of the items of a gold label, so that rare labels are seen as well. The last row has what is
    spurious, the last column what is missed.

    # Raises

    ImportError
        Where matplotlib is missing.
    """
    from matplotlib.figure import Figure

    found = {*section.confusion, *(label for row in section.confusion.values() for label in row)}
    labels = sorted(found, key=lambda label: (label == NONE, label))
    # Of what is only predicted there is no gold.
    rows = [section.confusion.get(gold, Counter[str]()) for gold in labels]
    counts = [[row[predicted] for predicted in labels] for row in rows]
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    figure = Figure(figsize=(2.2 + 0.42 * len(labels), 1.6 + 0.34 * len(labels)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    shown = [label.replace("$", DOLLAR) for label in labels]
    axes.set_xticks(range(len(labels)), shown, rotation=40, ha="right")
    axes.set_yticks(range(len(labels)), shown)
    axes.set_xlabel("predicted")
    axes.set_ylabel("gold")
    axes.set_title(title.replace("$", DOLLAR))
    for line, row in enumerate(counts):
        for place, count in enumerate(row):
            if count:
                color = "white" if shares[line][place] > 0.55 else "black"
                axes.text(place, line, str(count), ha="center", va="center", fontsize=8, color=color)
    figure.colorbar(image, ax=axes, label="share of the gold label")
    return figure
