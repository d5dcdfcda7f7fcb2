"""The figures of a task, as tables, records and pages have them."""

import pytest

from hmtl.common.figures import foremost, in_words

FIGURES = {"f1": "f1", "f1_last_tokens": "last tokens", "accuracy": "accuracy"}


@pytest.mark.parametrize(
    "metrics, figure",
    [
        ({"loss": 0.1, "f1_last_tokens": 0.5, "f1": 0.25}, ("F1", 0.25)),
        ({"f1": None, "f1_last_tokens": 0.5, "accuracy": 0.75}, ("last tokens", 0.5)),
        ({"accuracy": 0.0}, ("accuracy", 0.0)),
    ],
)
def test_the_first_figure_that_a_task_has_is_foremost_by_its_title(metrics, figure):
    title, value = figure
    assert foremost(metrics, FIGURES, "validation") == {"figure": title, "value": value, "split": "validation"}


def test_without_figures_none_is_foremost():
    assert foremost({"loss": 0.1}, FIGURES, "test") is None


def test_figures_in_words():
    assert in_words({"f1": 0.5, "accuracy": 0.123456, "loss": 1.0}, FIGURES) == "F1 50.00, accuracy 12.35"
