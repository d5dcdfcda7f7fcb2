"""The spans of documents that may be mentions."""

from itertools import accumulate
from typing import List, NamedTuple

import torch

from hmtl.common.devices import moved
from hmtl.modules.spans import Spans

# Documents stand side by side only if each has at least this share of the spans of the one with the most.
MIN_SHARE = 0.75


class SpanTable(NamedTuple):
    """The spans of some documents side by side, a column a document, in document order from above.

    # Attributes

    documents : `List[int]`
        The documents, by their numbers.
    counts : `List[int]`
        How many spans each has.
    spans : `torch.Tensor`
        The number of each span among those of all documents; at the end of shorter columns their last span again.
        Shape: (num_spans, num_documents)
    mask : `torch.Tensor`
        False where a span stands again. Shape: (num_spans, num_documents)
    """

    documents: List[int]
    counts: List[int]
    spans: torch.Tensor
    mask: torch.Tensor


def span_tables(counts: List[int], max_spans: int, device: torch.device) -> List[SpanTable]:
    """Tables of documents with about as many spans, each of no more than `max_spans` spans or a single document.

    `counts` says how many spans each document has; those without any are left out. The spans of all are numbered one
    document after the other.
    """
    firsts = [0, *accumulate(counts)]
    tables = []
    for documents in _of_similar_size(counts, max_spans):
        of_documents = [counts[number] for number in documents]
        first, count = torch.tensor([firsts[number] for number in documents]), torch.tensor(of_documents)
        # Shape: (num_spans, 1)
        positions = torch.arange(of_documents[0]).unsqueeze(1)
        # Shapes: (num_spans, num_documents)
        spans, mask = first + positions.minimum(count - 1), positions < count
        tables.append(SpanTable(documents, of_documents, moved(spans, device), moved(mask, device)))
    return tables


def _of_similar_size(counts: List[int], max_spans: int) -> List[List[int]]:
    """The documents in groups, those with the most spans first."""
    groups: List[List[int]] = []
    for number in sorted(range(len(counts)), key=counts.__getitem__, reverse=True):
        most = counts[groups[-1][0]] if groups else 0
        if groups and counts[number] >= MIN_SHARE * most and (len(groups[-1]) + 1) * most <= max_spans:
            groups[-1].append(number)
        elif counts[number]:
            groups.append([number])
    return groups


def cluster_labels(spans: Spans, gold: torch.Tensor) -> torch.Tensor:
    """The gold cluster of each span, shape (num_spans,), -1 where it has none.

    `gold` has shape (num_mentions, 3), rows `(start, end, cluster)`.
    """
    if not len(gold):
        return torch.full_like(spans.starts, -1)
    # Start and end become one number, so that bounds can be sorted and looked up.
    mentions, order = (gold[:, 0] * 2**31 + gold[:, 1]).sort()
    keys = spans.starts * 2**31 + spans.ends
    # Shape: (num_spans,)
    found = torch.searchsorted(mentions, keys).clamp(max=len(mentions) - 1)
    return torch.where(mentions[found] == keys, gold[order[found], 2], -1)


def sorted_unique_spans(gold: torch.Tensor) -> Spans:
    """The bounds in the rows `(start, end, cluster)` of `gold`, shape (num_mentions, 3), without repetitions."""
    # Shape: (num_mentions, 2), sorted by start, then end
    bounds = torch.unique(gold[:, :2], dim=0)
    return Spans(bounds[:, 0], bounds[:, 1])
