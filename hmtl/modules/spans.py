"""Spans of a sequence of tokens: which there are, what stands in them, and layers that score many of them."""

import math
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from hmtl.common.devices import computed_twice, moved, on_host


class Spans(NamedTuple):
    """Spans of a sequence of tokens, in order of start, then end. Shapes: (num_spans,)."""

    starts: torch.Tensor
    ends: torch.Tensor

    def at(self, indices: torch.Tensor) -> "Spans":
        """Those at the indices."""
        return Spans(*(computed_twice(torch.Tensor.__getitem__, column, indices) for column in self))

    def on(self, device: torch.device) -> "Spans":
        """The same on another device."""
        return Spans(*(moved(column, device) for column in self))

    def blocks(self, size: int) -> List["Spans"]:
        """Consecutive blocks of no more than `size` spans, at least one."""
        return [self._part(slice(first, first + size)) for first in range(0, max(1, len(self.starts)), size)]

    def _part(self, numbers: slice) -> "Spans":
        return Spans(*(computed_twice(lambda column: column[numbers], column) for column in self))


def span_grid(sentence_ids: torch.Tensor, max_width: int) -> torch.Tensor:
    """Which spans of up to `max_width` tokens lie within a sentence: (num_tokens,) -> (num_tokens, max_width), by start
    and by number of tokens less one."""
    num_tokens = len(sentence_ids)
    # Shape: (num_tokens, max_width)
    ends = torch.arange(num_tokens, device=sentence_ids.device).unsqueeze(1)
    ends = ends + torch.arange(max_width, device=sentence_ids.device)
    return (ends < num_tokens) & (sentence_ids.unsqueeze(1) == sentence_ids[ends.clamp(max=num_tokens - 1)])


def spans_of(grid: torch.Tensor) -> Spans:
    """The spans of a grid, shape (num_tokens, max_width). How many these are another device has to be waited for."""
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


def sums_by_width(parts: TokenParts, widths: torch.Tensor) -> List[torch.Tensor]:
    """For all spans of a width what their first token, their last token and the width add, and the attention-weighted
    sum of the values of their tokens. For each width, shape (num_spans, dim): by start, then row of the batch.

    They are computed from the sums of the spans that are one token shorter: the further token moves these towards its
    own value, by its share of the attention. That is a few operations on whole tensors for each width, forward and
    backward, where a softmax, a gather and a scatter of the tokens of each span are many.

    # Parameters

    parts : `TokenParts`
        Where there are fewer starts than tokens, spans start at the first tokens alone.
    widths : `torch.Tensor`
        What a width adds, by the number of tokens less one. Shape: (max_width, dim)
    """
    dtype = parts.logits.dtype
    starts, ends, values, logits = parts
    return list(_SumsByWidth.apply(starts.to(dtype), ends.to(dtype), widths.to(dtype), values.to(dtype), logits))


class _SumsByWidth(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        starts: torch.Tensor,
        ends: torch.Tensor,
        widths: torch.Tensor,
        values: torch.Tensor,
        logits: torch.Tensor,
    ) -> Tuple[torch.Tensor, ...]:
        num_starts, length = len(starts), len(ends)
        # The share of the last token of each span of two, three, ... tokens. Shape (each): (count, num_rows, 1)
        shares = []
        total = logits[:num_starts]
        for wider_by in range(1, min(len(widths), length)):
            count = min(num_starts, length - wider_by)
            last = logits[wider_by : wider_by + count]
            shares.append((last - total[:count]).sigmoid_().unsqueeze(-1))
            total = torch.logaddexp(total[:count], last)
        ctx.num_starts, ctx.num_widths = num_starts, len(widths)
        ctx.save_for_backward(values, *shares)
        sums = []
        for wider_by, average in enumerate(_averages(values, num_starts, shares)):
            # Shape: (count, num_rows, dim)
            of_width = average + starts[: len(average)]
            of_width.add_(ends[wider_by : wider_by + len(average)]).add_(widths[wider_by])
            sums.append(of_width.flatten(0, 1))
        return tuple(sums)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *of_sums: torch.Tensor) -> Any:
        values, *shares = ctx.saved_tensors
        length, num_rows, dim = values.shape
        # Shape (each): (count, num_rows, dim)
        gradients = [each.view(-1, num_rows, dim) for each in of_sums]
        # By the softmax's rule a logit has the gradient of its token's value, times this value, less what the same
        # recursion makes of the products of averages and their gradients. Shape (each): (count, num_rows, 1)
        products = [
            torch.linalg.vecdot(gradient, average).unsqueeze(-1)
            for gradient, average in zip(gradients, _averages(values, ctx.num_starts, shares))
        ]
        of_starts = values.new_zeros(ctx.num_starts, num_rows, dim)
        of_ends, of_values = torch.zeros_like(values), torch.zeros_like(values)
        of_widths = values.new_zeros(ctx.num_widths, dim)
        of_products = values.new_zeros(length, num_rows, 1)
        wider: List[torch.Tensor] = []
        for wider_by in range(len(gradients) - 1, -1, -1):
            gradient = gradients[wider_by]
            last = slice(wider_by, wider_by + len(gradient))
            of_starts[: len(gradient)] += gradient
            of_ends[last] += gradient
            of_widths[wider_by] = gradient.sum((0, 1))
            # With what the averages of the wider spans pass on to those that they are made from.
            both = [gradient, products[wider_by]]
            if wider:
                both = [_with_wider(*each, 1 - shares[wider_by]) for each in zip(both, wider)]
            for target, each in zip((of_values, of_products), both):
                if wider_by:
                    target[last].addcmul_(each, shares[wider_by - 1])
                else:
                    target[last] += each
            wider = both
        of_logits = torch.linalg.vecdot(of_values, values) - of_products.squeeze(-1)
        return of_starts, of_ends, of_widths, of_values, of_logits


def _averages(values: torch.Tensor, num_starts: int, shares: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """The attention-weighted sums of the values of the spans of each width, shapes (count, num_rows, dim), given the
    share of the last token."""
    average = values[:num_starts]
    yield average
    for wider_by, share in enumerate(shares, 1):
        average = average[: len(share)] * (1 - share)
        yield average.addcmul_(values[wider_by : wider_by + len(share)], share)


def _with_wider(gradient: torch.Tensor, of_wider: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """The gradient, to which of the first starts the share of the gradient of the wider spans is added."""
    total = torch.empty_like(gradient)
    torch.addcmul(gradient[: len(share)], of_wider, share, out=total[: len(share)])
    total[len(share) :] = gradient[len(share) :]
    return total


class Block(NamedTuple):
    """Part of a batch: the spans of some rows that start at the tokens from `first` to `stop`, the latter excluded."""

    rows: slice
    first: int
    stop: int

    def parts(self, parts: TokenParts, max_width: int) -> TokenParts:
        """Those of its tokens."""
        starts, *others = (each[self.first : self.stop + max_width - 1, self.rows] for each in parts)
        return TokenParts(starts[: self.stop - self.first], *others)

    def cells(self, spans: Spans, length: int, max_width: int) -> torch.Tensor:
        """Where its spans stand among those of `sums_by_width`, put together. Shape: (num_spans,)"""
        rows = spans.starts.div(length, rounding_mode="floor")
        wider_by = spans.ends - spans.starts
        num_starts = self.stop - self.first
        # Of a width there are all starts, but for those that have not as many tokens behind them.
        num_behind = min(length, self.stop + max_width - 1) - self.stop
        missing = (wider_by - 1 - num_behind).clamp(min=0)
        before = wider_by * num_starts - (missing * (missing + 1)).div(2, rounding_mode="floor")
        starts = spans.starts - rows * length - self.first
        return (before + starts) * (self.rows.stop - self.rows.start) + rows - self.rows.start


def in_blocks_of_spans(
    function: Callable[[Spans, Block], torch.Tensor], spans: Spans, batch_size: int, length: int, max_width: int
) -> torch.Tensor:
    """`function` of all spans, put together from blocks of a batch, whose spans are of a bounded number. As with
    `in_blocks`, those of a very large batch are computed again for the gradient.

    # Parameters

    function : `Callable[[Spans, Block], torch.Tensor]`
        (num_spans,) of a block -> (num_spans, ...).
    spans : `Spans`
        By the tokens of the padded batch, one row after the other, in order.
    batch_size, length, max_width : `int`
    """
    device = spans.starts.device
    blocks = list(_blocks(batch_size, length, min(STARTS_AT_ONCE, rows_at_once(device))))
    of_blocks = [spans]
    if len(blocks) > 1:
        (starts,) = on_host(spans.starts)
        stops = torch.tensor([(block.rows.stop - 1) * length + block.stop for block in blocks])
        counts = torch.searchsorted(starts, stops).diff(prepend=stops.new_zeros(1)).tolist()
        of_blocks = [Spans(*block) for block in zip(spans.starts.split(counts), spans.ends.split(counts))]
    if torch.is_grad_enabled() and batch_size * length * max_width >= RECOMPUTED_FROM:
        return torch.cat([checkpoint(function, *each, use_reentrant=False) for each in zip(of_blocks, blocks)])
    return torch.cat([function(*each) for each in zip(of_blocks, blocks)])


def _blocks(batch_size: int, length: int, size: int) -> Iterator[Block]:
    """Blocks of at most `size` starts, of whole rows unless one row is longer."""
    num_rows, num_starts = max(1, size // length), min(length, size)
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
        self._values = values
        self._batch_size, self._length, dim = values.shape
        levels = [values.detach()]
        while 2 ** len(levels) <= self._length:
            step = 2 ** (len(levels) - 1)
            # Shape: (batch_size, length, dim); what reaches beyond the last token is never looked up.
            shifted = torch.cat([levels[-1][:, step:], levels[-1][:, -step:]], dim=1)
            levels.append(torch.maximum(levels[-1], shifted))
        # Shape: (num_levels, batch_size, length, dim)
        self._table = torch.stack(levels)

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
        found = _LargerOfTwo.apply(self._values, self._table, start + first, start + second)
        return found.masked_fill(is_empty.unsqueeze(1), 0.0)


class _LargerOfTwo(torch.autograd.Function):
    """The larger of two rows of a table of range maxima. Its gradient goes down the levels of the table to the values:
    torch's own takes many times as long, because it halves what equal values share."""

    @staticmethod
    def forward(
        ctx: Any, values: torch.Tensor, table: torch.Tensor, one: torch.Tensor, other: torch.Tensor
    ) -> torch.Tensor:
        rows = table.flatten(0, 2)
        # Shape (each): (num_ranges, dim)
        of_one, of_other = rows.index_select(0, one), rows.index_select(0, other)
        ctx.save_for_backward(table, one, other, of_one >= of_other)
        return torch.maximum(of_one, of_other)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        table, one, other, is_one = ctx.saved_tensors
        gradients = torch.zeros_like(table)
        rows = gradients.flatten(0, 2)
        of_one = gradient * is_one
        rows.index_add_(0, one, of_one).index_add_(0, other, gradient - of_one)
        for level in range(len(table) - 1, 0, -1):
            step = 2 ** (level - 1)
            here, further = table[level - 1, :, :-step], table[level - 1, :, step:]
            # Nothing is looked up that reaches beyond the last token. Shape: (batch_size, length - step, dim)
            total = gradients[level, :, :-step]
            of_here = total * (here >= further)
            gradients[level - 1, :, :-step] += of_here
            gradients[level - 1, :, step:] += total - of_here
        return gradients[0], None, None, None


def rows_at_once(device: torch.device) -> int:
    """How many vectors of a hidden layer to compute together: few enough to stay in a CPU's cache from one step to the
    next, many enough to keep a GPU busy."""
    return 2**10 if device.type == "cpu" else 2**16


# How many tokens' spans of all widths to compute together at most.
STARTS_AT_ONCE = 2**13
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
