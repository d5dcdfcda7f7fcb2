"""What goes wrong with labels of pairs of texts, and with numbers."""

from statistics import pstdev
from typing import Any, Callable, Collection, Dict, List, Tuple

from hmtl.document import Document, Span
from hmtl.tasks.errors.alignment import CORRECT, MISSED, SPURIOUS
from hmtl.tasks.errors.labelled_errors import TYPE, compare_in_sentence, compare_labels
from hmtl.tasks.errors.section import Example, Section

CLOSE, TOO_LOW, TOO_HIGH = "close", "too low", "too high"


class PairErrors:
    """Labels of pairs that are correct, wrong in their `type`, `missed`, or `spurious`; examples mark both texts."""

    def __init__(self, num_examples: int) -> None:
        self.sections = [Section("pairs", [CORRECT, TYPE, MISSED, SPURIOUS], num_examples, has_confusion=True)]

    def add(self, metadata: Dict[str, Any], predicted: Collection[Any]) -> None:
        """Counts a pair: the metadata of `PairReader`, and the head's items."""
        compare_in_sentence(self.sections[0], metadata, metadata["pairs"], predicted, compare_labels, _marks)


class NumberErrors:
    """Numbers that are `close` to gold, within half a standard deviation of all gold numbers, or `too low`, or `too
    high`; by the gold number, rounded to a whole one. The examples are the first of each.

    # Parameters

    title : `str`
        What the items are.
    gold : `Callable[[Dict[str, Any]], Collection[Any]]`
        The gold item of a row, by its metadata.
    num_examples : `int`
        So many examples of each pattern are kept.
    """

    def __init__(self, title: str, gold: Callable[[Dict[str, Any]], Collection[Any]], num_examples: int) -> None:
        self._title = title
        self._gold = gold
        self._num_examples = num_examples
        self._rows: List[Tuple[Dict[str, Any], Any, Any]] = []

    def add(self, metadata: Dict[str, Any], predicted: Collection[Any]) -> None:
        """Counts a row, whose metadata are those of `LabelReader` or `PairReader`."""
        [gold], [found] = self._gold(metadata), predicted
        self._rows.append((metadata, gold, found))

    @property
    def sections(self) -> List[Section]:
        """All rows so far: how far is far depends on all of them."""
        section = Section(self._title, [CLOSE, TOO_LOW, TOO_HIGH], self._num_examples)
        section.gold = section.predicted = len(self._rows)
        near = pstdev(gold[-1] for _, gold, _ in self._rows) / 2 if self._rows else 0.0
        for metadata, gold, found in self._rows:
            difference = found[-1] - gold[-1]
            kind = CLOSE if abs(difference) <= near else TOO_HIGH if difference > 0 else TOO_LOW
            label = f"{gold[-1]:.0f}"
            example = None if kind == CLOSE else _number_example(metadata, gold, found)
            section.add(kind, label, label, example)
        return [section]


def _number_example(metadata: Dict[str, Any], gold: Any, found: Any) -> Example:
    if "tokens" in metadata:
        number, tokens = metadata["sentence"], metadata["tokens"]
    else:
        # Of a document its first sentence, of a pair both texts.
        number = 0
        tokens = Document("", metadata["sentences"]).tokens if len(gold) > 1 else metadata["sentences"][0]
    bounds = gold[:-1] or [(0, len(tokens) - 1)]
    right, given = ([Span(start, end, f"{item[-1]:.2f}") for start, end in bounds] for item in (gold, found))
    return Example(metadata["doc_key"], number, tokens, right, given)


def _marks(item: Any) -> List[Span]:
    *texts, label = item
    return [Span(start, end, f"{label}:{number}") for number, (start, end) in enumerate(texts, start=1)]
