import pytest
import torch

from hmtl.modules.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.2, 0.5, 0.9])
def test_drops_a_share_of_p_and_keeps_the_expectation(p):
    torch.manual_seed(0)
    size = 200_000
    output = Dropout(p)(torch.ones(size))
    share = (output == 0).double().mean().item()
    # Five standard deviations of a binomial share.
    assert abs(share - p) < 5 * (p * (1 - p) / size) ** 0.5
    # p is rounded to a multiple of 2^-16.
    assert torch.allclose(output[output != 0], torch.tensor(1 / (1 - p)), rtol=1e-3)
    assert abs(output.double().mean().item() - 1) < 5 * (p / (1 - p) / size) ** 0.5


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(400_000)) != 0).double()
    # Four elements share a random number of 64 bits.
    for distance in (1, 2, 3, 4):
        both = (kept[distance:] * kept[:-distance]).mean().item()
        assert abs(both - 0.25) < 5 * (0.25 * 0.75 / len(kept)) ** 0.5 * 1.5


def test_the_gradient_is_that_of_what_was_kept():
    inputs = torch.randn(3, 5, 7).transpose(0, 2).requires_grad_()
    output = Dropout(0.3)(inputs)
    assert output.shape == inputs.shape
    (gradient,) = torch.autograd.grad(output.sum(), inputs)
    torch.testing.assert_close(output, inputs * gradient)
    assert ((gradient == 0) | (gradient > 1)).all()


def test_seeds_decide_and_evaluation_changes_nothing():
    module, inputs = Dropout(0.5), torch.randn(100)
    outputs = []
    for _ in range(2):
        torch.manual_seed(3)
        outputs.append(module(inputs))
    assert torch.equal(*outputs)
    assert not torch.equal(module(inputs), outputs[0])
    assert torch.equal(module.eval()(inputs), inputs)


@pytest.mark.parametrize("p, share", [(0.0, 0.0), (1e-7, 0.0), (1.0, 1.0)])
def test_extreme_probabilities(p, share):
    torch.manual_seed(0)
    output = Dropout(p)(torch.ones(10))
    assert (output == 0).double().mean().item() == share


def test_empty_and_16_bit_inputs():
    module = Dropout(0.5)
    assert module(torch.zeros(0, 3)).shape == (0, 3)
    assert module(torch.ones(5, dtype=torch.bfloat16)).dtype == torch.bfloat16
