"""Which of the spans that a model finds stand together. Nothing here needs torch."""

from collections import defaultdict
from typing import DefaultDict, Dict, List, Literal, Sequence, Tuple

# First and last token.
Bounds = Tuple[int, int]

# How spans of one sentence may overlap: in any way, by nesting without crossing, or not at all.
Overlaps = Literal["any", "nested", "none"]
# How the spans that stand together are chosen: the best first, or those with the highest sum.
Selection = Literal["greedy", "best"]

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
