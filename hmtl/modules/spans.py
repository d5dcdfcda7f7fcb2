"""Spans of a sequence of tokens: which there are, what stands in them, and layers that score many of them."""

import math
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

import torch
from torch.utils.checkpoint import checkpoint


class Spans(NamedTuple):
    """Spans of a sequence of tokens, in order of start, then end. Shapes: (num_spans,)."""

    starts: torch.Tensor
    ends: torch.Tensor

    def at(self, indices: torch.Tensor) -> "Spans":
        """Those at the indices."""
        return Spans(self.starts[indices], self.ends[indices])

    def blocks(self, size: int) -> List["Spans"]:
        """Consecutive blocks of no more than `size` spans."""
        return [Spans(*block) for block in zip(self.starts.split(size), self.ends.split(size))]


def span_grid(sentence_ids: torch.Tensor, max_width: int) -> torch.Tensor:
    """Which spans of up to `max_width` tokens lie within a sentence: (num_tokens,) -> (num_tokens, max_width), by start
    and by number of tokens less one."""
    num_tokens = len(sentence_ids)
    # Shape: (num_tokens, max_width)
    ends = torch.arange(num_tokens, device=sentence_ids.device).unsqueeze(1)
    ends = ends + torch.arange(max_width, device=sentence_ids.device)
    return (ends < num_tokens) & (sentence_ids.unsqueeze(1) == sentence_ids[ends.clamp(max=num_tokens - 1)])


def spans_of(grid: torch.Tensor) -> Spans:
    """The spans of a grid, shape (num_tokens, max_width); how many there are has to be waited for."""
    # Shape (each): (num_spans,)
    starts, wider_by = grid.nonzero().unbind(1)
    return Spans(starts, starts + wider_by)


def enumerate_spans(sentence_ids: torch.Tensor, max_width: int) -> Spans:
    """All spans of up to `max_width` tokens within a sentence, in order of start, then end.

    `sentence_ids` has shape (num_tokens,).
    """
    return spans_of(span_grid(sentence_ids, max_width))


def attended(values: torch.Tensor, logits: torch.Tensor, spans: Spans, max_width: int) -> torch.Tensor:
    """The attention-weighted sum of `values`, shape (num_tokens, dim), over each span, none of which is wider than
    `max_width`; `logits` has shape (num_tokens,). Shape: (num_spans, dim)"""
    # Shape: (num_spans, max_width)
    positions = spans.starts.unsqueeze(1) + torch.arange(max_width, device=values.device)
    outside = positions > spans.ends.unsqueeze(1)
    positions = positions.clamp(max=len(values) - 1)
    weights = logits[positions].masked_fill(outside, -math.inf).softmax(-1)
    # Shape: (num_spans, dim): a bag of rows, summed without a tensor of all of them
    return torch.nn.functional.embedding_bag(
        positions, values.to(weights.dtype), per_sample_weights=weights, mode="sum"
    )


class RangeMaximum:
    """The largest value of each dimension over any ranges of tokens: two look-ups a range, however long it is, in a
    table of the largest of 1, 2, 4, 8, ... values from each token on (a sparse table; Bender and Farach-Colton 2000,
    "The LCA Problem Revisited").

    # Parameters

    values : `torch.Tensor`
        Shape: (batch_size, length, dim)
    """

    def __init__(self, values: torch.Tensor) -> None:
        self._batch_size, self._length, dim = values.shape
        levels = [values]
        while 2 ** len(levels) <= self._length:
            step = 2 ** (len(levels) - 1)
            # Shape: (batch_size, length, dim); what reaches beyond the last token is never looked up.
            shifted = torch.cat([levels[-1][:, step:], levels[-1][:, -step:]], dim=1)
            levels.append(torch.maximum(levels[-1], shifted))
        # Shape: (num_levels * batch_size * length, dim)
        self._table = torch.stack(levels).view(-1, dim)

    def of(self, rows: torch.Tensor, first: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """Over the tokens `first` to `last` of `rows`, both included; 0 where there are none.

        All have shape (num_ranges,). Shape: (num_ranges, dim)
        """
        widths = last - first + 1
        is_empty = widths < 1
        widths = widths.clamp(min=1)
        # The number of binary digits tells exactly how many times 2 goes into a width, as logarithms do not.
        level = torch.frexp(widths.float()).exponent.long() - 1
        start = (level * self._batch_size + rows) * self._length
        first = first.masked_fill(is_empty, 0)
        second = first + widths - 2**level
        # As embeddings: their gradients are summed several times as fast as those of an index.
        found = torch.maximum(self._at(start + first), self._at(start + second))
        return found.masked_fill(is_empty.unsqueeze(1), 0.0)

    def _at(self, indices: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.embedding(indices, self._table)


def rows_at_once(device: torch.device) -> int:
    """How many vectors of a hidden layer to compute together: few enough to stay in a CPU's cache from one step to the
    next, many enough to keep a GPU busy."""
    return 2**10 if device.type == "cpu" else 2**16


# Rows of a hidden layer from which on training computes it a second time for its gradient, instead of keeping it.
RECOMPUTED_FROM = 2**17


def in_blocks(
    function: Callable[..., torch.Tensor], *columns: torch.Tensor, size: Optional[int] = None
) -> torch.Tensor:
    """`function` of all columns, each of shape (num_rows, ...), computed a block of rows at a time.

    Its results, shape (num_rows, ...), are put together. Where there are very many rows nothing else is kept for the
    gradient: blocks are computed again for it, with the same random numbers.

    # Parameters

    function : `Callable[..., torch.Tensor]`
    columns : `torch.Tensor`
    size : `int`, optional (default = `rows_at_once` of their device)
        Of a block.
    """
    size = size or rows_at_once(columns[0].device)
    blocks: List[Tuple[Any, ...]] = list(zip(*(column.split(size) for column in columns)))
    if torch.is_grad_enabled() and len(columns[0]) >= RECOMPUTED_FROM:
        return torch.cat([checkpoint(function, *block, use_reentrant=False) for block in blocks])
    return torch.cat([function(*block) for block in blocks])
