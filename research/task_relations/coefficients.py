"""Which features the logistic regression weighs how much."""

from dataclasses import dataclass
from typing import List

import numpy as np
from sklearn.model_selection import train_test_split

from research.task_relations.learners import classifier
from research.task_relations.pair_data import PairData

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
