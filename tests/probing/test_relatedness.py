"""Distributions over scores by hand, and regression to them against another optimizer."""

import math

import numpy
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import pearsonr, spearmanr

from hmtl.probing import relatedness
from hmtl.probing.relatedness import Scored, distributions, divergence, pearson, predicted_relatedness, spearman


def test_scores_are_shares_of_the_whole_scores_beside_them() -> None:
    found = distributions(numpy.array([1, 3.6, 5, 2.25, 0.3]), "kl")
    expected = [[1, 0, 0, 0, 0], [0, 0, 0.4, 0.6, 0], [0, 0, 0, 0, 1], [0, 0.75, 0.25, 0, 0], [1, 0, 0, 0, 0]]
    numpy.testing.assert_allclose(found, expected, atol=1e-6)
    # As SentEval's code has it.
    found = distributions(numpy.array([0.3, 0, 4.5]))
    numpy.testing.assert_allclose(found, [[0.3, 0, 0, 0, 0], [0] * 5, [0, 0, 0, 0.5, 0.5]], atol=1e-6)


def test_the_losses_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(2), 0, 0, 0], [0, 0, 0, 0, 0]])
    targets = torch.tensor([[0.0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 1]])
    # Predicted are 1/6, 2/6, 1/6, 1/6, 1/6 and five times 1/5.
    by_hand = (0.5 * math.log(0.5 / (2 / 6)) + 0.5 * math.log(0.5 / (1 / 6)) + math.log(5)) / 2
    assert divergence(logits, targets, "kl").item() == pytest.approx(by_hand)
    squares = [3 * (1 / 6) ** 2 + (1 / 6) ** 2 + (2 / 6) ** 2, 4 * 0.2**2 + 0.8**2]
    assert divergence(logits, targets).item() == pytest.approx(sum(squares) / 10)


def data(size: int, seed: int, noise: float = 0.3) -> Scored:
    generator = numpy.random.default_rng(seed)
    # So large that Adam's small steps, which do not depend on them, go a long way.
    vectors = 4 * generator.standard_normal((size, 3)).astype(numpy.float32)
    scores = (3 + vectors @ [0.2, -0.1, 0.0] + noise * generator.standard_normal(size)).clip(1, 5)
    return Scored(vectors, scores)


def test_the_regression_finds_what_another_optimizer_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    train, others = data(128, 0, noise=1.0), data(50, 1).vectors
    # One validation, after so many passes that the minimum is near.
    monkeypatch.setattr(relatedness, "EPOCH_SIZE", 1500)
    monkeypatch.setattr(relatedness, "MAX_EPOCHS", 0)
    found, correlation = predicted_relatedness(train, train, others, seed=0, loss="kl")
    inputs = numpy.column_stack([train.vectors, numpy.ones(128)])
    shares = distributions(train.scores, "kl").astype(float)

    def loss(weights: numpy.ndarray) -> float:
        logits = inputs @ weights.reshape(4, 5)
        log_sums = numpy.log(numpy.exp(logits - logits.max(1, keepdims=True)).sum(1)) + logits.max(1)
        return float((log_sums - (shares * logits).sum(1)).mean())

    weights = minimize(loss, numpy.zeros(20)).x.reshape(4, 5)
    logits = numpy.column_stack([others, numpy.ones(50)]) @ weights
    probabilities = numpy.exp(logits) / numpy.exp(logits).sum(1, keepdims=True)
    numpy.testing.assert_allclose(found, probabilities @ [1, 2, 3, 4, 5], atol=0.05)
    assert 0.5 < correlation < 1


def test_the_epoch_that_is_best_in_validation_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    train, validation = data(60, 2), data(40, 3)
    monkeypatch.setattr(relatedness, "MAX_EPOCHS", 100)
    predicted, best = predicted_relatedness(train, validation, validation.vectors, seed=4)
    assert best == pytest.approx(pearsonr(predicted, validation.scores)[0])
    again, _ = predicted_relatedness(train, validation, validation.vectors, seed=4)
    numpy.testing.assert_array_equal(predicted, again)
    others, _ = predicted_relatedness(train, validation, validation.vectors, seed=4, loss="kl")
    assert not numpy.allclose(predicted, others) and pearson(others, predicted) > 0.8


def test_correlations_are_scipys_and_none_is_zero() -> None:
    one, other = numpy.random.default_rng(0).standard_normal((2, 30))
    other = (other + one).round()
    assert pearson(one, other) == pytest.approx(pearsonr(one, other)[0])
    assert spearman(one, other) == pytest.approx(spearmanr(one, other)[0])
    assert pearson(one, numpy.ones(30)) == spearman(numpy.zeros(30), other) == pearson(one[:1], other[:1]) == 0
