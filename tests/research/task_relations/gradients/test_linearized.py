"""Grad-TAG's margins, projections and regressions against independent computations."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from research.task_relations.gradients.linearized import (
    Linearized,
    Projection,
    all_subsets,
    best_ridge,
    estimate_losses,
    fine_tuned,
    margins_of,
    subset_affinities,
)


def test_the_margin_of_a_labels_loss_is_its_log_odds():
    probabilities = torch.tensor([0.9, 0.5, 0.001, 1 - 1e-5], dtype=torch.float64)
    expected = torch.log(probabilities / (1 - probabilities))
    torch.testing.assert_close(margins_of(-torch.log(probabilities)), expected)
    # Of a large loss, whose exponential no float holds, and of none at all.
    assert margins_of(torch.tensor(1000.0)).item() == -1000 and margins_of(torch.tensor(0.0)).isfinite()


def test_projected_gradients_keep_inner_products_and_lift_is_the_transpose():
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(3, 100_000, generator=generator)
    gradients[1] += gradients[0]
    projection = Projection(100_000, dim=2000, seed=1)
    projected = projection.project(gradients)
    exact = gradients @ gradients.T
    # The error of an inner product of two vectors is about their lengths / root of dim.
    lengths = gradients.norm(dim=1)
    assert ((projected @ projected.T - exact).abs() / torch.outer(lengths, lengths) < 4 / 2000**0.5).all()
    vector = torch.randn(2000, generator=generator)
    torch.testing.assert_close(projected @ vector, gradients @ projection.lift(vector), rtol=1e-3, atol=1e-2)
    assert not torch.equal(Projection(100_000, 2000, seed=2).project(gradients), projected)


def linear_tasks(seed=0, dim=5):
    """Binary classification without features beyond the gradients themselves: here the linearization is exact."""
    generator = np.random.default_rng(seed)
    directions = {"a": [1.0, 1, 0, 0, 0], "b": [1.0, 0.5, 0, 0, 0], "c": [-1.0, 0, 1, 0, 0]}
    train, validation = {}, {}
    for task, direction in directions.items():
        for found, number in ((train, 40), (validation, 400)):
            features = generator.normal(size=(number, dim))
            labels = np.sign(features @ np.array(direction) + 0.5 * generator.normal(size=number))
            # The margin of a logistic regression at weights 0 is 0, its gradient label * features.
            found[task] = Linearized(np.zeros(number), labels[:, None] * features)
    return train, validation


def test_fine_tuning_is_sklearns_logistic_regression_where_the_margins_are_zero():
    train, _ = linear_tasks()
    both = [train["a"], train["c"]]
    features = np.concatenate([task.gradients for task in both])
    # Labels are in the gradients: each row once as positive, and mirrored as negative, is the same problem.
    reference = LogisticRegression(C=1 / (0.3 * 40), fit_intercept=False, tol=1e-10, max_iter=1000)
    signs = np.where(np.arange(80) % 2, 1, -1)
    reference.fit(features * signs[:, None], signs)
    np.testing.assert_allclose(fine_tuned(both, ridge=0.3), reference.coef_[0], atol=1e-5)


def test_fine_tuning_starts_from_the_margins_and_weighs_tasks_alike():
    generator = np.random.default_rng(3)
    many = Linearized(generator.normal(size=300), generator.normal(size=(300, 4)))
    few = Linearized(generator.normal(size=7) - 2, generator.normal(size=(7, 4)))

    def loss(w):
        return sum(np.log1p(np.exp(-(t.margins + t.gradients @ w))).mean() for t in (many, few)) + 0.05 * w @ w

    expected = minimize(
        loss, np.zeros(4), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 9999}
    )
    np.testing.assert_allclose(fine_tuned([many, few], ridge=0.1), expected.x, atol=1e-4)


def test_estimates_are_those_of_training_on_each_subset_where_the_model_is_linear():
    """A shared linear model of three tasks, without a projection, retrained by plain gradient descent."""
    train, validation = linear_tasks()
    estimates = estimate_losses(all_subsets("abc", (1, 2, 3)), train, validation, ridge=0.1)
    assert len(estimates) == 3 + 6 + 3
    for size in (1, 2, 3):
        for subset in combinations("abc", size):
            w = torch.zeros(5, dtype=torch.float64, requires_grad=True)
            for _ in range(4000):
                losses = [
                    torch.nn.functional.softplus(-torch.from_numpy(train[task].gradients) @ w).mean() for task in subset
                ]
                (slope,) = torch.autograd.grad(sum(losses) + 0.05 * w @ w, w)
                w = (w - 0.2 * slope).detach().requires_grad_()
            for task in subset:
                expected = torch.nn.functional.softplus(-torch.from_numpy(validation[task].gradients) @ w).mean()
                assert estimates[subset, task] == pytest.approx(expected.item(), abs=1e-6)
    # b is like a, and c is not.
    assert estimates[("a", "b"), "a"] < estimates[("a", "c"), "a"]


def test_a_random_projection_of_many_dimensions_ranks_as_without():
    train, validation = linear_tasks()
    # 5 weights and many that do nothing.
    wide = {task: np.hstack([one.gradients, np.zeros((len(one.margins), 3000))]) for task, one in train.items()}
    projection = Projection(3005, dim=1000, seed=1)

    def projected(tasks):
        return {
            task: Linearized(
                one.margins,
                projection.project(
                    torch.from_numpy(np.hstack([one.gradients, np.zeros((len(one.margins), 3000))]))
                ).numpy(),
            )
            for task, one in tasks.items()
        }

    assert wide["a"].shape == (40, 3005)
    subsets = all_subsets("abc", (1, 2, 3))
    exact = estimate_losses(subsets, train, validation, ridge=0.1)
    found = estimate_losses(subsets, projected(train), projected(validation), ridge=0.1)
    differences = [abs(found[key] - exact[key]) for key in exact]
    assert max(differences) < 0.03 < max(exact.values()) - min(exact.values())


def test_the_ridge_is_that_of_the_least_validation_loss_of_all_tasks():
    train, validation = linear_tasks()
    chosen = best_ridge(train, validation)
    totals = {
        ridge: sum(task.loss(fine_tuned(list(train.values()), ridge)) for task in validation.values())
        for ridge in (0.001, 0.1, 10.0, 1000.0)
    }
    own = sum(task.loss(fine_tuned(list(train.values()), chosen)) for task in validation.values())
    assert own <= min(totals.values()) + 1e-9 and totals[1000.0] > min(totals.values()) + 0.05


def test_affinities_are_means_over_the_subsets_with_both():
    values = {
        (("a", "b", "c"), "a"): 1.0,
        (("a", "b", "d"), "a"): 3.0,
        (("a", "c", "d"), "a"): 8.0,
        (("a", "b"), "a"): 100.0,
        (("a", "b", "c"), "b"): 5.0,
    }
    found = subset_affinities(values, sizes=[3])
    assert found["a", "b"] == 2 and found["a", "c"] == 4.5 and found["a", "d"] == 5.5 and found["b", "a"] == 5
    assert subset_affinities(values, sizes=[2]) == {("a", "b"): 100}
