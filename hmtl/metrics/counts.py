"""Counts to precision, recall and F1, and their sums over distributed workers."""

from typing import List, Sequence, Tuple

import torch
from allennlp.nn.util import dist_reduce_sum


def ratio(numerator: float, denominator: float) -> float:
    """The quotient, where 0 / 0 counts as 0."""
    return numerator / denominator if denominator else 0.0


def f1(precision: float, recall: float) -> float:
    """The harmonic mean of precision and recall, 0 where both are 0."""
    return ratio(2 * precision * recall, precision + recall)


def precision_recall_f1(correct: float, predicted: float, gold: float) -> Tuple[float, float, float]:
    """Precision, recall and F1 of `correct` items among `predicted` and `gold` ones; 0 / 0 counts as 0."""
    precision, recall = ratio(correct, predicted), ratio(correct, gold)
    return precision, recall, f1(precision, recall)


def all_reduce_counts(counts: Sequence[float]) -> List[float]:
    """The counts, summed element by element over all distributed workers; as they are where there is one process.

    This is one collective operation: every worker must call it, with as many counts.
    """
    # Double precision: a float32 no longer tells 16,777,216 from its successor.
    return dist_reduce_sum(torch.tensor(counts, dtype=torch.float64)).tolist()
