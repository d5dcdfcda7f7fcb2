"""The reference: torch's ReLU, and the mask that the output shows."""

import pytest
import torch

from hmtl.modules.dropout import rectified_dropout

# Of a multiple of 2^-16 each: 0.2 is not one.
PROBABILITIES = [0.1, 0.2, 0.5, 0.9]


@pytest.mark.parametrize("training,probability", [(False, 0.3), (True, 0.0), (False, 1.0)])
def test_without_dropout_it_is_relu(training: bool, probability: float) -> None:
    inputs = torch.randn(7, 5, requires_grad=True)
    output = rectified_dropout(inputs, probability, training)
    assert torch.equal(output, inputs.relu())
    (gradient,) = torch.autograd.grad(output.sum(), inputs)
    assert torch.equal(gradient, (inputs > 0).float())


@pytest.mark.parametrize("probability", PROBABILITIES)
@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 7), (0, 4)])
def test_values_and_gradients_are_those_of_relu_where_kept(shape: tuple, probability: float) -> None:
    inputs = torch.randn(shape, dtype=torch.double, requires_grad=True)
    before = inputs.detach().clone()
    output = rectified_dropout(inputs, probability, training=True)
    assert torch.equal(inputs, before)
    kept = (output > 0).double() / (1 - probability)
    torch.testing.assert_close(output, inputs.relu() * kept, rtol=1e-4, atol=0)
    upstream = torch.randn_like(output)
    (gradient,) = torch.autograd.grad(output, inputs, upstream)
    torch.testing.assert_close(gradient, upstream * kept, rtol=1e-4, atol=0)


@pytest.mark.parametrize("probability", PROBABILITIES)
def test_each_element_is_dropped_with_the_probability(probability: float) -> None:
    torch.manual_seed(3)
    count = 400_000
    output = rectified_dropout(torch.ones(count), probability, training=True)
    dropped = output == 0
    # Five standard deviations.
    tolerance = 5 * (probability * (1 - probability) / count) ** 0.5
    assert abs(dropped.double().mean().item() - probability) < tolerance
    assert abs(output.double().mean().item() - 1) < tolerance / (1 - probability) + 1e-4
    # Neighbours, which share random bits of one draw, have nothing to do with one another.
    for distance in range(1, 9):
        both = (dropped[distance:] & dropped[:-distance]).double().mean().item()
        assert abs(both - probability**2) < 3 * tolerance


def test_the_expectation_is_that_of_relu_though_the_probability_is_rounded() -> None:
    """Of 16 bits, 0.2 drops 13,107 values of 65,536; what is left is scaled by 65,536 / 52,429."""
    output = rectified_dropout(torch.ones(1000, dtype=torch.double), 0.2, training=True)
    assert set(output.tolist()) == {0.0, 65536 / 52429}


def test_all_may_be_dropped() -> None:
    assert not rectified_dropout(torch.ones(100), 1.0, training=True).any()


def test_it_is_seeded_by_the_generator_of_torch() -> None:
    inputs = torch.ones(1000)

    def draw(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return rectified_dropout(inputs, 0.5, training=True)

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))
    torch.manual_seed(1)
    first, second = (rectified_dropout(inputs, 0.5, training=True) for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_16_bits_the_probability_is_as_exact(dtype: torch.dtype) -> None:
    inputs = torch.ones(2000, dtype=dtype, requires_grad=True)
    torch.manual_seed(5)
    output = rectified_dropout(inputs, 0.2, training=True)
    torch.manual_seed(5)
    expected = rectified_dropout(torch.ones(2000), 0.2, training=True)
    assert output.dtype == dtype
    torch.testing.assert_close(output, expected.to(dtype))
    (gradient,) = torch.autograd.grad(output.sum(), inputs)
    assert torch.equal(gradient, output)


def test_it_cannot_be_differentiated_twice_by_mistake() -> None:
    inputs = torch.ones(4, requires_grad=True)
    output = rectified_dropout(inputs, 0.5, training=True)
    (gradient,) = torch.autograd.grad(output.square().sum(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
