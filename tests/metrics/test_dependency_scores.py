"""The references: counts by hand on a sentence, and the shared task's rules read anew, over CoNLL-U columns."""

import random
from typing import List, Tuple

import pytest

from hmtl.metrics import DependencyScores
from hmtl.metrics.dependency_scores import is_punctuation

SENTENCE = ["She", "sang", ",", "loud", "."]
GOLD = [(0, 1, "nsubj"), (1, -1, "root"), (2, 1, "punct"), (3, 1, "advmod"), (4, 1, "punct")]


def test_by_hand():
    # The head of the comma is wrong, and so is the relation of `loud`.
    predicted = [(0, 1, "nsubj"), (1, -1, "root"), (2, 3, "punct"), (3, 1, "xcomp"), (4, 1, "punct")]
    metric = DependencyScores()
    metric([predicted], [GOLD], [SENTENCE])
    expected = {"uas": 4 / 5, "las": 3 / 5, "uas_without_punctuation": 3 / 3, "las_without_punctuation": 2 / 3}
    assert metric.get_metric() == expected
    # A right relation to a wrong head is no labelled attachment, and a missing arc is none either.
    metric([[(0, 3, "nsubj")]], [GOLD], [SENTENCE])
    assert metric.get_metric(reset=True)["uas"] == 4 / 10
    assert metric.get_metric() == dict.fromkeys(expected, 0.0)


def test_arguments_of_different_lengths_are_refused():
    with pytest.raises(ValueError):
        DependencyScores()([], [GOLD], [SENTENCE])


@pytest.mark.parametrize("token,expected", [(".", True), ("--", True), ("¿", True), ("$", False), (":)x", False)])
def test_punctuation_is_unicodes(token, expected):
    assert is_punctuation(token) is expected


def conll_2018(gold: List[List[str]], system: List[List[str]]) -> Tuple[float, float]:
    """UAS and LAS in percent, as the shared task's evaluation counts words that are aligned one to one: HEAD (column 7)
    has to be the same, and DEPREL (column 8) up to its subtype; precision and recall have the same denominator then."""
    right_heads = sum(g[6] == s[6] for g, s in zip(gold, system))
    right = sum(g[6] == s[6] and g[7].split(":")[0] == s[7].split(":")[0] for g, s in zip(gold, system))
    return 100 * right_heads / len(gold), 100 * right / len(gold)


def test_the_rules_of_the_shared_task():
    numbers = random.Random(0)
    metric = DependencyScores()
    gold_rows: List[List[str]] = []
    system_rows: List[List[str]] = []
    for _ in range(20):
        length = numbers.randint(1, 9)
        sides: List[list] = []
        for rows in (gold_rows, system_rows):
            arcs = [(n, numbers.randint(-1, min(1, length - 1)), numbers.choice("ab")) for n in range(length)]
            sides.append(arcs)
            rows += [[str(n + 1), "w", "_", "_", "_", "_", str(h + 1), f"{r}:x", "_", "_"] for n, h, r in arcs]
        metric([sides[1]], [sides[0]], [["w"] * length])
    uas, las = conll_2018(gold_rows, system_rows)
    scores = metric.get_metric()
    assert (100 * scores["uas"], 100 * scores["las"]) == pytest.approx((uas, las))
    assert 0 < las < uas < 100
