"""What holds for every aggregator."""

import pytest
import torch
from allennlp.common import Params

from hmtl.training.gradient_aggregators import GradientAggregator, SumAggregator, TorchJDAggregator

NAMES = GradientAggregator.list_available()
# All but the one with a scale of its own
ON_THE_SCALE_OF_A_SUM = [name for name in NAMES if name != "nash_mtl"]


def aggregator(name):
    made = GradientAggregator.by_name(name)
    if issubclass(made, TorchJDAggregator):
        pytest.importorskip("torchjd", reason="needs the extra 'conflicts'")
    return made()


def test_the_default_is_the_sum():
    default = GradientAggregator.from_params(Params({}))
    assert isinstance(default, SumAggregator)
    assert default(torch.tensor([[1.0, 2.0], [3.0, -5.0]])).tolist() == [4.0, -3.0]


@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.parametrize("name", ON_THE_SCALE_OF_A_SUM)
def test_equal_gradients_give_their_sum(name, number):
    row = torch.randn(50)
    combined = aggregator(name)(row.repeat(number, 1))
    torch.testing.assert_close(combined, number * row, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["upgrad", "dual_proj", "pcgrad", "imtl_g", "aligned_mtl"])
def test_orthogonal_gradients_of_one_length_give_their_sum(name):
    combined = aggregator(name)(torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]))
    assert combined.tolist() == pytest.approx([2.0, 2.0, 0.0], abs=1e-3)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("name", ON_THE_SCALE_OF_A_SUM)
def test_the_result_scales_with_the_gradients(name, scale):
    gradients = torch.tensor([[1.0, 0.5, -0.2], [-0.9, 0.6, 0.3], [0.1, 0.2, 0.4]])
    each = aggregator(name)
    torch.manual_seed(3)
    expected = each(gradients)
    torch.manual_seed(3)
    torch.testing.assert_close(each(gradients * scale) / scale, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_the_result_is_finite_in_every_corner(name):
    row = torch.randn(8)
    corners = [
        torch.zeros(3, 8),
        row[None],
        torch.stack([row, torch.zeros(8)]),
        torch.stack([row, -row]),
        torch.stack([row, row + 1e-6 * torch.randn(8), -2 * row]),
        torch.stack([row, 1e-5 * torch.randn(8), 1e3 * torch.randn(8)]),
        # More tasks than parameters
        torch.randn(5, 2),
    ]
    each = aggregator(name)
    for gradients in corners:
        before = gradients.clone()
        combined = each(gradients)
        assert combined.shape == gradients.shape[1:] and combined.dtype == torch.float32
        assert combined.isfinite().all()
        assert torch.equal(gradients, before)
    assert each(corners[0]).tolist() == [0.0] * 8


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_sequence_equals_an_uninterrupted_one(name):
    gradients = [torch.randn(3, 6) for _ in range(4)]
    uninterrupted, resumed = aggregator(name), aggregator(name)

    def run(each, steps):
        found = []
        for step in steps:
            torch.manual_seed(step)
            found.append(each(gradients[step]))
        return found

    expected = run(uninterrupted, range(4))
    interrupted = aggregator(name)
    run(interrupted, range(2))
    resumed.load_state_dict(interrupted.state_dict())
    for found, wanted in zip(run(resumed, range(2, 4)), expected[2:]):
        assert torch.equal(found, wanted)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_gives_what_the_cpu_gives(name):
    gradients = torch.randn(3, 1000)
    each = aggregator(name)
    torch.manual_seed(3)
    expected = each(gradients)
    torch.manual_seed(3)
    combined = each(gradients.cuda())
    assert combined.is_cuda
    torch.testing.assert_close(combined.cpu(), expected, rtol=1e-3, atol=1e-3)
