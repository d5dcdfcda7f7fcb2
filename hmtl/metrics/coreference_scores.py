"""MUC, B-cubed, CEAF, BLANC and LEA of coreference clusters, as the official CoNLL scorer counts them."""

from collections import Counter
from typing import Dict, Iterable, List, Literal, Mapping, Sequence, Set, Tuple

import numpy as np
from allennlp.common.checks import ConfigurationError
from allennlp.common.optional import OptionalPackage
from allennlp.training.metrics import Metric

from hmtl.metrics.counts import all_reduce_counts, f1, ratio

optimize = OptionalPackage("scipy.optimize")

Mention = Tuple[int, int]
Clusters = Iterable[Iterable[Mention]]

# Whether B-cubed and CEAF-phi4 count clusters of one as the official scorer does, or as that of 2018 did.
Singletons = Literal["count", "as_2018"]

# A score's numerator and denominator of precision, then those of recall.
Fractions = Tuple[float, float, float, float]

# The scores whose mean is the CoNLL score.
AVERAGED = ("muc", "b_cubed", "ceaf")

# Scores of one fraction each way, and the two halves of BLANC.
_OF_ONE_FRACTION = (*AVERAGED, "ceaf_m", "lea", "mention")
_LINKS = ("coreferent_links", "other_links")

# What the names of scores end in that leave clusters of one out.
WITHOUT_SINGLETONS = "_without_singletons"


@Metric.register("coreference_scores")
class CoreferenceScores(Metric):
    """MUC, B-cubed, CEAF-phi4, their average (the CoNLL score), CEAF-phi3, BLANC, LEA and mention detection.

    Numerators and denominators are summed over documents, as in the CoNLL reference scorer, version 8.01 (Pradhan et
    al. 2014, "Scoring Coreference Partitions of Predicted Mentions: A Reference Implementation"):

    - muc: links (Vilain et al. 1995); clusters of one mention have none.
    - b_cubed: the mean over mentions (Bagga and Baldwin 1998).
    - ceaf: the best one-to-one alignment of clusters by phi4 = 2 |g & p| / (|g| + |p|) (Luo 2005, equation 9). Others
      call it CEAF-e.
    - ceaf_m: the best alignment by phi3 = |g & p| (Luo 2005, equation 8), over the mentions of either side.
    - blanc: the mean of two scores, each a precision, a recall and an F1 over pairs of mentions of a side: the pairs
      within a cluster, and all others (Recasens and Hovy 2011; for predicted mentions Luo et al. 2014, "An Extension
      of BLANC to System Mentions"). Where gold has pairs of one kind alone, these are the score. Both kinds of pairs
      are summed over documents before anything is divided.
    - lea: the mean over clusters, each weighted by its mentions, of the share of its pairs that are in one cluster of
      the other side (Moosavi and Strube 2016). A cluster of one mention has one pair, with itself, which is right where
      the other side, too, has it alone.
    - mention: mentions with the very same bounds.

    Clusters of one mention count in all but MUC, on the side that holds them. A second set of scores, whose names end
    in `_without_singletons`, leaves them out on both sides: that of a corpus that does not annotate them.

    A mention that several clusters of a side name belongs to one of them alone: to the one whose mentions, in order of
    the text, come first. Clusters that are then empty are dropped. So the order of clusters and of their mentions plays
    no part. An undefined ratio (0 / 0) is 0.

    Each distributed worker counts its own documents. `get_metric` sums the counts over the workers, so it must be
    called by every worker or by none.

    # Parameters

    singletons : `str`, optional (default = `"count"`)
        `as_2018` has B-cubed leave out clusters of one on both sides, and CEAF-phi4 those that are predicted, as
        the scorer of AllenNLP does, which HMTL was published with. The average then follows; all other scores stay.

    # Raises

    ConfigurationError
        Where `singletons` has neither value.
    """

    supports_distributed = True

    def __init__(self, singletons: Singletons = "count") -> None:
        if singletons not in ("count", "as_2018"):
            raise ConfigurationError(f"singletons: '{singletons}' is neither 'count' nor 'as_2018'")
        self.singletons = singletons
        self.reset()

    def __call__(self, predicted: Sequence[Clusters], gold: Sequence[Clusters]) -> None:  # type: ignore[override]
        """Counts one document after the other.

        # Parameters

        predicted : `Sequence[Clusters]`
            The predicted clusters of each document; a cluster holds mentions as `(start, end)` tuples.
        gold : `Sequence[Clusters]`
            The gold clusters of the same documents.

        # Raises

        ValueError
            Where `predicted` and `gold` differ in length.
        """
        for predicted_clusters, gold_clusters in zip(predicted, gold, strict=True):
            overlaps = _Overlaps(predicted_clusters, gold_clusters)
            of_many = overlaps.without_singletons()
            # Shape: (2, num_fractions, 4)
            self._fractions += [
                list(overlaps.fractions(self.singletons).values()),
                list(of_many.fractions().values()),
            ]

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """`precision`, `recall` and `f1`, the averages of MUC, B-cubed and CEAF-phi4; each with the prefixes `muc_`,
        `b_cubed_`, `ceaf_`, `ceaf_m_`, `blanc_`, `lea_` and `mention_`; and all these with the suffix
        `_without_singletons`."""
        # Shape: (2, num_fractions, 4)
        fractions = np.reshape(all_reduce_counts(self._fractions.ravel().tolist()), self._fractions.shape)
        scores: Dict[str, float] = {}
        for suffix, of_suffix in zip(("", WITHOUT_SINGLETONS), fractions.tolist()):
            named = dict(zip((*_OF_ONE_FRACTION, *_LINKS), of_suffix, strict=True))
            scores.update({f"{name}{suffix}": value for name, value in _scores(named).items()})
        if reset:
            self.reset()
        return scores

    def reset(self) -> None:
        """Forgets all counts."""
        self._fractions = np.zeros((2, len(_OF_ONE_FRACTION) + len(_LINKS), 4))


def document_fractions(predicted: Clusters, gold: Clusters, singletons: Singletons = "count") -> Dict[str, Fractions]:
    """What one document adds to numerators and denominators, by the names of scores; of BLANC, which is no fraction, to
    `coreferent_links` and `other_links`."""
    return _Overlaps(predicted, gold).fractions(singletons)


def partition(clusters: Clusters) -> List[List[Mention]]:
    """The clusters in order of the text, each mention in one of them, as `CoreferenceScores` has it."""
    seen: Set[Mention] = set()
    parts = []
    for cluster in sorted(sorted({(start, end) for start, end in cluster}) for cluster in clusters):
        mentions = [mention for mention in cluster if mention not in seen]
        if mentions:
            seen.update(mentions)
            parts.append(mentions)
    return parts


class _Overlaps:
    """How many mentions each predicted and each gold cluster of a document share: all that the scores depend on."""

    def __init__(self, predicted: Clusters, gold: Clusters) -> None:
        predicted_cluster, gold_cluster = _cluster_of_mention(predicted), _cluster_of_mention(gold)
        self.predicted_sizes = Counter(predicted_cluster.values())
        self.gold_sizes = Counter(gold_cluster.values())
        # Only pairs that share a mention appear: there are no more of them than mentions.
        self.shared = Counter(
            (predicted_cluster[mention], gold_cluster[mention])
            for mention in predicted_cluster.keys() & gold_cluster.keys()
        )

    def without_singletons(self, predicted: bool = True, gold: bool = True) -> "_Overlaps":
        """The same without clusters of one mention, on the sides that are named."""
        sizes = self.predicted_sizes, self.gold_sizes
        kept = [
            Counter({cluster: size for cluster, size in of_side.items() if size > 1 or not drops})
            for of_side, drops in zip(sizes, (predicted, gold))
        ]
        if list(map(len, kept)) == list(map(len, sizes)):
            return self
        overlaps = _Overlaps([], [])
        overlaps.predicted_sizes, overlaps.gold_sizes = kept
        overlaps.shared = Counter(
            {pair: count for pair, count in self.shared.items() if pair[0] in kept[0] and pair[1] in kept[1]}
        )
        return overlaps

    def fractions(self, singletons: Singletons = "count") -> Dict[str, Fractions]:
        as_2018 = singletons == "as_2018"
        b_cubed = self.without_singletons(predicted=as_2018, gold=as_2018)
        ceaf = self.without_singletons(predicted=as_2018, gold=False)
        coreferent, other = self.links()
        values = [self.muc(), b_cubed.b_cubed(), ceaf.ceaf(), self.ceaf_m(), self.lea(), self.mention()]
        return dict(zip((*_OF_ONE_FRACTION, *_LINKS), [*values, coreferent, other], strict=True))

    def mention(self) -> Fractions:
        found = self.shared.total()
        return found, self.predicted_sizes.total(), found, self.gold_sizes.total()

    def muc(self) -> Fractions:
        # A cluster of n mentions, k of them in m clusters of the other side, falls into m + (n - k) parts and so keeps
        # n - m - (n - k) = k - m of its n - 1 links. Summed over clusters, this is the same number from either side.
        kept = self.shared.total() - len(self.shared)
        return kept, _links(self.predicted_sizes), kept, _links(self.gold_sizes)

    def b_cubed(self) -> Fractions:
        correct = sum(count**2 / self.predicted_sizes[predicted] for (predicted, _), count in self.shared.items())
        found = sum(count**2 / self.gold_sizes[gold] for (_, gold), count in self.shared.items())
        return correct, self.predicted_sizes.total(), found, self.gold_sizes.total()

    def ceaf(self) -> Fractions:
        phi4 = {
            (predicted, gold): 2 * count / (self.predicted_sizes[predicted] + self.gold_sizes[gold])
            for (predicted, gold), count in self.shared.items()
        }
        aligned = _best_alignment(phi4)
        return aligned, len(self.predicted_sizes), aligned, len(self.gold_sizes)

    def ceaf_m(self) -> Fractions:
        aligned = _best_alignment(self.shared)
        return aligned, self.predicted_sizes.total(), aligned, self.gold_sizes.total()

    def lea(self) -> Fractions:
        correct = found = 0.0
        for (predicted, gold), count in self.shared.items():
            predicted_size, gold_size = self.predicted_sizes[predicted], self.gold_sizes[gold]
            if predicted_size == gold_size == 1:
                correct, found = correct + 1, found + 1
            # |c| * pairs(count) / pairs(|c|), of either side's cluster c
            if predicted_size > 1:
                correct += count * (count - 1) / (predicted_size - 1)
            if gold_size > 1:
                found += count * (count - 1) / (gold_size - 1)
        return correct, self.predicted_sizes.total(), found, self.gold_sizes.total()

    def links(self) -> Tuple[Fractions, Fractions]:
        """Those of BLANC: the pairs of mentions within clusters, and all others, both sides' and common ones."""
        # Of the mentions that both sides have, how many each cluster holds.
        in_predicted: Counter[int] = Counter()
        in_gold: Counter[int] = Counter()
        for (predicted, gold), count in self.shared.items():
            in_predicted[predicted] += count
            in_gold[gold] += count
        both = _pairs(self.shared.values())
        # Pairs of common mentions that either side has in one cluster, once each.
        either = _pairs(in_predicted.values()) + _pairs(in_gold.values()) - both
        neither = _pairs([self.shared.total()]) - either
        predicted, gold = _pairs(self.predicted_sizes.values()), _pairs(self.gold_sizes.values())
        other_predicted = _pairs([self.predicted_sizes.total()]) - predicted
        other_gold = _pairs([self.gold_sizes.total()]) - gold
        return (both, predicted, both, gold), (neither, other_predicted, neither, other_gold)


def _scores(fractions: Mapping[str, Sequence[float]]) -> Dict[str, float]:
    """Precision, recall and F1 of all scores, from sums over documents."""
    triples = {name: _triple(fractions[name]) for name in _OF_ONE_FRACTION}
    # As the official scorer has it, gold alone decides which pairs there are to be found.
    of_links = [_triple(fractions[name]) for name in _LINKS if fractions[name][3]]
    triples["blanc"] = [sum(values) / len(of_links) for values in zip(*of_links)] if of_links else [0.0, 0.0, 0.0]
    averages = [sum(values) / len(AVERAGED) for values in zip(*(triples[name] for name in AVERAGED))]
    return {
        f"{prefix}{value}": score
        for prefix, triple in [("", averages), *((f"{name}_", triple) for name, triple in triples.items())]
        for value, score in zip(("precision", "recall", "f1"), triple)
    }


def _triple(fractions: Sequence[float]) -> List[float]:
    correct, predicted, found, gold = fractions
    precision, recall = ratio(correct, predicted), ratio(found, gold)
    return [precision, recall, f1(precision, recall)]


def _cluster_of_mention(clusters: Clusters) -> Dict[Mention, int]:
    """The number of each mention's cluster."""
    return {mention: number for number, cluster in enumerate(partition(clusters)) for mention in cluster}


def _links(sizes: "Counter[int]") -> int:
    """The fewest links that join the mentions of each cluster."""
    return sizes.total() - len(sizes)


def _pairs(sizes: Iterable[int]) -> int:
    """All pairs of mentions within sets of these sizes."""
    return sum(size * (size - 1) // 2 for size in sizes)


def _best_alignment(similarities: Mapping[Tuple[int, int], float]) -> float:
    """The most that predicted and gold clusters reach, aligned one to one; pairs that are left out have 0."""
    # Clusters without any similarity have nothing to win by an alignment.
    rows, columns = (_positions(side) for side in zip(*similarities)) if similarities else ({}, {})
    # Shape: (num_predicted_clusters, num_gold_clusters)
    table = np.zeros((len(rows), len(columns)))
    for (predicted, gold), value in similarities.items():
        table[rows[predicted], columns[gold]] = value
    return float(table[optimize.linear_sum_assignment(table, maximize=True)].sum())


def _positions(clusters: Iterable[int]) -> Dict[int, int]:
    distinct: List[int] = sorted(set(clusters))
    return {cluster: position for position, cluster in enumerate(distinct)}
