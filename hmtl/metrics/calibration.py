"""Whether probabilities are what they say: calibration error, and the temperature that mends it."""

import math
from typing import Sequence

import numpy
from allennlp.common.optional import OptionalPackage

optimize = OptionalPackage("scipy.optimize")

NUM_BINS = 15
# Temperatures beyond these would turn all probabilities into 0.5, or into 0 and 1.
_LOWEST, _HIGHEST = 1 / 20, 20.0
# A probability of 1 in float32 has no finite log-odds.
_SMALLEST = 1e-7


def expected_calibration_error(
    probabilities: Sequence[float], are_right: Sequence[bool], num_bins: int = NUM_BINS
) -> float:
    """The expected calibration error (Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning"; Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3).

    Predictions are sorted by their probability into bins of equal width, bin m of M from (m - 1) / M, excluded, to m /
    M, included. The error is the mean over predictions of the distance, in the bin of each, between the share of
    predictions that are right and their mean probability.

    # Parameters

    probabilities : `Sequence[float]`
        Of each prediction.
    are_right : `Sequence[bool]`
        Whether it is right.
    num_bins : `int`, optional (default = `15`)

    # Returns

    `float`
        From 0 to 1; 0 where there are no predictions.
    """
    if not len(probabilities):
        return 0.0
    given = numpy.asarray(probabilities, dtype=float)
    # Shape: (num_predictions,)
    bins = (numpy.ceil(given * num_bins).astype(int) - 1).clip(0, num_bins - 1)
    # Shape: (num_bins,): how many more are right than the probabilities say
    excess = numpy.bincount(bins, weights=numpy.asarray(are_right, dtype=float) - given)
    return float(numpy.abs(excess).sum() / len(given))


def tempered(probability: float, temperature: float) -> float:
    """The probability whose log-odds are those of `probability`, divided by the temperature."""
    # The logistic function, which does not overflow in this form.
    return 0.5 * (1 + math.tanh(_log_odds(probability) / temperature / 2))


def fitted_temperature(probabilities: Sequence[float], are_right: Sequence[bool]) -> float:
    """The temperature with the least negative log-likelihood of what is right (Platt 1999 without a bias; Guo et al.
    2017, section 4.2; of the parts of a structured prediction as Kuleshov and Liang 2015, "Calibrated Structured
    Prediction", have it).

    It lies between 1/20 and 20, and is 1 where there are no predictions.

    # Parameters

    probabilities : `Sequence[float]`
        Of each prediction.
    are_right : `Sequence[bool]`
        Whether it is right.
    """
    if not len(probabilities):
        return 1.0
    # Log-odds of what has come true. Shape: (num_predictions,)
    odds = numpy.array([_log_odds(each) for each in probabilities]) * numpy.where(are_right, 1, -1)

    def loss(log_temperature: float) -> float:
        return float(numpy.logaddexp(0, -odds / math.exp(log_temperature)).mean())

    # The loss is convex in the inverse of the temperature, so that it has one minimum.
    found = optimize.minimize_scalar(loss, bounds=(math.log(_LOWEST), math.log(_HIGHEST)), method="bounded")
    return math.exp(found.x)


def _log_odds(probability: float) -> float:
    clipped = min(max(probability, _SMALLEST), 1 - _SMALLEST)
    return math.log(clipped / (1 - clipped))
