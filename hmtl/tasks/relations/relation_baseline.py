"""The baseline of relations: the usual one of two types of mentions."""

from collections import Counter, defaultdict
from itertools import permutations
from typing import DefaultDict, Dict, Iterable, Iterator, List, Sequence, Tuple

from hmtl.document import Bounds, Document, Relation, Span
from hmtl.metrics import RelationScores
from hmtl.metrics.relation_scores import TypedRelation
from hmtl.tasks.baselines import annotated, most_frequent, prefixed, with_layer


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
        self._labels = {types: most_frequent(counts) for types, counts in related.items()}
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


def relation_baseline_scores(
    train: Sequence[Document], test: Sequence[Document], layer: str = "ner"
) -> Dict[str, float]:
    """The scores on `test` of `MostFrequentRelation`, fitted to `train`, and with the prefix `counting_unrelated_`
    those of its variant with `count_unrelated=True`: all that `RelationScores` yields. `layer` has the mentions;
    documents without it, or without relations, are left out.

    # Raises

    UserError
        Where no document of a side has the annotation.
    """
    scores: Dict[str, float] = {}
    for prefix, count_unrelated in (("", False), ("counting_unrelated_", True)):
        baseline, metric = MostFrequentRelation(layer, count_unrelated).fit(train), RelationScores()
        for document in _with_relations(test, layer):
            mentions = document.spans_by_sentence(layer)
            known_types = {span.label for span in document.spans[layer]}
            metric(baseline.predict(document), document.relations_by_sentence(), mentions, known_types)
        scores.update(prefixed(prefix, metric.get_metric()))
    return scores


def _pairs(mentions: Iterable[Span]) -> Iterator[Tuple[Span, Span]]:
    """Ordered pairs of mentions with different bounds."""
    return ((first, second) for first, second in permutations(set(mentions), 2) if first.bounds != second.bounds)


def _labels_of_pairs(relations: Iterable[Relation]) -> Dict[Tuple[Bounds, Bounds], List[str]]:
    labels: DefaultDict[Tuple[Bounds, Bounds], List[str]] = defaultdict(list)
    for arg1, arg2, label in set(relations):
        labels[arg1, arg2].append(label)
    return labels


def _with_relations(documents: Sequence[Document], layer: str) -> List[Document]:
    return annotated(with_layer(documents, layer), lambda document: document.relations is not None, "relations")
