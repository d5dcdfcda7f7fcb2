"""The spans that a relation may join, and their pairs, as tensors."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch

from hmtl.common.devices import moved
from hmtl.document import Span


class Candidates(NamedTuple):
    """The spans of each row of a batch that may be arguments, each once, in order of start, then end.

    # Attributes

    starts, ends : `torch.Tensor`
        Shape: (batch_size, num_slots)
    is_span : `torch.Tensor`
        Which of the slots hold a span. Shape: (batch_size, num_slots)
    is_found : `torch.Tensor`
        Which of them are no mere examples of training. Shape: (batch_size, num_slots)
    labels : `torch.Tensor`
        Zeros and ones: which labels each has. Shape: (batch_size, num_slots, num_labels)
    keys : `torch.Tensor`
        The bounds of each span in one number, sorted in each row, with spans that stand again and empty slots.
        Shape: (batch_size, num_slots)
    """

    starts: torch.Tensor
    ends: torch.Tensor
    is_span: torch.Tensor
    is_found: torch.Tensor
    labels: torch.Tensor
    keys: torch.Tensor

    def slots_of(self, bounds: torch.Tensor, length: int) -> torch.Tensor:
        """The slot of each span, which must be one of the candidates; of padding any number.

        Shapes: (batch_size, num, 2) -> (batch_size, num)
        """
        found = torch.searchsorted(self.keys, keys_of(bounds, length))
        return found.clamp(max=self.keys.size(1) - 1)

    def without_gaps(self) -> "Candidates":
        """The same spans in as many slots as the row with the most of them needs, which the device alone knows."""
        num_slots = min(max(int(self.is_span.sum(1).max()), 1), self.is_span.size(1))
        # Shape: (batch_size, num_slots)
        slots = (~self.is_span).byte().argsort(dim=1, stable=True)[:, :num_slots]
        starts, ends, is_span, is_found = (column.gather(1, slots) for column in self[:4])
        labels = self.labels.gather(1, slots.unsqueeze(-1).expand(-1, -1, self.labels.size(2)))
        keys = self.keys.gather(1, slots).where(is_span, torch.iinfo(torch.long).max)
        return Candidates(starts, ends, is_span, is_found, labels, keys)


def keys_of(bounds: torch.Tensor, length: int) -> torch.Tensor:
    """Codes start and end as one number; that of padding is larger than all others.

    Shapes: (batch_size, num, 2) -> (batch_size, num)
    """
    starts, ends = bounds.unbind(-1)
    return (starts * length + ends).where(starts >= 0, length * length)


def candidates(
    found: Sequence[Tuple[torch.Tensor, torch.Tensor]],
    examples: Sequence[Tuple[torch.Tensor, torch.Tensor]],
    length: int,
    num_labels: int,
) -> Candidates:
    """The candidates from spans that may be repeated.

    `found` and `examples` have groups of spans: bounds, shape (batch_size, num, 2), padded with -1, and labels, shape
    (batch_size, num), -1 where there is none. A span has the labels that it is found with, and only one that is not
    found those of the examples.
    """
    groups = [*found, *examples]
    # Shape (each): (batch_size, num_slots)
    all_keys = torch.cat([keys_of(bounds, length) for bounds, _ in groups], dim=1)
    all_labels = torch.cat([labels for _, labels in groups], dim=1)
    num_found = sum(bounds.size(1) for bounds, _ in found)
    is_found = torch.arange(all_keys.size(1), device=all_keys.device) < num_found
    keys, _ = all_keys.sort(dim=1)
    # The position of the first occurrence of each span among the sorted ones.
    slots = torch.searchsorted(keys, all_keys)
    is_first = torch.cat([keys.new_ones(len(keys), 1, dtype=torch.bool), keys[:, 1:] != keys[:, :-1]], dim=1)
    is_span = is_first & (keys < length * length)
    # Spans without a label are marked in the last column. Shape: (2, batch_size, num_slots, num_labels + 1)
    marks = torch.zeros(2, *keys.shape, num_labels + 1, device=keys.device)
    rows = torch.arange(len(keys), device=keys.device).unsqueeze(1).expand_as(keys)
    columns = all_labels.where(all_labels >= 0, num_labels)
    marks = marks.index_put((is_found.long().expand_as(keys), rows, slots, columns), marks.new_ones(()))
    of_examples, of_found = marks
    # Shape: (batch_size, num_slots)
    was_found = of_found.any(-1)
    labels = torch.where(was_found.unsqueeze(-1), of_found, of_examples)[..., :-1]
    starts, ends = keys.div(length, rounding_mode="floor"), keys.remainder(length)
    # Slots that hold no candidate get the bounds of some token of the sentence, so that they can be looked up.
    starts = starts.clamp(max=length - 1)
    return Candidates(starts, ends, is_span, was_found & is_span, labels, keys)


class Pairs(NamedTuple):
    """Ordered pairs of different candidates of a row, by the slots of their spans. Shapes: (num_pairs,)"""

    rows: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor


def pairs_of(
    is_span: torch.Tensor, sentence_of: Optional[torch.Tensor] = None, max_distance: Optional[int] = None
) -> Pairs:
    """All pairs of candidates, or those whose sentences, the numbers `sentence_of`, differ by `max_distance` at most.
    How many these are is known on the device alone, so that this waits for it.

    `is_span` and `sentence_of` have shape (batch_size, num_slots).
    """
    slots = torch.arange(is_span.size(1), device=is_span.device)
    # Shape: (batch_size, num_slots, num_slots)
    is_pair = is_span.unsqueeze(2) & is_span.unsqueeze(1) & (slots.unsqueeze(1) != slots)
    if sentence_of is not None and max_distance is not None:
        # In 32 bits, since there may be very many pairs.
        sentence_of = sentence_of.int()
        is_pair &= (sentence_of.unsqueeze(2) - sentence_of.unsqueeze(1)).abs() <= max_distance
    return Pairs(*is_pair.nonzero().unbind(1))


def drawn_spans(
    mask: torch.Tensor, number: int, max_width: int, sentence_ids: Optional[torch.Tensor] = None
) -> torch.Tensor:
    """Some spans of each row, drawn at random: (batch_size, length) -> (batch_size, number, 2). Those that would leave
    their sentence, where the sentences of the tokens are given, shape (batch_size, length), are their first token."""
    lengths = mask.sum(1, keepdim=True)
    # Shape: (2, batch_size, number)
    shares = torch.rand(2, len(mask), number, device=mask.device)
    starts = (shares[0] * lengths).long()
    ends = torch.minimum(starts + (shares[1] * max_width).long(), lengths - 1)
    if sentence_ids is not None:
        ends = ends.where(sentence_ids.gather(1, starts) == sentence_ids.gather(1, ends), starts)
    return torch.stack([starts, ends], dim=-1)


def rows_of_spans(spans: Sequence[Sequence[Span]], labels: List[str], device: torch.device) -> torch.Tensor:
    """Lists of spans as rows `(start, end, label)`, padded with -1. Shape: (batch_size, num_spans, 3)"""
    numbers = {label: number for number, label in enumerate(labels)}
    longest = max(map(len, spans), default=0)
    rows = [
        [(start, end, numbers.get(label, -1)) for start, end, label in row] + [(-1, -1, -1)] * (longest - len(row))
        for row in spans
    ]
    return moved(torch.tensor(rows, dtype=torch.long).view(len(spans), longest, 3), device)
