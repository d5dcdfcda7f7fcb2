"""Probes find what other implementations find, in the way of SentEval, and the same each time."""

from dataclasses import replace
from typing import Tuple

import numpy
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hmtl.errors import UserError
from hmtl.probing.probes import INVERSE_STRENGTHS, WEIGHT_DECAYS, ProbeSettings, Split, fit_probe

Splits = Tuple[Split, Split, Split]


@pytest.fixture(scope="module")
def digits() -> Splits:
    """Images of ten digits, which linear classifiers can tell apart in 19 of 20 cases."""
    data = load_digits()
    order = numpy.random.default_rng(0).permutation(len(data.target))[:1200]
    vectors, classes = data.data[order].astype(numpy.float32) / 16, data.target[order].astype(numpy.int64)
    parts = slice(0, 800), slice(800, 1000), slice(1000, 1200)
    train, validation, test = (Split(vectors[part], classes[part]) for part in parts)
    return train, validation, test


def exclusive_or(seed: int, size: int) -> Split:
    vectors = numpy.random.default_rng(seed).uniform(-1, 1, (size, 2)).astype(numpy.float32)
    return Split(vectors, ((vectors[:, 0] > 0) ^ (vectors[:, 1] > 0)).astype(numpy.int64))


def test_logistic_regression_is_as_good_as_that_of_scikit_learn(digits: Splits) -> None:
    train, _, test = digits
    reference = LogisticRegression(max_iter=1000).fit(*train).score(*test)
    patient = fit_probe(*digits, ProbeSettings(tenacity=30))
    assert reference > 0.92 and patient.test == pytest.approx(reference, abs=0.02)
    # With little data SentEval's tenacity ends training early.
    assert patient.test - 0.1 < fit_probe(*digits, ProbeSettings()).test


def test_scikit_learn_standardises_by_the_training_split_and_chooses_by_validation(digits: Splits) -> None:
    train, validation, test = digits
    best, expected, correct = -1.0, 0.0, ""
    for strength in INVERSE_STRENGTHS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000)).fit(*train)
        if model.score(*validation) > best:
            best, expected = model.score(*validation), model.score(*test)
            correct = "".join("1" if right else "0" for right in model.predict(test.vectors) == test.classes)
    result = fit_probe(*digits, ProbeSettings("scikit-learn"))
    assert (result.validation, result.test) == pytest.approx((best, expected))
    assert result.correct == correct


def test_only_hidden_units_can_tell_exclusive_or() -> None:
    splits = exclusive_or(1, 2000), exclusive_or(2, 300), exclusive_or(3, 300)
    assert fit_probe(*splits, ProbeSettings("logistic-regression")).test < 0.7
    assert fit_probe(*splits, ProbeSettings("mlp", hidden_units=20)).test > 0.9


def test_results_depend_on_the_seed_alone(digits: Splits) -> None:
    state = torch.random.get_rng_state()
    first = fit_probe(*digits, ProbeSettings(seed=5))
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    assert fit_probe(*digits, ProbeSettings(seed=5)) == first
    # In test accuracies of 200 examples, other seeds may agree; in both figures of one seed in three they do not.
    others = [fit_probe(*digits, ProbeSettings(seed=seed)) for seed in (6, 7, 8)]
    assert any(other != first for other in others)


def test_training_ends_when_tenacity_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Perfect at once: one validation and four that are no better, of two passes each, for each of four decays."""
    vectors = numpy.array([[-9.0], [9.0]] * 400, numpy.float32)
    split = Split(vectors, numpy.array([0, 1] * 400))
    passes = []
    shuffled = torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda size: passes.append(size) or shuffled(size))
    result = fit_probe(split, split, split, ProbeSettings())
    assert (result.test, result.validation) == (1.0, 1.0)
    assert len(passes) == 4 * (1 + 4) * 2 and set(passes) == {800}
    passes.clear()
    # The last validation may follow pass 2 * (2 // 2 + 1), and no more.
    fit_probe(split, split, split, ProbeSettings(max_epochs=2))
    assert len(passes) == 4 * 2 * 2


def test_the_first_of_equally_good_regularizations_is_taken() -> None:
    split = Split(numpy.array([[-9.0], [9.0]] * 40, numpy.float32), numpy.array([0, 1] * 40))
    assert fit_probe(split, split, split, ProbeSettings()).regularization == WEIGHT_DECAYS[0]
    assert fit_probe(split, split, split, ProbeSettings("scikit-learn")).regularization == INVERSE_STRENGTHS[0]


def test_word_content_is_probed_without_hidden_units() -> None:
    settings = ProbeSettings("mlp", seed=3)
    assert settings.for_task("WC") == replace(settings, classifier="logistic-regression")
    assert settings.for_task("Tense") == settings
    assert ProbeSettings("scikit-learn").for_task("WC").classifier == "scikit-learn"


def test_results_depend_on_what_the_classifier_uses() -> None:
    assert ProbeSettings("scikit-learn", batch_size=1).describe() == ProbeSettings("scikit-learn").describe()
    assert ProbeSettings(hidden_units=9).describe() == ProbeSettings().describe()
    assert ProbeSettings("mlp", hidden_units=9).describe() != ProbeSettings("mlp").describe()
    assert ProbeSettings(seed=9).describe() != ProbeSettings().describe()


def test_a_classifier_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match="no classifier 'svm'; expected one of: logistic-regression, mlp, scikit-learn"):
        ProbeSettings("svm")
