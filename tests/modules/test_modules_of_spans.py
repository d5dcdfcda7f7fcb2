"""Maxima over ranges, and scores in blocks that are computed again for their gradients."""

import pytest
import torch

from hmtl.modules import spans
from hmtl.modules.spans import RangeMaximum, TokenParts, in_blocks, sums_by_width


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 9, 13])
def test_the_maximum_of_every_range_and_its_gradient(length: int) -> None:
    values = torch.randn(3, length, 2, dtype=torch.double, requires_grad=True)
    ranges = [
        (row, first, last)
        for row in range(3)
        for first in range(length + 1)
        for last in range(first - 1, min(first + length, length))
    ]
    rows, first, last = torch.tensor(ranges).unbind(1)
    found = RangeMaximum(values).of(rows, first, last)
    expected = torch.stack(
        [values[r, f : t + 1].max(0).values if t >= f else torch.zeros(2, dtype=torch.double) for r, f, t in ranges]
    )
    assert torch.equal(found, expected)
    weights = torch.randn_like(found)
    (gradient,) = torch.autograd.grad((found * weights).sum(), values)
    (reference,) = torch.autograd.grad((expected * weights).sum(), values)
    torch.testing.assert_close(gradient, reference)


def test_a_range_that_ends_long_before_its_start_is_empty() -> None:
    """What lies between two spans, of which one holds the other."""
    found = RangeMaximum(torch.ones(1, 6, 3)).of(*(torch.tensor([each]) for each in (0, 5, 1)))
    assert found.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("recomputed", [False, True])
def test_blocks_make_the_whole_and_draw_the_same_numbers_again(recomputed: bool, monkeypatch) -> None:
    monkeypatch.setattr(spans, "RECOMPUTED_FROM", 1 if recomputed else 100)
    weight = torch.randn(4, requires_grad=True)
    inputs, numbers = torch.randn(10, 4), torch.arange(10)
    calls = []

    def score(rows: torch.Tensor, number: torch.Tensor) -> torch.Tensor:
        calls.append(number.tolist())
        return torch.nn.functional.dropout(rows * weight, 0.5) * number.unsqueeze(1)

    torch.manual_seed(7)
    blocks = [(inputs[start : start + 3], numbers[start : start + 3]) for start in range(0, 10, 3)]
    expected = torch.cat([score(*block) for block in blocks])
    (of_expected,) = torch.autograd.grad(expected.sum(), weight)
    calls.clear()
    torch.manual_seed(7)
    found = in_blocks(score, inputs, numbers, size=3)
    (of_found,) = torch.autograd.grad(found.sum(), weight)
    assert torch.equal(found, expected) and torch.equal(of_found, of_expected)
    assert [number for block in calls[:4] for number in block] == list(range(10))
    assert len(calls) == (8 if recomputed else 4)


@pytest.mark.parametrize("num_starts", [5, 2])
@pytest.mark.parametrize("max_width", [1, 3, 9])
def test_sums_of_all_spans_and_their_gradients_are_those_of_a_loop(max_width: int, num_starts: int) -> None:
    """Also where the attention leaves some of a span's tokens nothing at all, and the others' logits are far below."""
    length, num_rows, dim = 5, 2, 3
    shapes = [(num_starts, num_rows, dim), (length, num_rows, dim), (length, num_rows, dim), (length, num_rows)]
    parts = TokenParts(*(torch.randn(shape, dtype=torch.double) for shape in shapes))
    parts.logits[1:] *= 300
    widths = torch.randn(max_width, dim, dtype=torch.double)
    inputs = [each.requires_grad_() for each in (*parts, widths)]
    expected = []
    for wider_by in range(min(max_width, length)):
        rows = []
        for start in range(min(num_starts, length - wider_by)):
            tokens = slice(start, start + wider_by + 1)
            shares = parts.logits[tokens].softmax(0).unsqueeze(-1)
            content = (shares * parts.values[tokens]).sum(0)
            rows.append(parts.starts[start] + parts.ends[start + wider_by] + widths[wider_by] + content)
        expected.append(torch.cat(rows))
    found = sums_by_width(parts, widths)
    weights = [torch.randn_like(each) for each in expected]
    gradients = torch.autograd.grad(found, inputs, weights)
    references = torch.autograd.grad(expected, inputs, weights)
    for each, reference in zip([*found, *gradients], [*expected, *references]):
        torch.testing.assert_close(each, reference)
