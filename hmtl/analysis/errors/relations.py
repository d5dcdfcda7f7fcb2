"""What goes wrong with relations."""

from itertools import starmap
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from hmtl.analysis.errors.alignment import CORRECT, MISSED, SPURIOUS, Likeness
from hmtl.analysis.errors.section import Section
from hmtl.analysis.errors.sentence import compare_in_sentence
from hmtl.data.document import Span

TYPE, SWAPPED, SWAPPED_AND_TYPE, ARGUMENT = "type", "swapped", "swapped and type", "argument"


class Row(NamedTuple):
    """A relation by the last tokens of its arguments."""

    arg1: int
    arg2: int
    label: str


class RelationErrors:
    """Relations that are correct, or wrong in their `type` (the same arguments), direction (`swapped` arguments, also
    with another type: `swapped and type`), or one `argument` (the same type and other argument), or `missed`, or
    `spurious`.

    A relation is in one pair at most, of the first of these kinds that fits.
    """

    def __init__(self, num_examples: int) -> None:
        kinds = [CORRECT, TYPE, SWAPPED, SWAPPED_AND_TYPE, ARGUMENT, MISSED, SPURIOUS]
        self.sections = [Section("relations", kinds, num_examples, has_confusion=True)]

    def add(self, metadata: Dict[str, Any], predicted: Iterable[Tuple[int, int, str]]) -> None:
        """Counts a sentence: the metadata of `RelationReader`, and the head's rows."""
        gold, found = (list(starmap(Row, rows)) for rows in (metadata["relations"], predicted))
        compare_in_sentence(self.sections[0], metadata, gold, found, compare_relations, _marks)


def compare_relations(gold: Row, predicted: Row) -> Optional[Likeness]:
    """How two different relations are alike."""
    same_type = gold.label == predicted.label
    if gold[:2] == predicted[:2]:
        return Likeness(TYPE, 0)
    if gold[:2] == predicted[1::-1]:
        return Likeness(SWAPPED, 1) if same_type else Likeness(SWAPPED_AND_TYPE, 2)
    if same_type and (gold.arg1 == predicted.arg1 or gold.arg2 == predicted.arg2):
        return Likeness(ARGUMENT, 3)
    return None


def _marks(row: Row) -> List[Span]:
    return [Span(row.arg1, row.arg1, f"{row.label}:1"), Span(row.arg2, row.arg2, f"{row.label}:2")]
