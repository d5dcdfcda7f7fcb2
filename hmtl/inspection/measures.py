"""Whole numbers, such as lengths, described by a few figures; and how stretches of tokens lie within one another."""

from collections import Counter
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from hmtl.document import Bounds


class Distribution:
    """How often each number from 0 was seen; memory grows with the distinct numbers alone."""

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._counts = Counter(values)

    def add(self, values: Iterable[int]) -> None:
        """Counts further numbers."""
        self._counts.update(values)

    def mean(self) -> Optional[float]:
        total = self._counts.total()
        return sum(value * count for value, count in self._counts.items()) / total if total else None

    def quantile(self, share: float) -> Optional[int]:
        """The least number that at least this share of all numbers does not exceed."""
        wanted, seen = share * self._counts.total(), 0
        for value, count in sorted(self._counts.items()):
            seen += count
            if seen >= wanted:
                return value
        return None

    def histogram(self) -> Dict[str, int]:
        """The counts of 0, 1, 2, 3-4, 5-8, 9-16 and so on, from the first of these that was seen to the last."""
        counts: Counter = Counter()
        for value, count in self._counts.items():
            counts[_bucket(value)] += count
        if not counts:
            return {}
        return {_bucket_name(bucket): counts[bucket] for bucket in range(min(counts), max(counts) + 1)}

    def to_json(self) -> Dict[str, Any]:
        """`mean`, `median`, `p90` (nine of ten are no greater), `max`, each `None` without numbers, and `histogram`."""
        return {
            "mean": self.mean(),
            "median": self.quantile(0.5),
            "p90": self.quantile(0.9),
            "max": max(self._counts, default=None),
            "histogram": self.histogram(),
        }


def _bucket(value: int) -> int:
    """0, 1, 2, 3, 4, ... for 0, 1, 2, 3-4, 5-8, ..."""
    return value if value < 2 else 1 + (value - 1).bit_length()


def _bucket_name(bucket: int) -> str:
    return str(bucket) if bucket < 3 else f"{2 ** (bucket - 2) + 1}-{2 ** (bucket - 1)}"


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
