"""Groups and orders against the brute force."""

from itertools import permutations

import numpy as np
import pytest
from more_itertools import set_partitions

from hmtl.advice.arrangements import best_groups, ranked_orders
from hmtl.errors import UserError

TASKS = ("a", "b", "c", "d", "e", "f")


def gains(seed, count):
    return np.random.default_rng(seed).normal(size=(count, count))


def benefit(matrix, groups):
    total = 0.0
    for group in groups:
        for task in group:
            others = [matrix[task, other] for other in group if other != task]
            total += sum(others) / len(others) if others else 0
    return total


@pytest.mark.parametrize("models", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", range(4))
def test_groups_are_the_best_of_all_divisions(seed, models):
    matrix = gains(seed, 6)
    total, groups = best_groups(matrix, TASKS, models)
    divisions = [groups for count in range(1, models + 1) for groups in set_partitions(range(6), count)]
    assert total == pytest.approx(max(benefit(matrix, division) for division in divisions))
    assert total == pytest.approx(benefit(matrix, [[TASKS.index(task) for task in group] for group in groups]))
    assert sorted(task for group in groups for task in group) == list(TASKS) and len(groups) <= models


def test_groups_of_a_case_worked_by_hand():
    # a and b help each other, c harms both and is harmed.
    matrix = np.array([[0, 4, -2], [2, 0, -2], [-1, -1, 0]], dtype=float)
    assert best_groups(matrix, ("a", "b", "c"), 2) == (6, [["a", "b"], ["c"]])
    total, groups = best_groups(matrix, ("a", "b", "c"), 1)
    assert groups == [["a", "b", "c"]] and total == pytest.approx(1 + 0 - 1)
    assert best_groups(np.zeros((2, 2)), ("a", "b"), 2) == (0, [["a", "b"]])


def test_ten_tasks_are_grouped_at_once():
    total, groups = best_groups(gains(9, 10), [str(task) for task in range(10)], 3)
    assert len(groups) <= 3 and total > 0


def test_orders_are_ranked_by_what_is_below():
    matrix = gains(5, 4)
    ranking = ranked_orders(matrix, TASKS[:4])
    assert len(ranking) == 24 and {order.levels for order in ranking} == set(permutations(TASKS[:4]))
    for order in ranking:
        places = [TASKS.index(level) for level in order.levels]
        # What each level gains from those below is the lower triangle, in that order.
        assert order.benefit == pytest.approx(np.tril(matrix[np.ix_(places, places)], -1).sum())
    assert [order.benefit for order in ranking] == sorted((order.benefit for order in ranking), reverse=True)


def test_an_order_worked_by_hand():
    # b gains from a: a goes below.
    assert [order.levels for order in ranked_orders(np.array([[0, -1], [3, 0.0]]), ("a", "b"))] == [
        ("a", "b"),
        ("b", "a"),
    ]


def test_too_many_are_refused():
    with pytest.raises(UserError, match="13 tasks to group; at most 12"):
        best_groups(np.zeros((13, 13)), [str(task) for task in range(13)], 2)
    with pytest.raises(UserError, match="9 levels to order; at most 8"):
        ranked_orders(np.zeros((9, 9)), [str(level) for level in range(9)])
