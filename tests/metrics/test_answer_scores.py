"""The reference goes by characters and words, without regular expressions."""

import random
from typing import Dict, List, Tuple

import pytest

from hmtl.metrics import AnswerScores
from hmtl.metrics.answer_scores import normalised

PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def plain(text: str) -> List[str]:
    kept = "".join(character for character in text.lower() if character not in PUNCTUATION)
    words: List[str] = []
    word = ""
    for character in kept + " ":
        # An article is a word between characters that are no letters, digits or underscores.
        if character.isalnum():
            word += character
            continue
        words.append("" if word in ("a", "an", "the") else word)
        word = ""
        words.append(" " if character.isspace() else character)
    return "".join(words).split()


def f1_of(answer: List[str], gold: List[str]) -> float:
    if not answer or not gold:
        return float(answer == gold)
    left, common = list(gold), 0
    for word in answer:
        if word in left:
            left.remove(word)
            common += 1
    if not common:
        return 0.0
    precision, recall = common / len(answer), common / len(gold)
    return 2 * precision * recall / (precision + recall)


def expected(predicted: Dict[str, str], gold: Dict[str, List[str]]) -> Tuple[float, float]:
    em = f1 = 0.0
    for name, answers in gold.items():
        answer = plain(predicted.get(name, ""))
        texts = [plain(text) for text in answers if plain(text)] or [[]]
        em += max(answer == text for text in texts)
        f1 += max(f1_of(answer, text) for text in texts)
    return em / len(gold), f1 / len(gold)


@pytest.mark.parametrize(
    "answer,gold,em,f1",
    [
        ("The Oslofjord.", ["Oslofjord"], 1, 1),
        ("the big Oslofjord", ["Oslofjord"], 0, 2 / 3),
        ("about 17 km", ["17", "17 km"], 0, 0.8),
        ("17-km", ["17km"], 1, 1),
        ("river", ["a sea", "a lake"], 0, 0),
        # Words count as often as they stand there: one of the two is common.
        ("very very long", ["very long"], 0, 0.8),
        ("Other theatre", ["other theatre"], 1, 1),
        ("", [], 1, 1),
        ("Oslo", [], 0, 0),
        ("", ["Oslo"], 0, 0),
        # Gold without any word is as if there were none.
        ("", ["the"], 1, 1),
        ("an", ["the", "Oslo"], 0, 0),
    ],
)
def test_examples_by_hand(answer: str, gold: List[str], em: float, f1: float) -> None:
    metric = AnswerScores()
    metric({"q": answer}, {"q": gold})
    assert metric.get_metric() == pytest.approx({"em": em, "f1": f1})
    assert expected({"q": answer}, {"q": gold}) == pytest.approx((em, f1))


def test_the_two_sorts_of_questions() -> None:
    metric = AnswerScores()
    gold = {"a": ["Oslo"], "b": ["the river Alna"], "c": [], "d": [], "e": []}
    metric({"a": "Oslo", "b": "Alna", "c": "", "d": "Oslo"}, gold)
    assert metric.get_metric(reset=True) == pytest.approx(
        {
            "em": 3 / 5,
            "f1": (1 + 2 / 3 + 2) / 5,
            "em_answerable": 1 / 2,
            "f1_answerable": (1 + 2 / 3) / 2,
            "em_unanswerable": 2 / 3,
        }
    )
    assert metric.get_metric() == {"em": 0.0, "f1": 0.0}


def test_random_answers_score_as_the_reference_has_them() -> None:
    words = [
        "the",
        "a",
        "An",
        "Oslo",
        "river",
        "river's",
        "17",
        "km.",
        "u.s.",
        "--",
        "(the)",
        "théâtre",
        "a-the",
        "É",
        "\t",
    ]
    chance = random.Random(3)

    def text() -> str:
        return " ".join(chance.choices(words, k=chance.randrange(5)))

    metric = AnswerScores()
    predicted = {str(number): text() for number in range(800)}
    gold = {name: [text() for _ in range(chance.randrange(4))] for name in predicted}
    metric(predicted, gold)
    assert [metric.get_metric()[name] for name in ("em", "f1")] == pytest.approx(expected(predicted, gold), abs=1e-12)
    assert all(normalised(answer).split() == plain(answer) for answer in predicted.values())
