"""Spans of a sequence of tokens: which there are, what stands in them, and layers that score many of them."""

import math
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch.autograd.function import once_differentiable
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


class TokenParts(NamedTuple):
    """What the tokens of a batch add to vectors of the spans around them.

    # Attributes

    starts, ends : `torch.Tensor`
        What a token adds as the first and as the last one. Shapes: (length, batch_size, dim)
    values, logits : `torch.Tensor`
        What it adds by its share of the attention. Shapes: (length, batch_size, dim) and (length, batch_size)
    """

    starts: torch.Tensor
    ends: torch.Tensor
    values: torch.Tensor
    logits: torch.Tensor


def sums_of_spans(parts: TokenParts, widths: torch.Tensor, spans: Spans, block: "Block") -> torch.Tensor:
    """For each of a block's spans what its first token, its last token and its width add, and the attention-weighted
    sum of the values of its tokens, in the precision of the attention's logits. Shape: (num_spans, dim)

    All spans of a width are computed together, from those that are one token shorter: the further token moves their
    weighted sum towards its own value, by its share of the attention. That is a few operations on whole tensors for
    each width, forward and backward, where a softmax, a gather and a scatter of the tokens of each span are many.

    # Parameters

    parts : `TokenParts`
        Of the whole batch.
    widths : `torch.Tensor`
        What a width adds, by the number of tokens less one. Shape: (max_width, dim)
    spans : `Spans`
        Those of the block, by the tokens of the padded batch, one row after the other.
    block : `Block`
    """
    length = len(parts.starts)
    dtype = parts.logits.dtype
    # Shape: (num_starts, num_rows, dim), and as many tokens more as the last span may have.
    starts = parts.starts[block.first : block.stop, block.rows].to(dtype)
    around = slice(block.first, block.stop + len(widths) - 1)
    ends, values, logits = (each[around, block.rows].to(dtype) for each in parts[1:])
    rows = spans.starts.div(length, rounding_mode="floor")
    wider_by = spans.ends - spans.starts
    # Where each span stands among those of all widths, by width, then start, then row. Of each width there are as many
    # starts as have so many tokens behind them.
    num_starts, num_beyond = len(starts), len(ends) - len(starts)
    missing = (wider_by - 1 - num_beyond).clamp(min=0)
    steps = wider_by * num_starts - missing * (missing + 1) // 2 + (spans.starts - rows * length - block.first)
    cells = steps * logits.size(1) + rows - block.rows.start
    return _SumsOfSpans.apply(starts, ends, widths.to(dtype), values, logits, cells)


class _SumsOfSpans(torch.autograd.Function):
    """The sums of all spans, and of these the ones in the given cells."""

    @staticmethod
    def forward(
        ctx: Any,
        starts: torch.Tensor,
        ends: torch.Tensor,
        widths: torch.Tensor,
        values: torch.Tensor,
        logits: torch.Tensor,
        cells: torch.Tensor,
    ) -> torch.Tensor:
        (num_starts, num_rows, dim), length = starts.shape, len(ends)
        counts = [min(num_starts, length - wider_by) for wider_by in range(min(len(widths), length))]
        sizes = [count * num_rows for count in counts]
        averages, sums = (starts.new_empty(sum(sizes), dim) for _ in range(2))
        shares: List[torch.Tensor] = []
        total = logits[:num_starts]
        before = values[:num_starts]
        for wider_by, (count, average, of_width) in enumerate(zip(counts, averages.split(sizes), sums.split(sizes))):
            # Shape (each): (count, num_rows, dim)
            average, of_width = (each.view(count, num_rows, dim) for each in (average, of_width))
            if wider_by:
                # The share of the last token. Shape: (count, num_rows, 1)
                last = logits[wider_by : wider_by + count]
                shares.append((last - total[:count]).sigmoid_().unsqueeze(-1))
                total = torch.logaddexp(total[:count], last)
                torch.mul(before[:count], 1 - shares[-1], out=average)
                average.addcmul_(values[wider_by : wider_by + count], shares[-1])
            else:
                average.copy_(before)
            torch.add(average, starts[:count], out=of_width)
            of_width.add_(ends[wider_by : wider_by + count]).add_(widths[wider_by])
            before = average
        ctx.sizes = sizes
        ctx.num_widths = len(widths)
        ctx.save_for_backward(values, averages, cells, *shares)
        return sums.index_select(0, cells)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        values, averages, cells, *shares = ctx.saved_tensors
        length, num_rows, dim = values.shape
        num_starts = ctx.sizes[0] // num_rows
        # Shape: (num_cells, dim)
        of_sums = torch.zeros_like(averages).index_copy_(0, cells, gradient)
        # By the softmax's rule a logit has the gradient of its token's value, times this value, less what the same
        # recursion makes of the products of averages and their gradients. Shape: (num_cells, 1)
        products = torch.linalg.vecdot(of_sums, averages).unsqueeze(-1)
        of_starts = gradient.new_zeros(num_starts, num_rows, dim)
        of_ends, of_values = torch.zeros_like(values), torch.zeros_like(values)
        of_widths = gradient.new_zeros(ctx.num_widths, dim)
        of_products = gradient.new_zeros(length, num_rows, 1)
        wider: Sequence[torch.Tensor] = ()
        slabs = list(zip(of_sums.split(ctx.sizes), products.split(ctx.sizes)))
        for wider_by in range(len(slabs) - 1, -1, -1):
            # Shapes: (count, num_rows, dim) and (count, num_rows, 1)
            of_width, product = (each.view(-1, num_rows, each.size(-1)) for each in slabs[wider_by])
            count = len(of_width)
            last = slice(wider_by, wider_by + count)
            of_starts[:count] += of_width
            of_ends[last] += of_width
            of_widths[wider_by] = of_width.sum((0, 1))
            # What the averages of the wider spans pass on to those that they are made from.
            for here, beyond in zip((of_width, product), wider):
                here[: len(beyond)].addcmul_(beyond, 1 - shares[wider_by])
            wider = (of_width, product)
            for target, here in zip((of_values, of_products), wider):
                if wider_by:
                    target[last].addcmul_(here, shares[wider_by - 1])
                else:
                    target[last] += here
        of_logits = torch.linalg.vecdot(of_values, values) - of_products.squeeze(-1)
        return of_starts, of_ends, of_widths, of_values, of_logits, None


class Block(NamedTuple):
    """Part of a batch: the spans of some rows that start at the tokens from `first` to `stop`, the latter excluded."""

    rows: slice
    first: int
    stop: int


def blocks_of_spans(
    function: Callable[[Spans, Block], torch.Tensor], spans: Spans, batch_size: int, length: int, max_width: int
) -> torch.Tensor:
    """`function` of all spans, put together from blocks of a batch whose spans are of a bounded number; as in
    `in_blocks`, where there are very many, they are computed again for the gradient.

    # Parameters

    function : `Callable[[Spans, Block], torch.Tensor]`
        (num_spans,) of a block -> (num_spans, ...).
    spans : `Spans`
        By the tokens of the padded batch, one row after the other, in order.
    batch_size, length, max_width : `int`
        Of the batch.
    """
    blocks = list(_blocks(batch_size, length, max_width, 2**4 * rows_at_once(spans.starts.device)))
    if len(blocks) == 1:
        parts = [spans]
    else:
        # How many spans each has is known on the device alone.
        stops = torch.tensor([(block.rows.stop - 1) * length + block.stop for block in blocks])
        counts = torch.searchsorted(spans.starts, stops.to(spans.starts.device)).diff(prepend=spans.starts.new_zeros(1))
        parts = [Spans(*part) for part in zip(*(column.split(counts.tolist()) for column in spans))]
    if torch.is_grad_enabled() and batch_size * length * max_width >= RECOMPUTED_FROM:
        return torch.cat([checkpoint(function, *each, use_reentrant=False) for each in zip(parts, blocks)])
    return torch.cat([function(*each) for each in zip(parts, blocks)])


def _blocks(batch_size: int, length: int, max_width: int, size: int) -> Iterator[Block]:
    num_rows = max(1, size // (length * max_width))
    # Only a row that is longer than a block is taken in parts.
    num_starts = length if length * max_width <= size else max(1, size // max_width)
    for row in range(0, batch_size, num_rows):
        for first in range(0, length, num_starts):
            yield Block(slice(row, min(row + num_rows, batch_size)), first, min(first + num_starts, length))


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
