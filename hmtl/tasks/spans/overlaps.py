"""Which of the spans that a model finds stand together."""

from collections import defaultdict
from typing import DefaultDict, Dict, List, Literal, Sequence, Tuple

import torch

from hmtl.document import Bounds

# How spans of one sentence may overlap: in any way, by nesting without crossing, or not at all.
Overlaps = Literal["any", "nested", "none"]
# How the spans that stand together are chosen: the best first, or those with the highest sum.
Selection = Literal["greedy", "best"]

# Rounds of `standing_greedily`. A span that they leave undecided is at the end of a chain of twice as many spans, each
# in the way of the next, whose scores fall.
_NUM_ROUNDS = 4

# A chain of spans, none of which overlaps another: the sum of their weights, and their numbers.
_Chain = Tuple[float, List[int]]


def standing_together(
    bounds: Sequence[Bounds], weights: Sequence[float], overlaps: Overlaps, selection: Selection
) -> List[int]:
    """The numbers of the spans, ascending, that stand together as `overlaps` allows.

    Spans with the same bounds and another label nest. With `greedy` a span stands unless a better one is in its way, of
    equal ones the first; with `best` those stand whose weights have the largest sum, found by dynamic programming over
    the ends of spans: within each span of a nested set, and at the top.

    # Parameters

    bounds : `Sequence[Bounds]`
        First and last token of each span.
    weights : `Sequence[float]`
        Above 0.
    overlaps : `str`
        `any`, `nested` or `none`.
    selection : `str`
        `greedy` or `best`.
    """
    if overlaps == "any":
        return list(range(len(bounds)))
    if selection == "greedy":
        return _greedy(bounds, weights, overlaps)
    return sorted(_best(bounds, weights, overlaps))


def standing_greedily(
    starts: torch.Tensor, ends: torch.Tensor, is_span: torch.Tensor, overlaps: Overlaps
) -> torch.Tensor:
    """What `standing_together` chooses greedily, as tensors: of spans in the order of their weights, the best first,
    which stand. All sentences and spans are decided together, in a few rounds, so that nothing waits for the device;
    the few that these leave undecided do not stand.

    Shapes: (batch_size, num_spans), all
    """
    if overlaps == "any":
        return is_span
    numbers = torch.arange(starts.size(1), device=starts.device)
    # Which spans, in the last dimension, are better and in the way of each. Shape: (batch_size, num_spans, num_spans)
    start, end, other_start, other_end = starts.unsqueeze(2), ends.unsqueeze(2), starts.unsqueeze(1), ends.unsqueeze(1)
    in_the_way = (start <= other_end) & (other_start <= end)
    if overlaps == "nested":
        is_within = (other_start <= start) & (end <= other_end)
        in_the_way = in_the_way & ~is_within & ~is_within.transpose(1, 2)
    in_the_way = in_the_way & (numbers < numbers.unsqueeze(1))
    open_ = is_span
    for _ in range(_NUM_ROUNDS):
        stands = open_ & ~(in_the_way & open_.unsqueeze(1)).any(-1)
        open_ = open_ & ~(in_the_way & stands.unsqueeze(1)).any(-1)
    return stands


def layers_without_crossing(bounds: Sequence[Bounds]) -> List[List[int]]:
    """The spans' numbers in layers, in each of which no two cross: each span is in the first layer that has room for
    it, of those in order of their starts, the longer first."""
    # Each with the ends of those of its spans that the next one may lie in.
    layers: List[Tuple[List[int], List[int]]] = []
    for number in sorted(range(len(bounds)), key=lambda number: (bounds[number][0], -bounds[number][1])):
        start, end = bounds[number]
        for layer in layers:
            _, ends = layer
            while ends and ends[-1] < start:
                ends.pop()
            if not ends or ends[-1] >= end:
                break
        else:
            layer = ([], [])
            layers.append(layer)
        layer[0].append(number)
        layer[1].append(end)
    return [numbers for numbers, _ in layers]


def _greedy(bounds: Sequence[Bounds], weights: Sequence[float], overlaps: Overlaps) -> List[int]:
    kept: List[int] = []
    for number in sorted(range(len(bounds)), key=lambda number: -weights[number]):
        if not any(_are_in_the_way(bounds[number], bounds[other], overlaps) for other in kept):
            kept.append(number)
    return sorted(kept)


def _are_in_the_way(one: Bounds, other: Bounds, overlaps: Overlaps) -> bool:
    (start, end), (later_start, later_end) = sorted((one, other))
    if overlaps == "none":
        return later_start <= end
    return start < later_start <= end < later_end


def _best(bounds: Sequence[Bounds], weights: Sequence[float], overlaps: Overlaps) -> List[int]:
    """Narrow spans come first, so that what stands within a wide one is known by then."""
    numbers: DefaultDict[Bounds, List[int]] = defaultdict(list)
    for number, each in enumerate(bounds):
        numbers[each].append(number)
    chains: Dict[Bounds, _Chain] = {}
    by_end: DefaultDict[int, List[int]] = defaultdict(list)
    for start, end in sorted(numbers, key=lambda each: (each[1] - each[0], each)):
        here = numbers[start, end]
        if overlaps == "nested":
            within, others = _best_chain(chains, by_end, start, end)
            chains[start, end] = within + sum(weights[number] for number in here), [*others, *here]
        else:
            best = max(here, key=lambda number: weights[number])
            chains[start, end] = weights[best], [best]
        by_end[end].append(start)
    if not chains:
        return []
    return _best_chain(chains, by_end, min(start for start, _ in chains), max(end for _, end in chains))[1]


def _best_chain(chains: Dict[Bounds, _Chain], by_end: Dict[int, List[int]], first: int, last: int) -> _Chain:
    """The best of the spans, one behind the other, from token `first` to token `last`."""
    # The best sum up to each token, the token before `first` included, and where the span begins that ends there.
    totals = [0.0]
    ending: List[int] = []
    for end in range(first, last + 1):
        total, chosen = totals[-1], -1
        for start in by_end.get(end, ()):
            if start >= first and totals[start - first] + chains[start, end][0] > total:
                total, chosen = totals[start - first] + chains[start, end][0], start
        totals.append(total)
        ending.append(chosen)
    members: List[int] = []
    end = last
    while end >= first:
        start = ending[end - first]
        if start >= 0:
            members += chains[start, end][1]
            end = start
        end -= 1
    return totals[-1], members
