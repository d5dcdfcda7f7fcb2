"""The references: scikit-learn and scipy."""

import random

import numpy
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    matthews_corrcoef,
    mean_squared_error,
    precision_score,
    recall_score,
)
from workers import run_workers

from hmtl.common.distributed import get_rank
from hmtl.metrics import LabelScores, NumberScores


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c", "d"]], ids=["two", "four"])
def test_scores_of_one_label_are_those_of_scikit_learn(labels):
    generator = random.Random(1)
    gold = generator.choices(labels, weights=range(1, len(labels) + 1), k=90)
    predicted = [label if generator.random() < 0.6 else generator.choice([*labels, "other"]) for label in gold]
    metric = LabelScores()
    for part in (slice(0, 40), slice(40, None)):
        metric([[label] for label in predicted[part]], [[label] for label in gold[part]])
    expected = {
        "accuracy": accuracy_score(gold, predicted),
        "precision": precision_score(gold, predicted, average="micro"),
        "recall": recall_score(gold, predicted, average="micro"),
        "f1": f1_score(gold, predicted, average="micro"),
        "f1_macro": f1_score(gold, predicted, average="macro", zero_division=0),
        "matthews": matthews_corrcoef(gold, predicted),
    }
    assert metric.get_metric(reset=True) == pytest.approx(expected)
    assert 0.2 < expected["matthews"] < expected["accuracy"] < 0.9
    assert set(metric.get_metric().values()) == {0.0}


def test_scores_of_several_labels_are_those_of_scikit_learn():
    generator = numpy.random.default_rng(1)
    # Shape: (num_rows, num_labels)
    gold = generator.random((60, 5)) < 0.3
    predicted = gold ^ (generator.random((60, 5)) < 0.1)
    metric = LabelScores(one_label=False)
    metric(*([[str(label) for label in row.nonzero()[0]] for row in side] for side in (predicted, gold)))
    found = metric.get_metric()
    assert found == pytest.approx(
        {
            "accuracy": accuracy_score(gold, predicted),
            "precision": precision_score(gold, predicted, average="micro"),
            "recall": recall_score(gold, predicted, average="micro"),
            "f1": f1_score(gold, predicted, average="micro"),
            "f1_macro": f1_score(gold, predicted, average="macro"),
        }
    )
    assert len(set(found.values())) == 5


def test_matthews_is_zero_where_a_side_has_one_label():
    metric = LabelScores()
    metric([["a"], ["a"]], [["a"], ["b"]])
    assert metric.get_metric()["matthews"] == matthews_corrcoef(["a", "b"], ["a", "a"]) == 0.0


def test_a_row_with_two_labels_where_each_has_one_is_refused():
    with pytest.raises(ValueError):
        LabelScores()([["a", "b"]], [["a"]])


def test_scores_of_numbers_are_those_of_scipy():
    generator = random.Random(2)
    gold = [round(generator.uniform(0, 5), 1) for _ in range(70)]
    # A curve, by which ranks and numbers correlate differently; rounding makes ties.
    predicted = [round((number / 5) ** 4 + generator.gauss(0, 0.1), 1) for number in gold]
    metric = NumberScores()
    metric(predicted[:30], gold[:30])
    metric(predicted[30:], gold[30:])
    found = metric.get_metric(reset=True)
    assert found["pearson"] == pytest.approx(pearsonr(predicted, gold).statistic)
    assert found["spearman"] == pytest.approx(spearmanr(predicted, gold).statistic)
    assert found["mse"] == pytest.approx(mean_squared_error(gold, predicted))
    assert found["pearson"] < found["spearman"] - 0.02
    assert metric.get_metric() == {"pearson": 0.0, "spearman": 0.0, "mse": 0.0}


def test_a_constant_has_no_correlation():
    metric = NumberScores()
    metric([3.0, 3.0], [1.0, 4.0])
    assert metric.get_metric() == {"pearson": 0.0, "spearman": 0.0, "mse": 2.5}


def score_on_each_worker() -> None:
    labels, numbers = LabelScores(), NumberScores()
    if get_rank() == 0:
        labels([["a"], ["a"], ["b"]], [["a"], ["b"], ["b"]])
        numbers([1.0, 2.0], [1.0, 3.0])
    else:
        labels([["c"]], [["a"]])
        numbers([5.0], [2.0])
    # Asking twice changes nothing: counts stay with their worker.
    for _ in range(2):
        assert labels.get_metric()["accuracy"] == 0.5
        assert labels.get_metric()["matthews"] == pytest.approx(matthews_corrcoef([*"abba"], [*"aabc"]))
        assert numbers.get_metric()["pearson"] == pytest.approx(pearsonr([1, 2, 5], [1, 3, 2]).statistic)


def test_counts_and_numbers_are_those_of_all_workers():
    run_workers(score_on_each_worker)
