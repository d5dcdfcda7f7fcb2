"""Gold items beside the predicted ones that stand for them."""

from dataclasses import dataclass
from typing import Callable, Collection, Generic, List, NamedTuple, Optional, Tuple, TypeVar

Item = TypeVar("Item", bound=Tuple)

CORRECT, MISSED, SPURIOUS = "correct", "missed", "spurious"


class Likeness(NamedTuple):
    """How a gold and a predicted item are alike: the `kind` of error, its `rank` (0 is the likest), and among pairs of
    a rank the `closeness` (more is closer)."""

    kind: str
    rank: int
    closeness: int = 0


@dataclass(frozen=True)
class Pair(Generic[Item]):
    """A gold item and the predicted one that stands for it; either may be missing."""

    kind: str
    gold: Optional[Item]
    predicted: Optional[Item]


def align(
    gold: Collection[Item], predicted: Collection[Item], compare: Callable[[Item, Item], Optional[Likeness]]
) -> List[Pair[Item]]:
    """Puts each item into exactly one pair, the likest two first, ties in the items' order.

    A repeated item counts once and only equal items are `correct`, so that the counts are those of `LabelledF1`.
    `compare` says how a gold and a predicted item that differ are alike: `None` where they have nothing in common. What
    is left over is missed or spurious.
    """
    gold_left, predicted_left = set(gold), set(predicted)
    pairs = [Pair(CORRECT, item, item) for item in gold_left & predicted_left]
    gold_left, predicted_left = gold_left - predicted_left, predicted_left - gold_left
    candidates = [(compare(one, other), one, other) for one in gold_left for other in predicted_left]
    alike = [(likeness, one, other) for likeness, one, other in candidates if likeness is not None]
    for likeness, one, other in sorted(alike, key=lambda row: (row[0].rank, -row[0].closeness, row[1], row[2])):
        if one in gold_left and other in predicted_left:
            gold_left.remove(one)
            predicted_left.remove(other)
            pairs.append(Pair(likeness.kind, one, other))
    pairs += [Pair(MISSED, item, None) for item in gold_left]
    pairs += [Pair(SPURIOUS, None, item) for item in predicted_left]
    return sorted(pairs, key=lambda pair: (pair.gold or pair.predicted, pair.kind))
