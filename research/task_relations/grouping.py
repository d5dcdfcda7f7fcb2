"""Which tasks to train in one model, under a budget of models (Standley et al. 2020; Fifty et al. 2021)."""

from functools import lru_cache
from typing import List, Sequence, Tuple

import numpy as np

from hmtl.errors import UserError

# The search is exact; its time grows as 3 ** num_tasks.
MAX_TASKS = 12

Groups = Tuple[float, List[List[str]]]


def group_benefit(gains: np.ndarray, members: Sequence[int]) -> float:
    """The sum over the members of what each gains: from the others, on average (Fifty et al. 2021, section 3.2).

    A task alone gains nothing. `gains`: of the row's task from the column's, shape `(num_tasks, num_tasks)`.
    """
    if len(members) < 2:
        return 0.0
    within = gains[np.ix_(members, members)]
    # Shape: (num_members,)
    from_others = (within.sum(axis=1) - np.diag(within)) / (len(members) - 1)
    return float(from_others.sum())


def best_groups(gains: np.ndarray, tasks: Sequence[str], models: int) -> Groups:
    """The division of tasks into at most so many groups with the highest total benefit; of equals, the fewest groups.

    Each task is in one group. The search is exact: the best division of a set of tasks is, for some group with its
    first task, that group and the best division of the rest with a model less.

    # Parameters

    gains : `np.ndarray`
        Of the row's task from the column's; shape: `(num_tasks, num_tasks)`.
    tasks : `Sequence[str]`
    models : `int`

    # Raises

    UserError
        Where there are too many tasks.
    """
    if len(tasks) > MAX_TASKS:
        raise UserError(f"{len(tasks)} tasks to group; at most {MAX_TASKS}")
    members = [[task for task in range(len(tasks)) if chosen >> task & 1] for chosen in range(1 << len(tasks))]
    benefit = [group_benefit(gains, of_group) for of_group in members]

    @lru_cache(maxsize=None)
    def best(left: int, budget: int) -> Tuple[float, Tuple[int, ...]]:
        if not left:
            return 0.0, ()
        first = left & -left
        found: Tuple[float, Tuple[int, ...]] = (float("-inf"), ())
        rest = others = left ^ first
        while True:  # all subsets of the others, the largest first
            group = first | others
            if budget > 1 or group == left:
                value, groups = best(left ^ group, budget - 1)
                if benefit[group] + value > found[0] + 1e-12:
                    found = (benefit[group] + value, (group, *groups))
            if not others:
                return found
            others = (others - 1) & rest

    total, groups = best((1 << len(tasks)) - 1, models)
    return total, [[tasks[task] for task in members[group]] for group in groups]
