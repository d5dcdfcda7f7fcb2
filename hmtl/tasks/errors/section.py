"""Counts of errors by kind and label, with examples."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Protocol, Sequence, Tuple

from hmtl.document import Span

# In a confusion matrix, the label of an item that has no counterpart on the other side.
NONE = "(none)"


@dataclass
class Example:
    """An error in its sentence.

    # Attributes

    doc_key : `str`
    sentence : `int`
        Its number in the document, from 0.
    tokens : `List[str]`
        The sentence.
    gold, predicted : `List[Span]`
        What to mark, with offsets counted from the sentence's first token.
    note : `str`
        What marks cannot show.
    """

    doc_key: str
    sentence: int
    tokens: List[str]
    gold: List[Span] = field(default_factory=list)
    predicted: List[Span] = field(default_factory=list)
    note: str = ""

    def to_json(self) -> Dict[str, Any]:
        return {
            "doc_key": self.doc_key,
            "sentence": self.sentence,
            "tokens": self.tokens,
            "gold": [list(span) for span in self.gold],
            "predicted": [list(span) for span in self.predicted],
            "note": self.note,
        }


@dataclass
class Pattern:
    """Errors of one kind that concern the same labels: how many, and the first of them."""

    labels: str
    count: int = 0
    examples: List[Example] = field(default_factory=list)


class Analyser(Protocol):
    """Sorts what a head predicts, row by row, into sections of errors."""

    @property
    def sections(self) -> List["Section"]: ...

    def add(self, metadata: Dict[str, Any], predicted: Any) -> None:
        """Counts a row: the metadata that its reader gave it, and the head's items."""


class Section:
    """The errors of one sort of item.

    # Parameters

    title : `str`
        What the items are.
    kinds : `Sequence[str]`
        What can become of an item, in the order in which they are shown; the first is no error.
    num_examples : `int`
        So many examples of each pattern are kept.
    has_confusion : `bool`, optional (default = `False`)
        Whether one label can be taken for another, so that there is a confusion matrix to show.

    # Attributes

    gold, predicted : `int`
        The number of items.
    counts : `Dict[str, Counter]`
        By label, the number of items of each kind: the gold label, and of what is spurious the predicted one.
    confusion : `Dict[str, Counter]`
        By gold label, the number of items of each predicted label; `NONE` stands for no item. Rows add up to the gold
        items of a label, columns to the predicted ones.
    """

    def __init__(self, title: str, kinds: Sequence[str], num_examples: int, has_confusion: bool = False) -> None:
        self.title = title
        self.kinds = list(kinds)
        self.has_confusion = has_confusion
        self.gold = self.predicted = 0
        self.counts: Dict[str, Counter[str]] = {}
        self.confusion: Dict[str, Counter[str]] = {}
        self._num_examples = num_examples
        self._patterns: Dict[Tuple[str, str], Pattern] = {}

    def add(
        self, kind: str, gold_label: Optional[str], predicted_label: Optional[str], example: Optional[Example] = None
    ) -> None:
        """Counts an item; one that is no error needs no example."""
        label = predicted_label if gold_label is None else gold_label
        assert label is not None and kind in self.kinds
        self.counts.setdefault(label, Counter())[kind] += 1
        row = self.confusion.setdefault(NONE if gold_label is None else gold_label, Counter())
        row[NONE if predicted_label is None else predicted_label] += 1
        if example is not None:
            both = gold_label is not None and predicted_label not in (None, gold_label)
            labels = f"{gold_label} \u2192 {predicted_label}" if both else label
            pattern = self._patterns.setdefault((kind, labels), Pattern(labels))
            pattern.count += 1
            if len(pattern.examples) < self._num_examples:
                pattern.examples.append(example)

    @property
    def totals(self) -> Dict[str, int]:
        """The number of items of each kind."""
        return {kind: sum(counter[kind] for counter in self.counts.values()) for kind in self.kinds}

    @property
    def labels(self) -> List[str]:
        """The labels, those with most errors first."""
        return sorted(self.counts, key=lambda label: (-self._num_errors(label), label))

    def patterns(self, kind: str) -> List[Pattern]:
        """The patterns of a kind of error, the most frequent first."""
        found = [pattern for (of, _), pattern in self._patterns.items() if of == kind]
        return sorted(found, key=lambda pattern: (-pattern.count, pattern.labels))

    def confusion_matrix(self) -> Dict[str, Dict[str, int]]:
        """The number of items by gold label, then by predicted label, sorted; absent pairs do not occur."""
        return {label: dict(sorted(row.items())) for label, row in sorted(self.confusion.items())}

    def to_json(self) -> Dict[str, Any]:
        """All of it as JSON values."""
        return {
            "title": self.title,
            "gold": self.gold,
            "predicted": self.predicted,
            "kinds": self.totals,
            "by_label": {label: {kind: self.counts[label][kind] for kind in self.kinds} for label in self.labels},
            "confusion": self.confusion_matrix() if self.has_confusion else None,
            "patterns": {
                kind: [
                    {
                        "labels": pattern.labels,
                        "count": pattern.count,
                        "examples": [example.to_json() for example in pattern.examples],
                    }
                    for pattern in self.patterns(kind)
                ]
                for kind in self.kinds[1:]
            },
        }

    def _num_errors(self, label: str) -> int:
        return self.counts[label].total() - self.counts[label][self.kinds[0]]
