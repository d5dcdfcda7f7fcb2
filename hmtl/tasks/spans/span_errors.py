"""What goes wrong with labelled spans."""

from itertools import starmap
from typing import Any, Dict, Iterable, Optional

from hmtl.document import Span
from hmtl.tasks.errors.alignment import CORRECT, MISSED, SPURIOUS, Likeness
from hmtl.tasks.errors.labelled_errors import compare_in_sentence
from hmtl.tasks.errors.section import Section
from hmtl.tasks.spans.tagging_reader import flat_spans_of

TYPE, BOUNDARY, BOUNDARY_AND_TYPE = "type", "boundary", "boundary and type"
MISSED_OVERLAPPING = "missed, overlapping"


class SpanErrors:
    """Spans that are correct, or wrong in their `type` (the same bounds), `boundary` (overlap, the same type), or
    `boundary and type` (overlap), or `missed`, or `spurious`. Those that are missed and were no targets, since they
    overlap other gold spans, are told apart as `missed, overlapping`.

    A span is in one pair at most: the same bounds come first, then the same type, then the longest overlap.
    """

    def __init__(self, num_examples: int) -> None:
        kinds = [CORRECT, BOUNDARY, TYPE, BOUNDARY_AND_TYPE, MISSED, MISSED_OVERLAPPING, SPURIOUS]
        self.sections = [Section("spans", kinds, num_examples, has_confusion=True)]

    def add(self, metadata: Dict[str, Any], predicted: Iterable[Span]) -> None:
        """Counts a sentence: the metadata of `TaggingReader`, and the head's spans."""
        gold, found = (list(starmap(Span, rows)) for rows in (metadata["spans"], predicted))
        targets = set(flat_spans_of(metadata))

        def kind_of_missed(span: Span) -> str:
            return MISSED if span in targets else MISSED_OVERLAPPING

        compare_in_sentence(self.sections[0], metadata, gold, found, compare_spans, lambda span: [span], kind_of_missed)


def compare_spans(gold: Span, predicted: Span) -> Optional[Likeness]:
    """How two different spans are alike; offsets count tokens."""
    overlap = min(gold.end, predicted.end) - max(gold.start, predicted.start) + 1
    if overlap <= 0:
        return None
    if gold.bounds == predicted.bounds:
        return Likeness(TYPE, 0)
    if gold.label == predicted.label:
        return Likeness(BOUNDARY, 1, overlap)
    return Likeness(BOUNDARY_AND_TYPE, 2, overlap)
