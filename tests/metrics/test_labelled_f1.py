import random
from typing import List, Tuple

import pytest
from allennlp.training.metrics import Metric
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2
from workers import run_workers

from hmtl.common.distributed import get_rank
from hmtl.metrics import LabelledF1

Span = Tuple[int, int, str]


def random_spans(generator: random.Random, length: int) -> List[Span]:
    spans, start = [], 0
    while start < length:
        end = min(length - 1, start + generator.randrange(3))
        if generator.random() < 0.5:
            spans.append((start, end, generator.choice(["LOC", "ORG", "PER"])))
        start = end + 1
    return spans


def bio_tags(spans: List[Span], length: int) -> List[str]:
    tags = ["O"] * length
    for start, end, label in spans:
        tags[start : end + 1] = [f"B-{label}"] + [f"I-{label}"] * (end - start)
    return tags


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_seqeval(seed: int):
    generator = random.Random(seed)
    lengths = [generator.randint(1, 12) for _ in range(60)]
    gold = [random_spans(generator, length) for length in lengths]
    predicted = [
        spans if generator.random() < 0.4 else random_spans(generator, length) for spans, length in zip(gold, lengths)
    ]
    metric = LabelledF1()
    metric(predicted[:25], gold[:25])
    metric(predicted[25:], gold[25:])

    tags = [[bio_tags(spans, length) for spans, length in zip(side, lengths)] for side in (gold, predicted)]
    expected = precision_recall_fscore_support(*tags, scheme=IOB2, average="micro")
    assert metric.get_metric() == pytest.approx(dict(zip(("precision", "recall", "f1"), expected)))
    rows = precision_recall_fscore_support(*tags, scheme=IOB2, average=None)
    by_label = metric.by_label()
    assert list(by_label) == ["LOC", "ORG", "PER"]
    for scores, *row in zip(by_label.values(), *rows):
        assert list(scores) == ["precision", "recall", "f1", "support"]
        assert list(scores.values()) == pytest.approx(row)


def test_hand_worked_relations():
    # Entry 1: predicted {a, b}, gold {a, c}: one correct. Entry 2: the right pair in the wrong entry is wrong.
    metric = LabelledF1()
    metric(
        [[(0, 1, "A"), (0, 2, "B")], [(3, 4, "A")]],
        [[(0, 1, "A"), (0, 2, "A")], [(5, 4, "A"), (3, 4, "B")]],
    )
    # 1 correct of 3 predicted and 4 gold: F1 = 2 * 1/3 * 1/4 / (1/3 + 1/4) = 2/7.
    assert metric.get_metric() == pytest.approx({"precision": 1 / 3, "recall": 1 / 4, "f1": 2 / 7})
    assert metric.by_label() == {
        "A": pytest.approx({"precision": 1 / 2, "recall": 1 / 3, "f1": 2 / 5, "support": 3}),
        "B": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
    }


def test_repeated_items_count_once():
    metric = LabelledF1()
    metric([[(0, 0, "A"), (0, 0, "A")]], [[(0, 0, "A"), (1, 1, "A"), (1, 1, "A")]])
    assert metric.get_metric() == pytest.approx({"precision": 1.0, "recall": 0.5, "f1": 2 / 3})


@pytest.mark.parametrize("predicted, gold", [([], []), ([[]], [[]]), ([[(0, 0, "A")]], [[]]), ([[]], [[(0, 0, "A")]])])
def test_undefined_ratios_are_zero(predicted, gold):
    metric = LabelledF1()
    metric(predicted, gold)
    assert metric.get_metric() == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_reset_forgets_everything():
    metric = LabelledF1()
    metric([[(0, 0, "A")]], [[(0, 0, "A")]])
    assert metric.get_metric(reset=True)["f1"] == 1.0
    assert metric.get_metric()["f1"] == 0.0
    assert metric.by_label() == {}


def test_entries_must_match():
    with pytest.raises(ValueError):
        LabelledF1()([[(0, 0, "A")]], [])


def test_is_registered():
    assert Metric.by_name("labelled_f1") is LabelledF1


def count_on_each_worker() -> None:
    metric = LabelledF1()
    if get_rank() == 0:
        metric([[(0, 0, "A")]], [[(0, 0, "A"), (1, 1, "A")]])
    else:
        metric([[(0, 0, "B"), (1, 1, "B")]], [[(0, 0, "B")]])
    # Asking twice changes nothing: counts stay with their worker.
    for _ in range(2):
        assert metric.get_metric() == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3})
    assert {label: scores["precision"] for label, scores in metric.by_label().items()} == {"A": 1.0, "B": 0.5}


def test_counts_are_summed_over_workers():
    run_workers(count_on_each_worker)
