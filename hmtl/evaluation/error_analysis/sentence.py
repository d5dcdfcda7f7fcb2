"""What labelled items of a sentence become: the step that spans and relations share."""

from typing import Any, Callable, Collection, Dict, List, Optional

from hmtl.document import Span
from hmtl.evaluation.error_analysis.alignment import CORRECT, MISSED, Item, Likeness, align
from hmtl.evaluation.error_analysis.section import Example, Section, label_of


def compare_in_sentence(
    section: Section,
    metadata: Dict[str, Any],
    gold: Collection[Item],
    predicted: Collection[Item],
    compare: Callable[[Item, Item], Optional[Likeness]],
    marks: Callable[[Item], List[Span]],
    kind_of_missed: Callable[[Item], str] = lambda item: MISSED,
) -> None:
    """Counts the items of one sentence, which its metadata describe; a repeated item counts once.

    `compare` is that of `align`; `marks` says what an example of an error shows of an item,
    and `kind_of_missed` tells apart gold items without a counterpart.
    """
    section.gold += len(set(gold))
    section.predicted += len(set(predicted))
    for pair in align(gold, predicted, compare):
        example = None
        if pair.kind != CORRECT:
            shown, found = ([] if item is None else marks(item) for item in (pair.gold, pair.predicted))
            example = Example(metadata["doc_key"], metadata["sentence"], metadata["tokens"], shown, found)
        kind = kind_of_missed(pair.gold) if pair.kind == MISSED and pair.gold is not None else pair.kind
        section.add(kind, label_of(pair.gold), label_of(pair.predicted), example)
