"""How stretches of tokens lie within one another."""

from typing import Iterable, List, Set, Tuple

from hmtl.document import Bounds


def nesting_depth(bounds: Iterable[Bounds]) -> int:
    """The longest chain of stretches of which each encloses the next, another one: 1 where none is nested."""
    deepest = 0
    # The stretches so far that may enclose the next: their ends, and how deep they lie.
    candidates: List[Tuple[int, int]] = []
    for start, end in sorted(set(bounds), key=lambda each: (each[0], -each[1])):
        candidates = [candidate for candidate in candidates if candidate[0] >= start]
        depth = 1 + max((depth for other_end, depth in candidates if other_end >= end), default=0)
        candidates.append((end, depth))
        deepest = max(deepest, depth)
    return deepest


def covered_tokens(bounds: Iterable[Bounds]) -> int:
    """How many tokens lie within any of the stretches."""
    covered: Set[int] = set()
    for start, end in bounds:
        covered.update(range(start, end + 1))
    return len(covered)
