import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from hmtl.training.gradient_aggregators import NashMTL


def weights_of(rows):
    """The weights of linearly independent rows, from their combination."""
    gradients = torch.tensor(rows, dtype=torch.float32)
    combined = NashMTL()(gradients)
    assert combined.dtype == torch.float32
    weights, *_ = np.linalg.lstsq(np.asarray(rows).T, combined.double().numpy(), rcond=None)
    return weights


@pytest.mark.parametrize("lengths", [[1.0, 1.0, 1.0], [100.0, 1.0, 0.01]])
@pytest.mark.parametrize("seed", range(5))
def test_the_condition_of_the_bargaining_solution(seed, lengths):
    rows = np.random.default_rng(seed).normal(size=(3, 12)) * np.array(lengths)[:, None]
    weights = weights_of(rows)
    assert (weights > 0).all()
    # G G^T alpha = 1 / alpha
    assert weights * (rows @ rows.T @ weights) == pytest.approx(np.ones(3), abs=1e-3)


def test_orthogonal_gradients_in_closed_form():
    # G G^T is diagonal: alpha_i = 1 / |g_i|, and every task has an equal part.
    combined = NashMTL()(torch.tensor([[4.0, 0.0, 0.0], [0.0, 0.0, 0.5]]))
    assert combined.tolist() == pytest.approx([1.0, 0.0, 1.0], abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_it_has_the_largest_product_of_gains_among_updates_of_its_length(seed):
    rows = np.random.default_rng(seed).normal(size=(3, 4))
    combined = NashMTL()(torch.tensor(rows, dtype=torch.float32)).double().numpy()
    assert np.linalg.norm(combined) == pytest.approx(np.sqrt(3), abs=1e-3)
    result = minimize(
        lambda d: -np.log(np.maximum(rows @ d, 1e-9)).sum(),
        combined + 0.05,
        constraints=[{"type": "ineq", "fun": lambda d: 3 - d @ d}],
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    assert result.success
    assert result.x == pytest.approx(combined, abs=2e-3)


def test_gradients_that_cancel_out_give_no_update():
    combined = NashMTL()(torch.tensor([[2.0, 1.0], [-2.0, -1.0]]))
    assert combined.tolist() == pytest.approx([0.0, 0.0], abs=1e-3)


def test_a_task_without_a_gradient_has_no_say():
    rows = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [-1.0, 0.5, 3.0]])
    torch.testing.assert_close(NashMTL()(rows), NashMTL()(rows[[0, 2]]))


def test_nothing_is_remembered_from_update_to_update():
    updates = [torch.randn(3, 20) * scale for scale in (1.0, 100.0, 0.01, 1.0)]
    uninterrupted = NashMTL()
    expected = [uninterrupted(update) for update in updates]
    interrupted = NashMTL()
    interrupted(updates[0])
    resumed = NashMTL()
    resumed.load_state_dict(interrupted.state_dict())
    for update, combined in zip(updates[1:], expected[1:]):
        assert torch.equal(resumed(update), combined)
