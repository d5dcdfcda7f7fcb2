"""Features of learning curves: printed values, known parameters, degenerate cases."""

import math

import numpy as np
import pytest
from relation_study import PUBLISHED, needs_published

from research.task_relations.features import TaskFeatures
from research.task_relations.measures import (
    CURVE_FIT,
    GRADIENTS,
    MissingFeature,
    curve_features,
    fit_log_curve,
    gradient,
)
from research.task_relations.study import Losses, read_study


def losses(values, step=10):
    values = np.asarray(values, dtype=float)
    return Losses(step * np.arange(1.0, len(values) + 1), values)


@needs_published
def test_gradients_are_those_printed_with_the_paper():
    study = read_study(PUBLISHED)
    assert gradient(study.losses["ccg"], 30) == pytest.approx(-0.006298333406448364, abs=1e-12)
    assert gradient(study.losses["semcor"], 30) == pytest.approx(0.0011842578649520874, abs=1e-12)


def test_a_gradient_is_the_slope_around_its_record():
    curve = losses([5, 4, 3.5, 3, 2.9, 2.0, 1.9, 1.8, 1.7, 1.0])
    # Of record 3 of 0..9, from records 2 and 4: (2.9 - 3.5) / 20.
    assert gradient(curve, 30) == pytest.approx(-0.03)
    assert gradient(curve, 70) == pytest.approx((1.7 - 1.9) / 20)
    with np.errstate(all="raise"):
        assert gradient(losses(np.linspace(4, 1, 5010)), 70) == pytest.approx(-3 / 5009 / 10)


@pytest.mark.parametrize(("b", "c", "d"), [(-0.7, 0.02, 1.5), (-1.3, 0.5, -4.0), (0.4, 0.001, 1.0), (-0.2, 3.0, 50.0)])
def test_the_fit_recovers_a_known_curve(b, c, d):
    x = np.arange(10.0, 50000, 100)
    curve = fit_log_curve(x, 6 + b * np.log(c * x + d))
    assert curve.b == pytest.approx(b, rel=1e-4)
    # The data tell d / c, and not c; the anchored curve is 1 in its logarithm at the first point.
    assert curve.d / curve.c == pytest.approx(d / c, rel=1e-3)
    assert curve.c == pytest.approx(c / (c * x[0] + d), rel=1e-3)
    assert curve.a == pytest.approx(6 + b * math.log(c * x[0] + d), rel=1e-4)
    np.testing.assert_allclose(curve(x), 6 + b * np.log(c * x + d), atol=1e-4)


def test_the_fit_is_the_best_of_a_fine_grid_also_with_noise():
    x = np.arange(10.0, 5000, 10)
    y = 4 - 0.6 * np.log(0.05 * x + 0.5) + np.random.default_rng(1).normal(0, 0.05, len(x))
    curve = fit_log_curve(x, y)

    def least_squares(offset):
        """The residual of the best a and b, by linear algebra, with the third parameter given."""
        design = np.stack([np.ones_like(x), np.log(x + offset)], axis=1)
        return np.linalg.lstsq(design, y, rcond=None)[1][0]

    residual = ((curve(x) - y) ** 2).sum()
    assert residual <= min(least_squares(offset) for offset in np.linspace(-9.9, 100, 2000)) * (1 + 1e-9)


@needs_published
def test_both_fits_agree_on_what_the_data_tell():
    for task, curve in read_study(PUBLISHED).losses.items():
        x, y = curve.iterations[:5000:10], curve.values[:5000:10]
        ours, theirs = fit_log_curve(x, y), fit_log_curve(x, y, anchored=False)
        assert ours.b == pytest.approx(theirs.b, rel=1e-3), task
        assert ours.d / ours.c == pytest.approx(theirs.d / theirs.c, rel=1e-2, abs=0.01), task


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([2.0] * 50, "the loss is constant"),
        ([3.0, 2.0, 1.0], "too few"),
        ([3.0, math.nan, *np.linspace(2, 1, 48)], "not finite"),
    ],
)
def test_a_curve_that_tells_nothing_is_a_note_and_missing(values, reason):
    with pytest.raises(MissingFeature, match=reason):
        fit_log_curve(losses(values).iterations, np.array(values))
    features = TaskFeatures()
    features.add("odd", curve_features(losses(values)))
    missing = [name for name in CURVE_FIT if math.isnan(features.values["odd"][name])]
    assert missing == list(CURVE_FIT)
    assert any(note.startswith("odd: ") and reason in note and "curve_b, curve_c" in note for note in features.notes)


def test_gradients_that_are_none_are_missing():
    for values in ([2.0] * 50, [3.0, 2.0, 1.0]):
        features = TaskFeatures()
        features.add("odd", curve_features(losses(values)))
        assert all(math.isnan(features.values["odd"][name]) for name in GRADIENTS)
    twice = Losses(np.array([10.0, 20, 30] * 10), np.linspace(3, 1, 30))
    with pytest.raises(MissingFeature, match="at 50 %"):
        gradient(Losses(np.full(30, 10.0), twice.values), 50)
