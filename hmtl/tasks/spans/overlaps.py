"""Spans that stand together, as tensors, and in layers; `hmtl.common.standing_spans` chooses them one by one."""

from typing import List, Sequence, Tuple

import torch

from hmtl.common.standing_spans import Overlaps
from hmtl.document import Bounds

# Rounds of `standing_greedily`. A span that they leave undecided is at the end of a chain of twice as many spans, each
# in the way of the next, whose scores fall.
_NUM_ROUNDS = 4


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
