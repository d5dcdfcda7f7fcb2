import itertools
import random
import time
from typing import Dict, List, Set, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.training.metrics import Metric
from workers import run_workers

from hmtl.common.distributed import get_rank
from hmtl.metrics import CoreferenceScores
from hmtl.metrics.coreference_scores import partition

Mention = Tuple[int, int]
Clusters = List[List[Mention]]

NAMES = ("muc", "b_cubed", "ceaf")
SUFFIX = "_without_singletons"


def allennlps_scores() -> Metric:
    return pytest.importorskip("allennlp_models.coref.metrics.conll_coref_scores").ConllCorefScores()


def clusters_of(text: str) -> Clusters:
    """`a bc` stands for the clusters {a} and {b, c}; each letter is a mention."""
    return [[(ord(letter), ord(letter)) for letter in word] for word in text.split()]


def scores_of(predicted: Clusters, gold: Clusters) -> Dict[str, float]:
    metric = CoreferenceScores()
    metric([predicted], [gold])
    return metric.get_metric()


def harmonic_mean(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


# The key of the official scorer's test cases A is {a} {b c} {d e f}. Its values, recall first, worked out:
OFFICIAL_CASES = {
    "A1, all right": ("a bc def", (1, 1), (1, 1), (1, 1)),
    # MUC: of the key's 0 + 1 + 2 links, d-e is found; it is the only one of the response.
    # B-cubed: found shares of the key's 6 mentions: a 1, d and e 2/3 each; of the response's 3: 1 each.
    # CEAF: phi4({a}, {a}) = 1 and phi4({d e f}, {d e}) = 4/5, over 3 and 2 clusters.
    "A2, missing": ("a de", (1 / 3, 1 / 1), ((7 / 3) / 6, 3 / 3), (1.8 / 3, 1.8 / 2)),
    # MUC: all 3 links found, the response has 2 + 3. B-cubed: precision a 1, b and c 2/3, d e f 3/4, the rest 0.
    # CEAF: 1 + 4/5 + 6/7, over 3 and 4 clusters.
    "A3, invented": (
        "a bcx defy z",
        (3 / 3, 3 / 5),
        (6 / 6, (4 + 7 / 12) / 9),
        ((1 + 4 / 5 + 6 / 7) / 3, (1 + 4 / 5 + 6 / 7) / 4),
    ),
    # MUC: b-c of the key's 3 and the response's 2 + 1 links. B-cubed: recall a 1, b and c 1, d 1/3; precision a 1,
    # b and c 2/3, d 1/2. CEAF: 1 + 4/5 + 2/5, over 3 and 4 clusters.
    "A4, missing and invented": (
        "a bcx dy z",
        (1 / 3, 1 / 3),
        ((3 + 1 / 3) / 6, (1 + 4 / 3 + 1 / 2) / 7),
        (2.2 / 3, 2.2 / 4),
    ),
    # As A4, but one more invented mention in the second cluster: 3 + 1 links, precision of b and c 2/4, and
    # phi4({b c}, {b c x B}) = 4/6.
    "A5, invented in an aligned cluster": (
        "a bcxB dy z",
        (1 / 3, 1 / 4),
        ((3 + 1 / 3) / 6, 2.5 / 8),
        ((1 + 4 / 6 + 2 / 5) / 3, (1 + 4 / 6 + 2 / 5) / 4),
    ),
    # As A4, but one more invented mention in the last cluster: 2 + 1 + 1 links, 8 mentions.
    "A6, invented in a stray cluster": (
        "a bcx dy Bz",
        (1 / 3, 1 / 4),
        ((10 / 3) / 6, (1 + 4 / 3 + 1 / 2) / 8),
        (2.2 / 3, 2.2 / 4),
    ),
    # Repeated mentions count once, where they stand first: all as A4.
    "A7, repeated in its cluster": (
        "a bcxb dy z",
        (1 / 3, 1 / 3),
        ((10 / 3) / 6, (1 + 4 / 3 + 1 / 2) / 7),
        (2.2 / 3, 2.2 / 4),
    ),
    "A8, repeated in another cluster": (
        "a bcx dy bz",
        (1 / 3, 1 / 3),
        ((10 / 3) / 6, (1 + 4 / 3 + 1 / 2) / 7),
        (2.2 / 3, 2.2 / 4),
    ),
    "A9, repeated ten times": (
        "a bcx dy bbbbbbbbbbz",
        (1 / 3, 1 / 3),
        ((10 / 3) / 6, (1 + 4 / 3 + 1 / 2) / 7),
        (2.2 / 3, 2.2 / 4),
    ),
    # Six clusters of one: no links. B-cubed recall a 1, b and c 1/2, d e f 1/3. CEAF: 1 + 2/3 + 2/4, 3 and 6 clusters.
    "A10, all apart": ("a b c d e f", (0, 0), (3 / 6, 6 / 6), ((13 / 6) / 3, (13 / 6) / 6)),
    # One cluster of six: 3 of 5 links right. Precision a 1/6, b and c 2/6, d e f 3/6. CEAF: {d e f} alone, 6/9.
    "A11, all together": (
        "abcdef",
        (3 / 3, 3 / 5),
        (6 / 6, (1 / 6 + 2 * 2 / 6 + 3 * 3 / 6) / 6),
        ((2 / 3) / 3, (2 / 3) / 1),
    ),
}


@pytest.mark.parametrize("case", OFFICIAL_CASES)
def test_official_cases(case: str):
    response, *expected = OFFICIAL_CASES[case]
    scores = scores_of(clusters_of(response), clusters_of("a bc def"))
    for name, (recall, precision) in zip(NAMES, expected):
        assert scores[f"{name}_recall"] == pytest.approx(recall)
        assert scores[f"{name}_precision"] == pytest.approx(precision)
        assert scores[f"{name}_f1"] == pytest.approx(harmonic_mean(precision, recall))
    for value in ("precision", "recall", "f1"):
        assert scores[value] == pytest.approx(sum(scores[f"{name}_{value}"] for name in NAMES) / 3)


# CEAF-m of the same cases as the official scorer's tests list it, BLANC and LEA worked out; recall first. The key has
# 1 + 3 = 4 coreferent pairs and 15 - 4 = 11 others. LEA weights clusters by their mentions; pairs are 1, 1 and 3 in {a}
# (with itself), {b c} and {d e f}.
MORE_OF_OFFICIAL_CASES = {
    # Of 6 mentions a, d and e are aligned. BLANC: d-e of 4, a-d and a-e of 11. LEA: {a}, and 1 of 3 pairs of {d e f}.
    "A2, missing": ((3 / 6, 3 / 3), ((1 / 4 + 2 / 11) / 2, 1), ((1 + 0 + 3 / 3) / 6, (1 + 2) / 3)),
    # The response has 3 + 6 = 9 coreferent pairs and 36 - 9 others. LEA: {b c x} has 1 of 3, {d e f y} 3 of 6.
    "A3, invented": ((6 / 6, 6 / 9), (1, (4 / 9 + 11 / 27) / 2), (1, (1 + 3 / 3 + 4 * 3 / 6) / 9)),
    # The response has 3 + 1 = 4 coreferent pairs and 21 - 4 others; b-c is right, and a, b, c, d make 6 - 1 others.
    "A4, missing and invented": (
        (4 / 6, 4 / 7),
        ((1 / 4 + 5 / 11) / 2, (1 / 4 + 5 / 17) / 2),
        ((1 + 2) / 6, (1 + 3 / 3) / 7),
    ),
    # {b c x B} has 6 pairs, {d y} one, of 28.
    "A5, invented in an aligned cluster": (
        (4 / 6, 4 / 8),
        ((1 / 4 + 5 / 11) / 2, (1 / 7 + 5 / 21) / 2),
        ((1 + 2) / 6, (1 + 4 / 6) / 8),
    ),
    # 3 + 1 + 1 pairs of 28.
    "A6, invented in a stray cluster": (
        (4 / 6, 4 / 8),
        ((1 / 4 + 5 / 11) / 2, (1 / 5 + 5 / 23) / 2),
        ((1 + 2) / 6, (1 + 3 / 3) / 8),
    ),
    # No coreferent pair of 15: precision and recall of these are 0, and 11 of 15 others are right. LEA: {a} alone.
    "A10, all apart": ((3 / 6, 3 / 6), ((0 + 11 / 11) / 2, (0 + 11 / 15) / 2), (1 / 6, 1 / 6)),
    # All 15 pairs coreferent. LEA: the pair of {a} with itself is lost; 4 of 15 pairs.
    "A11, all together": ((3 / 6, 3 / 6), ((1 + 0) / 2, (4 / 15 + 0) / 2), ((0 + 2 + 3) / 6, 6 * 4 / 15 / 6)),
}
# Repeated mentions count once.
for _case in ("A7, repeated in its cluster", "A8, repeated in another cluster", "A9, repeated ten times"):
    MORE_OF_OFFICIAL_CASES[_case] = MORE_OF_OFFICIAL_CASES["A4, missing and invented"]
# BLANC's F1 is the mean of two: 2 * common / (key + response), over coreferent pairs and over others.
BLANC_F1 = {
    "A2, missing": (2 * 1 / (4 + 1) + 2 * 2 / (11 + 2)) / 2,
    "A3, invented": (2 * 4 / (4 + 9) + 2 * 11 / (11 + 27)) / 2,
    "A4, missing and invented": (2 * 1 / (4 + 4) + 2 * 5 / (11 + 17)) / 2,
}


@pytest.mark.parametrize("case", MORE_OF_OFFICIAL_CASES)
def test_more_scores_of_official_cases(case: str):
    scores = scores_of(clusters_of(OFFICIAL_CASES[case][0]), clusters_of("a bc def"))
    for name, (recall, precision) in zip(("ceaf_m", "blanc", "lea"), MORE_OF_OFFICIAL_CASES[case]):
        assert scores[f"{name}_recall"] == pytest.approx(recall)
        assert scores[f"{name}_precision"] == pytest.approx(precision)
        if name != "blanc":
            assert scores[f"{name}_f1"] == pytest.approx(harmonic_mean(precision, recall))
    if case in BLANC_F1:
        assert scores["blanc_f1"] == pytest.approx(BLANC_F1[case])


def test_lea_of_the_papers_example():
    """Moosavi and Strube 2016: recall 0.24 and precision 0.33."""
    scores = scores_of(clusters_of("ab cd fghi"), clusters_of("abc defg"))
    assert scores["lea_recall"] == pytest.approx((3 * (1 / 3) + 4 * (1 / 6)) / 7)
    assert scores["lea_precision"] == pytest.approx((2 * 1 + 2 * 0 + 4 * (1 / 6)) / 8)


@pytest.mark.parametrize(
    "predicted, gold, expected",
    [
        # One kind of pair in gold: that alone counts, as in the official scorer.
        ("abc", "abc", (1, 1, 1)),
        ("ab c", "abc", (1 / 3, 1, 1 / 2)),
        ("a b c", "abc", (0, 0, 0)),
        ("a b c", "a b c", (1, 1, 1)),
        ("ab c", "a b c", (2 / 3, 1, 4 / 5)),
        # Both kinds: F1 is the mean of two F1, not the harmonic mean of precision and recall.
        ("ab c", "a bc", ((0 + 1 / 2) / 2, (0 + 1 / 2) / 2, (0 + 1 / 2) / 2)),
        ("ab", "ab c", ((1 + 0) / 2, (1 + 0) / 2, (1 + 0) / 2)),
        # A single mention makes no pair.
        ("a", "a", (0, 0, 0)),
        ("", "ab c", (0, 0, 0)),
    ],
)
def test_blanc_by_hand(predicted: str, gold: str, expected: Tuple[float, float, float]):
    scores = scores_of(clusters_of(predicted), clusters_of(gold))
    assert tuple(scores[f"blanc_{value}"] for value in ("recall", "precision", "f1")) == pytest.approx(expected)


# In the manner of the official cases D1 to J1, as (recall, precision).
@pytest.mark.parametrize(
    "gold, response, muc, b_cubed",
    [
        # Three clusters of 5, 2 and 5; two of them joined, which invents one link: 9 of 10. B-cubed precision is
        # (5 + 2 * 2/7 + 5 * 5/7) / 12 where the 2 and a 5 are joined, (2 + 10 * 5/10) / 12 where both 5 are.
        ("abcde fg hijkl", "abcde fghijkl", (9 / 9, 9 / 10), (12 / 12, 16 / 21)),
        ("abcde fg hijkl", "abcdehijkl fg", (9 / 9, 9 / 10), (1, 7 / 12)),
        # A cluster of 4 in two parts loses a link; two clusters joined invent one.
        ("abcd", "ab cd", (2 / 3, 2 / 2), None),
        ("ab cd", "abcd", (2 / 2, 2 / 3), None),
        ("abcd", "abcd", (1, 1), None),
        # Mentions of the key that are missing in the response split its clusters.
        ("abc", "ab", (1 / 2, 1 / 1), None),
    ],
)
def test_official_link_cases(gold: str, response: str, muc, b_cubed):
    scores = scores_of(clusters_of(response), clusters_of(gold))
    assert (scores["muc_recall"], scores["muc_precision"]) == pytest.approx(muc)
    if b_cubed:
        assert (scores["b_cubed_recall"], scores["b_cubed_precision"]) == pytest.approx(b_cubed)


def test_counts_are_summed_over_documents():
    metric = CoreferenceScores()
    metric([clusters_of("a de")], [clusters_of("a bc def")])
    metric([clusters_of("ab"), []], [clusters_of("ab"), clusters_of("cd")])
    scores = metric.get_metric()
    # Case A2, a perfect document of one link, and one where nothing is found.
    assert scores["muc_recall"] == pytest.approx((1 + 1 + 0) / (3 + 1 + 1))
    assert scores["muc_precision"] == pytest.approx((1 + 1) / (1 + 1))
    assert scores["b_cubed_recall"] == pytest.approx((7 / 3 + 2 + 0) / (6 + 2 + 2))
    assert scores["ceaf_precision"] == pytest.approx((1.8 + 1) / (2 + 1))
    assert scores["mention_recall"] == pytest.approx((3 + 2 + 0) / (6 + 2 + 2))
    assert scores["mention_precision"] == 1.0
    assert scores["mention_f1"] == pytest.approx(2 / 3)
    assert scores["ceaf_m_recall"] == pytest.approx((3 + 2 + 0) / (6 + 2 + 2))
    assert scores["lea_recall"] == pytest.approx((2 + 2 + 0) / (6 + 2 + 2))
    # Pairs of all documents together: d-e and a-b of 4 + 1 + 1; a-d and a-e of 11, of which the first alone has any.
    assert scores["blanc_recall"] == pytest.approx(((1 + 1) / 6 + 2 / 11) / 2)
    assert scores["blanc_f1"] == pytest.approx((2 * 2 / (2 + 6) + 2 * 2 / (2 + 11)) / 2)
    assert metric.get_metric(reset=True) == scores
    assert set(metric.get_metric().values()) == {0.0}


@pytest.mark.parametrize("predicted, gold", [("", ""), ("ab", ""), ("", "ab"), ("ab", "cd"), ("a", "b")])
def test_undefined_ratios_are_zero(predicted: str, gold: str):
    assert set(scores_of(clusters_of(predicted), clusters_of(gold)).values()) == {0.0}


def test_empty_clusters_are_dropped():
    assert scores_of([[], *clusters_of("ab"), []], [*clusters_of("ab"), []])["ceaf_f1"] == 1.0


def test_documents_must_match():
    with pytest.raises(ValueError):
        CoreferenceScores()([[]], [])


def test_is_registered():
    assert Metric.by_name("coreference_scores") is CoreferenceScores


def random_clusters(generator: random.Random, num_mentions: int, num_clusters: int) -> Clusters:
    mentions = [(number, number + 1) for number in range(num_mentions) if generator.random() < 0.8]
    clusters: Clusters = [[] for _ in range(num_clusters)]
    for mention in mentions:
        generator.choice(clusters).append(mention)
    return [cluster for cluster in clusters if cluster]


def definitional_scores(predicted: Clusters, gold: Clusters) -> Dict[str, float]:
    """The formulas of the papers, mention by mention, pair by pair and cluster by cluster, on sets."""
    response, key = [set(cluster) for cluster in predicted], [set(cluster) for cluster in gold]
    scores = {}

    def quotient(numerator: float, denominator: float) -> float:
        return numerator / denominator if denominator else 0.0

    def muc(these: List[set], those: List[set]) -> float:
        """Vilain et al. 1995: sum of |S| - |p(S)| over sum of |S| - 1; p(S) cuts S along the other side's clusters."""
        numerator = denominator = 0
        for cluster in these:
            parts = [cluster & other for other in those if cluster & other]
            alone = cluster.difference(*those)
            numerator += len(cluster) - len(parts) - len(alone)
            denominator += len(cluster) - 1
        return quotient(numerator, denominator)

    def b_cubed(these: List[set], those: List[set]) -> float:
        """Bagga and Baldwin 1998: the mean over mentions of the share of their cluster that is rightly with them."""
        shares = []
        for cluster in these:
            for mention in cluster:
                others = [other for other in those if mention in other]
                shares.append(len(cluster & others[0]) / len(cluster) if others else 0.0)
        return quotient(sum(shares), len(shares))

    def best_alignment(phi) -> float:
        """Luo 2005: the best of all one-to-one alignments, tried one by one."""
        few, many = sorted((response, key), key=len)
        return max(sum(phi(a, b) for a, b in zip(few, chosen)) for chosen in itertools.permutations(many, len(few)))

    def links(cluster: set) -> Set[frozenset]:
        """All pairs; of a cluster of one, its mention with itself."""
        if len(cluster) == 1:
            return {frozenset(cluster)}
        return {frozenset(pair) for pair in itertools.combinations(cluster, 2)}

    def lea(these: List[set], those: List[set]) -> float:
        """Moosavi and Strube 2016, with the number of mentions as a cluster's importance."""
        numerator = sum(
            len(cluster) * sum(len(links(cluster) & links(other)) for other in those) / len(links(cluster))
            for cluster in these
        )
        return quotient(numerator, sum(map(len, these)))

    mentions = [set().union(*side) for side in (response, key)]

    def blanc() -> Tuple[float, float, float]:
        """Luo et al. 2014: the sets C and N of links of both sides."""
        coreferent = [
            {frozenset(pair) for cluster in side for pair in itertools.combinations(cluster, 2)}
            for side in (response, key)
        ]
        other = [
            {frozenset(pair) for pair in itertools.combinations(of_side, 2)} - links_of_side
            for of_side, links_of_side in zip(mentions, coreferent)
        ]
        found = []
        for response_links, key_links in (coreferent, other):
            common = len(response_links & key_links)
            precision, recall = quotient(common, len(response_links)), quotient(common, len(key_links))
            if key_links:
                found.append((precision, recall, harmonic_mean(precision, recall)))
        return tuple(quotient(sum(values), len(found)) for values in zip(*found)) or (0.0, 0.0, 0.0)

    aligned = best_alignment(lambda a, b: 2 * len(a & b) / (len(a) + len(b)))
    aligned_mentions = best_alignment(lambda a, b: len(a & b))
    found = len(mentions[0] & mentions[1])
    for name, precision, recall in (
        ("muc", muc(response, key), muc(key, response)),
        ("b_cubed", b_cubed(response, key), b_cubed(key, response)),
        ("ceaf", quotient(aligned, len(response)), quotient(aligned, len(key))),
        ("ceaf_m", quotient(aligned_mentions, len(mentions[0])), quotient(aligned_mentions, len(mentions[1]))),
        ("lea", lea(response, key), lea(key, response)),
        ("mention", quotient(found, len(mentions[0])), quotient(found, len(mentions[1]))),
    ):
        scores[f"{name}_precision"], scores[f"{name}_recall"] = precision, recall
        scores[f"{name}_f1"] = harmonic_mean(precision, recall)
    for value, score in zip(("precision", "recall", "f1"), blanc()):
        scores[f"blanc_{value}"] = score
    for value in ("precision", "recall", "f1"):
        scores[value] = sum(scores[f"{name}_{value}"] for name in NAMES) / 3
    return scores


def without_singletons(clusters: Clusters) -> Clusters:
    return [cluster for cluster in clusters if len(cluster) > 1]


@pytest.mark.parametrize("seed", range(200))
def test_agrees_with_the_definitions(seed: int):
    generator = random.Random(seed)
    num_mentions = generator.randint(1, 14)
    # Clusters of one are many; a side may have none at all.
    predicted, gold = (random_clusters(generator, num_mentions, generator.randint(1, 6)) for _ in range(2))
    expected = definitional_scores(predicted, gold)
    without = definitional_scores(without_singletons(predicted), without_singletons(gold))
    expected.update({f"{name}{SUFFIX}": value for name, value in without.items()})
    assert scores_of(predicted, gold) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(50))
def test_the_order_of_clusters_and_mentions_plays_no_part(seed: int):
    """Mentions in several clusters, clusters that stand twice, and clusters in clusters among them."""
    generator = random.Random(seed)

    def overlapping() -> Clusters:
        return [generator.sample([(number, number) for number in range(9)], generator.randint(1, 5)) for _ in range(5)]

    def shuffled(clusters: Clusters) -> Clusters:
        return generator.sample([generator.sample(cluster, len(cluster)) for cluster in clusters], len(clusters))

    predicted, gold = overlapping(), overlapping()
    expected = scores_of(predicted, gold)
    for _ in range(10):
        assert scores_of(shuffled(predicted), shuffled(gold)) == pytest.approx(expected)


def test_a_mention_in_two_clusters_belongs_to_the_one_that_comes_first_in_the_text():
    """`c` is of the cluster of `a`, and `d e` remain, wherever they stand."""
    assert partition(clusters_of("cde ca")) == clusters_of("ac de")
    assert scores_of(clusters_of("cde ca"), clusters_of("ac de"))["f1"] == 1.0
    # Of two that begin alike the second mention decides; the same cluster twice is one.
    assert partition(clusters_of("aef abe ba ab")) == clusters_of("ab e f")


def test_clusters_of_one_count_apart():
    """Gold {a b} {c d e} {f} {g}, found {a b} {c d} {f h}; without f and g there are five gold mentions."""
    scores = scores_of(clusters_of("ab cd fh"), clusters_of("ab cde f g"))
    assert scores["b_cubed_recall"] == pytest.approx((2 + 2 * 2 / 3 + 1) / 7)
    assert scores[f"b_cubed_recall{SUFFIX}"] == pytest.approx((2 + 2 * 2 / 3) / 5)
    # f is no gold mention then, but was predicted with h.
    assert scores["b_cubed_precision"] == pytest.approx((2 + 2 + 1 / 2) / 6)
    assert scores[f"b_cubed_precision{SUFFIX}"] == pytest.approx((2 + 2) / 6)
    assert scores["ceaf_recall"] == pytest.approx((1 + 4 / 5 + 2 / 3) / 4)
    assert scores[f"ceaf_recall{SUFFIX}"] == pytest.approx((1 + 4 / 5) / 2)
    assert scores["mention_recall"] == pytest.approx(5 / 7)
    assert scores[f"mention_recall{SUFFIX}"] == pytest.approx(4 / 5)
    assert scores["muc_f1"] == scores[f"muc_f1{SUFFIX}"] == pytest.approx(harmonic_mean(2 / 3, 2 / 3))


def test_the_scorer_of_2018_by_hand():
    """All of 15 clusters of 44 mentions found, and none of 20 clusters of one: B-cubed finds all."""
    sizes = [3] * 14 + [2]
    gold = [[(number, mention) for mention in range(size)] for number, size in enumerate(sizes)]
    assert sum(map(len, gold)) == 44
    alone = [[(100 + number, 0)] for number in range(20)]
    ours, theirs = CoreferenceScores(), CoreferenceScores(singletons="as_2018")
    for metric in (ours, theirs):
        metric([gold], [gold + alone])
    counted, as_2018 = ours.get_metric(), theirs.get_metric()
    recall, ceaf = 44 / 64, harmonic_mean(1, 15 / 35)
    assert counted["b_cubed_f1"] == pytest.approx(harmonic_mean(1, recall)) == pytest.approx(0.815, abs=5e-4)
    assert counted["f1"] == pytest.approx((1 + harmonic_mean(1, recall) + ceaf) / 3) == pytest.approx(0.805, abs=5e-4)
    assert as_2018["b_cubed_f1"] == 1.0
    assert as_2018["f1"] == pytest.approx((1 + 1 + ceaf) / 3) == pytest.approx(0.867, abs=5e-4)
    changed = {name for name in counted if counted[name] != as_2018[name]}
    assert changed == {"b_cubed_recall", "b_cubed_f1", "recall", "f1"}


def test_a_scale_is_named():
    with pytest.raises(ConfigurationError, match="singletons: 'drop' is neither 'count' nor 'as_2018'"):
        CoreferenceScores(singletons="drop")  # type: ignore[arg-type]


def as_antecedents(clusters: Clusters) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What AllenNLP's metric reads: spans, and for each the index of its nearest antecedent, -1 for none."""
    spans = sorted(mention for cluster in clusters for mention in cluster)
    antecedents = [-1] * len(spans)
    for cluster in clusters:
        for earlier, later in itertools.pairwise(sorted(cluster)):
            antecedents[spans.index(later)] = spans.index(earlier)
    candidates = torch.arange(len(spans)).expand(1, len(spans), len(spans))
    return torch.tensor([spans]), candidates, torch.tensor([antecedents])


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_allennlp_where_no_cluster_is_a_singleton(seed: int):
    generator = random.Random(seed)
    ours, theirs = CoreferenceScores(), allennlps_scores()
    for _ in range(3):
        predicted, gold = (
            [cluster for cluster in random_clusters(generator, 40, generator.randint(2, 12)) if len(cluster) > 1]
            for _ in range(2)
        )
        ours([predicted], [gold])
        theirs(*as_antecedents(predicted), [{"clusters": gold}])
    scores = ours.get_metric()
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx(theirs.get_metric())


@pytest.mark.parametrize("seed", range(20))
def test_the_scorer_of_2018_is_that_of_allennlp(seed: int):
    """With clusters of one on both sides; AllenNLP's is given no antecedents but clusters, as its decoding has them."""
    generator = random.Random(seed)
    ours, theirs = CoreferenceScores(singletons="as_2018"), allennlps_scores()
    for _ in range(3):
        predicted, gold = (random_clusters(generator, 30, generator.randint(2, 25)) for _ in range(2))
        ours([predicted], [gold])
        sides = [tuple(map(tuple, clusters)) for clusters in (predicted, gold)]
        of_mention = [{mention: cluster for cluster in side for mention in cluster} for side in sides]
        for scorer in theirs.scorers:
            scorer.update(*sides, *of_mention)
    scores = ours.get_metric()
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx(theirs.get_metric())


@pytest.mark.parametrize("num_clusters", [30, 1000, 10_000])
def test_long_documents_are_quick(num_clusters: int):
    generator = random.Random(0)
    predicted, gold = (random_clusters(generator, 4000, num_clusters) for _ in range(2))
    start = time.process_time()
    scores_of(predicted, gold)
    assert time.process_time() - start < 5.0


def count_on_each_worker() -> None:
    metric = CoreferenceScores()
    rank = get_rank()
    metric([clusters_of(("a de", "ab")[rank])], [clusters_of(("a bc def", "ab")[rank])])
    # Asking twice changes nothing: counts stay with their worker.
    for _ in range(2):
        scores = metric.get_metric()
        assert scores["muc_recall"] == pytest.approx(2 / 4)
        assert scores["b_cubed_recall"] == pytest.approx((7 / 3 + 2) / 8)
        assert scores["ceaf_precision"] == pytest.approx((1.8 + 1) / (2 + 1))
        assert scores["blanc_recall"] == pytest.approx((2 / 5 + 2 / 11) / 2)
        assert scores["mention_recall_without_singletons"] == pytest.approx((2 + 2) / (5 + 2))


def test_counts_are_summed_over_workers():
    run_workers(count_on_each_worker)
