"""How well gains are predicted: repeated k-fold cross-validation, of tasks left out whole, by which features."""

from dataclasses import dataclass
from itertools import combinations
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
from allennlp.common import Tqdm
from sklearn.model_selection import KFold, train_test_split

from hmtl.errors import UserError
from research.task_relations.features import CURVE, TASK_FEATURES
from research.task_relations.measures import CURVE_FIT, DATA, GRADIENTS
from research.task_relations.pair_data import PairData
from research.task_relations.prediction import Preparation, classifier

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


GROUPS: Dict[str, Tuple[str, ...]] = {
    "size": ("sentences",),
    "labels": ("labels", "label_entropy"),
    "words": ("tokens_per_type", "oov_rate", "frobenius_norm"),
    "divergence": ("js_divergence",),
    "gradients": GRADIENTS,
    "curve fit": CURVE_FIT,
}
# Of each combination, to choose the best.
REPEATS_TO_CHOOSE = 5


class Row(NamedTuple):
    """A row of the table; `key` names the row of the paper's table that it answers to."""

    key: str
    title: str
    performance: Performance


def ablation(data: PairData, repeats: int = REPEATS, folds: int = FOLDS, seed: int = 1) -> List[Row]:
    """All features, those of the data, those of the curves, the best combination of `GROUPS`, and baselines.

    The best combination is chosen by the very cross-validation that scores it, as in the paper: an optimistic figure.
    """
    rows = [Row(title, title, performance) for title, performance in baselines(data)]
    kinds = {"all": ("all features", TASK_FEATURES), "data": ("data only", DATA), "curve": ("curves only", CURVE)}
    for key, (title, names) in kinds.items():
        part = data.with_features(names)
        if part.names and (key == "curve" or part.names != data.names or not _only_curves(data)):
            rows.append(Row(key, title, cross_validate(part, repeats, folds, seed)))
    best = _best(data, folds, seed)
    part = data.with_features(name for group in best for name in GROUPS[group])
    rows.append(Row("best", f"best: {', '.join(best)}", cross_validate(part, repeats, folds, seed)))
    rows.append(Row("unseen", "all features, tasks left out whole", unseen_tasks(data)))
    return rows


def _only_curves(data: PairData) -> bool:
    """Whether nothing is known of the data: all features are then those of the curves, and listed as such."""
    return set(data.names) <= set(CURVE)


def _best(data: PairData, folds: int, seed: int) -> Tuple[str, ...]:
    """The combination of groups with the highest F1; of equals, the first and smallest."""
    scores = {
        groups: cross_validate(
            data.with_features(name for group in groups for name in GROUPS[group]), REPEATS_TO_CHOOSE, folds, seed
        ).f1
        for groups in Tqdm.tqdm(list(_combinations(data)), desc="combinations of features")
    }
    return max(scores, key=lambda groups: scores[groups])


def _combinations(data: PairData) -> Iterator[Tuple[str, ...]]:
    present = [group for group, names in GROUPS.items() if set(names) & set(data.names)]
    for size in range(1, len(present) + 1):
        yield from combinations(present, size)


# The published coefficients are means over 100 fits to 80 % of the pairs each.
FITS, TEST_SHARE = 100, 0.2


@dataclass
class Coefficient:
    """Of a feature scaled to 0..1, over the fits; positive: a large value speaks for a gain."""

    feature: str
    mean: float
    std: float


def coefficients(data: PairData, fits: int = FITS, seed: int = 1) -> List[Coefficient]:
    """The coefficients of the features of pairs, the largest first; empty where the gains are all of one sign."""
    matrix, gained = data.matrix[data.measured], data.gains[data.measured] > 0
    found = []
    for number in range(fits):
        part, _, gained_there, _ = train_test_split(matrix, gained, test_size=TEST_SHARE, random_state=seed + number)
        if len(set(gained_there.tolist())) == 2:
            found.append(classifier().fit(part, gained_there).coefficients)
    if not found:
        return []
    # Shape of both: (num_columns,)
    mean, std = np.mean(found, axis=0), np.std(found, axis=0)
    listed = [Coefficient(*values) for values in zip(data.columns, mean.tolist(), std.tolist())]
    return sorted(listed, key=lambda coefficient: -abs(coefficient.mean))
