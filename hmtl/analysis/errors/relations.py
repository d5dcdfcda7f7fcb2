"""What goes wrong with relations."""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from hmtl.analysis.errors.alignment import CORRECT, MISSED, SPURIOUS, Likeness, align
from hmtl.analysis.errors.section import Example, Section, label_of
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
        gold, found = {Row(*row) for row in metadata["relations"]}, {Row(*row) for row in predicted}
        (section,) = self.sections
        section.gold += len(gold)
        section.predicted += len(found)
        for pair in align(gold, found, compare_relations):
            example = Example(
                metadata["doc_key"],
                metadata["sentence"],
                metadata["tokens"],
                _marks(pair.gold),
                _marks(pair.predicted),
            )
            section.add(
                pair.kind, label_of(pair.gold), label_of(pair.predicted), None if pair.kind == CORRECT else example
            )


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


def _marks(row: Optional[Row]) -> List[Span]:
    if row is None:
        return []
    return [Span(row.arg1, row.arg1, f"{row.label}:1"), Span(row.arg2, row.arg2, f"{row.label}:2")]
