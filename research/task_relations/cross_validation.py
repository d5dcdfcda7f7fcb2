"""How well gains are predicted: repeated k-fold cross-validation, tasks left out whole, and what needs no features."""

from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
from sklearn.model_selection import KFold

from hmtl.errors import UserError
from research.task_relations.learners import Preparation, classifier
from research.task_relations.pair_data import PairData

# Bingel & Søgaard 2017, section 4.
REPEATS, FOLDS = 100, 5


@dataclass
class Performance:
    """Accuracy, and F1 of the class of gains: means, and standard deviations over the repeats where there are some."""

    accuracy: float
    f1: float
    accuracy_std: Optional[float] = None
    f1_std: Optional[float] = None


def cross_validate(
    data: PairData, repeats: int = REPEATS, folds: int = FOLDS, seed: int = 1, scaler_sees_all: bool = False
) -> Performance:
    """Shuffled k-fold cross-validation over the measured pairs, repeated; of each repeat the mean over its folds.

    # Parameters

    data : `PairData`
    repeats, folds, seed : `int`
        Repeat number i is shuffled by `seed + i`.
    scaler_sees_all : `bool`, optional (default = `False`)
        Whether imputation and scaling are fitted to the test folds, too, as in the published experiments.

    # Raises

    UserError
        Where there are fewer pairs than folds.
    """
    matrix, gained = _measured(data)
    if len(gained) < folds:
        raise UserError(f"{len(gained)} pairs with a gain or a loss; cross-validation needs at least {folds}")
    if scaler_sees_all:
        matrix = Preparation().fit(matrix).transform(matrix)
    scores = []
    for repeat in range(repeats):
        of_folds = []
        for train, test in KFold(folds, shuffle=True, random_state=seed + repeat).split(matrix):
            model = classifier(prepare=not scaler_sees_all).fit(matrix[train], gained[train])
            of_folds.append(accuracy_and_f1(gained[test], model.probabilities(matrix[test]) > 0.5))
        scores.append(np.mean(of_folds, axis=0))
    # Shape of both: (2,)
    mean, std = np.mean(scores, axis=0), np.std(scores, axis=0)
    return Performance(float(mean[0]), float(mean[1]), float(std[0]), float(std[1]))


def unseen_tasks(data: PairData) -> Performance:
    """The pairs of each main task, predicted from those that it has no part in: what advice on a new task can do."""
    data = data.only(data.measured)
    gained = data.gains > 0
    predicted = np.zeros(len(gained), dtype=bool)
    for task in data.involved():
        test = np.array([main == task for _, main, _ in data.pairs], dtype=bool)
        train = data.without(task)
        if test.any() and train.any():
            predicted[test] = classifier().fit(data.matrix[train], gained[train]).probabilities(data.matrix[test]) > 0.5
    return Performance(*accuracy_and_f1(gained, predicted))


def baselines(data: PairData) -> List[Tuple[str, Performance]]:
    """What needs no features: the more frequent class, always a gain, and a coin that falls as often on gain.

    Accuracy and F1 that the paper gives for its majority baseline are those of the first and of the second.
    """
    rate = float((data.gains[data.measured] > 0).mean())
    always = 2 * rate / (1 + rate)
    return [
        ("majority", Performance(max(rate, 1 - rate), always if rate > 0.5 else 0.0)),
        ("always a gain", Performance(rate, always)),
        ("chance", Performance(rate**2 + (1 - rate) ** 2, rate)),
    ]


def accuracy_and_f1(gained: np.ndarray, predicted: np.ndarray) -> Tuple[float, float]:
    """Of predictions; F1 is 0 where no gain is found. Shapes: `(num_pairs,)`."""
    found = int((gained & predicted).sum())
    both = int(gained.sum() + predicted.sum())
    return float((gained == predicted).mean()), 2 * found / both if both else 0.0


def _measured(data: PairData) -> Tuple[np.ndarray, np.ndarray]:
    # Shapes: (num_measured, num_columns), (num_measured,)
    return data.matrix[data.measured], data.gains[data.measured] > 0
