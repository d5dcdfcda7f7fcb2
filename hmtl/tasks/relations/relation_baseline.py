"""The baseline of relations: the usual one of two types of mentions."""

from collections import Counter, defaultdict
from itertools import permutations
from typing import DefaultDict, Dict, Iterable, Iterator, List, Sequence, Tuple

from hmtl.document import Bounds, Document, Relation, Span
from hmtl.metrics import EntityRelationScores, RelationScores
from hmtl.metrics.relation_scores import TypedRelation
from hmtl.tasks.baselines import annotated, most_frequent, prefixed, with_layer
from hmtl.tasks.task_head import Scope


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
    scope : `str`, optional (default = `"sentence"`)
        Whether pairs are those of a `sentence` or of a whole `document`.
    """

    def __init__(self, layer: str, count_unrelated: bool = False, scope: Scope = "sentence") -> None:
        self.layer = layer
        self.scope = scope
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
            for mentions, relations in zip(*_rows(document, self.layer, self.scope)):
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
        """The relations of each sentence, or of the document, with offsets counted from its start and the types of
        their mentions."""
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
            for mentions in _rows(document, self.layer, self.scope)[0]
        ]


def relation_baseline_scores(
    train: Sequence[Document], test: Sequence[Document], layer: str = "ner", scope: Scope = "sentence"
) -> Dict[str, float]:
    """The scores on `test` of `MostFrequentRelation`, fitted to `train`, and with the prefix `counting_unrelated_`
    those of its variant with `count_unrelated=True`: all that `RelationScores` yields. `layer` has the mentions;
    documents without it, or without relations, are left out. With the `scope` `document` there are those of
    `EntityRelationScores`, too.

    # Raises

    UserError
        Where no document of a side has the annotation.
    """
    scores: Dict[str, float] = {}
    for prefix, count_unrelated in (("", False), ("counting_unrelated_", True)):
        baseline, metric = MostFrequentRelation(layer, count_unrelated, scope).fit(train), RelationScores()
        of_entities = EntityRelationScores()
        if scope == "document":
            of_entities.learn_facts(train)
        for document in _with_relations(test, layer):
            mentions, relations = _rows(document, layer, scope)
            known_types = {span.label for span in document.spans[layer]}
            predicted = baseline.predict(document)
            metric(predicted, relations, mentions, known_types)
            if scope == "document":
                of_entities([[each.relation for each in predicted[0]]], [document])
        scores.update(prefixed(prefix, {**metric.get_metric(), **of_entities.get_metric()}))
    return scores


def _rows(document: Document, layer: str, scope: Scope) -> Tuple[List[List[Span]], List[List[Relation]]]:
    """The mentions and the relations of each sentence, or of the document."""
    if scope == "document":
        return [document.spans[layer]], [document.relations or []]
    return document.spans_by_sentence(layer), document.relations_by_sentence()


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
