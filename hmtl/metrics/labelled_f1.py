"""Micro-averaged F1 over sets of labelled items: spans, relations, anything hashable."""

from collections import Counter
from typing import Any, Dict, Iterable, Sequence, Tuple

from allennlp.training.metrics import Metric

from hmtl.common.distributed import all_gather_object
from hmtl.metrics.counts import all_reduce_counts, precision_recall_f1


@Metric.register("labelled_f1")
class LabelledF1(Metric):
    """Precision, recall and F1 over sets of items whose last element is their label, such as `(start, end, label)`.

    An item is correct when the very same tuple is in the gold set of the same entry. Counts are pooled over entries
    and labels (micro average); an undefined ratio (0 / 0) is 0.

    Each distributed worker counts its own entries. `get_metric` and `by_label` sum the counts over the workers, so
    either must be called by every worker or by none.
    """

    supports_distributed = True

    def __init__(self) -> None:
        self.reset()

    def __call__(  # type: ignore[override]
        self, predicted: Sequence[Iterable[Tuple[Any, ...]]], gold: Sequence[Iterable[Tuple[Any, ...]]]
    ) -> None:
        """Counts the items of one entry (a sentence or a document) after the other.

        # Parameters

        predicted : `Sequence[Iterable[tuple]]`
            The predicted items of each entry; a repeated item counts once.
        gold : `Sequence[Iterable[tuple]]`
            The gold items of the same entries; a repeated item counts once.

        # Raises

        ValueError
            Where `predicted` and `gold` differ in length.
        """
        for predicted_items, gold_items in zip(predicted, gold, strict=True):
            predicted_set, gold_set = set(predicted_items), set(gold_items)
            self._predicted.update(item[-1] for item in predicted_set)
            self._gold.update(item[-1] for item in gold_set)
            self._correct.update(item[-1] for item in predicted_set & gold_set)

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """The micro average: `precision`, `recall` and `f1`."""
        totals = all_reduce_counts([self._correct.total(), self._predicted.total(), self._gold.total()])
        precision, recall, f1 = precision_recall_f1(*totals)
        if reset:
            self.reset()
        return {"precision": precision, "recall": recall, "f1": f1}

    def by_label(self) -> Dict[str, Dict[str, float]]:
        """`precision`, `recall`, `f1` and `support` (gold items) of each label that is predicted or gold, sorted."""
        # Labels may be known to some workers only, so whole counters travel.
        counts = (
            sum(all_gather_object(counter), Counter()) for counter in (self._correct, self._predicted, self._gold)
        )
        correct, predicted, gold = counts
        scores: Dict[str, Dict[str, float]] = {}
        for label in sorted(predicted.keys() | gold.keys()):
            precision, recall, f1 = precision_recall_f1(correct[label], predicted[label], gold[label])
            scores[label] = {"precision": precision, "recall": recall, "f1": f1, "support": gold[label]}
        return scores

    def reset(self) -> None:
        """Forgets all counts."""
        self._correct: Counter[str] = Counter()
        self._predicted: Counter[str] = Counter()
        self._gold: Counter[str] = Counter()
