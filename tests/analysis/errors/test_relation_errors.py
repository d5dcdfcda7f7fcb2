import random

import pytest

from hmtl.analysis.errors import RelationErrors
from hmtl.analysis.errors.section import NONE
from hmtl.data.document import Span
from hmtl.training.metrics import LabelledF1

TOKENS = ["Ann", "of", "Lund", "met", "Bo", "of", "Rome", "and", "Cy", "at", "the", "inn"]


def sentence(relations, number=0):
    return {"doc_key": "d", "sentence": number, "tokens": TOKENS, "relations": relations}


def test_each_kind_counted_by_hand():
    gold = [(0, 2, "LIVE"), (4, 6, "LIVE"), (0, 4, "MEET"), (4, 8, "KIN"), (8, 11, "AT"), (2, 6, "NEAR")]
    predicted = [
        (0, 2, "LIVE"),
        (4, 6, "WORK"),  # another type
        (4, 0, "MEET"),  # swapped
        (8, 4, "MEET"),  # swapped, another type
        (8, 10, "AT"),  # another second argument
        (1, 3, "NEAR"),  # neither argument: one spurious, one missed
    ]
    errors = RelationErrors(num_examples=1)
    errors.add(sentence(gold), predicted)
    (section,) = errors.sections
    assert (section.gold, section.predicted) == (6, 6)
    assert section.totals == {
        "correct": 1, "type": 1, "swapped": 1, "swapped and type": 1, "argument": 1, "missed": 1, "spurious": 1
    }  # fmt: skip
    assert section.confusion_matrix() == {
        "LIVE": {"LIVE": 1, "WORK": 1}, "MEET": {"MEET": 1}, "KIN": {"MEET": 1}, "AT": {"AT": 1},
        "NEAR": {NONE: 1}, NONE: {"NEAR": 1},
    }  # fmt: skip
    (pattern,) = section.patterns("swapped")
    assert pattern.examples[0].gold == [Span(0, 0, "MEET:1"), Span(4, 4, "MEET:2")]
    assert pattern.examples[0].predicted == [Span(4, 4, "MEET:1"), Span(0, 0, "MEET:2")]


def test_the_same_argument_in_the_other_place_is_no_argument_error():
    errors = RelationErrors(num_examples=0)
    errors.add(sentence([(0, 2, "LIVE")]), [(2, 5, "LIVE")])
    (section,) = errors.sections
    assert (section.totals["missed"], section.totals["spurious"], section.totals["argument"]) == (1, 1, 0)


@pytest.mark.parametrize("seed", range(20))
def test_totals_agree_with_the_metric(seed):
    draw = random.Random(seed)

    def relations():
        return [(draw.randrange(4), draw.randrange(4), draw.choice("ABC")) for _ in range(draw.randrange(7))]

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
