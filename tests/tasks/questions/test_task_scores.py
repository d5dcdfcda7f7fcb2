import random
from typing import Any, Dict, List, Set, Tuple

import pytest
from workers import run_workers

from hmtl.common.distributed import get_rank
from hmtl.document import Relation, Span
from hmtl.metrics import CoreferenceScores
from hmtl.tasks.questions.task_scores import (
    Found,
    GivenHeadScores,
    LinkScores,
    SpanScores,
    TextScores,
    clusters_of,
    pooled,
)

Bounds = Tuple[int, int]


def test_spans_count_for_each_label_or_for_the_likeliest_alone() -> None:
    found = [Found("PER", None, (0, 0), 1.0), Found("ORG", None, (0, 0), 2.0), Found("PER", None, (2, 3), 0.5)]
    gold = [Span(0, 0, "PER"), Span(2, 3, "PER"), Span(5, 5, "LOC")]
    for one_label, expected in ((False, (2 / 3, 2 / 3)), (True, (1 / 2, 1 / 3))):
        scores = SpanScores()
        scores({"one_label": one_label, "gold": gold}, found)
        metric = scores.get_metric()
        assert (metric["precision"], metric["recall"]) == pytest.approx(expected)


def test_a_relation_is_right_where_its_head_its_answer_and_its_label_are() -> None:
    scores = GivenHeadScores()
    gold = [Relation((0, 0), (2, 3), "a"), Relation((0, 0), (5, 5), "b"), Relation((7, 7), (8, 8), "a")]
    found = [
        Found("a", (0, 0), (2, 3), 1.0),
        Found("a", (0, 0), (5, 5), 1.0),
        Found("b", (1, 1), (5, 5), 1.0),
        Found("a", (2, 3), (0, 0), 1.0),
    ]
    scores({"gold": gold}, found)
    metric = scores.get_metric()
    assert (metric["precision"], metric["recall"]) == pytest.approx((1 / 4, 1 / 3))


def reachable(links: List[Tuple[Bounds, Bounds]]) -> Set[frozenset]:
    """Clusters as sets of all that can be reached from a mention."""
    clusters = set()
    for start in {mention for link in links for mention in link}:
        cluster = {start}
        for _ in links:
            for one, other in links:
                if one in cluster or other in cluster:
                    cluster |= {one, other}
        if len(cluster) > 1:
            clusters.add(frozenset(cluster))
    return clusters


def test_linked_spans_are_clusters() -> None:
    assert clusters_of([((0, 0), (4, 4)), ((4, 4), (0, 0)), ((9, 9), (4, 4)), ((2, 3), (6, 6)), ((7, 7), (7, 7))]) == [
        [(0, 0), (4, 4), (9, 9)],
        [(2, 3), (6, 6)],
    ]
    chance = random.Random(5)
    for _ in range(200):
        mentions = [(number, number) for number in range(9)]
        links = [(chance.choice(mentions), chance.choice(mentions)) for _ in range(chance.randrange(9))]
        assert {frozenset(cluster) for cluster in clusters_of(links)} == reachable(links)


def row(key: str, first: int, gold: List[List[Bounds]]) -> Dict[str, Any]:
    return {"doc_key": key, "first": first, "gold": gold}


def test_clusters_are_those_of_whole_documents_whatever_the_order_of_windows() -> None:
    """The second window begins at token 10; the mention at 12 to 13 joins what both windows link."""
    gold = {"a": [[(1, 1), (12, 13), (20, 20)], [(3, 3), (5, 5)]], "b": [[(0, 0), (2, 2)]]}
    windows = [
        (row("a", 0, gold["a"]), [Found("", (1, 1), (12, 13), 1.0), Found("", (3, 3), (4, 4), 1.0)]),
        (row("a", 10, gold["a"]), [Found("", (2, 3), (10, 10), 1.0)]),
        (row("b", 0, gold["b"]), []),
    ]
    expected = CoreferenceScores()
    expected([[[(1, 1), (12, 13), (20, 20)], [(3, 3), (4, 4)]], []], [gold["a"], gold["b"]])
    for order in (windows, windows[::-1]):
        scores = LinkScores()
        for of_row, found in order:
            scores(of_row, found)
        metric = scores.get_metric()
        assert metric["f1"] == pytest.approx(expected.get_metric()["f1"])
        assert metric["f1_muc"] == pytest.approx(expected.get_metric()["muc_f1"])


def test_answers_are_texts_as_they_stand_there() -> None:
    text = "Ole's  bread, from Bergen."
    offsets = [(0, 3), (3, 5), (7, 12), (12, 13), (14, 18), (19, 25), (25, 26)]
    sentences = [[text[start:end] for start, end in offsets]]
    of_row = {"sentences": sentences, "text": text, "token_offsets": offsets}
    scores = TextScores()
    # The likelier of two answers is given: `Ole's  bread`.
    found = [Found("q", None, (0, 2), 2.0), Found("q", None, (5, 5), 1.0), Found("r", None, (4, 5), 1.0)]
    scores({**of_row, "gold": {"q": ["Oles bread"], "r": ["Bergen"], "s": []}}, found)
    metric = scores.get_metric()
    assert (metric["em"], metric["f1"]) == pytest.approx((2 / 3, (1 + 2 / 3 + 1) / 3))
    # Without the text its tokens are joined.
    scores = TextScores()
    scores({"sentences": sentences, "gold": {"q": ["Ole 's bread"]}}, found)
    assert scores.get_metric()["em"] == 1


# The windows of document `a` are with both workers, `b` is with one, and so is the other source.
_GOLD: Dict[str, List[List[Bounds]]] = {"a": [[(1, 1), (12, 13), (20, 20)]], "b": [[(0, 0), (2, 2)]]}
_OF_WORKERS = [
    [(row("a", 0, _GOLD["a"]), [Found("", (1, 1), (12, 13), 1.0)])],
    [(row("a", 10, _GOLD["a"]), [Found("", (2, 3), (10, 10), 1.0)]), (row("b", 0, _GOLD["b"]), [])],
]


def scores_of_a_worker() -> Any:
    scores = LinkScores()
    for of_row, found in _OF_WORKERS[get_rank()]:
        scores(of_row, found)
    return scores.get_metric(), pooled({f"of {get_rank()}": get_rank(), "both": 7})


def test_workers_share_the_windows_of_a_document() -> None:
    expected = CoreferenceScores()
    expected([[[(1, 1), (12, 13), (20, 20)]], []], [_GOLD["a"], _GOLD["b"]])
    found = run_workers(scores_of_a_worker)
    assert found[0] == found[1]
    metric, names = found[0]
    for name in ("precision", "recall", "f1"):
        assert metric[name] == pytest.approx(expected.get_metric()[name])
    assert names == {"of 0": 0, "of 1": 1, "both": 7}
