"""What predicts, from the features of a pair, whether there is a gain, and how large."""

import warnings
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.linear_model import LogisticRegression, Ridge

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
