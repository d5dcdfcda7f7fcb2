"""Advice on which auxiliary task to add: predictions beside affinities and, where known, measured gains."""

from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from scipy.stats import spearmanr

from research.task_relations.affinity import Affinities
from research.task_relations.prediction import INTERVAL, SAMPLES, Prediction

# Below, a rank correlation says nothing.
MIN_RANKED = 3


@dataclass
class Advice:
    """Predictions for a main task, the most probable gain first.

    # Attributes

    main : `str`
    predictions : `List[Prediction]`
    affinities : `Affinities`
        May be empty.
    num_pairs : `int`
        The pairs that the predictions were learned from.
    """

    main: str
    predictions: List[Prediction]
    affinities: Affinities
    num_pairs: int

    def affinity(self, prediction: Prediction) -> Optional[float]:
        """How much an update of the auxiliary task lowers the loss of the main task."""
        return self.affinities.get((prediction.auxiliary, self.main))

    def scores(self) -> Dict[str, Tuple[float, int]]:
        """Spearman's rank correlation with the measured gains, and of how many pairs: at least three."""
        columns: Dict[str, List[Optional[float]]] = {
            "predicted probability": [one.probability for one in self.predictions],
            "predicted gain": [one.gain for one in self.predictions],
            "affinity": [self.affinity(one) for one in self.predictions],
        }
        measured = [one.measured for one in self.predictions]
        found = {name: rank_correlation(values, measured) for name, values in columns.items()}
        return {name: score for name, score in found.items() if score is not None}


def rank_correlation(
    values: Sequence[Optional[float]], measured: Sequence[Optional[float]]
) -> Optional[Tuple[float, int]]:
    """Spearman's, over the pairs where both are known, and their number; NaN where one of them is constant."""
    both = [(value, gain) for value, gain in zip(values, measured) if value is not None and gain is not None]
    if len(both) < MIN_RANKED:
        return None
    first, second = zip(*both)
    if len(set(first)) == 1 or len(set(second)) == 1:
        return float("nan"), len(both)
    return float(spearmanr(first, second).statistic), len(both)


def advice_as_text(advice: Advice) -> str:
    """The advice as a table, with what it was learned from."""
    return "\n".join(_lines(advice))


def rows_of(advice: Advice) -> List[Dict[str, object]]:
    """The advice for programs: a row a candidate."""
    return [
        {
            "main": advice.main,
            "auxiliary": one.auxiliary,
            "probability": one.probability,
            "probability_low": one.probability_interval[0],
            "probability_high": one.probability_interval[1],
            "gain_percent": one.gain,
            "gain_low": one.gain_interval[0],
            "gain_high": one.gain_interval[1],
            "affinity": advice.affinity(one),
            "measured_gain_percent": one.measured,
        }
        for one in advice.predictions
    ]


def _lines(advice: Advice) -> Iterator[str]:
    has_affinity = any(advice.affinity(one) is not None for one in advice.predictions)
    has_measured = any(one.measured is not None for one in advice.predictions)
    header = ["auxiliary", "P(gain)", f"{INTERVAL} % interval", "gain %", f"{INTERVAL} % interval"]
    header += ["affinity"] * has_affinity + ["measured %"] * has_measured
    rows = [header]
    for one in advice.predictions:
        row = [one.auxiliary, f"{one.probability:.2f}", "{:.2f} to {:.2f}".format(*one.probability_interval)]
        row += [f"{one.gain:+.1f}", "{:+.1f} to {:+.1f}".format(*one.gain_interval)]
        row += [_number(advice.affinity(one), "+.1e")] * has_affinity + [_number(one.measured, "+.1f")] * has_measured
        rows.append(row)
    yield f"What {advice.main} may gain from an auxiliary task:"
    yield ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        yield "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
    yield ""
    yield f"Learned from {advice.num_pairs} pairs without {advice.main}; intervals: {SAMPLES} bootstrap samples."
    for name, (score, count) in advice.scores().items():
        value = "not defined (all alike)" if np.isnan(score) else f"{score:+.2f}"
        yield f"Spearman rank correlation of {name} with the measured gain, {count} pairs: {value}"


def _number(value: Optional[float], form: str) -> str:
    return "" if value is None else f"{value:{form}}"
