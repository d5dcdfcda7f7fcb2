"""Predicts what a main task gains from auxiliary tasks, without looking at its own gains."""

import warnings
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from sklearn import config_context
from sklearn.linear_model import LogisticRegression, Ridge

from hmtl.advice.predictions import INTERVAL, SAMPLES, Advice, Prediction
from hmtl.errors import UserError
from research.task_relations.pair_data import PairData
from research.task_relations.study import Affinities

MAX_ITERATIONS = 1000


class Preparation:
    """Replaces what is missing by the mean of the column, then scales to 0..1, both as they are in the training part.

    A column without any value, or of a single one, becomes 0, and so counts for nothing.
    """

    def fit(self, matrix: np.ndarray) -> "Preparation":
        """Shape: `(num_pairs, num_columns)`, NaN where missing."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # columns without any value
            # Shape of all: (num_columns,)
            self._mean, self._low = np.nanmean(matrix, axis=0), np.nanmin(matrix, axis=0)
            width = np.nanmax(matrix, axis=0) - self._low
        self._width = np.where(width > 0, width, np.inf)
        return self

    def transform(self, matrix: np.ndarray) -> np.ndarray:
        """Of the same shape."""
        scaled = (np.where(np.isnan(matrix), self._mean, matrix) - self._low) / self._width
        return np.nan_to_num(scaled)


class Predictor:
    """A model of scikit-learn on prepared features.

    # Parameters

    model : `Any`
        With `fit`, `predict`, and of a classifier `predict_proba`.
    prepare : `bool`, optional (default = `True`)
        Whether to prepare the features, by those of the pairs it is fitted to; if not, they are prepared already.
    """

    def __init__(self, model: Any, prepare: bool = True) -> None:
        self.model = model
        self._preparation = Preparation() if prepare else None
        self._only_class = False
        self._is_constant = False

    def fit(self, matrix: np.ndarray, targets: np.ndarray) -> "Predictor":
        """Fits to pairs; a classifier that sees one class alone always says so.

        # Parameters

        matrix : `np.ndarray`
            Shape: `(num_pairs, num_columns)`, NaN where missing.
        targets : `np.ndarray`
            Whether there is a gain, or how large it is; shape: `(num_pairs,)`.
        """
        if self._preparation is not None:
            self._preparation.fit(matrix)
        if targets.dtype == bool and targets.all() == targets.any():
            self._is_constant, self._only_class = True, bool(targets[0])
            return self
        # Checked already; over many small fits, checks are most of the time.
        with config_context(assume_finite=True, skip_parameter_validation=True):
            self.model.fit(self._prepared(matrix), targets)
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """The size of the gain; shape: `(num_pairs,)`."""
        return self.model.predict(self._prepared(matrix))

    def probabilities(self, matrix: np.ndarray) -> np.ndarray:
        """Of a gain; shape: `(num_pairs,)`."""
        if self._is_constant:
            return np.full(len(matrix), float(self._only_class))
        return self.model.predict_proba(self._prepared(matrix))[:, 1]  # classes: no, yes

    @property
    def coefficients(self) -> np.ndarray:
        """Of the prepared features; shape: `(num_columns,)`."""
        return self.model.coef_.reshape(-1)

    def _prepared(self, matrix: np.ndarray) -> np.ndarray:
        return matrix if self._preparation is None else self._preparation.transform(matrix)


def classifier(prepare: bool = True) -> Predictor:
    """Logistic regression with scikit-learn's defaults, as in the published experiments: L2, C = 1."""
    return Predictor(LogisticRegression(max_iter=MAX_ITERATIONS), prepare)


def regressor() -> Predictor:
    """Ridge regression of the gain in percent."""
    return Predictor(Ridge())


# Below so many pairs nothing is learned.
MIN_PAIRS = 10


def advise(data: PairData, main: str, candidates: Sequence[str], affinities: Affinities, **bootstrap: int) -> Advice:
    """Predictions as of `predict`, beside the affinities of a joint run, and from how many pairs they come."""
    predictions = predict(data, main, candidates, **bootstrap)
    for prediction in predictions:
        prediction.affinity = affinities.get((prediction.auxiliary, main))
    return Advice(main, predictions, int((data.measured & data.without(main)).sum()))


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
