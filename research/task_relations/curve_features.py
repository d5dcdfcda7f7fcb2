"""Features of the learning curve of a task alone (Bingel & Søgaard 2017, section 4)."""

from typing import Callable, Dict

import numpy as np

from research.task_relations.log_curve import fit_log_curve
from research.task_relations.missing import MissingFeature
from research.task_relations.study import Losses

PERCENTS = (10, 20, 30, 50, 70)
GRADIENTS = tuple(f"gradient_{percent}" for percent in PERCENTS)
CURVE_FIT = ("curve_b", "curve_c")

# The fit reads every tenth of the first 5,000 records; of short runs all.
FIT_RECORDS, FIT_STEP, FIT_STEP_FROM = 5000, 10, 500


def gradient(losses: Losses, percent: int) -> float:
    """The slope of the loss over the two records around `percent` % of them, per iteration.

    # Raises

    MissingFeature
        Where there are fewer than ten records, a constant loss, or one that is not finite.
    """
    num_records = len(losses.values)
    if num_records < 10:
        raise MissingFeature(f"{num_records} losses are too few for gradients")
    if np.ptp(losses.values) == 0:
        raise MissingFeature("the loss is constant")
    middle = num_records * percent // 100
    width = losses.iterations[middle + 1] - losses.iterations[middle - 1]
    slope = (losses.values[middle + 1] - losses.values[middle - 1]) / width if width else float("nan")
    if not np.isfinite(slope):
        raise MissingFeature(f"no slope at {percent} %: losses that are not finite, or two of the same iteration")
    return float(slope)


def curve_features(losses: Losses, published_fit: bool = False) -> Dict[str, Callable[[], float]]:
    """The features by name, each computed when called.

    # Parameters

    losses : `Losses`
    published_fit : `bool`, optional (default = `False`)
        Whether c of the curve is where the fit of the published figures ends, see `LogCurve`.
    """
    step = FIT_STEP if len(losses.values) >= FIT_STEP_FROM else 1
    x, y = (values[:FIT_RECORDS:step] for values in (losses.iterations, losses.values))
    found: Dict[str, Callable[[], float]] = {
        name: lambda percent=percent: gradient(losses, percent)  # type: ignore[misc]
        for name, percent in zip(GRADIENTS, PERCENTS)
    }
    found["curve_b"] = lambda: fit_log_curve(x, y, not published_fit).b
    found["curve_c"] = lambda: fit_log_curve(x, y, not published_fit).c
    return found
