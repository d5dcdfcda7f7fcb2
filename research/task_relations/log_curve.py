"""A logarithmic curve, fitted to a learning curve (Bingel & Søgaard 2017, section 4)."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from research.task_relations.missing import MissingFeature

MAX_EVALUATIONS = 20000
# ln c of an anchored curve: beyond, the curve is a step at its first point.
MAX_LOG_C = 40.0


@dataclass
class LogCurve:
    """`y = a + b ln(c x + d)`.

    The data tell b, but not c, d and a: any factor moved from c and d into a gives the same curve. An anchored curve is
    the one of all equal ones with `c x + d = 1` at the first point, so that a is its value there, and 1 / c the
    iterations in which it changes by `b ln 2`.
    """

    a: float
    b: float
    c: float
    d: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.a + self.b * np.log(self.c * x + self.d)


def fit_log_curve(x: np.ndarray, y: np.ndarray, anchored: bool = True) -> LogCurve:
    """The least-squares fit.

    # Parameters

    x, y : `np.ndarray`
        Shape of both: `(num_points,)`.
    anchored : `bool`, optional (default = `True`)
        Whether c is what an anchored curve has. If not, it is where Levenberg-Marquardt ends that starts with all four
        at 1, as that of the published figures: one of many values that fit alike.

    # Raises

    MissingFeature
        Where there are fewer points than unknowns, a constant loss or one that is not finite, or the fit fails.
    """
    if len(y) < 5:
        raise MissingFeature(f"{len(y)} points are too few for a curve")
    if not np.isfinite(y).all():
        raise MissingFeature("the loss is not finite")
    if np.ptp(y) == 0:
        raise MissingFeature("the loss is constant")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Of the covariance, which says nothing here, and logarithms of negative numbers, which are refused.
            warnings.simplefilter("ignore", OptimizeWarning)
            curve = _fit_anchored(x, y) if anchored else _fit_from_ones(x, y)
            finite = np.isfinite([curve.a, curve.b, curve.c, curve.d, *curve(x)]).all()
    except RuntimeError:
        raise MissingFeature("the fit of the curve does not converge") from None
    if not finite:
        raise MissingFeature("the fit of the curve fails")
    return curve


def _fit_anchored(x: np.ndarray, y: np.ndarray) -> LogCurve:
    start, end = x.min(), x.max()

    def curve(x: np.ndarray, a: float, b: float, log_c: float) -> np.ndarray:
        return a + b * np.log1p(np.exp(log_c) * (x - start))  # c x + d > 0 with any of them

    # About ten times as steep at the start as on average.
    first_guess = (y[0], (y[-1] - y[0]) / np.log(11), np.log(10 / (end - start)))
    bounds = ([-np.inf, -np.inf, -MAX_LOG_C], [np.inf, np.inf, MAX_LOG_C])
    (a, b, log_c), _ = curve_fit(curve, x, y, p0=first_guess, bounds=bounds, x_scale="jac", max_nfev=MAX_EVALUATIONS)
    c = np.exp(log_c)
    return LogCurve(float(a), float(b), float(c), float(1 - c * start))


def _fit_from_ones(x: np.ndarray, y: np.ndarray) -> LogCurve:
    def curve(x: np.ndarray, a: float, b: float, c: float, d: float) -> np.ndarray:
        return a + b * np.log(c * x + d)

    parameters, _ = curve_fit(curve, x, y, maxfev=MAX_EVALUATIONS)
    return LogCurve(*map(float, parameters))
