"""The first layer of a scorer of antecedents, linear in the products of two spans, without a tensor of these."""

from typing import Any, List, Tuple

import torch
from torch.autograd.function import once_differentiable

from hmtl.modules.precision import at_least_float32


def rows_at_once(device: torch.device) -> int:
    """How many vectors of a hidden layer to compute together: few enough to stay in a CPU's cache from one step to the
    next, many enough to keep a GPU busy."""
    return 2**10 if device.type == "cpu" else 2**16


def antecedent_products(
    spans: torch.Tensor,
    weight: torch.Tensor,
    of_span: torch.Tensor,
    of_antecedent: torch.Tensor,
    of_distance: torch.Tensor,
    first: int = 0,
) -> List[torch.Tensor]:
    """`weight @ (spans[i] * spans[i - d]) + of_span[i] + of_antecedent[i - d] + of_distance[d - 1]` for every span `i`
    from `first` on and every distance `d` that has a row in `of_distance`.

    The products, num_spans * num_distances * span_dim numbers, are made and used up one distance at a time: spans in
    document order and their antecedents at one distance are two slices of the same matrix.

    # Parameters

    spans : `torch.Tensor`
        Shape: (num_spans, span_dim)
    weight : `torch.Tensor`
        Shape: (hidden_dim, span_dim)
    of_span, of_antecedent : `torch.Tensor`
        Shape: (num_spans, hidden_dim)
    of_distance : `torch.Tensor`
        Shape: (num_distances, hidden_dim), fewer distances than spans
    first : `int`, optional (default = `0`)
        Spans before it are antecedents alone.

    # Returns

    `List[torch.Tensor]`
        Blocks of consecutive distances from 1 on. The shape of one whose least distance is `d`:
        (distances_in_block, num_spans - max(first, d), hidden_dim); its columns are the last spans. It is 0 where there
        is no span at that distance. The blocks can be differentiated once. Under autocast they are computed in 16 bits,
        and their gradients are summed over the distances in float32.
    """
    if not len(of_distance):
        return []
    return list(_AntecedentProducts.apply(spans, weight, of_span, of_antecedent, of_distance, first))


class _AntecedentProducts(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        spans: torch.Tensor,
        weight: torch.Tensor,
        of_span: torch.Tensor,
        of_antecedent: torch.Tensor,
        of_distance: torch.Tensor,
        first: int,
    ) -> Tuple[torch.Tensor, ...]:
        device = spans.device.type
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            # Once, not at each distance.
            spans, weight, of_span, of_antecedent, of_distance = (
                tensor.to(dtype) for tensor in (spans, weight, of_span, of_antecedent, of_distance)
            )
        ctx.first, ctx.num_distances = first, len(of_distance)
        ctx.save_for_backward(spans, weight)
        num_spans, hidden_dim = len(spans), len(weight)
        buffer = torch.empty_like(spans)
        blocks = []
        for distances in _blocks(len(of_distance), num_spans - first, spans.device):
            start = max(first, distances[0])
            # Shape: (distances_in_block, num_spans - start, hidden_dim)
            block = spans.new_empty(len(distances), num_spans - start, hidden_dim)
            for row, distance in zip(block, distances):
                later, earlier = _slices(num_spans, first, distance)
                products = torch.mul(spans[later], spans[earlier], out=buffer[later])
                row[: later.start - start] = 0
                hidden = torch.mm(products, weight.t(), out=row[later.start - start :])
                hidden.add_(of_span[later]).add_(of_antecedent[earlier]).add_(of_distance[distance - 1])
            blocks.append(block)
        return tuple(blocks)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> Tuple[Any, ...]:
        spans, weight = ctx.saved_tensors
        num_spans, hidden_dim, first = len(spans), len(weight), ctx.first
        of_spans, of_weight = (at_least_float32(torch.zeros_like(tensor)) for tensor in (spans, weight))
        of_span, of_antecedent = (of_weight.new_zeros(num_spans, hidden_dim) for _ in range(2))
        of_distance = of_weight.new_zeros(ctx.num_distances, hidden_dim)
        buffer = torch.empty_like(spans)
        blocks = _blocks(ctx.num_distances, num_spans - first, spans.device)
        with torch.autocast(spans.device.type, enabled=False):
            for distances, gradient in zip(blocks, gradients):
                start = max(first, distances[0])
                for distance, row in zip(distances, gradient):
                    later, earlier = _slices(num_spans, first, distance)
                    # Shape: (num_spans - later.start, hidden_dim)
                    at_distance = row[later.start - start :]
                    of_span[later] += at_distance
                    of_antecedent[earlier] += at_distance
                    of_distance[distance - 1] = at_distance.sum(0, dtype=of_distance.dtype)
                    _add_product(of_weight, at_distance.t(), torch.mul(spans[later], spans[earlier], out=buffer[later]))
                    # Shape: (num_spans - later.start, span_dim)
                    of_products = torch.mm(at_distance, weight, out=buffer[later])
                    of_spans[later].addcmul_(of_products, spans[earlier])
                    of_spans[earlier].addcmul_(of_products, spans[later])
        return of_spans, of_weight, of_span, of_antecedent, of_distance, None


def _blocks(num_distances: int, num_spans: int, device: torch.device) -> List[range]:
    """Consecutive distances, as many as make up a block."""
    size = max(1, rows_at_once(device) // num_spans)
    return [range(start, min(start + size, num_distances + 1)) for start in range(1, num_distances + 1, size)]


def _slices(num_spans: int, first: int, distance: int) -> Tuple[slice, slice]:
    """The spans that have an antecedent at a distance, and those antecedents."""
    start = max(first, distance)
    return slice(start, num_spans), slice(start - distance, num_spans - distance)


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """Adds the product of two matrices, which may hold fewer bits than the sum."""
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right
