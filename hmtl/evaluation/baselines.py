"""What can be scored without learning anything but counts: the floor that a model has to clear.

Each baseline is fitted to training documents and predicts test documents in the very form that the task's metric takes.
"""

from collections import Counter, defaultdict
from itertools import permutations
from typing import Callable, DefaultDict, Dict, Iterable, Iterator, List, Sequence, Tuple

from hmtl.document import Bounds, Document, Relation, Span
from hmtl.errors import UserError
from hmtl.metrics import CoreferenceScores, LabelledF1, RelationScores
from hmtl.metrics.coreference_scores import Singletons
from hmtl.metrics.relation_scores import TypedRelation

Phrase = Tuple[str, ...]


class MostFrequentType:
    """Tags the strings that were labelled in training, each with its most frequent label.

    A sentence is read from left to right; the longest known string at a token is tagged, and reading goes on behind it.
    Strings are compared case by case, since case tells "US" from "us". Of equally frequent labels, the first in
    alphabetical order is taken.

    # Parameters

    layer : `str`
        The span layer to learn and to predict.
    count_unlabelled : `bool`, optional (default = `False`)
        Whether a string is tagged only if its label is at least as frequent in training as no label at all.
    """

    def __init__(self, layer: str, count_unlabelled: bool = False) -> None:
        self.layer = layer
        self.count_unlabelled = count_unlabelled
        self._labels: Dict[Phrase, str] = {}
        self._phrases = _Phrases([])

    def fit(self, documents: Sequence[Document]) -> "MostFrequentType":
        """Counts the strings of the documents that have the layer, and returns itself.

        # Raises

        UserError
            Where no document has the layer.
        """
        documents = _with_layer(documents, self.layer)
        labels: DefaultDict[Phrase, Counter[str]] = defaultdict(Counter)
        labelled: Counter[Phrase] = Counter()
        for document in documents:
            for sentence, spans in zip(document.sentences, document.spans_by_sentence(self.layer)):
                for start, end, label in spans:
                    labels[tuple(sentence[start : end + 1])][label] += 1
                # A span with two labels is one occurrence.
                labelled.update(tuple(sentence[start : end + 1]) for start, end in {span.bounds for span in spans})
        self._labels = {phrase: _most_frequent(counts) for phrase, counts in labels.items()}
        if self.count_unlabelled:
            occurrences = _Phrases(labels).count(sentence for document in documents for sentence in document.sentences)
            self._labels = {
                phrase: label
                for phrase, label in self._labels.items()
                if labels[phrase][label] >= occurrences[phrase] - labelled[phrase]
            }
        self._phrases = _Phrases(self._labels)
        return self

    def predict(self, document: Document) -> List[List[Span]]:
        """The spans of each sentence, with offsets counted from its start."""
        return [list(self._predict_sentence(sentence)) for sentence in document.sentences]

    def _predict_sentence(self, sentence: List[str]) -> Iterator[Span]:
        free = 0
        for start, end, phrase in self._phrases.matches(sentence):
            if start >= free:
                yield Span(start, end, self._labels[phrase])
                free = end + 1


class MostFrequentRelation:
    """Relates each ordered pair of mentions as their types were most frequently related in training.

    It is given the gold mentions of the test documents with their gold types, which favours it over any model that has
    to find them. A mention with two types makes pairs with both. Of equally frequent relations, the first in
    alphabetical order is taken. Relations between spans that are no mentions of the layer are not learnt.

    # Parameters

    layer : `str`
        The span layer that holds the mentions and their types.
    count_unrelated : `bool`, optional (default = `False`)
        Whether a pair is related only if its relation is more frequent in training than none. Without it, a pair is
        related wherever its types were related once.
    """

    def __init__(self, layer: str, count_unrelated: bool = False) -> None:
        self.layer = layer
        self.count_unrelated = count_unrelated
        self._labels: Dict[Tuple[str, str], str] = {}

    def fit(self, documents: Sequence[Document]) -> "MostFrequentRelation":
        """Counts the pairs of the documents that have both the layer and relations, and returns itself.

        # Raises

        UserError
            Where no document has both.
        """
        related: DefaultDict[Tuple[str, str], Counter[str]] = defaultdict(Counter)
        unrelated: Counter[Tuple[str, str]] = Counter()
        for document in _with_relations(documents, self.layer):
            by_sentence = zip(document.spans_by_sentence(self.layer), document.relations_by_sentence())
            for mentions, relations in by_sentence:
                labels = _labels_of_pairs(relations)
                for first, second in _pairs(mentions):
                    types = (first.label, second.label)
                    found = labels.get((first.bounds, second.bounds))
                    if found:
                        related[types].update(found)
                    else:
                        unrelated[types] += 1
        self._labels = {types: _most_frequent(counts) for types, counts in related.items()}
        if self.count_unrelated:
            self._labels = {
                types: label for types, label in self._labels.items() if related[types][label] > unrelated[types]
            }
        return self

    def predict(self, document: Document) -> List[List[TypedRelation]]:
        """The relations of each sentence, with offsets counted from its start and the types of their mentions."""
        return [
            [
                TypedRelation(
                    Relation(first.bounds, second.bounds, self._labels[first.label, second.label]),
                    first.label,
                    second.label,
                )
                for first, second in _pairs(mentions)
                if (first.label, second.label) in self._labels
            ]
            for mentions in document.spans_by_sentence(self.layer)
        ]


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
        self._phrases = _Phrases([])

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
        occurrences = _Phrases(coreferent).count(
            _lower(sentence) for document in documents for sentence in document.sentences
        )
        self._phrases = _Phrases(phrase for phrase, count in coreferent.items() if 2 * count >= occurrences[phrase])
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


def baseline_scores(
    task_kind: str,
    train_documents: Sequence[Document],
    test_documents: Sequence[Document],
    layer: str = "ner",
    singletons: Singletons = "count",
) -> Dict[str, float]:
    """The test scores of a task's baseline. Documents without the task's annotation are left out on either side.

    # Parameters

    task_kind : `str`
        `tagging` (`MostFrequentType`), `relation` (`MostFrequentRelation`) or `coref` (`ExactStringMatch`).
    train_documents : `Sequence[Document]`
        What the baseline is fitted to.
    test_documents : `Sequence[Document]`
        What it is scored on.
    layer : `str`, optional (default = `"ner"`)
        The span layer of the tags, or of the relations' mentions; of no use to `coref`.
    singletons : `str`, optional (default = `"count"`)
        How `coref` counts clusters of one; see `CoreferenceScores`. The baseline itself predicts none.

    # Returns

    `Dict[str, float]`
        `precision`, `recall` and `f1`; beside them,

        - tagging: the same with the prefix `counting_unlabelled_`, for `count_unlabelled=True`;
        - relation: all that `RelationScores` yields, and the same with the prefix `counting_unrelated_`, for
          `count_unrelated=True`;
        - coref: all that `CoreferenceScores` yields (the three are its averages), and the same with the prefix
          `gold_mentions_`, where the gold mentions are given.

    # Raises

    UserError
        Where there is no such task, or where no document of a side has the annotation.
    """
    scorers: Dict[str, Callable[[Sequence[Document], Sequence[Document], str], Dict[str, float]]] = {
        "tagging": _tagging_scores,
        "relation": _relation_scores,
        "coref": lambda train, test, _: _coreference_scores(train, test, singletons),
    }
    if task_kind not in scorers:
        raise UserError(f"there is no baseline for '{task_kind}'; choose one of {', '.join(sorted(scorers))}")
    return scorers[task_kind](train_documents, test_documents, layer)


def _tagging_scores(train: Sequence[Document], test: Sequence[Document], layer: str) -> Dict[str, float]:
    scores: Dict[str, float] = {}
    for prefix, count_unlabelled in (("", False), ("counting_unlabelled_", True)):
        baseline, metric = MostFrequentType(layer, count_unlabelled).fit(train), LabelledF1()
        for document in _with_layer(test, layer):
            metric(baseline.predict(document), document.spans_by_sentence(layer))
        scores.update(_prefixed(prefix, metric.get_metric()))
    return scores


def _relation_scores(train: Sequence[Document], test: Sequence[Document], layer: str) -> Dict[str, float]:
    scores: Dict[str, float] = {}
    for prefix, count_unrelated in (("", False), ("counting_unrelated_", True)):
        baseline, metric = MostFrequentRelation(layer, count_unrelated).fit(train), RelationScores()
        for document in _with_relations(test, layer):
            mentions = document.spans_by_sentence(layer)
            known_types = {span.label for span in document.spans[layer]}
            metric(baseline.predict(document), document.relations_by_sentence(), mentions, known_types)
        scores.update(_prefixed(prefix, metric.get_metric()))
    return scores


def _coreference_scores(
    train: Sequence[Document], test: Sequence[Document], singletons: Singletons
) -> Dict[str, float]:
    baseline = ExactStringMatch().fit(train)
    test = _with_clusters(test)
    gold = [document.clusters or [] for document in test]
    scores: Dict[str, float] = {}
    for prefix, predict in (("", baseline.predict), ("gold_mentions_", baseline.predict_for_gold_mentions)):
        metric = CoreferenceScores(singletons)
        metric([predict(document) for document in test], gold)
        scores.update(_prefixed(prefix, metric.get_metric()))
    return scores


class _Phrases:
    """Sequences of tokens, found again in a sentence by a few look-ups a token."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._phrases = set(phrases)
        widths: DefaultDict[str, set] = defaultdict(set)
        for phrase in self._phrases:
            widths[phrase[0]].add(len(phrase))
        # Of the phrases that begin with a token, the widths that occur; longest first.
        self._widths = {token: sorted(found, reverse=True) for token, found in widths.items()}

    def matches(self, sentence: List[str]) -> Iterator[Tuple[int, int, Phrase]]:
        """First token, last token and phrase of all occurrences: from left to right, the longest first at a token."""
        for start, token in enumerate(sentence):
            for width in self._widths.get(token, ()):
                phrase = tuple(sentence[start : start + width])
                # At the end of a sentence a slice may be shorter than asked for.
                if len(phrase) == width and phrase in self._phrases:
                    yield start, start + width - 1, phrase

    def count(self, sentences: Iterable[List[str]]) -> "Counter[Phrase]":
        """How often each phrase occurs."""
        return Counter(phrase for sentence in sentences for _, _, phrase in self.matches(sentence))


def _most_frequent(counts: "Counter[str]") -> str:
    return min(counts, key=lambda label: (-counts[label], label))


def _pairs(mentions: Iterable[Span]) -> Iterator[Tuple[Span, Span]]:
    """Ordered pairs of mentions with different bounds."""
    return ((first, second) for first, second in permutations(set(mentions), 2) if first.bounds != second.bounds)


def _labels_of_pairs(relations: Iterable[Relation]) -> Dict[Tuple[Bounds, Bounds], List[str]]:
    labels: DefaultDict[Tuple[Bounds, Bounds], List[str]] = defaultdict(list)
    for arg1, arg2, label in set(relations):
        labels[arg1, arg2].append(label)
    return labels


def _without_singletons(clusters: Dict[Phrase, List[Bounds]]) -> List[List[Bounds]]:
    return [cluster for cluster in clusters.values() if len(cluster) > 1]


def _lower(tokens: Iterable[str]) -> List[str]:
    return [token.lower() for token in tokens]


def _prefixed(prefix: str, scores: Dict[str, float]) -> Dict[str, float]:
    return {prefix + name: value for name, value in scores.items()}


def _with_layer(documents: Sequence[Document], layer: str) -> List[Document]:
    return _annotated(documents, lambda document: layer in document.spans, f"the span layer '{layer}'")


def _with_relations(documents: Sequence[Document], layer: str) -> List[Document]:
    return _annotated(_with_layer(documents, layer), lambda document: document.relations is not None, "relations")


def _with_clusters(documents: Sequence[Document]) -> List[Document]:
    return _annotated(documents, lambda document: document.clusters is not None, "coreference clusters")


def _annotated(documents: Sequence[Document], has: Callable[[Document], bool], what: str) -> List[Document]:
    found = [document for document in documents if has(document)]
    if not found:
        layers = sorted({layer for document in documents for layer in document.spans})
        raise UserError(
            f"none of the {len(documents)} documents has {what} (span layers found: {', '.join(layers) or 'none'}); "
            "choose another layer or corpus"
        )
    return found
