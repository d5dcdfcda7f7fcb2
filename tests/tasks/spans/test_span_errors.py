import random

import pytest

from hmtl.document import Span
from hmtl.evaluation.error_analysis import SpanErrors
from hmtl.metrics import LabelledF1
from hmtl.tasks.errors.section import NONE

TOKENS = ["Ann", "Lee", "of", "the", "Bank", "of", "Lund", "met", "Bo", "in", "New", "York", "City", "today"]


def sentence(spans, number=0):
    return {"doc_key": "d", "sentence": number, "tokens": TOKENS, "spans": spans}


def test_each_kind_counted_by_hand():
    gold = [Span(0, 1, "PER"), Span(4, 6, "ORG"), Span(6, 6, "LOC"), Span(8, 8, "PER"), Span(10, 12, "LOC")]
    predicted = [Span(0, 1, "PER"), Span(4, 4, "ORG"), Span(8, 8, "ORG"), Span(10, 11, "ORG"), Span(13, 13, "PER")]
    errors = SpanErrors(num_examples=5)
    errors.add(sentence(gold), predicted)
    (section,) = errors.sections
    assert (section.gold, section.predicted) == (5, 5)
    assert section.totals == {
        "correct": 1, "boundary": 1, "type": 1, "boundary and type": 1, "missed": 1, "missed, overlapping": 0,
        "spurious": 1,
    }  # fmt: skip
    assert section.counts["PER"] == {"correct": 1, "type": 1, "spurious": 1}
    assert section.counts["ORG"] == {"boundary": 1}
    assert section.counts["LOC"] == {"missed": 1, "boundary and type": 1}
    assert section.confusion_matrix() == {
        "PER": {"PER": 1, "ORG": 1}, "ORG": {"ORG": 1}, "LOC": {NONE: 1, "ORG": 1}, NONE: {"PER": 1}
    }  # fmt: skip
    (pattern,) = section.patterns("boundary and type")
    assert pattern.labels == "LOC → ORG"
    assert (pattern.examples[0].gold, pattern.examples[0].predicted) == ([gold[4]], [predicted[3]])


def test_the_same_bounds_come_before_the_same_type_and_the_longer_overlap_before_the_shorter():
    errors = SpanErrors(num_examples=1)
    # [4, 6] has the same bounds as one and overlaps with another of its own type.
    errors.add(sentence([Span(4, 6, "ORG")]), [Span(4, 6, "LOC"), Span(4, 5, "ORG")])
    errors.add(sentence([Span(0, 5, "ORG")], number=1), [Span(0, 0, "ORG"), Span(3, 5, "ORG")])
    (section,) = errors.sections
    assert {kind: count for kind, count in section.totals.items() if count} == {
        "type": 1, "boundary": 1, "spurious": 2
    }  # fmt: skip
    assert section.patterns("boundary")[0].examples[0].predicted == [Span(3, 5, "ORG")]


def test_patterns_are_sorted_by_frequency_and_keep_the_first_examples():
    errors = SpanErrors(num_examples=2)
    for number in range(3):
        errors.add(sentence([Span(0, 1, "PER")], number), [])
    errors.add(sentence([Span(4, 6, "LOC")], 3), [])
    (section,) = errors.sections
    assert [(pattern.labels, pattern.count) for pattern in section.patterns("missed")] == [("PER", 3), ("LOC", 1)]
    assert [example.sentence for example in section.patterns("missed")[0].examples] == [0, 1]
    assert section.labels == ["PER", "LOC"]


def test_what_is_missed_since_it_overlaps_a_target_is_told_apart():
    bank, lund, place = Span(4, 6, "ORG"), Span(6, 6, "LOC"), Span(6, 6, "GPE")
    errors = SpanErrors(num_examples=1)
    gold = {**sentence([bank, lund, place]), "flat_spans": [lund]}
    errors.add(gold, [lund])
    errors.add(gold, [bank])  # found though it was no target
    errors.add(gold, [])
    (section,) = errors.sections
    assert section.gold == 9 and {kind: count for kind, count in section.totals.items() if count} == {
        "correct": 2, "missed": 2, "missed, overlapping": 5
    }  # fmt: skip
    assert section.patterns("missed, overlapping")[0].examples[0].gold == [place]
    assert section.counts["LOC"] == {"correct": 1, "missed": 2}


def test_a_repeated_span_counts_once():
    errors = SpanErrors(num_examples=0)
    errors.add(sentence([Span(0, 1, "PER")] * 2), [Span(0, 1, "PER")] * 3)
    (section,) = errors.sections
    assert (section.gold, section.predicted, section.totals["correct"]) == (1, 1, 1)


@pytest.mark.parametrize("seed", range(20))
def test_totals_agree_with_the_metric(seed):
    draw = random.Random(seed)

    def spans():
        starts = [draw.randrange(12) for _ in range(draw.randrange(6))]
        return [Span(start, min(13, start + draw.randrange(3)), draw.choice(["PER", "ORG"])) for start in starts]

    rows = [(spans(), spans()) for _ in range(10)]
    errors, metric = SpanErrors(num_examples=0), LabelledF1()
    for number, (gold, predicted) in enumerate(rows):
        errors.add(sentence(gold, number), predicted)
    metric([predicted for _, predicted in rows], [gold for gold, _ in rows])
    (section,) = errors.sections
    totals = section.totals
    assert totals["correct"] / section.gold == pytest.approx(metric.get_metric()["recall"])
    assert totals["correct"] / section.predicted == pytest.approx(metric.get_metric()["precision"])
    assert sum(totals.values()) - totals["spurious"] == section.gold
    assert sum(totals.values()) - totals["missed"] == section.predicted
    for label, scores in metric.by_label().items():
        assert sum(section.confusion[label].values()) == scores["support"]
