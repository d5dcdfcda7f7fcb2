"""The first layer of a scorer of antecedents, linear in the products of two spans, without a tensor of these."""

from typing import Any, Iterable, Iterator, List, NamedTuple, Tuple

import torch
from torch.autograd.function import once_differentiable

from hmtl.modules.float32 import at_least_float32

# Of pairs that are computed at once, unless there are more at one distance: few enough to stay in a CPU's cache.
PAIRS_AT_ONCE = 256


def antecedent_products(
    spans: torch.Tensor,
    weight: torch.Tensor,
    of_span: torch.Tensor,
    of_antecedent: torch.Tensor,
    of_distance: torch.Tensor,
    first: int = 0,
    num_documents: int = 1,
) -> torch.Tensor:
    """`weight @ (spans[i] * spans[i - d]) + of_span[i] + of_antecedent[i - d] + of_distance[d - 1]` for every span `i`
    from `first` on and every distance `d` up to `i` that has a row in `of_distance`.

    The products, num_pairs * span_dim numbers, are made and used up a few distances at a time: spans in document order
    and their antecedents at one distance are two slices of the same matrix. That is so for several documents, too,
    where their spans alternate: the first of each document, then the second of each, and so on.

    Forward and backward pass for 360 spans with 70 antecedents each: with a tensor of all products, 111 MB for spans of
    1100 numbers, a CPU thread takes 2.1 times as long (benchmarks/modules.py).

    # Parameters

    spans : `torch.Tensor`
        Shape: (num_spans * num_documents, span_dim)
    weight : `torch.Tensor`
        Shape: (hidden_dim, span_dim)
    of_span, of_antecedent : `torch.Tensor`
        Shape: (num_spans * num_documents, hidden_dim)
    of_distance : `torch.Tensor`
        Shape: (num_distances, hidden_dim), fewer distances than spans
    first : `int`, optional (default = `0`)
        Spans of a document before it are antecedents alone.
    num_documents : `int`, optional (default = `1`)
        Each has `num_spans` spans.

    # Returns

    `torch.Tensor`
        By distance from 1 on, then in the order of `spans`. Shape: (num_pairs, hidden_dim). It can be differentiated
        once. Under autocast it is computed in 16 bits, and its gradients are summed over the distances in float32.
    """
    return _AntecedentProducts.apply(spans, weight, of_span, of_antecedent, of_distance, first, num_documents)


class _Distance(NamedTuple):
    """All pairs at one distance, which is counted from 0: where they stand among all pairs, their spans, and the
    antecedents of these."""

    number: int
    pairs: slice
    later: slice
    earlier: slice


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
        num_documents: int,
    ) -> torch.Tensor:
        device = spans.device.type
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            # Once, not at each distance.
            spans, weight, of_span, of_antecedent, of_distance = (
                tensor.to(dtype) for tensor in (spans, weight, of_span, of_antecedent, of_distance)
            )
        ctx.save_for_backward(spans, weight)
        ctx.distances = list(_distances(len(of_distance), len(spans), first, num_documents))
        # Shape: (num_pairs, hidden_dim)
        hidden = spans.new_empty(ctx.distances[-1].pairs.stop if ctx.distances else 0, len(weight))
        for pairs, distances, products in _products(ctx.distances, spans):
            torch.mm(products, weight.t(), out=hidden[pairs])
            for number, at_distance, later, earlier in distances:
                hidden[at_distance].add_(of_span[later]).add_(of_antecedent[earlier]).add_(of_distance[number])
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Any, ...]:
        spans, weight = ctx.saved_tensors
        of_spans, of_weight = (at_least_float32(torch.zeros_like(tensor)) for tensor in (spans, weight))
        of_span, of_antecedent = (of_weight.new_zeros(len(spans), len(weight)) for _ in range(2))
        of_distance = of_weight.new_zeros(len(ctx.distances), len(weight))
        with torch.autocast(spans.device.type, enabled=False):
            for pairs, distances, products in _products(ctx.distances, spans):
                _add_product(of_weight, gradient[pairs].t(), products)
                # In their place. Shape: (num_pairs in the block, span_dim)
                of_products = torch.mm(gradient[pairs], weight, out=products)
                for number, at_distance, later, earlier in distances:
                    # Shape: (num_pairs at the distance, hidden_dim)
                    of_hidden = gradient[at_distance]
                    of_span[later] += of_hidden
                    of_antecedent[earlier] += of_hidden
                    of_distance[number] = of_hidden.sum(0, dtype=of_distance.dtype)
                    of_product = of_products[at_distance.start - pairs.start : at_distance.stop - pairs.start]
                    of_spans[later].addcmul_(of_product, spans[earlier])
                    of_spans[earlier].addcmul_(of_product, spans[later])
        return of_spans, of_weight, of_span, of_antecedent, of_distance, None, None


def _distances(num_distances: int, num_rows: int, first: int, num_documents: int) -> Iterator[_Distance]:
    num_before = 0
    for number in range(num_distances):
        offset = (number + 1) * num_documents
        start = max(first * num_documents, offset)
        pairs = slice(num_before, num_before + num_rows - start)
        yield _Distance(number, pairs, slice(start, num_rows), slice(start - offset, num_rows - offset))
        num_before = pairs.stop


def _products(
    distances: List[_Distance], spans: torch.Tensor
) -> Iterator[Tuple[slice, Iterable[_Distance], torch.Tensor]]:
    """The products of the pairs, block by block, each block's in the place of the last one's: its place among all
    pairs, its distances, and the products, shape (num_pairs, span_dim)."""
    if not distances:
        return
    # The first distance has the most pairs.
    size = max(PAIRS_AT_ONCE, distances[0].pairs.stop)
    buffer = spans.new_empty(min(size, distances[-1].pairs.stop), spans.size(1))
    blocks: List[List[_Distance]] = []
    for distance in distances:
        if not blocks or distance.pairs.stop - blocks[-1][0].pairs.start > size:
            blocks.append([])
        blocks[-1].append(distance)
    for block in blocks:
        start, stop = block[0].pairs.start, block[-1].pairs.stop
        for _, pairs, later, earlier in block:
            torch.mul(spans[later], spans[earlier], out=buffer[pairs.start - start : pairs.stop - start])
        yield slice(start, stop), block, buffer[: stop - start]


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """Adds the product of two matrices, which may hold fewer bits than the sum."""
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right
