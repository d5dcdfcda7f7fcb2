"""The baselines of labels and of numbers: the most frequent label, and the mean."""

from collections import Counter
from typing import Any, List, Sequence

from hmtl.document import Document
from hmtl.metrics import LabelScores, NumberScores
from hmtl.tasks.baselines import Baseline, most_frequent


def label_baseline(layer: str, one_label: bool, train: Sequence[Document], test: Sequence[Document]) -> Baseline:
    """The scores of giving each row the label that is the most frequent one in training.

    # Parameters

    layer : `str`
        The layer of labels, of documents.
    one_label : `bool`
        Whether each row has one label.
    train, test : `Sequence[Document]`
        The rows, a document each.
    """
    label = most_frequent(Counter(label for labels in _labels(layer, train) for label in labels))
    gold = _labels(layer, test)
    metric = LabelScores(one_label)
    metric([[label]] * len(gold), gold)
    return Baseline(f"always '{label}', the most frequent label in training", metric.get_metric())


def number_baseline(layer: str, train: Sequence[Document], test: Sequence[Document]) -> Baseline:
    """The scores of giving each row the mean number of training, whose correlation with anything is 0. The parameters
    are those of `label_baseline`."""
    numbers = [float(document.label_values(layer)[0]) for document in train]
    mean = sum(numbers) / len(numbers)
    metric = NumberScores()
    metric([mean] * len(test), [float(document.label_values(layer)[0]) for document in test])
    metrics = metric.get_metric()
    return Baseline(f"always {mean:.2f}, the mean of training; mean squared error {metrics['mse']:.4f}", metrics)


def _labels(layer: str, documents: Sequence[Document]) -> List[List[str]]:
    entries: List[Any] = [document.label_values(layer)[0] for document in documents]
    return [entry if isinstance(entry, list) else [entry] for entry in entries]
