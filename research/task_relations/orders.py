"""Which order of levels promises most, when each level reads all those below it."""

from itertools import permutations
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from hmtl.errors import UserError

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
