"""Each method against an independent computation of what its paper defines."""

import math
import sys
from itertools import permutations, product

import numpy as np
import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from scipy.optimize import minimize, nnls

from hmtl.training.gradient_aggregators import CAGrad, GradientAggregator

torchjd = pytest.importorskip("torchjd", reason="needs the extra 'conflicts'")

# Two that conflict, one of them ten times as long; two that agree; three and four of any directions and lengths.
CONFLICT = [[1.0, 0.0, 0.5], [-6.0, 8.0, 0.0]]
AGREEMENT = [[1.0, 0.2, 0.0], [0.9, 0.1, 0.5]]
THREE = [[1.0, 0.5, -0.2, 0.1], [-0.9, 0.6, 0.3, 0.0], [0.1, -2.0, 0.4, 1.0]]
FOUR = np.random.default_rng(5).normal(size=(4, 9)) * np.array([[1.0], [0.1], [5.0], [0.5]])
CASES = [
    pytest.param(np.array(rows), id=name)
    for name, rows in [("conflict", CONFLICT), ("agreement", AGREEMENT), ("three", THREE), ("four", FOUR)]
]


def aggregated(name, rows, **options):
    gradients = torch.tensor(np.asarray(rows), dtype=torch.float32)
    combined = GradientAggregator.by_name(name)(**options)(gradients)
    assert combined.shape == (gradients.shape[1],) and combined.dtype == torch.float32
    return combined.double().numpy()


def assert_near(found, expected, tolerance=1e-3):
    assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected)


def projected(vector, rows):
    """To the cone of d with rows @ d >= 0: d = vector + rows.T @ (the multipliers, from least squares)."""
    multipliers, _ = nnls(rows.T, -vector)
    return vector + rows.T @ multipliers


@pytest.mark.parametrize("rows", CASES)
def test_upgrad_projects_each_gradient(rows):
    found = aggregated("upgrad", rows)
    assert_near(found, sum(projected(row, rows) for row in rows))
    assert (rows @ found >= -1e-3 * np.linalg.norm(rows, axis=1) * np.linalg.norm(found)).all()


@pytest.mark.parametrize("rows", CASES)
def test_dual_proj_projects_the_sum(rows):
    assert_near(aggregated("dual_proj", rows), projected(rows.sum(axis=0), rows))


@pytest.mark.parametrize("ratio", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize("name", ["upgrad", "dual_proj"])
def test_a_task_with_a_small_gradient_is_not_harmed(name, ratio):
    rows = np.array([[1.0, 0.0], [-0.6 * ratio, 0.8 * ratio]])
    found = aggregated(name, rows)
    assert rows[1] @ found >= -1e-3 * ratio


def with_conflicts_taken_away(rows, orders):
    """Algorithm 1 of Yu et al. 2020, with an order of the other tasks for each."""
    total = np.zeros(rows.shape[1])
    for row, order in zip(rows, orders):
        own = row.copy()
        for j in order:
            if own @ rows[j] < 0:
                own -= (own @ rows[j]) / (rows[j] @ rows[j]) * rows[j]
        total += own
    return total


@pytest.mark.parametrize("rows", CASES[:2])
def test_pcgrad_of_two(rows):
    assert_near(aggregated("pcgrad", rows), with_conflicts_taken_away(rows, [[1], [0]]), 1e-5)


def test_pcgrad_of_three_takes_any_order_by_the_global_generator():
    rows = np.array([[1.0, 0.5, -0.2], [-0.9, 0.6, 0.3], [0.1, -2.0, 0.4]])
    orders = [list(permutations([j for j in range(3) if j != i])) for i in range(3)]
    possible = np.array([with_conflicts_taken_away(rows, choice) for choice in product(*orders)])
    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        found = aggregated("pcgrad", rows)
        distances = np.abs(possible - found).max(axis=1)
        assert distances.min() < 1e-5
        seen.add(tuple(np.round(found, 4)))
        torch.manual_seed(seed)
        assert (aggregated("pcgrad", rows) == found).all()
    assert len(seen) == len({tuple(np.round(each, 4)) for each in possible}) > 1


@pytest.mark.parametrize("rows", CASES)
@pytest.mark.parametrize("c", [0.2, 0.5])
def test_cagrad_is_best_for_the_task_that_gains_least(rows, c):
    mean = rows.mean(axis=0)
    radius = c * np.linalg.norm(mean)

    # The primal problem: max over d of min over i of g_i d, within the radius around the mean; x is d and the minimum.
    result = minimize(
        lambda x: -x[-1],
        np.append(mean, (rows @ mean).min()),
        constraints=[
            {"type": "ineq", "fun": lambda x: rows @ x[:-1] - x[-1]},
            {"type": "ineq", "fun": lambda x: radius**2 - ((x[:-1] - mean) ** 2).sum()},
        ],
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert result.success
    assert_near(aggregated("cagrad", rows, c=c), result.x[:-1] * len(rows) / (1 + c))


@pytest.mark.parametrize("rows", CASES)
def test_cagrad_without_a_radius_is_the_sum(rows):
    assert_near(aggregated("cagrad", rows, c=0.0), rows.sum(axis=0), 1e-5)


@pytest.mark.parametrize("rows", [*CASES[:2], pytest.param(np.array([[3.0, 1.0], [1.0, 1.5]]), id="inner")])
def test_mgda_of_two_in_closed_form(rows):
    first, second = rows
    share = np.clip((second - first) @ second / ((first - second) @ (first - second)), 0, 1)
    assert_near(aggregated("mgda", rows), 2 * (share * first + (1 - share) * second), 1e-5)


@pytest.mark.parametrize("rows", CASES[2:])
def test_mgda_is_the_shortest_mean(rows):
    number = len(rows)
    result = minimize(
        lambda w: ((w @ rows) ** 2).sum(),
        np.full(number, 1 / number),
        bounds=[(0, 1)] * number,
        constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1}],
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    assert result.success
    # Frank and Wolfe's algorithm stops where it has come near.
    found = aggregated("mgda", rows) / number
    assert found @ found <= 1.01 * result.fun + 1e-6


@pytest.mark.parametrize("rows", CASES)
def test_imtl_g_has_equal_projections(rows):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    # Weights of sum 1 with (u_1 - u_i) (weights @ rows) = 0 for each further i
    system = np.vstack([np.ones(len(rows)), (unit[:1] - unit[1:]) @ rows.T])
    weights = np.linalg.solve(system, np.eye(len(rows))[0])
    assert_near(aggregated("imtl_g", rows), len(rows) * weights @ rows)


@pytest.mark.parametrize("rows", CASES)
def test_aligned_mtl_sums_the_nearest_orthogonal_gradients(rows):
    left, singular, right = np.linalg.svd(rows, full_matrices=False)
    aligned = singular.min() * left @ right
    assert_near(aggregated("aligned_mtl", rows), aligned.sum(axis=0))


def test_from_a_configuration():
    aggregator = GradientAggregator.from_params(Params({"type": "cagrad", "c": 0.3}))
    assert isinstance(aggregator, CAGrad) and aggregator.scale(4) == pytest.approx(4 / 1.3)


@pytest.mark.parametrize("c", [-0.1, math.nan, math.inf])
def test_a_radius_below_zero_is_refused(c):
    with pytest.raises(ConfigurationError, match="'cagrad': c is"):
        CAGrad(c)


@pytest.mark.parametrize(
    "name, missing", [("mgda", "torchjd.aggregation"), ("upgrad", "quadprog"), ("cagrad", "clarabel")]
)
def test_what_is_not_installed_is_named(monkeypatch, name, missing):
    if missing == "torchjd.aggregation":
        monkeypatch.delattr(torchjd, "aggregation", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigurationError, match=r"^[^\n]*pip install 'hmtl\[conflicts\]'$"):
        GradientAggregator.by_name(name)()
