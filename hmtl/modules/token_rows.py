"""Tokens of several texts as padded rows, without much padding."""

from itertools import accumulate
from typing import Any, List, Optional, Sequence

import torch

from hmtl.common.devices import computed, computed_twice, moved

# Of a group: no row is shorter than this share of the longest, unless the group would have fewer rows than that.
MIN_SHARE, MIN_ROWS = 0.6, 8
# Of a group, padding included, unless a single row is longer: what bounds the memory for a long text.
MAX_TOKENS = 2**13


class TokenRows:
    """Consecutive rows, such as sentences or documents, of one sequence of tokens, in groups of rows of similar length.

    An encoder that reads a group at a time computes little padding, whatever the lengths of the rows.

    # Parameters

    lengths : `Sequence[int]`
        Of the rows, in tokens. Together they are the sequence.
    device : `torch.device`, optional (default = the CPU)

    # Attributes

    groups : `List[List[int]]`
        The rows of each group, longest first.
    lengths : `List[int]`
        Of the rows, in their order.
    masks : `List[torch.Tensor]`
        Which tokens of a group are real. Shape (each): (num_rows, length)
    """

    def __init__(self, lengths: Sequence[int], device: Optional[torch.device] = None) -> None:
        self.groups = _groups(lengths)
        self.lengths = list(lengths)
        self._num_rows, self._num_tokens = len(lengths), sum(lengths)
        self.masks: List[torch.Tensor] = []
        # Of each group the tokens at its places, those places that hold a token, and the tokens at these alone.
        self._positions: List[torch.Tensor] = []
        self._places: List[torch.Tensor] = []
        self._tokens: List[torch.Tensor] = []
        starts = [0, *accumulate(lengths)]
        for group in self.groups:
            columns = torch.arange(lengths[group[0]])
            # Shape: (num_rows, length)
            positions = torch.tensor([starts[row] for row in group]).unsqueeze(1) + columns
            mask = columns < torch.tensor([lengths[row] for row in group]).unsqueeze(1)
            self._positions.append(moved(positions.masked_fill(~mask, 0), device))
            self._places.append(moved(mask.flatten().nonzero().squeeze(1), device))
            self._tokens.append(moved(positions[mask], device))
            self.masks.append(moved(mask, device))

    def pad(self, tokens: torch.Tensor) -> List[torch.Tensor]:
        """(num_tokens, ...) -> (num_rows, length, ...) for each group, zero at padding."""
        if self._num_rows == 1:
            return [computed_twice(lambda tensor: tensor.unsqueeze(0), tokens)]
        return [computed(_padded, tokens, positions, mask) for positions, mask in zip(self._positions, self.masks)]

    def join(self, padded: List[torch.Tensor]) -> torch.Tensor:
        """(num_rows, length, dim) for each group -> (num_tokens, dim)."""
        if self._num_rows == 1:
            return padded[0].squeeze(0)
        # Shape: (num_tokens, dim)
        tokens = padded[0].new_empty(self._num_tokens, padded[0].size(-1))
        for rows, positions, places in zip(padded, self._tokens, self._places):
            tokens.index_copy_(0, positions, rows.flatten(0, 1).index_select(0, places))
        return tokens

    def by_group(self, entries: Sequence[Any]) -> List[List[Any]]:
        """One entry a row, in the order of the rows -> one entry a row for each group."""
        return [[entries[row] for row in group] for group in self.groups]

    def in_order(self, by_group: List[List[Any]]) -> List[Any]:
        """One entry a row for each group -> one entry a row, in the order of the rows."""
        ordered: List[Any] = [None] * self._num_rows
        for group, entries in zip(self.groups, by_group):
            for row, entry in zip(group, entries):
                ordered[row] = entry
        return ordered


def _padded(tokens: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    # Shape: (num_rows, length, ...)
    rows = tokens[positions]
    return rows.masked_fill_(~mask.view(*mask.shape, *[1] * (rows.dim() - 2)), 0)


def _groups(lengths: Sequence[int]) -> List[List[int]]:
    groups: List[List[int]] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if groups:
            group, longest = groups[-1], lengths[groups[-1][0]]
            similar = lengths[row] >= MIN_SHARE * longest or len(group) < MIN_ROWS
            if similar and (len(group) + 1) * longest <= MAX_TOKENS:
                group.append(row)
                continue
        groups.append([row])
    return groups
