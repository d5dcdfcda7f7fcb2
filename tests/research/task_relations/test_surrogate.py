"""Linear surrogate models against numpy, scikit-learn and scores that are linear."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from hmtl.errors import UserError
from research.task_relations.surrogate import Surrogate, left_out, relevances

TASKS = ["a", "b", "c", "d"]
EFFECTS = {"a": 0.1, "b": 0.04, "c": -0.03, "d": 0.0}


def linear_scores(noise=0.0):
    generator = np.random.default_rng(1)
    return {
        (subset, main): 0.5 + sum(EFFECTS[task] for task in subset if task != main) + noise * generator.normal()
        for size in (1, 2, 3)
        for subset in combinations(TASKS, size)
        for main in subset
    }


def test_scores_that_are_linear_give_their_coefficients():
    found = relevances(linear_scores())
    assert set(found) == {(main, other) for main in TASKS for other in TASKS if main != other}
    assert all(value == pytest.approx(EFFECTS[other]) for (_, other), value in found.items())


def test_the_fit_is_that_of_least_squares():
    scores = linear_scores(noise=0.05)
    of_b = {subset: score for (subset, main), score in scores.items() if main == "b"}
    surrogate = Surrogate("b", ["a", "c", "d"], of_b)
    matrix = np.array([[task in subset for task in ("a", "c", "d")] for subset in of_b], dtype=float)
    reference = LinearRegression().fit(matrix, list(of_b.values()))
    np.testing.assert_allclose(list(surrogate.relevance.values()), reference.coef_)
    subsets = [("b",), ("a", "b", "c", "d")]
    np.testing.assert_allclose(surrogate.predict(subsets), reference.predict([[0, 0, 0], [1, 1, 1]]))
    with_ones = np.hstack([np.ones((len(matrix), 1)), matrix])
    np.testing.assert_allclose(
        np.linalg.lstsq(with_ones, list(of_b.values()), rcond=None)[0][1:], list(surrogate.relevance.values())
    )


def test_of_too_few_subsets_the_smallest_coefficients_are_taken():
    surrogate = Surrogate("a", ["b", "c", "d"], {("a", "b", "c"): 0.6, ("a", "d"): 0.4})
    assert surrogate.relevance == pytest.approx({"b": 1 / 15, "c": 1 / 15, "d": -1 / 15})
    assert surrogate.predict([("a", "d"), ("a", "b", "c")]) == pytest.approx([0.4, 0.6])
    assert Surrogate("a", ["b"], {("a", "b"): 0.6}).relevance == {"b": 0.0}
    with pytest.raises(UserError, match="no subset of tasks with 'a' has been trained"):
        Surrogate("a", ["b"], {})


def test_a_subset_that_is_predicted_has_not_been_seen():
    scores = linear_scores()
    exact = left_out(scores)
    assert exact.keys() == scores.keys()
    assert all(exact[key] == pytest.approx(scores[key]) for key in scores)
    # One score that is not linear is predicted as if it were.
    key = ("a", "b", "c"), "a"
    spoiled = left_out({**scores, key: 0.99})
    assert spoiled[key] == pytest.approx(scores[key])
