"""What goes wrong with relations."""

from itertools import starmap
from typing import Any, Dict, Iterable, List, Optional, Tuple

from hmtl.document import Relation, Span
from hmtl.tasks.errors.alignment import CORRECT, MISSED, SPURIOUS, Likeness
from hmtl.tasks.errors.labelled_errors import compare_in_sentence
from hmtl.tasks.errors.section import Section

BOUNDARY, TYPE, SWAPPED, SWAPPED_AND_TYPE, ARGUMENT = "boundary", "type", "swapped", "swapped and type", "argument"


class RelationErrors:
    """Relations that are correct, or wrong in a `boundary` (the same type and last tokens of both arguments, another
    span), their `type` (the same last tokens), direction (`swapped` last tokens; with another type, too,
    `swapped and type`), or one `argument` (the same type, the same last token of the other argument), or `missed`, or
    `spurious`.

    A relation is in one pair at most, of the first of these kinds that fits.
    """

    def __init__(self, num_examples: int) -> None:
        kinds = [CORRECT, BOUNDARY, TYPE, SWAPPED, SWAPPED_AND_TYPE, ARGUMENT, MISSED, SPURIOUS]
        self.sections = [Section("relations", kinds, num_examples, has_confusion=True)]

    def add(self, metadata: Dict[str, Any], predicted: Iterable[Relation]) -> None:
        """Counts a sentence or a document: the metadata of its reader, and the head's relations."""
        gold, found = (list(starmap(Relation, rows)) for rows in (metadata["relations"], predicted))
        compare_in_sentence(self.sections[0], metadata, gold, found, compare_relations, _marks)


def compare_relations(gold: Relation, predicted: Relation) -> Optional[Likeness]:
    """How two different relations are alike; of several alike, the one with more equal arguments is closer."""
    same_type = gold.label == predicted.label
    ends, other_ends = _last_tokens(gold), _last_tokens(predicted)
    equal_bounds = (gold.arg1 == predicted.arg1) + (gold.arg2 == predicted.arg2)
    if ends == other_ends:
        return Likeness(BOUNDARY, 0, equal_bounds) if same_type else Likeness(TYPE, 1, equal_bounds)
    if ends == other_ends[::-1]:
        return Likeness(SWAPPED, 2) if same_type else Likeness(SWAPPED_AND_TYPE, 3)
    if same_type and (ends[0] == other_ends[0] or ends[1] == other_ends[1]):
        return Likeness(ARGUMENT, 4, equal_bounds)
    return None


def _last_tokens(relation: Relation) -> Tuple[int, int]:
    return relation.arg1[1], relation.arg2[1]


def _marks(relation: Relation) -> List[Span]:
    return [Span(*relation.arg1, f"{relation.label}:1"), Span(*relation.arg2, f"{relation.label}:2")]
