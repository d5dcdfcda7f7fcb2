"""What is drawn of scores and errors has the numbers that were counted."""

import io

import pytest

from hmtl.evaluation.figures import BASELINE_COLOR, SCORE_COLOR, TaskFigure, confusion_figure, scores_figure
from hmtl.tasks.errors.section import Section

pytest.importorskip("matplotlib")


def texts_of(axes) -> dict:
    """What stands in the cells of a heat map, by (row, column)."""
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axes.texts}


def test_bars_have_the_heights_of_scores_and_baselines() -> None:
    from matplotlib.colors import to_rgba

    scores = [
        TaskFigure("ner", "f1", 0.75, 0.5),
        TaskFigure("relation", "typed", 0.25, None),
        TaskFigure("$x$ y", "f1", None, 0.125),
    ]
    figure = scores_figure(scores, "test")
    figure.savefig(io.BytesIO())  # titles are only read when they are drawn
    [axes] = figure.axes
    bars = {
        color: [(round(bar.get_x() + bar.get_width() / 2), bar.get_height()) for bar in axes.patches if is_of(bar)]
        for color in (SCORE_COLOR, BASELINE_COLOR)
        for is_of in [lambda bar, color=color: bar.get_facecolor() == to_rgba(color)]
    }
    assert bars == {SCORE_COLOR: [(0, 75.0), (1, 25.0)], BASELINE_COLOR: [(0, 50.0), (2, 12.5)]}
    assert [text.get_text() for text in axes.texts] == ["75.0", "25.0", "50.0", "12.5"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ner\nf1", "relation\ntyped", "\\$x\\$ y\nf1"]
    # Side by side: each pair touches, and none lies upon another.
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches)
    assert all(end <= start + 1e-9 for (_, end), (start, _) in zip(edges, edges[1:]))
    assert axes.get_ylabel() == "test data, score x 100"


def test_a_confusion_matrix_has_the_counts_by_gold_and_predicted_label() -> None:
    section = Section("spans", ["correct", "type", "missed", "spurious"], num_examples=0, has_confusion=True)
    for _ in range(3):
        section.add("correct", "PER", "PER")
    section.add("type", "PER", "ORG")
    section.add("missed", "ORG", None)
    section.add("spurious", None, "$")
    figure = confusion_figure(section, "ner: spans")
    figure.savefig(io.BytesIO())
    axes = figure.axes[0]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == [label.get_text() for label in axes.get_yticklabels()] == ["\\$", "ORG", "PER", "(none)"]
    # Gold stands at the left.
    counts = {(labels[row], labels[column]): text for (row, column), text in texts_of(axes).items()}
    assert counts == {
        ("PER", "PER"): "3",
        ("PER", "ORG"): "1",
        ("ORG", "(none)"): "1",
        ("(none)", "\\$"): "1",
    }
    # Colours are shares of the gold label.
    shares = axes.get_images()[0].get_array().tolist()
    assert shares == [[0, 0, 0, 0], [0, 0, 0, 1.0], [0, 0.25, 0.75, 0], [1.0, 0, 0, 0]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "gold")
    assert axes.get_title() == "ner: spans"
