"""The spans of a document that may be mentions."""

from typing import List, NamedTuple

import torch


class Spans(NamedTuple):
    """Spans of one document, in order of start, then end. Shapes: (num_spans,)."""

    starts: torch.Tensor
    ends: torch.Tensor

    def at(self, indices: torch.Tensor) -> "Spans":
        """Those at the indices."""
        return Spans(self.starts[indices], self.ends[indices])

    def blocks(self, size: int) -> List["Spans"]:
        """Consecutive blocks of no more than `size` spans."""
        return [Spans(*block) for block in zip(self.starts.split(size), self.ends.split(size))]


def enumerate_spans(sentence_ids: torch.Tensor, max_width: int) -> Spans:
    """All spans of up to `max_width` tokens within a sentence, in order of start, then end.

    `sentence_ids` has shape (num_tokens,).
    """
    num_tokens = len(sentence_ids)
    # Shape: (num_tokens, max_width)
    starts = torch.arange(num_tokens, device=sentence_ids.device).unsqueeze(1).expand(-1, max_width)
    ends = starts + torch.arange(max_width, device=sentence_ids.device)
    inside = ends < num_tokens
    inside = inside & (sentence_ids.unsqueeze(1) == sentence_ids[ends.clamp(max=num_tokens - 1)])
    # Shape: (num_spans,)
    return Spans(starts[inside], ends[inside])


def cluster_labels(spans: Spans, gold: torch.Tensor) -> torch.Tensor:
    """The gold cluster of each span, shape (num_spans,), -1 where it has none.

    `gold` has shape (num_mentions, 3), rows `(start, end, cluster)`.
    """
    if not len(gold):
        return torch.full_like(spans.starts, -1)
    # Both bounds in one number.
    mentions, order = (gold[:, 0] * 2**31 + gold[:, 1]).sort()
    keys = spans.starts * 2**31 + spans.ends
    # Shape: (num_spans,)
    found = torch.searchsorted(mentions, keys).clamp(max=len(mentions) - 1)
    return torch.where(mentions[found] == keys, gold[order[found], 2], -1)


def sorted_unique_spans(gold: torch.Tensor) -> Spans:
    """Those of the rows `(start, end, cluster)` of `gold`, shape (num_mentions, 3), each once."""
    # Shape: (num_mentions, 2), sorted by start, then end
    bounds = torch.unique(gold[:, :2], dim=0)
    return Spans(bounds[:, 0], bounds[:, 1])
