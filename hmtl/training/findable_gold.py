"""How much of the gold a model could find at all."""

from dataclasses import dataclass
from typing import Optional

from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.models.hmtl import HMTL


@dataclass
class FindableGold:
    """What a task's head could find.

    # Attributes

    findable, gold : `int`
        The gold items that the head could find, and all that there are.
    items : `str`
        What they are, by the head's kind: `spans`, `relations`, `mentions`.
    why_not : `str`
        Why the others cannot be found: words that go on from "they"; may be empty.
    """

    findable: int
    gold: int
    items: str
    why_not: str

    def __str__(self) -> str:
        found = f"{self.findable:,} of {self.gold:,} gold {self.items} can be found"
        return f"{found}; the others {self.why_not}" if self.why_not and self.findable < self.gold else found


def findable_gold(model: HMTL, loader: PerTaskDataLoader, task: str) -> Optional[FindableGold]:
    """Sums `TaskHead.findable` over the task's instances in `loader`; `None` where the head does not say."""
    head = model.head(task)
    rows = loader.metadata_of(task)
    try:
        counts = [head.findable(row) for row in rows]
    except NotImplementedError:
        return None
    findable, gold = (sum(column) for column in zip(*counts)) if counts else (0, 0)
    return FindableGold(findable, gold, head.kind.counted or head.kind.plural, head.why_not_findable)
