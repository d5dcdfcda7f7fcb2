"""How to arrange tasks by what they are predicted to gain from one another: in groups, or as levels in an order."""

from functools import lru_cache
from itertools import permutations
from typing import List, NamedTuple, Sequence, Tuple

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


# All orders are looked at.
MAX_LEVELS = 8


class Order(NamedTuple):
    """Levels from the bottom up, and the sum of what each gains from those below, in percent."""

    benefit: float
    levels: Tuple[str, ...]


def order_benefit(gains: np.ndarray, order: Sequence[int]) -> float:
    """The sum of the gains of each level from each below; `gains`: of the row's task from the column's."""
    return float(sum(gains[above, below] for place, above in enumerate(order) for below in order[:place]))


def ranked_orders(gains: np.ndarray, levels: Sequence[str]) -> List[Order]:
    """All orders, the most promising first; of equals, the first in alphabetical order.

    # Parameters

    gains : `np.ndarray`
        Of the row's level from the column's, in percent; shape: `(num_levels, num_levels)`.
    levels : `Sequence[str]`

    # Raises

    UserError
        Where there are too many levels.
    """
    if len(levels) > MAX_LEVELS:
        raise UserError(f"{len(levels)} levels to order; at most {MAX_LEVELS}")
    orders = [
        Order(order_benefit(gains, order), tuple(levels[level] for level in order))
        for order in permutations(range(len(levels)))
    ]
    return sorted(orders, key=lambda order: (-round(order.benefit, 9), order.levels))
