"""Sets of spans that may stand together, against all sets that there are."""

import random
from itertools import combinations
from typing import List, Sequence, Tuple

import pytest
import torch

from hmtl.common.standing_spans import standing_together
from hmtl.tasks.spans.overlaps import layers_without_crossing, standing_greedily

Bounds = Tuple[int, int]


def is_allowed(one: Bounds, other: Bounds, overlaps: str) -> bool:
    """By the sets of tokens."""
    tokens, others = (set(range(start, end + 1)) for start, end in (one, other))
    if not tokens & others:
        return True
    return overlaps == "nested" and (tokens <= others or others <= tokens)


def all_allowed(bounds: Sequence[Bounds], numbers: Sequence[int], overlaps: str) -> bool:
    return all(is_allowed(bounds[i], bounds[j], overlaps) for i, j in combinations(numbers, 2))


def cases() -> List[Tuple[List[Bounds], List[float]]]:
    generator = random.Random(5)
    found = []
    for number in range(150):
        bounds = []
        for _ in range(number % 9):
            start = generator.randrange(7)
            # Some have the bounds of another: they are of another label.
            bounds.append((start, start + generator.randrange(4)))
        found.append((sorted(bounds), [generator.uniform(0.1, 3.0) for _ in bounds]))
    return found


@pytest.mark.parametrize("overlaps", ["nested", "none"])
def test_the_best_set_has_the_largest_sum_of_all_that_are_allowed(overlaps: str) -> None:
    sums = []
    for bounds, weights in cases():
        kept = standing_together(bounds, weights, overlaps, "best")
        assert all_allowed(bounds, kept, overlaps) and kept == sorted(set(kept))
        best = max(
            sum(weights[number] for number in chosen)
            for size in range(len(bounds) + 1)
            for chosen in combinations(range(len(bounds)), size)
            if all_allowed(bounds, chosen, overlaps)
        )
        assert sum(weights[number] for number in kept) == pytest.approx(best)
        sums.append(best)
    assert max(sums) > 5


@pytest.mark.parametrize("overlaps", ["nested", "none"])
def test_greedily_a_span_stands_unless_a_better_one_is_in_its_way(overlaps: str) -> None:
    num_dropped = 0
    for bounds, weights in cases():
        expected: List[int] = []
        for _, number in sorted((-weight, number) for number, weight in enumerate(weights)):
            if all_allowed(bounds, [*expected, number], overlaps):
                expected.append(number)
        assert standing_together(bounds, weights, overlaps, "greedy") == sorted(expected)
        num_dropped += len(bounds) - len(expected)
    assert num_dropped > 50


@pytest.mark.parametrize("overlaps", ["any", "nested", "none"])
def test_tensors_are_selected_greedily_as_lists_are(overlaps: str) -> None:
    """All sentences at once, the best span first, with padding in between, which is in nobody's way."""
    by_rank, length = [], 12
    for bounds, weights in cases():
        # The first of spans with the same bounds.
        ranked = list(dict.fromkeys(bounds[number] for number in sorted(range(len(bounds)), key=lambda n: -weights[n])))
        by_rank.append([each for span in ranked for each in ((0, 11), span)])
    rows = torch.tensor([row + [(0, 11)] * (20 - len(row)) for row in by_rank])
    is_span = (torch.arange(20) % 2 == 1) & (torch.arange(20) < torch.tensor([[len(row)] for row in by_rank]))
    stands = standing_greedily(rows[..., 0], rows[..., 1], is_span, overlaps)
    for row, found in zip(by_rank, stands.tolist()):
        spans = row[1::2]
        kept = standing_together(spans, [float(length - rank) for rank in range(len(spans))], overlaps, "greedy")
        assert [number for number, each in enumerate(found) if each] == [2 * number + 1 for number in kept]


def test_what_a_long_chain_leaves_undecided_does_not_stand() -> None:
    """Each is in the way of the next, so that greedily every other one stands."""
    starts = torch.arange(20).unsqueeze(0)
    stands = standing_greedily(starts, starts + 1, torch.ones_like(starts, dtype=torch.bool), "none")
    assert stands.nonzero()[:, 1].tolist() == [0, 2, 4, 6]


def test_the_best_set_may_do_without_the_best_span() -> None:
    bounds, weights = [(0, 1), (1, 2), (2, 3)], [2.0, 3.0, 2.0]
    assert standing_together(bounds, weights, "none", "best") == [0, 2]
    assert standing_together(bounds, weights, "none", "greedy") == [1]
    assert standing_together(bounds, weights, "any", "best") == [0, 1, 2]


def test_layers_without_crossing_hold_each_span_where_there_is_room_first() -> None:
    for bounds, _ in cases():
        layers = layers_without_crossing(bounds)
        assert sorted(number for layer in layers for number in layer) == list(range(len(bounds)))
        place = {number: depth for depth, layer in enumerate(layers) for number in layer}
        assert all(all_allowed(bounds, layer, "nested") for layer in layers)
        in_order = sorted(place, key=lambda number: (bounds[number][0], -bounds[number][1]))
        for rank, number in enumerate(in_order):
            for layer in layers[: place[number]]:
                before = [other for other in in_order[:rank] if other in layer]
                assert not all_allowed(bounds, [*before, number], "nested")


def test_a_long_sentence_with_a_span_everywhere_takes_no_time() -> None:
    bounds = [(start, start + width) for start in range(600) for width in range(12)]
    kept = standing_together(bounds, [1.0] * len(bounds), "nested", "best")
    # Single tokens, and pairs, triples, ... from one place to the next: more than 1.5 a token.
    assert all_allowed(bounds, kept[:60], "nested") and len(kept) > 900
