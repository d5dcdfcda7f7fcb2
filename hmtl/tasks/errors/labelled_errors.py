"""What goes wrong with labelled items, compared row by row."""

from bisect import bisect_right
from typing import Any, Callable, Collection, Dict, List, Optional, Tuple

from hmtl.document import Document, Span
from hmtl.tasks.errors.alignment import CORRECT, MISSED, SPURIOUS, Item, Likeness, align
from hmtl.tasks.errors.section import Example, Section

TYPE = "type"


class LabelledErrors:
    """Items that are correct, or wrong in their `type` alone (their last element), or `missed`, or `spurious`.

    # Parameters

    title : `str`
        What the items are.
    gold : `Callable[[Dict[str, Any]], Collection[Any]]`
        The gold items of a row, by its metadata.
    num_examples : `int`
        So many examples of each pattern are kept.
    """

    def __init__(self, title: str, gold: Callable[[Dict[str, Any]], Collection[Any]], num_examples: int) -> None:
        self.sections = [Section(title, [CORRECT, TYPE, MISSED, SPURIOUS], num_examples, has_confusion=True)]
        self._gold = gold

    def add(self, metadata: Dict[str, Any], predicted: Collection[Any]) -> None:
        """Counts a row, whose metadata have a `doc_key` and, of a sentence, its number as `sentence` and its `tokens`,
        of a document its `sentences`, of which an example shows the first."""
        gold, found = ([tuple(item) for item in items] for items in (self._gold(metadata), predicted))
        if "tokens" not in metadata:
            metadata = {**metadata, "sentence": 0, "tokens": metadata["sentences"][0]}
        last = len(metadata["tokens"]) - 1
        compare_in_sentence(
            self.sections[0], metadata, gold, found, compare_labels, lambda item: [Span(0, last, str(item[-1]))]
        )


def compare_labels(gold: Tuple[Any, ...], predicted: Tuple[Any, ...]) -> Optional[Likeness]:
    """How two different items are alike: where all but their labels are the same."""
    return Likeness(TYPE, 0) if gold[:-1] == predicted[:-1] else None


def compare_in_sentence(
    section: Section,
    metadata: Dict[str, Any],
    gold: Collection[Item],
    predicted: Collection[Item],
    compare: Callable[[Item, Item], Optional[Likeness]],
    marks: Callable[[Item], List[Span]],
    kind_of_missed: Callable[[Item], str] = lambda item: MISSED,
) -> None:
    """Counts the items of one sentence, which its metadata describe; a repeated item counts once. Of a document, whose
    metadata have its `sentences`, an example has those that its items are in, and all between.

    `compare` is that of `align`; `marks` says what an example of an error shows of an item,
    and `kind_of_missed` tells apart gold items without a counterpart. The last element of an item is its label.
    """
    section.gold += len(set(gold))
    section.predicted += len(set(predicted))
    for pair in align(gold, predicted, compare):
        example = None
        if pair.kind != CORRECT:
            shown, found = ([] if item is None else marks(item) for item in (pair.gold, pair.predicted))
            example = _example(metadata, shown, found)
        kind = kind_of_missed(pair.gold) if pair.kind == MISSED and pair.gold is not None else pair.kind
        section.add(kind, _label_of(pair.gold), _label_of(pair.predicted), example)


def _example(metadata: Dict[str, Any], gold: List[Span], predicted: List[Span]) -> Example:
    if "tokens" in metadata:
        return Example(metadata["doc_key"], metadata["sentence"], metadata["tokens"], gold, predicted)
    document = Document(metadata["doc_key"], metadata["sentences"])
    starts, spans = document.sentence_starts, gold + predicted
    first, last = (bisect_right(starts, end(span.start for span in spans)) - 1 for end in (min, max))
    tokens = [token for sentence in document.sentences[first : last + 1] for token in sentence]
    offset = starts[first]
    gold, predicted = (
        [Span(span.start - offset, span.end - offset, span.label) for span in side] for side in (gold, predicted)
    )
    return Example(document.doc_key, first, tokens, gold, predicted)


def _label_of(item: Optional[Tuple[Any, ...]]) -> Optional[str]:
    return None if item is None else item[-1]
