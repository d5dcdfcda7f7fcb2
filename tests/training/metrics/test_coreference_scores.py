import itertools
import random
import time
from typing import Dict, List, Tuple

import pytest
import torch
from allennlp.common.testing import run_distributed_test
from allennlp.training.metrics import Metric
from allennlp_models.coref.metrics.conll_coref_scores import ConllCorefScores

from hmtl.training.metrics import CoreferenceScores

Mention = Tuple[int, int]
Clusters = List[List[Mention]]

NAMES = ("muc", "b_cubed", "ceaf")


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
    """The formulas of the papers, mention by mention and cluster by cluster, on sets."""
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

    def best_alignment() -> float:
        """Luo 2005: the best of all one-to-one alignments, tried one by one."""
        few, many = sorted((response, key), key=len)
        return max(
            sum(2 * len(a & b) / (len(a) + len(b)) for a, b in zip(few, chosen))
            for chosen in itertools.permutations(many, len(few))
        )

    aligned = best_alignment()
    mentions = [set().union(*side) for side in (response, key)]
    found = len(mentions[0] & mentions[1])
    for name, precision, recall in (
        ("muc", muc(response, key), muc(key, response)),
        ("b_cubed", b_cubed(response, key), b_cubed(key, response)),
        ("ceaf", quotient(aligned, len(response)), quotient(aligned, len(key))),
        ("mention", quotient(found, len(mentions[0])), quotient(found, len(mentions[1]))),
    ):
        scores[f"{name}_precision"], scores[f"{name}_recall"] = precision, recall
        scores[f"{name}_f1"] = harmonic_mean(precision, recall)
    for value in ("precision", "recall", "f1"):
        scores[value] = sum(scores[f"{name}_{value}"] for name in NAMES) / 3
    return scores


@pytest.mark.parametrize("seed", range(200))
def test_agrees_with_the_definitions(seed: int):
    generator = random.Random(seed)
    num_mentions = generator.randint(1, 14)
    predicted, gold = (random_clusters(generator, num_mentions, generator.randint(1, 5)) for _ in range(2))
    assert scores_of(predicted, gold) == pytest.approx(definitional_scores(predicted, gold))


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
    ours, theirs = CoreferenceScores(), ConllCorefScores()
    for _ in range(3):
        predicted, gold = (
            [cluster for cluster in random_clusters(generator, 40, generator.randint(2, 12)) if len(cluster) > 1]
            for _ in range(2)
        )
        ours([predicted], [gold])
        theirs(*as_antecedents(predicted), [{"clusters": gold}])
    scores = ours.get_metric()
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx(theirs.get_metric())


@pytest.mark.parametrize("num_clusters", [30, 1000, 10_000])
def test_long_documents_are_quick(num_clusters: int):
    generator = random.Random(0)
    predicted, gold = (random_clusters(generator, 4000, num_clusters) for _ in range(2))
    start = time.process_time()
    scores_of(predicted, gold)
    assert time.process_time() - start < 5.0


def count_on_each_worker(rank: int, world_size: int, gpu_id: int) -> None:
    metric = CoreferenceScores()
    metric([clusters_of(("a de", "ab")[rank])], [clusters_of(("a bc def", "ab")[rank])])
    # Asking twice changes nothing: counts stay with their worker.
    for _ in range(2):
        scores = metric.get_metric()
        assert scores["muc_recall"] == pytest.approx(2 / 4)
        assert scores["b_cubed_recall"] == pytest.approx((7 / 3 + 2) / 8)
        assert scores["ceaf_precision"] == pytest.approx((1.8 + 1) / (2 + 1))


def test_counts_are_summed_over_workers():
    run_distributed_test([-1, -1], func=count_on_each_worker)
