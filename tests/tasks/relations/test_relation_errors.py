import random

import pytest

from hmtl.document import Relation, Span
from hmtl.evaluation.error_analysis import RelationErrors
from hmtl.metrics import LabelledF1
from hmtl.tasks.errors.section import NONE

TOKENS = ["Ann", "of", "Lund", "met", "Bo", "of", "Rome", "and", "Cy", "at", "the", "inn"]


def sentence(relations, number=0):
    return {"doc_key": "d", "sentence": number, "tokens": TOKENS, "relations": relations}


def test_each_kind_counted_by_hand():
    gold = [
        Relation((0, 2), (4, 4), "LIVE"),
        Relation((4, 6), (0, 0), "LIVE"),
        Relation((0, 2), (4, 6), "MEET"),
        Relation((4, 6), (8, 8), "KIN"),
        Relation((8, 8), (9, 11), "AT"),
        Relation((2, 2), (6, 6), "NEAR"),
        Relation((0, 0), (8, 8), "OWNS"),
    ]
    predicted = [
        gold[0],
        Relation((5, 6), (0, 0), "WORK"),  # another type, and another bound
        Relation((4, 6), (2, 2), "MEET"),  # swapped, with another bound
        Relation((8, 8), (4, 6), "MEET"),  # swapped, another type
        Relation((7, 8), (9, 10), "AT"),  # another second argument
        Relation((1, 1), (3, 3), "NEAR"),  # neither argument: one spurious, one missed
        Relation((0, 0), (7, 8), "OWNS"),  # the same last tokens and type
    ]
    errors = RelationErrors(num_examples=1)
    errors.add(sentence(gold), predicted)
    (section,) = errors.sections
    assert (section.gold, section.predicted) == (7, 7)
    assert section.totals == {
        "correct": 1, "boundary": 1, "type": 1, "swapped": 1, "swapped and type": 1, "argument": 1, "missed": 1,
        "spurious": 1,
    }  # fmt: skip
    assert section.confusion_matrix() == {
        "LIVE": {"LIVE": 1, "WORK": 1}, "MEET": {"MEET": 1}, "KIN": {"MEET": 1}, "AT": {"AT": 1},
        "OWNS": {"OWNS": 1}, "NEAR": {NONE: 1}, NONE: {"NEAR": 1},
    }  # fmt: skip
    (pattern,) = section.patterns("swapped")
    assert pattern.examples[0].gold == [Span(0, 2, "MEET:1"), Span(4, 6, "MEET:2")]
    assert pattern.examples[0].predicted == [Span(4, 6, "MEET:1"), Span(2, 2, "MEET:2")]


def test_of_two_gold_relations_of_the_same_last_tokens_the_one_with_more_equal_spans_is_taken():
    gold = [Relation((1, 2), (5, 6), "AT"), Relation((2, 2), (5, 6), "AT")]
    errors = RelationErrors(num_examples=1)
    errors.add(sentence(gold), [Relation((2, 2), (6, 6), "AT")])
    (section,) = errors.sections
    assert (section.totals["boundary"], section.totals["missed"]) == (1, 1)
    assert section.patterns("missed")[0].examples[0].gold == [Span(1, 2, "AT:1"), Span(5, 6, "AT:2")]


def test_the_same_argument_in_the_other_place_is_no_argument_error():
    errors = RelationErrors(num_examples=0)
    errors.add(sentence([Relation((0, 0), (2, 2), "LIVE")]), [Relation((2, 2), (5, 5), "LIVE")])
    (section,) = errors.sections
    assert (section.totals["missed"], section.totals["spurious"], section.totals["argument"]) == (1, 1, 0)


@pytest.mark.parametrize("seed", range(20))
def test_totals_agree_with_the_metric(seed):
    draw = random.Random(seed)

    def bounds():
        end = draw.randrange(4)
        return draw.randint(max(0, end - 1), end), end

    def relations():
        return [Relation(bounds(), bounds(), draw.choice("ABC")) for _ in range(draw.randrange(7))]

    rows = [(relations(), relations()) for _ in range(10)]
    errors, metric = RelationErrors(num_examples=0), LabelledF1()
    for number, (gold, predicted) in enumerate(rows):
        errors.add(sentence(gold, number), predicted)
    metric([predicted for _, predicted in rows], [gold for gold, _ in rows])
    (section,) = errors.sections
    totals = section.totals
    assert totals["correct"] / section.gold == pytest.approx(metric.get_metric()["recall"])
    assert totals["correct"] / section.predicted == pytest.approx(metric.get_metric()["precision"])
    assert sum(totals.values()) - totals["spurious"] == section.gold
    assert sum(totals.values()) - totals["missed"] == section.predicted
