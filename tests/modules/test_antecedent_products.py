"""The reference makes every product, pair by pair."""

import pytest
import torch

from hmtl.modules import antecedent_products

SHAPES = [(6, 3), (6, 5), (6, 9), (4, 1), (2, 3), (1, 2), (0, 1)]


def loop(spans: torch.Tensor, weight: torch.Tensor, num_antecedents: int) -> torch.Tensor:
    rows = []
    for span in range(len(spans)):
        for offset in range(1, num_antecedents + 1):
            product = spans[span] * spans[span - offset] if span >= offset else 0 * spans[span]
            rows.append(weight @ product)
    return torch.stack(rows).view(len(spans), num_antecedents, -1)


@pytest.mark.parametrize("num_spans,num_antecedents", SHAPES)
def test_values_and_gradients_agree_with_the_loop(num_spans: int, num_antecedents: int) -> None:
    spans = torch.randn(num_spans, 4, dtype=torch.double, requires_grad=True)
    weight = torch.randn(3, 4, dtype=torch.double, requires_grad=True)
    output = antecedent_products(spans, weight, num_antecedents)
    assert output.shape == (num_spans, num_antecedents, 3)
    if not num_spans:
        return
    expected = loop(spans, weight, num_antecedents)
    torch.testing.assert_close(output, expected)
    upstream = torch.randn_like(output)
    actual = torch.autograd.grad(output, (spans, weight), upstream)
    for gradient, reference in zip(actual, torch.autograd.grad(expected, (spans, weight), upstream)):
        torch.testing.assert_close(gradient, reference)


@pytest.mark.parametrize("num_spans,num_antecedents", SHAPES)
def test_gradients_agree_with_differences(num_spans: int, num_antecedents: int) -> None:
    spans = torch.randn(num_spans, 3, dtype=torch.double, requires_grad=True)
    weight = torch.randn(2, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, w: antecedent_products(s, w, num_antecedents), (spans, weight))


def test_gradients_of_the_other_input_alone() -> None:
    for spans_move, weight_moves in ((True, False), (False, True)):
        spans = torch.randn(5, 3, dtype=torch.double, requires_grad=spans_move)
        weight = torch.randn(2, 3, dtype=torch.double, requires_grad=weight_moves)
        assert torch.autograd.gradcheck(lambda s, w: antecedent_products(s, w, 2), (spans, weight))


def test_it_cannot_be_differentiated_twice_by_mistake() -> None:
    spans = torch.randn(5, 3, requires_grad=True)
    weight = torch.randn(2, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(antecedent_products(spans, weight, 2).square().sum(), spans, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
