"""Scores of labels and of numbers of whole rows: of sentences, documents or pairs of texts."""

from collections import Counter
from typing import Collection, Dict, List, Sequence, Tuple

import numpy
from allennlp.common.optional import OptionalPackage
from allennlp.training.metrics import Metric

from hmtl.common.distributed import all_gather_object
from hmtl.metrics.counts import ratio
from hmtl.metrics.labelled_f1 import LabelledF1

stats = OptionalPackage("scipy.stats")


@Metric.register("label_scores")
class LabelScores(Metric):
    """Scores of rows that have labels, one each or any number of them.

    - `accuracy`: the share of rows whose labels are all right, and none too many;
    - `precision`, `recall`, `f1`: over all labels of all rows together (micro average). Where each row has one gold
      label and one predicted one, they equal the accuracy;
    - `f1_macro`: the mean of the F1 of each label that is gold or predicted;
    - `matthews`, of one label a row: the correlation coefficient of Matthews (1975), in the form for any number of
      labels of Gorodkin (2004, "Comparing two K-category assignments by a K-category correlation coefficient").

    An undefined ratio (0 / 0) is 0. Counts are summed over distributed workers: `get_metric` must be called by all of
    them or by none.

    # Parameters

    one_label : `bool`, optional (default = `True`)
        Whether each row has one label.
    """

    supports_distributed = True

    def __init__(self, one_label: bool = True) -> None:
        self._one_label = one_label
        self._f1 = LabelledF1()
        self.reset()

    def __call__(  # type: ignore[override]
        self, predicted: Sequence[Collection[str]], gold: Sequence[Collection[str]]
    ) -> None:
        """Counts the labels of one row after the other; a repeated label counts once.

        # Raises

        ValueError
            Where `predicted` and `gold` differ in length, or a row has several labels where each has one.
        """
        self._f1([[(label,) for label in row] for row in predicted], [[(label,) for label in row] for row in gold])
        for found, right in zip(predicted, gold, strict=True):
            self._counts["rows"] += 1
            self._counts["right"] += set(found) == set(right)
            if self._one_label:
                [found_label], [right_label] = found, right
                self._pairs[right_label, found_label] += 1

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """The scores, from 0 to 1; `matthews` from -1 to 1."""
        counts = sum(all_gather_object(self._counts), Counter())
        by_label = self._f1.by_label()
        metrics = {
            "accuracy": ratio(counts["right"], counts["rows"]),
            **self._f1.get_metric(),
            "f1_macro": ratio(sum(scores["f1"] for scores in by_label.values()), len(by_label)),
        }
        if self._one_label:
            metrics["matthews"] = matthews(sum(all_gather_object(self._pairs), Counter()))
        if reset:
            self.reset()
        return metrics

    def reset(self) -> None:
        """Forgets all counts."""
        self._f1.reset()
        self._counts: Counter[str] = Counter()
        # How often each gold label is predicted as each label.
        self._pairs: Counter[Tuple[str, str]] = Counter()


def matthews(pairs: "Counter[Tuple[str, str]]") -> float:
    """The correlation coefficient of Gorodkin (2004), of how often each gold label is predicted as each label; 0 where
    there is one label alone on either side."""
    gold: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    for (right, found), count in pairs.items():
        gold[right] += count
        predicted[found] += count
    total, correct = pairs.total(), sum(count for (right, found), count in pairs.items() if right == found)
    covariance = correct * total - sum(gold[label] * predicted[label] for label in gold)
    variances = [total**2 - sum(count**2 for count in side.values()) for side in (gold, predicted)]
    return ratio(covariance, (variances[0] * variances[1]) ** 0.5)


@Metric.register("number_scores")
class NumberScores(Metric):
    """Scores of rows that have a number each: `pearson`, the correlation of predicted and gold numbers, `spearman`,
    that of their ranks (equal numbers share the mean of theirs), and `mse`, the mean squared error.

    A correlation is 0 where one side has one number alone. Distributed workers exchange their numbers: `get_metric`
    must be called by all of them or by none.
    """

    supports_distributed = True

    def __init__(self) -> None:
        self.reset()

    def __call__(self, predicted: Sequence[float], gold: Sequence[float]) -> None:  # type: ignore[override]
        """Keeps the numbers of some rows.

        # Raises

        ValueError
            Where `predicted` and `gold` differ in length.
        """
        self._pairs += zip(predicted, gold, strict=True)

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """The correlations, from -1 to 1, and the error."""
        pairs = [pair for of_worker in all_gather_object(self._pairs) for pair in of_worker]
        # Shape: (2, num_rows)
        sides = numpy.array(pairs, dtype=float).reshape(-1, 2).T
        metrics = {
            "pearson": _correlation(*sides),
            "spearman": _correlation(*map(stats.rankdata, sides)),
            "mse": float(numpy.square(sides[0] - sides[1]).mean()) if sides.size else 0.0,
        }
        if reset:
            self.reset()
        return metrics

    def reset(self) -> None:
        """Forgets all numbers."""
        self._pairs: List[Tuple[float, float]] = []


def _correlation(one: numpy.ndarray, other: numpy.ndarray) -> float:
    """Pearson's coefficient."""
    if not one.size or numpy.ptp(one) == 0 or numpy.ptp(other) == 0:
        return 0.0
    return float(numpy.corrcoef(one, other)[0, 1])
