"""The reference makes every product, pair by pair."""

from typing import List

import pytest
import torch

from hmtl.modules import antecedent_products

# Spans, distances, the first span; the last two make several blocks on a CPU.
SHAPES = [(6, 3, 0), (6, 5, 0), (6, 5, 2), (6, 3, 5), (4, 1, 0), (4, 1, 3), (2, 1, 0), (70, 40, 0), (90, 60, 50)]
SPAN_DIM, HIDDEN_DIM = 4, 3


def random_inputs(num_spans: int, num_distances: int) -> List[torch.Tensor]:
    """Spans, weight, and the terms of spans, antecedents and distances."""
    shapes = [
        (num_spans, SPAN_DIM),
        (HIDDEN_DIM, SPAN_DIM),
        (num_spans, HIDDEN_DIM),
        (num_spans, HIDDEN_DIM),
        (num_distances, HIDDEN_DIM),
    ]
    return [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]


def loop(inputs: List[torch.Tensor], first: int) -> torch.Tensor:
    """Shape: (num_distances, num_spans - first, hidden_dim), 0 where there is no antecedent."""
    spans, weight, of_span, of_antecedent, of_distance = inputs
    rows = []
    for distance in range(1, len(of_distance) + 1):
        for span in range(first, len(spans)):
            other = span - distance
            hidden = torch.zeros(HIDDEN_DIM, dtype=torch.double)
            if other >= 0:
                hidden = weight @ (spans[span] * spans[other])
                hidden = hidden + of_span[span] + of_antecedent[other] + of_distance[distance - 1]
            rows.append(hidden)
    return torch.stack(rows).view(len(of_distance), -1, HIDDEN_DIM)


def joined(blocks: List[torch.Tensor], num_rows: int) -> torch.Tensor:
    """The blocks in one tensor, as the loop has them."""
    whole = [torch.nn.functional.pad(block, (0, 0, num_rows - block.size(1), 0)) for block in blocks]
    return torch.cat(whole)


@pytest.mark.parametrize("num_spans,num_distances,first", SHAPES)
def test_values_and_gradients_agree_with_the_loop(num_spans: int, num_distances: int, first: int) -> None:
    inputs = random_inputs(num_spans, num_distances)
    blocks = antecedent_products(*inputs, first)
    expected = loop(inputs, first)
    output = joined(blocks, num_spans - first)
    torch.testing.assert_close(output, expected)
    # What stands where there is no antecedent has no gradient.
    spans, distances = torch.arange(first, num_spans), torch.arange(1, num_distances + 1).unsqueeze(1)
    upstream = torch.randn_like(output)
    actual = torch.autograd.grad(output, inputs, upstream)
    exists = (spans >= distances).unsqueeze(-1)
    for gradient, reference in zip(actual, torch.autograd.grad(expected, inputs, upstream * exists)):
        torch.testing.assert_close(gradient, reference)


def test_blocks_are_small_and_leave_out_spans_without_antecedents() -> None:
    blocks = antecedent_products(*random_inputs(300, 70))
    assert len(blocks) > 1 and sum(map(len, blocks)) == 70
    least = 1
    for block in blocks:
        assert block.size(1) == 300 - least
        assert len(block) * block.size(1) <= 1024
        least += len(block)


def test_no_distances() -> None:
    assert antecedent_products(*random_inputs(1, 0)) == []


@pytest.mark.parametrize("num_spans,num_distances,first", SHAPES[:7])
def test_gradients_agree_with_differences(num_spans: int, num_distances: int, first: int) -> None:
    inputs = random_inputs(num_spans, num_distances)
    assert torch.autograd.gradcheck(lambda *tensors: tuple(antecedent_products(*tensors, first)), inputs)


@pytest.mark.parametrize("moving", range(5))
def test_gradients_of_one_input_alone(moving: int) -> None:
    inputs = [tensor.requires_grad_(number == moving) for number, tensor in enumerate(random_inputs(5, 2))]
    assert torch.autograd.gradcheck(lambda *tensors: tuple(antecedent_products(*tensors)), inputs)


def test_it_cannot_be_differentiated_twice_by_mistake() -> None:
    inputs = random_inputs(5, 2)
    (block,) = antecedent_products(*inputs)
    (gradient,) = torch.autograd.grad(block.square().sum(), inputs[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
