"""All expected values are worked out by hand from the tiny documents."""

import random
import time
from typing import Callable, Dict, List, Optional, Tuple

import pytest

from hmtl.document import Bounds, Document, Relation, Span
from hmtl.errors import UserError
from hmtl.tasks.clusters.coreference_baseline import ExactStringMatch, coreference_baseline_scores
from hmtl.tasks.relations.relation_baseline import MostFrequentRelation, relation_baseline_scores
from hmtl.tasks.spans.span_baseline import MostFrequentType, span_baseline_scores

Scores = Callable[..., Dict[str, float]]


def document(
    text: str,
    spans: Optional[List[Tuple[int, int, str]]] = None,
    relations: Optional[List[Tuple[Bounds, Bounds, str]]] = None,
    clusters: Optional[List[List[Bounds]]] = None,
) -> Document:
    """Sentences are separated by `|`; spans make the layer `ner`."""
    return Document(
        "tiny",
        [sentence.split() for sentence in text.split("|")],
        {} if spans is None else {"ner": [Span(*span) for span in spans]},
        None if relations is None else [Relation(*relation) for relation in relations],
        clusters,
    ).validate()


NEW_YORK = document(
    "New York is big | York is old | I saw York and New York Times may rise | Ann York",
    [
        (0, 1, "GPE"),
        (4, 4, "GPE"),
        (9, 9, "PER"),
        (11, 13, "ORG"),
        (16, 17, "PER"),
        # The same string with another label, in the same place.
        (4, 4, "PER"),
        (4, 4, "LOC"),
    ],
)


def test_most_frequent_type_takes_the_longest_match_from_the_left():
    baseline = MostFrequentType("ner").fit([NEW_YORK])
    # "York" is PER twice, GPE and LOC once.
    assert baseline.predict(document("in New York Times Ann York | york New York York New")) == [
        [(1, 3, "ORG"), (4, 5, "PER")],
        [(1, 2, "GPE"), (3, 3, "PER")],
    ]


def test_most_frequent_type_takes_the_first_of_equally_frequent_labels():
    train = document("a b | a", [(0, 0, "Z"), (2, 2, "A")])
    assert MostFrequentType("ner").fit([train]).predict(document("a")) == [[(0, 0, "A")]]


@pytest.mark.parametrize(
    "text, spans, expected",
    [
        ("may | may | may", [(0, 0, "DATE")], []),  # 1 of 3
        ("may | may", [(0, 0, "DATE")], [(0, 0, "DATE")]),  # 1 of 2
        ("may | may | may | may", [(0, 0, "DATE"), (1, 1, "DATE"), (2, 2, "PER")], [(0, 0, "DATE")]),  # 2, 1 and 1 none
        # Two labels of one span are one occurrence: DATE once, none once.
        ("may | may", [(0, 0, "DATE"), (0, 0, "PER")], [(0, 0, "DATE")]),
    ],
)
def test_most_frequent_type_may_count_unlabelled_strings(text, spans, expected):
    train = document(text, spans)
    assert MostFrequentType("ner", count_unlabelled=True).fit([train]).predict(document("may")) == [expected]
    assert len(MostFrequentType("ner").fit([train]).predict(document("may"))[0]) == 1


def test_tagging_scores():
    train = document("Ann met may | may be", [(0, 0, "PER"), (2, 2, "DATE")])
    train_more = document("they may", [])
    test = document("Ann may go | may Bob Ann", [(0, 0, "PER"), (4, 4, "PER"), (5, 5, "ORG")])
    # Predicted: Ann PER and may DATE, twice each; one is right. Counting unlabelled, may is none (1 of 3).
    assert span_baseline_scores([train, train_more], [test], layer="ner") == pytest.approx(
        {
            "precision": 1 / 4,
            "recall": 1 / 3,
            "f1": 2 / 7,
            "counting_unlabelled_precision": 1 / 2,
            "counting_unlabelled_recall": 1 / 3,
            "counting_unlabelled_f1": 2 / 5,
        }
    )


# Pairs of types: PER ORG thrice, WORK once and OWN twice; ORG PER thrice, one of them SUES; PER PER never related.
RELATED = [
    document("Ann of Big Co", [(0, 0, "PER"), (2, 3, "ORG")], [((0, 0), (2, 3), "WORK")]),
    document(
        "none here | Bob owns Big Co | Eve owns It",
        [(2, 2, "PER"), (4, 5, "ORG"), (6, 6, "PER"), (8, 8, "ORG")],
        [((2, 2), (4, 5), "OWN"), ((6, 6), (8, 8), "OWN"), ((8, 8), (6, 6), "SUES")],
    ),
    document("Ann met Bob", [(0, 0, "PER"), (2, 2, "PER")], []),
]


def test_most_frequent_relation():
    test = document("x | Old Firm hired Joe and Ned", [(1, 2, "ORG"), (4, 4, "PER"), (6, 6, "PER")])
    firm, joe, ned = (0, 1), (3, 3), (5, 5)
    owns = {((joe, firm, "OWN"), "PER", "ORG"), ((ned, firm, "OWN"), "PER", "ORG")}
    sues = {((firm, joe, "SUES"), "ORG", "PER"), ((firm, ned, "SUES"), "ORG", "PER")}
    predicted = MostFrequentRelation("ner").fit(RELATED).predict(test)
    assert predicted[0] == []
    assert set(predicted[1]) == owns | sues
    # Counting pairs that are unrelated, ORG PER is none (2 of 3), PER ORG is OWN (2, against 0).
    predicted = MostFrequentRelation("ner", count_unrelated=True).fit(RELATED).predict(test)
    assert set(predicted[1]) == owns


def test_a_relation_must_be_more_frequent_than_none():
    unrelated = document("Ann Co Inc", [(0, 0, "PER"), (1, 1, "ORG"), (2, 2, "ORG")], [])
    baseline = MostFrequentRelation("ner", count_unrelated=True).fit([*RELATED, unrelated])
    # PER ORG is OWN twice and unrelated twice.
    assert baseline.predict(RELATED[0]) == [[]]


def test_relation_scores():
    test = document(
        "Big Firm hired Joe | Ned rests",
        [(0, 1, "ORG"), (3, 3, "PER"), (4, 4, "PER")],
        [((3, 3), (0, 1), "OWN"), ((0, 1), (3, 3), "HIRES")],
    )
    # Predicted: Joe owns Big Firm, Big Firm sues Joe.
    expected = {}
    # It is given spans and types, so that all figures are the same; sentence 1 has no relation, and none is predicted.
    for figure in ("", "_last_tokens", "_typed"):
        expected.update({f"precision{figure}": 1 / 2, f"recall{figure}": 1 / 2, f"f1{figure}": 1 / 2})
        expected[f"counting_unrelated_precision{figure}"] = 1 / 1
        expected[f"counting_unrelated_recall{figure}"] = 1 / 2
        expected[f"counting_unrelated_f1{figure}"] = 2 / 3
    expected["f1_last_tokens_sentences_with_relations"] = 1 / 2
    expected["counting_unrelated_f1_last_tokens_sentences_with_relations"] = 2 / 3
    assert relation_baseline_scores(RELATED, [test], layer="ner") == pytest.approx(expected)


def test_relations_of_the_same_last_tokens_count_once_by_these_and_twice_by_spans():
    test = document(
        "Big Firm hired Joe",
        [(0, 1, "ORG"), (3, 3, "PER")],
        [((3, 3), (0, 1), "OWN"), ((3, 3), (1, 1), "OWN")],
    )
    scores = relation_baseline_scores(RELATED, [test], layer="ner")
    assert [scores[f"recall{figure}"] for figure in ("", "_last_tokens", "_typed")] == [1 / 2, 1, 1 / 2]


COREFERENT = document(
    # 0    1   2      3   4    5  6    7  8   9       10
    "The dog barks | he saw the dog | It is raining | dog",
    clusters=[[(0, 1), (3, 3), (5, 6)], [(7, 7)]],
)


def test_exact_string_match():
    baseline = ExactStringMatch().fit([COREFERENT])
    # "the dog" (2 of 2) and "he" (1 of 1) are known; "dog" was no mention, "it" was one of a cluster of one.
    # 0  1   2    3    4   5  6   7   8
    test = document("he saw the dog | The Dog It dog it")
    assert baseline.predict(test) == [[(2, 3), (4, 5)]]


def test_exact_string_match_wants_half_of_all_occurrences():
    train = document("a b | a b | b", clusters=[[(0, 0), (1, 1)]])
    # "a" is a mention once of twice, "b" once of thrice.
    assert ExactStringMatch().fit([train]).predict(document("b a b a")) == [[(1, 1), (3, 3)]]


def test_exact_string_match_finds_nested_mentions():
    train = document(
        "the dog of Ann saw Ann and the dog of Ann", clusters=[[(0, 3), (7, 10)], [(3, 3), (5, 5), (10, 10)]]
    )
    predicted = ExactStringMatch().fit([train]).predict(document("the dog of Ann | the dog of Ann"))
    assert sorted(predicted) == [[(0, 3), (4, 7)], [(3, 3), (7, 7)]]
    assert ExactStringMatch(max_width=3).fit([train]).predict(document("the dog of Ann | the dog of Ann")) == [
        [(3, 3), (7, 7)]
    ]


def test_the_beginning_of_a_longer_string_is_found_once_at_the_end_of_a_sentence():
    train = document("dog barks dog barks dog dog", clusters=[[(0, 1), (2, 3)], [(0, 0), (2, 2), (4, 4), (5, 5)]])
    assert ExactStringMatch().fit([train]).predict(document("the dog")) == []


def test_exact_string_match_of_gold_mentions():
    test = document("A cat saw a cat | The cat ran", clusters=[[(0, 1), (3, 4), (5, 6)]])
    assert ExactStringMatch().predict_for_gold_mentions(test) == [[(0, 1), (3, 4)]]


def test_coreference_scores():
    # "he" and "the dog" are found in the test; of the gold cluster of three, two are joined.
    test = document("the dog barks | the dog and it", clusters=[[(0, 1), (3, 4), (6, 6)]])
    scores = coreference_baseline_scores([COREFERENT], [test])
    # Recall: MUC 1 of 2 links; B-cubed (2/3 + 2/3) / 3; CEAF 4/5. Precision: 1, 1 and 4/5.
    assert scores["recall"] == pytest.approx((1 / 2 + 4 / 9 + 4 / 5) / 3)
    assert scores["precision"] == pytest.approx((1 + 1 + 4 / 5) / 3)
    assert scores["f1"] == pytest.approx((2 / 3 + 8 / 13 + 4 / 5) / 3)
    # The third mention is no string of the others: the same.
    assert scores["gold_mentions_f1"] == pytest.approx(scores["f1"])
    assert scores["mention_recall"] == pytest.approx(2 / 3)


def test_documents_without_the_annotation_are_left_out():
    plain = document("Ann may go")
    train, test = document("Ann", [(0, 0, "PER")]), document("Ann", [(0, 0, "PER")])
    assert span_baseline_scores([plain, train], [plain, test])["f1"] == 1.0


@pytest.mark.parametrize(
    "scores_of, options, message",
    [
        (
            span_baseline_scores,
            {"layer": "emd"},
            r"of the 1 documents has the span layer 'emd' \(span layers found: ner\)",
        ),
        (relation_baseline_scores, {"layer": "emd"}, "the span layer 'emd'"),
        (coreference_baseline_scores, {}, "coreference clusters"),
    ],
)
def test_missing_annotation_is_named(scores_of: Scores, options: Dict[str, str], message: str):
    documents = [document("Ann", [(0, 0, "PER")])]
    with pytest.raises(UserError, match=message):
        scores_of(documents, documents, **options)


def test_relations_must_be_annotated():
    documents = [document("Ann", [(0, 0, "PER")])]
    with pytest.raises(UserError, match="has relations"):
        relation_baseline_scores(documents, documents)


def random_document(generator: random.Random, num_sentences: int) -> Document:
    """Sentences of 20 tokens with 4 mentions each, of a vocabulary with few frequent and many rare words."""
    spans, clusters, sentences = [], {}, []
    for number in range(num_sentences):
        sentences.append([f"w{int(generator.paretovariate(0.4)) % 20000}" for _ in range(20)])
        for start in (0, 5, 10, 15):
            bounds = (20 * number + start, 20 * number + start + generator.randrange(4))
            spans.append(Span(*bounds, generator.choice("ABC")))
            clusters.setdefault(generator.randrange(num_sentences), []).append(bounds)
    relations = [Relation(a.bounds, b.bounds, "R") for a, b in zip(spans[::4], spans[1::4])]
    return Document("random", sentences, {"ner": spans}, relations, list(clusters.values()))


@pytest.mark.parametrize("scores_of", [span_baseline_scores, relation_baseline_scores, coreference_baseline_scores])
def test_large_corpora_are_quick(scores_of: Scores):
    generator = random.Random(0)
    documents = [random_document(generator, 50) for _ in range(60)]
    start = time.process_time()
    scores = scores_of(documents[:50], documents[50:])
    # 60,000 tokens; a twentieth of OntoNotes.
    assert time.process_time() - start < 5.0
    assert 0.0 < scores["f1"] < 1.0


def test_coreference_is_scored_on_the_scale_of_the_head():
    """The string is found; gold has two mentions more, each alone: B-cubed recall 2/4, or as in 2018 2/2."""
    document = Document("d", [["Ann", "Ann", "Bo", "Cy"]], clusters=[[(0, 0), (1, 1)], [(2, 2)], [(3, 3)]])
    found = {
        singletons: coreference_baseline_scores([document], [document], singletons=singletons)
        for singletons in ("count", "as_2018")
    }
    assert {name: scores["b_cubed_recall"] for name, scores in found.items()} == {"count": 2 / 4, "as_2018": 1.0}
    assert found["count"]["f1_without_singletons"] == found["count"]["gold_mentions_f1_without_singletons"] == 1.0
