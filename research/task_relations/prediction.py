"""Predicts what a main task gains from auxiliary tasks, without looking at its own gains."""

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from hmtl.errors import UserError
from research.task_relations.learners import classifier, regressor
from research.task_relations.pair_data import PairData

# Of the bootstrap: samples of the fitted pairs, and the interval, in percent.
SAMPLES, INTERVAL = 200, 90
# Below so many pairs nothing is learned.
MIN_PAIRS = 10


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
    """

    auxiliary: str
    probability: float
    probability_interval: Tuple[float, float]
    gain: float
    gain_interval: Tuple[float, float]
    measured: Optional[float] = None


def predict(
    data: PairData, main: str, candidates: Sequence[str], samples: int = SAMPLES, seed: int = 1
) -> List[Prediction]:
    """Predictions for a main task, the most probable gain first.

    Both regressions are fitted to the measured pairs that the main task has no part in, in no study. The intervals are
    of a bootstrap over these pairs; as pairs that share a task depend on one another, they are too narrow rather than
    too wide.

    # Parameters

    data : `PairData`
        The first of its studies has the main task and the candidates.
    main : `str`
    candidates : `Sequence[str]`
    samples, seed : `int`
        Of the bootstrap; without samples the intervals are NaN.

    # Raises

    UserError
        Where a pair is not in the first study, or fewer than ten pairs can be learned from.
    """
    rows = _rows(data, main, candidates)
    train = _trained_on(data, main)
    probability, gain = _fit_and_predict(train, data.matrix[rows])
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(samples):
        sample = generator.integers(len(train.gains), size=len(train.gains))
        drawn.append(_fit_and_predict(_sampled(train, sample), data.matrix[rows]))
    tails = ((100 - INTERVAL) / 2, (100 + INTERVAL) / 2)
    # Shape: (2, 2, num_candidates): low and high, probability and gain
    low_and_high = np.percentile(drawn, tails, axis=0) if drawn else np.full((2, 2, len(rows)), np.nan)
    predictions = [
        Prediction(
            candidate,
            float(probability[i]),
            (float(low_and_high[0, 0, i]), float(low_and_high[1, 0, i])),
            float(gain[i]),
            (float(low_and_high[0, 1, i]), float(low_and_high[1, 1, i])),
            None if np.isnan(data.gains[row]) else float(data.gains[row]),
        )
        for i, (candidate, row) in enumerate(zip(candidates, rows))
    ]
    return sorted(predictions, key=lambda prediction: (-prediction.probability, prediction.auxiliary))


def predicted_gains(data: PairData, tasks: Sequence[str]) -> np.ndarray:
    """The predicted gain in percent of each task (rows) from each other (columns), 0 from itself.

    Each row is fitted without the pairs of its task. Shape: `(num_tasks, num_tasks)`.

    # Raises

    UserError
        As of `predict`.
    """
    gains = np.zeros((len(tasks), len(tasks)))
    for number, main in enumerate(tasks):
        others = [task for task in tasks if task != main]
        rows = _rows(data, main, others)
        if rows:
            gains[number, [tasks.index(task) for task in others]] = _fit_and_predict(
                _trained_on(data, main), data.matrix[rows]
            )[1]
    return gains


def _rows(data: PairData, main: str, candidates: Sequence[str]) -> List[int]:
    study = data.pairs[0][0]
    places: Dict[Tuple[str, str], int] = {
        (first, second): row for row, (of, first, second) in enumerate(data.pairs) if of == study
    }
    for task in (main, *candidates):
        if not any(task in pair for pair in places):
            there = ", ".join(sorted({name for pair in places for name in pair}))
            raise UserError(f"{study}: no single-task run of '{task}'; there are {there}")
    return [places[main, candidate] for candidate in candidates]


def _trained_on(data: PairData, main: str) -> PairData:
    train = data.only(data.measured & data.without(main))
    if len(train.gains) < MIN_PAIRS:
        raise UserError(
            f"{len(train.gains)} measured pairs without '{main}' to learn from, at least {MIN_PAIRS} are needed; "
            "run more pairs, or name a study by --fitted-on"
        )
    return train


def _sampled(data: PairData, rows: np.ndarray) -> PairData:
    return PairData([data.pairs[row] for row in rows], data.names, data.matrix[rows], data.gains[rows], data.notes)


def _fit_and_predict(train: PairData, matrix: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    # Shapes: (num_candidates,)
    probability = classifier().fit(train.matrix, train.gains > 0).probabilities(matrix)
    return probability, regressor().fit(train.matrix, train.gains).predict(matrix)
