"""Linear surrogate models: the score of a main task as a linear function of which tasks it was trained with.

After Li, Nguyen and Zhang 2023, "Identification of Negative Transfers in Multitask Learning Using Surrogate Models"
(arXiv 2303.14582).
"""

from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np

from hmtl.errors import UserError
from research.task_relations.gradients.linearized import Subset

# The score of a task of a subset that was trained: (subset, task) -> F1.
SubsetScores = Dict[Tuple[Subset, str], float]


class Surrogate:
    """Least squares of a main task's scores on the indicators of the other tasks, with an intercept.

    Where fewer subsets are known than there are coefficients, those of the smallest norm are taken, beside an
    intercept that goes free: the indicators and scores are centred first.

    # Parameters

    main : `str`
    others : `Sequence[str]`
        The tasks that the subsets are of, without the main task.
    scores : `Mapping[Subset, float]`
        Of the main task, by the subset of tasks, itself among them, that was trained.

    # Attributes

    relevance : `Dict[str, float]`
        The coefficient of each other task: what it adds to the score on average. One in no subset, or in all, has 0.

    # Raises

    UserError
        Where there is no score.
    """

    def __init__(self, main: str, others: Sequence[str], scores: Mapping[Subset, float]) -> None:
        if not scores:
            raise UserError(f"no subset of tasks with '{main}' has been trained")
        self._others = list(others)
        # Shape: (num_subsets, num_others)
        indicators = self._indicators(list(scores))
        values = np.array(list(scores.values()))
        self._mean, self._center = float(values.mean()), indicators.mean(axis=0)
        # Shape: (num_others,)
        solution = np.linalg.lstsq(indicators - self._center, values - self._mean, rcond=None)[0]
        self.relevance: Dict[str, float] = dict(zip(self._others, solution.tolist()))

    def predict(self, subsets: Sequence[Subset]) -> List[float]:
        """The score of the main task in each subset."""
        solution = np.array([self.relevance[task] for task in self._others])
        return ((self._indicators(subsets) - self._center) @ solution + self._mean).tolist()

    def _indicators(self, subsets: Sequence[Subset]) -> np.ndarray:
        """Shape: (num_subsets, num_others)"""
        return np.array([[float(task in subset) for task in self._others] for subset in subsets])


def relevances(scores: SubsetScores) -> Dict[Tuple[str, str], float]:
    """The coefficient of each auxiliary task for each main task, `(main, auxiliary)`."""
    found: Dict[Tuple[str, str], float] = {}
    tasks = sorted({task for subset, _ in scores for task in subset})
    for main, of_main in by_main(scores).items():
        others = [task for task in tasks if task != main]
        surrogate = Surrogate(main, others, of_main)
        found.update({(main, other): value for other, value in surrogate.relevance.items()})
    return found


def left_out(scores: SubsetScores) -> SubsetScores:
    """The score of each task in each subset as predicted from all other subsets."""
    found: SubsetScores = {}
    tasks = sorted({task for subset, _ in scores for task in subset})
    for main, of_main in by_main(scores).items():
        others = [task for task in tasks if task != main]
        for subset in of_main:
            rest = {other: score for other, score in of_main.items() if other != subset}
            if rest:
                found[subset, main] = Surrogate(main, others, rest).predict([subset])[0]
    return found


def by_main(scores: SubsetScores) -> Dict[str, Dict[Subset, float]]:
    """The scores of each task by subset."""
    found: Dict[str, Dict[Subset, float]] = {}
    for (subset, task), score in sorted(scores.items()):
        found.setdefault(task, {})[subset] = score
    return found
