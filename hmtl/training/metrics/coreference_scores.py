"""MUC, B-cubed and CEAF-phi4 of coreference clusters, as the official CoNLL scorer counts them."""

from collections import Counter
from typing import Dict, Iterable, List, Sequence, Tuple

import numpy as np
from allennlp.training.metrics import Metric
from scipy.optimize import linear_sum_assignment

from hmtl.training.metrics.counts import f1, ratio, sum_over_workers

Mention = Tuple[int, int]
Clusters = Sequence[Iterable[Mention]]

# A score's numerator and denominator of precision, then those of recall.
Fractions = Tuple[float, float, float, float]

_AVERAGED = ("muc", "b_cubed", "ceaf")


@Metric.register("coreference_scores")
class CoreferenceScores(Metric):
    """MUC, B-cubed, CEAF-phi4, their average (the CoNLL score) and mention detection.

    Numerators and denominators are summed over documents, as in the CoNLL reference scorer, version 8.01 (Pradhan et
    al. 2014, "Scoring Coreference Partitions of Predicted Mentions: A Reference Implementation"):

    - muc: links (Vilain et al. 1995); clusters of one mention have none.
    - b_cubed: the mean over mentions (Bagga and Baldwin 1998).
    - ceaf: the best one-to-one alignment of clusters by phi4 = 2 |g & p| / (|g| + |p|) (Luo 2005, equation 9).
    - mention: mentions with the very same bounds.

    Clusters of one mention count in all but MUC, on the side that holds them: leave them out where the corpus does not
    annotate them. A mention belongs to the first cluster of its side that names it, and once only; clusters that are
    then empty are dropped. An undefined ratio (0 / 0) is 0.

    Each distributed worker counts its own documents. `get_metric` sums the counts over the workers, so it must be
    called by every worker or by none.
    """

    supports_distributed = True

    def __init__(self) -> None:
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
            self._fractions += document_fractions(predicted_clusters, gold_clusters)

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """`precision`, `recall` and `f1`, the averages of the three scores; and each with the prefixes `muc_`,
        `b_cubed_`, `ceaf_` and `mention_` (the last is no part of the averages)."""
        # Shape: (num_scores, 4)
        fractions = np.reshape(sum_over_workers(self._fractions.ravel().tolist()), self._fractions.shape)
        scores: Dict[str, float] = {}
        for name, (correct, predicted, found, gold) in zip((*_AVERAGED, "mention"), fractions.tolist()):
            precision, recall = ratio(correct, predicted), ratio(found, gold)
            scores.update(
                {f"{name}_precision": precision, f"{name}_recall": recall, f"{name}_f1": f1(precision, recall)}
            )
        for value in ("precision", "recall", "f1"):
            scores[value] = sum(scores[f"{name}_{value}"] for name in _AVERAGED) / len(_AVERAGED)
        if reset:
            self.reset()
        return scores

    def reset(self) -> None:
        """Forgets all counts."""
        self._fractions = np.zeros((len(_AVERAGED) + 1, 4))


def document_fractions(predicted: Clusters, gold: Clusters) -> List[Fractions]:
    """What one document adds to numerators and denominators: of MUC, B-cubed, CEAF-phi4 and mention detection."""
    overlaps = _Overlaps(predicted, gold)
    return [overlaps.muc(), overlaps.b_cubed(), overlaps.ceaf(), overlaps.mention()]


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
        # Clusters without any shared mention have nothing to win by an alignment.
        rows, columns = (_positions(side) for side in zip(*self.shared)) if self.shared else ({}, {})
        # Shape: (num_predicted_clusters, num_gold_clusters)
        similarity = np.zeros((len(rows), len(columns)))
        for (predicted, gold), count in self.shared.items():
            phi4 = 2 * count / (self.predicted_sizes[predicted] + self.gold_sizes[gold])
            similarity[rows[predicted], columns[gold]] = phi4
        aligned = similarity[linear_sum_assignment(similarity, maximize=True)].sum()
        return aligned, len(self.predicted_sizes), aligned, len(self.gold_sizes)


def _cluster_of_mention(clusters: Clusters) -> Dict[Mention, int]:
    """The first cluster that names each mention."""
    first: Dict[Mention, int] = {}
    for number, cluster in enumerate(clusters):
        for mention in cluster:
            first.setdefault(mention, number)
    return first


def _links(sizes: "Counter[int]") -> int:
    """The fewest links that join the mentions of each cluster."""
    return sizes.total() - len(sizes)


def _positions(clusters: Iterable[int]) -> Dict[int, int]:
    distinct: List[int] = sorted(set(clusters))
    return {cluster: position for position, cluster in enumerate(distinct)}
