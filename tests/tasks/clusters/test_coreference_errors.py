import random

import pytest

from hmtl.evaluation.error_analysis import CoreferenceErrors
from hmtl.metrics import CoreferenceScores
from hmtl.tasks.clusters.mention_types import head_of, lower_case_words, mention_type

SENTENCES = [
    ["Ann", "Lee", "met", "the", "mayor", "."],  # 0-5
    ["She", "liked", "him", "and", "his", "dog", "."],  # 6-12
    ["The", "dog", "barked", "at", "Ann", "."],  # 13-18
    ["It", "was", "old", "."],  # 19-22
]
ANN, MAYOR, SHE, HIM, HIS, HIS_DOG, THE_DOG, ANN2, IT = (
    (0, 1), (3, 4), (6, 6), (8, 8), (10, 10), (10, 11), (13, 14), (17, 17), (19, 19)
)  # fmt: skip
GOLD = [[ANN, SHE, ANN2], [MAYOR, HIM, HIS], [HIS_DOG, THE_DOG, IT]]


def analysed(predicted, gold=GOLD, num_examples=5):
    errors = CoreferenceErrors(num_examples)
    errors.add({"doc_key": "d", "sentences": SENTENCES, "clusters": gold}, predicted)
    return {section.title: section for section in errors.sections}


def nonzero(section):
    return {label: {kind: n for kind, n in counter.items() if n} for label, counter in section.counts.items()}


def test_a_perfect_prediction():
    sections = analysed(GOLD)
    assert sections["mentions"].totals == {"correct": 9, "missed": 0, "spurious": 0}
    assert sections["antecedents"].totals == {"correct": 6, "wrong": 0, "missed": 0, "spurious": 0}
    assert sections["clusters"].totals == {"exact": 3, "divided": 0, "conflated": 0, "missing": 0, "extra": 0}


def test_every_kind_counted_by_hand():
    # Ann's cluster is whole; HIM stands alone with a verb, HIS went to the dogs, IT is not found.
    predicted = [[ANN, SHE, ANN2], [(7, 7), HIM], [HIS, HIS_DOG, THE_DOG]]
    sections = analysed(predicted)
    mentions = sections["mentions"]
    assert (mentions.gold, mentions.predicted) == (9, 8)
    assert nonzero(mentions) == {
        "proper name": {"correct": 2},
        "pronoun": {"correct": 3, "missed": 1},
        "nominal": {"correct": 2, "missed": 1, "spurious": 1},
    }
    antecedents = sections["antecedents"]
    assert (antecedents.gold, antecedents.predicted) == (6, 5)
    assert nonzero(antecedents) == {
        "pronoun": {"correct": 1, "wrong": 1, "missed": 2},  # SHE; HIM after "liked"; HIS, IT
        "proper name": {"correct": 1},  # Ann
        "nominal": {"spurious": 1, "correct": 1},  # "his dog" after "his"; "the dog"
    }
    clusters = sections["clusters"]
    assert (clusters.gold, clusters.predicted) == (3, 3)
    assert clusters.totals == {"exact": 1, "divided": 1, "conflated": 1, "missing": 0, "extra": 0}
    assert clusters.patterns("divided")[0].examples[0].note == "him ∥ his"
    assert clusters.patterns("conflated")[0].examples[0].note == "his ∥ his dog | The dog"
    (missed, *_) = antecedents.patterns("missed")
    assert [example.note for example in missed.examples] == [
        "gold: 'him' (sentence 2); predicted: no antecedent",
        "gold: 'The dog' (sentence 3); predicted: no antecedent",
    ]


def test_missing_and_extra_clusters():
    sections = analysed([[ANN, SHE, ANN2], [(7, 7), (15, 15)]])
    assert sections["clusters"].totals == {"exact": 1, "divided": 0, "conflated": 0, "missing": 2, "extra": 1}
    assert nonzero(sections["clusters"]) == {
        "3 to 5 mentions": {"exact": 1, "missing": 2}, "2 mentions": {"extra": 1}
    }  # fmt: skip


def test_clusters_of_one_are_counted_apart():
    """Gold has MAYOR, IT, HIM and HIS_DOG alone: one is predicted so, one with THE_DOG, and two are not found."""
    gold = [[ANN, SHE, ANN2], [HIS, THE_DOG], [MAYOR], [IT], [HIM], [HIS_DOG]]
    sections = analysed([[ANN, SHE], [ANN2], [MAYOR], [IT, THE_DOG], [(7, 7)]], gold)
    assert sections["clusters"].totals == {"exact": 0, "divided": 1, "conflated": 1, "missing": 0, "extra": 0}
    assert (sections["clusters"].gold, sections["clusters"].predicted) == (2, 2)
    alone = sections["clusters of one"]
    assert (alone.gold, alone.predicted) == (4, 3)
    assert nonzero(alone) == {
        "nominal": {"correct": 1, "missed": 1, "spurious": 1},  # MAYOR, HIS_DOG, "liked"
        "pronoun": {"joined": 1, "missed": 1},  # IT, HIM
        "proper name": {"split off": 1},  # the second Ann
    }
    assert alone.patterns("joined")[0].examples[0].note == "The dog | It"
    assert alone.patterns("split off")[0].examples[0].note == "Ann Lee | She | Ann"
    assert alone.patterns("missed")[0].examples[0].note == ""
    # Where there are none, there is nothing to show.
    assert "clusters of one" not in analysed(GOLD)


def test_a_wrong_antecedent_of_a_found_mention():
    sections = analysed([[ANN, SHE, HIM]], gold=[[ANN, SHE], [MAYOR, HIM]])
    assert nonzero(sections["antecedents"]) == {"pronoun": {"correct": 1, "wrong": 1}}
    assert sections["antecedents"].patterns("wrong")[0].examples[0].note == (
        "gold: 'the mayor' (sentence 1); predicted: 'She' (sentence 2)"
    )


@pytest.mark.parametrize("seed", range(20))
def test_totals_agree_with_the_metric(seed):
    draw = random.Random(seed)

    def clusters():
        mentions = sorted({(n, n) for n in draw.choices(range(23), k=12)})
        numbers = [draw.randrange(4) for _ in mentions]
        return [[m for m, other in zip(mentions, numbers) if other == number] for number in set(numbers)]

    gold, predicted = clusters(), clusters()
    sections, scores = analysed(predicted, gold), CoreferenceScores()
    scores([predicted], [gold])
    metrics = scores.get_metric()
    mentions, antecedents = sections["mentions"], sections["antecedents"]
    assert mentions.totals["correct"] / mentions.gold == pytest.approx(metrics["mention_recall"])
    assert mentions.totals["correct"] / mentions.predicted == pytest.approx(metrics["mention_precision"])
    assert sum(mentions.totals.values()) - mentions.totals["spurious"] == mentions.gold
    assert sum(mentions.totals.values()) - mentions.totals["missed"] == mentions.predicted
    # As many as MUC has links: all mentions but the first of each cluster.
    assert sum(antecedents.totals.values()) - antecedents.totals["spurious"] == sum(len(c) - 1 for c in gold)
    assert sum(antecedents.totals.values()) - antecedents.totals["missed"] == sum(len(c) - 1 for c in predicted)


@pytest.mark.parametrize(
    "mention, expected",
    [
        ("she", "pronoun"),
        ("Her", "pronoun"),
        ("each other", "pronoun"),
        ("Ann Lee", "proper name"),
        ("the Bank of America", "proper name"),
        ("President Lee", "proper name"),
        ("Ann 's", "proper name"),
        ("the president of France", "nominal"),
        ("the Paris office", "nominal"),
        ("a dog , Rex", "nominal"),
        ("1990", "nominal"),
    ],
)
def test_types_of_mentions(mention, expected):
    assert mention_type(mention.split(), at_sentence_start=False, lower_case=frozenset()) == expected


def test_a_capital_at_the_start_of_a_sentence():
    lower_case = lower_case_words(["Dogs", "bark", ";", "dogs", "bite", "Rex"])
    assert mention_type(["Dogs"], True, lower_case) == "nominal"
    assert mention_type(["Rex"], True, lower_case) == "proper name"
    assert mention_type(["Dogs"], False, lower_case) == "proper name"
    assert mention_type(["The", "Dogs"], True, lower_case) == "proper name"


def test_heads():
    assert head_of(["the", "new", "mayor", "of", "Lund"]) == "mayor"
    assert head_of(["the", "mayor", "'s"]) == "mayor"
    assert head_of(["'s"]) == "'s"
