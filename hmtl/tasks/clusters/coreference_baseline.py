"""The baseline of coreference: mentions of the same string."""

from collections import Counter, defaultdict
from typing import DefaultDict, Dict, Iterable, List, Sequence

from hmtl.document import Bounds, Document
from hmtl.metrics import CoreferenceScores
from hmtl.metrics.coreference_scores import Singletons
from hmtl.tasks.baselines import Phrase, Phrases, annotated, prefixed


class ExactStringMatch:
    """Clusters mentions of the same string, regardless of case; what stands alone is no cluster.

    The mentions are the spans, within a sentence, whose string was a mention of a cluster of two or more in training at
    least as often as not.

    # Parameters

    max_width : `int`, optional (default = `8`)
        The most tokens that a mention may have.
    """

    def __init__(self, max_width: int = 8) -> None:
        self.max_width = max_width
        self._phrases = Phrases([])

    def fit(self, documents: Sequence[Document]) -> "ExactStringMatch":
        """Counts the mentions of the documents that have clusters, and returns itself.

        # Raises

        UserError
            Where no document has clusters.
        """
        documents = _with_clusters(documents)
        coreferent: Counter[Phrase] = Counter()
        for document in documents:
            tokens = _lower(document.tokens)
            # A mention that two clusters share occurs once.
            mentions = {mention for cluster in document.clusters or [] if len(set(cluster)) > 1 for mention in cluster}
            coreferent.update(tuple(tokens[start : end + 1]) for start, end in mentions if end - start < self.max_width)
        occurrences = Phrases(coreferent).count(
            _lower(sentence) for document in documents for sentence in document.sentences
        )
        self._phrases = Phrases(phrase for phrase, count in coreferent.items() if 2 * count >= occurrences[phrase])
        return self

    def predict(self, document: Document) -> List[List[Bounds]]:
        """The clusters of a document, of mentions that are found in it."""
        clusters: DefaultDict[Phrase, List[Bounds]] = defaultdict(list)
        for first, sentence in zip(document.sentence_starts, document.sentences):
            for start, end, phrase in self._phrases.matches(_lower(sentence)):
                clusters[phrase].append((first + start, first + end))
        return _without_singletons(clusters)

    def predict_for_gold_mentions(self, document: Document) -> List[List[Bounds]]:
        """The clusters of a document, of its gold mentions; nothing that was learnt plays a part."""
        clusters: DefaultDict[Phrase, List[Bounds]] = defaultdict(list)
        tokens = _lower(document.tokens)
        for start, end in sorted({mention for cluster in document.clusters or [] for mention in cluster}):
            clusters[tuple(tokens[start : end + 1])].append((start, end))
        return _without_singletons(clusters)


def coreference_baseline_scores(
    train: Sequence[Document], test: Sequence[Document], singletons: Singletons = "count"
) -> Dict[str, float]:
    """The scores on `test` of `ExactStringMatch`, fitted to `train`, and with the prefix `gold_mentions_` those where
    the gold mentions are given: all that `CoreferenceScores` yields, which counts clusters of one as `singletons` says.
    The baseline itself predicts none. Documents without clusters are left out.

    # Raises

    UserError
        Where no document of a side has the annotation.
    """
    baseline = ExactStringMatch().fit(train)
    test = _with_clusters(test)
    gold = [document.clusters or [] for document in test]
    scores: Dict[str, float] = {}
    for prefix, predict in (("", baseline.predict), ("gold_mentions_", baseline.predict_for_gold_mentions)):
        metric = CoreferenceScores(singletons)
        metric([predict(document) for document in test], gold)
        scores.update(prefixed(prefix, metric.get_metric()))
    return scores


def _without_singletons(clusters: Dict[Phrase, List[Bounds]]) -> List[List[Bounds]]:
    return [cluster for cluster in clusters.values() if len(cluster) > 1]


def _lower(tokens: Iterable[str]) -> List[str]:
    return [token.lower() for token in tokens]


def _with_clusters(documents: Sequence[Document]) -> List[Document]:
    return annotated(documents, lambda document: document.clusters is not None, "coreference clusters")
