"""What tasks are predicted to gain from one another: the predictions of a study as a file, and as a table to read."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from scipy.stats import spearmanr

from hmtl.common.files import write_csv
from hmtl.errors import DataError, UserError

# In the folder of a study; `python -m research.task_relations predict` writes it.
PREDICTIONS = "predictions.csv"
# Of the bootstrap behind them: samples of the fitted pairs, and the interval, in percent.
SAMPLES, INTERVAL = 200, 90
# Below, a rank correlation says nothing.
MIN_RANKED = 3

_NUMBERS = ("probability", "probability_low", "probability_high", "gain_percent", "gain_low", "gain_high")
# May be empty: there need be no joint run, and no run of the pair.
_OPTIONAL = ("affinity", "measured_gain_percent")
_COLUMNS = ("main", "auxiliary", *_NUMBERS, *_OPTIONAL, "pairs")


@dataclass
class Prediction:
    """What a main task may gain from an auxiliary task.

    # Attributes

    auxiliary : `str`
    probability : `float`
        That there is a gain, by logistic regression.
    probability_interval : `Tuple[float, float]`
        The middle 90 % of what fits to bootstrap samples of the pairs give.
    gain : `float`
        In percent, by ridge regression.
    gain_interval : `Tuple[float, float]`
        As that of the probability.
    measured : `Optional[float]`
        The gain that the study holds, in percent.
    affinity : `Optional[float]`
        How much an update of the auxiliary task lowers the loss of the main task, as a share of it (Fifty et al. 2021).
    score : `Optional[float]`
        What the method says by which candidates are ranked, the higher the better.
    """

    auxiliary: str
    probability: float
    probability_interval: Tuple[float, float]
    gain: float
    gain_interval: Tuple[float, float]
    measured: Optional[float] = None
    affinity: Optional[float] = None
    score: Optional[float] = None


@dataclass
class Advice:
    """Predictions for a main task, the most probable gain first, and from how many pairs they were learned."""

    main: str
    predictions: List[Prediction]
    num_pairs: int

    def ranked(self, scores: Mapping[Tuple[str, str], float]) -> "Advice":
        """The same, ordered by the scores of a method, the highest first; those without a score come last."""
        scored = [replace(one, score=scores.get((self.main, one.auxiliary))) for one in self.predictions]
        scored.sort(key=lambda one: -np.inf if one.score is None else one.score, reverse=True)
        return Advice(self.main, scored, self.num_pairs)

    def scores(self) -> Dict[str, Tuple[float, int]]:
        """Spearman's rank correlation with the measured gains, and of how many pairs: at least three."""
        columns: Dict[str, List[Optional[float]]] = {
            "predicted probability": [one.probability for one in self.predictions],
            "predicted gain": [one.gain for one in self.predictions],
            "affinity": [one.affinity for one in self.predictions],
        }
        measured = [one.measured for one in self.predictions]
        found = {name: rank_correlation(values, measured) for name, values in columns.items()}
        return {name: score for name, score in found.items() if score is not None}

    def lines(self) -> Iterator[str]:
        """A table for people, with what it was learned from."""
        has_score = any(one.score is not None for one in self.predictions)
        has_affinity = any(one.affinity is not None for one in self.predictions)
        has_measured = any(one.measured is not None for one in self.predictions)
        header = [
            "auxiliary",
            *["score"] * has_score,
            "P(gain)",
            f"{INTERVAL} % interval",
            "gain %",
            f"{INTERVAL} % interval",
        ]
        rows = [header + ["affinity"] * has_affinity + ["measured %"] * has_measured]
        for one in self.predictions:
            row = [one.auxiliary, *[_cell(one.score, "+.2g")] * has_score]
            row += [f"{one.probability:.2f}", "{:.2f} to {:.2f}".format(*one.probability_interval)]
            row += [f"{one.gain:+.1f}", "{:+.1f} to {:+.1f}".format(*one.gain_interval)]
            row += [_cell(one.affinity, "+.1e")] * has_affinity + [_cell(one.measured, "+.1f")] * has_measured
            rows.append(row)
        yield from (f"What {self.main} may gain from an auxiliary task:", "")
        widths = [max(map(len, column)) for column in zip(*rows)]
        for name, *cells in rows:
            padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:])]
            yield "  ".join([name.ljust(widths[0]), *padded]).rstrip()
        yield ""
        yield f"Learned from {self.num_pairs} pairs without {self.main}; intervals: {SAMPLES} bootstrap samples."
        for name, (score, count) in self.scores().items():
            value = "not defined (all alike)" if np.isnan(score) else f"{score:+.2f}"
            yield f"Spearman rank correlation of {name} with the measured gain, {count} pairs: {value}"


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


def gains_matrix(advice: Mapping[str, Advice], tasks: Sequence[str]) -> np.ndarray:
    """The predicted gain in percent of each task (rows) from each other (columns), 0 from itself.

    Shape: `(num_tasks, num_tasks)`. A pair that is not predicted is a `KeyError`.
    """
    gains = {(main, one.auxiliary): one.gain for main, of_main in advice.items() for one in of_main.predictions}
    return np.array([[0.0 if task == other else gains[task, other] for other in tasks] for task in tasks])


def write_predictions(path: Path, advice: Sequence[Advice]) -> None:
    """Writes predictions for programs: a row a main and auxiliary task; what is not known is left empty."""
    rows = [
        (of_main.main, one.auxiliary)
        + (one.probability, *one.probability_interval, one.gain, *one.gain_interval)
        + (one.affinity, one.measured, of_main.num_pairs)
        for of_main in advice
        for one in of_main.predictions
    ]
    write_csv(path, _COLUMNS, [dict(zip(_COLUMNS, row)) for row in rows])


def read_predictions(study: Path) -> Dict[str, Advice]:
    """The predictions of a study, by main task.

    # Raises

    UserError
        Where the study has none.
    DataError
        Where the file has other columns, or a line that is none.
    """
    path = study / PREDICTIONS
    if not path.is_file():
        raise UserError(
            f"{study}: no {PREDICTIONS}; in a checkout of hmtl 'python -m research.task_relations predict {study}' "
            "writes it"
        )
    found: Dict[str, Advice] = {}
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise DataError(f"expected the columns {','.join(_COLUMNS)}, found {reader.fieldnames}", path, 1)
        for row in reader:
            try:
                advice = found.setdefault(row["main"], Advice(row["main"], [], int(row["pairs"])))
                advice.predictions.append(_prediction(row))
            except (TypeError, ValueError):
                raise DataError("expected two names and numbers", path, reader.line_num) from None
    return found


def _prediction(row: Dict[str, Any]) -> Prediction:
    probability, low, high, gain, gain_low, gain_high = (float(row[name]) for name in _NUMBERS)
    affinity, measured = (None if row[name] == "" else float(row[name]) for name in _OPTIONAL)
    return Prediction(row["auxiliary"], probability, (low, high), gain, (gain_low, gain_high), measured, affinity)


def _cell(value: Optional[float], form: str) -> str:
    return "" if value is None else f"{value:{form}}"
