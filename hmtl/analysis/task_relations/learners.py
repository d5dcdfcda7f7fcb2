"""What predicts, from the features of a pair, whether there is a gain, and how large."""

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

# Of scikit-learn, as in the published experiments: L2, C = 1.
MAX_ITERATIONS = 1000


def classifier() -> Pipeline:
    """Logistic regression; what is missing becomes the mean of the training part, which also sets the scale 0..1."""
    return _prepared(LogisticRegression(max_iter=MAX_ITERATIONS))


def regressor() -> Pipeline:
    """Ridge regression of the gain in percent, prepared as `classifier`."""
    return _prepared(Ridge())


def fit_classifier(matrix: np.ndarray, gained: np.ndarray, model: Any = None) -> Any:
    """Fits `classifier()`, or another; where all pairs gain, or none does, what always says so.

    # Parameters

    matrix : `np.ndarray`
        Shape: `(num_pairs, num_columns)`.
    gained : `np.ndarray`
        Whether there is a gain; shape: `(num_pairs,)`.
    """
    if len(set(gained.tolist())) < 2:
        return DummyClassifier().fit(matrix, gained)
    return (classifier() if model is None else model).fit(matrix, gained)


def probabilities(fitted: Any, matrix: np.ndarray) -> np.ndarray:
    """The probability of a gain; shape: `(num_pairs,)`."""
    classes = fitted.classes_.tolist()
    if True not in classes:
        return np.zeros(len(matrix))
    return fitted.predict_proba(matrix)[:, classes.index(True)]


def _prepared(model: Any) -> Pipeline:
    # A column without any value counts as zero, and so for nothing.
    return make_pipeline(SimpleImputer(keep_empty_features=True), MinMaxScaler(), model)
