"""The reference makes every product, pair by pair."""

from typing import List

import pytest
import torch

from hmtl.modules import antecedent_products

# Spans, distances, the first span, documents; the last two make several blocks.
SHAPES = [
    (6, 3, 0, 1),
    (6, 5, 0, 1),
    (6, 5, 2, 1),
    (6, 3, 5, 1),
    (4, 1, 0, 1),
    (4, 1, 3, 1),
    (2, 1, 0, 1),
    (5, 3, 0, 4),
    (4, 3, 2, 3),
    (70, 40, 0, 1),
    (90, 60, 50, 2),
]
SPAN_DIM, HIDDEN_DIM = 4, 3


def random_inputs(num_spans: int, num_distances: int, num_documents: int = 1) -> List[torch.Tensor]:
    """Spans, weight, and the terms of spans, antecedents and distances."""
    num_rows = num_spans * num_documents
    shapes = [
        (num_rows, SPAN_DIM),
        (HIDDEN_DIM, SPAN_DIM),
        (num_rows, HIDDEN_DIM),
        (num_rows, HIDDEN_DIM),
        (num_distances, HIDDEN_DIM),
    ]
    return [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]


def loop(inputs: List[torch.Tensor], first: int, num_documents: int) -> torch.Tensor:
    """Shape: (num_pairs, hidden_dim)"""
    spans, weight, of_span, of_antecedent, of_distance = inputs
    pairs = []
    for distance in range(1, len(of_distance) + 1):
        for span in range(max(first, distance), len(spans) // num_documents):
            for document in range(num_documents):
                row, other = span * num_documents + document, (span - distance) * num_documents + document
                hidden = weight @ (spans[row] * spans[other])
                pairs.append(hidden + of_span[row] + of_antecedent[other] + of_distance[distance - 1])
    return torch.stack(pairs)


@pytest.mark.parametrize("num_spans,num_distances,first,num_documents", SHAPES)
def test_values_and_gradients_agree_with_the_loop(
    num_spans: int, num_distances: int, first: int, num_documents: int
) -> None:
    inputs = random_inputs(num_spans, num_distances, num_documents)
    output, expected = antecedent_products(*inputs, first, num_documents), loop(inputs, first, num_documents)
    torch.testing.assert_close(output, expected)
    upstream = torch.randn_like(output)
    actual = torch.autograd.grad(output, inputs, upstream)
    for gradient, reference in zip(actual, torch.autograd.grad(expected, inputs, upstream)):
        torch.testing.assert_close(gradient, reference)


def test_no_distances() -> None:
    inputs = random_inputs(3, 0)
    output = antecedent_products(*inputs)
    assert output.shape == (0, HIDDEN_DIM)
    assert not any(gradient.any() for gradient in torch.autograd.grad(output.sum(), inputs))


@pytest.mark.parametrize("num_spans,num_distances,first,num_documents", SHAPES[:9])
def test_gradients_agree_with_differences(num_spans: int, num_distances: int, first: int, num_documents: int) -> None:
    inputs = random_inputs(num_spans, num_distances, num_documents)
    assert torch.autograd.gradcheck(lambda *tensors: antecedent_products(*tensors, first, num_documents), inputs)


@pytest.mark.parametrize("moving", range(5))
def test_gradients_of_one_input_alone(moving: int) -> None:
    inputs = [tensor.requires_grad_(number == moving) for number, tensor in enumerate(random_inputs(5, 2))]
    assert torch.autograd.gradcheck(antecedent_products, inputs)


def test_it_cannot_be_differentiated_twice_by_mistake() -> None:
    inputs = random_inputs(5, 2)
    output = antecedent_products(*inputs)
    (gradient,) = torch.autograd.grad(output.square().sum(), inputs[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
