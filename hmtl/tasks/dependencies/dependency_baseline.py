"""Baselines of dependencies: the neighbour, and the head that tokens of a class usually have."""

from collections import Counter, defaultdict
from functools import partial
from typing import Any, Callable, DefaultDict, Dict, Iterable, List, NamedTuple, Optional, Sequence

from hmtl.corpora.dependencies import RELATIONS, ROOT, Dependency, dependencies_of
from hmtl.document import Document
from hmtl.metrics import DependencyScores
from hmtl.tasks.baselines import prefixed

POS = "pos"


class RelativeHead(NamedTuple):
    """Where the head of a token is, as a label (Strzyz, Vilares and Gómez-Rodríguez 2019): the `number`-th
    token of a class to the right, or to the left where it is negative; 0 is the root. And the relation to it."""

    number: int
    of_class: str
    relation: str


def encoded(arcs: Sequence[Dependency], classes: Sequence[str]) -> List[RelativeHead]:
    """The heads of a sentence's tokens as labels; `classes` has the class of each token, such as its part of speech."""
    labels = []
    for token, head, relation in arcs:
        if head == ROOT:
            labels.append(RelativeHead(0, "", relation))
            continue
        step = 1 if head > token else -1
        number = sum(classes[place] == classes[head] for place in range(token + step, head + step, step))
        labels.append(RelativeHead(step * number, classes[head], relation))
    return labels


def decoded(label: RelativeHead, token: int, classes: Sequence[str]) -> Optional[Dependency]:
    """The dependency that a token's label says; `None` where there is no such token."""
    if label.number == 0:
        return Dependency(token, ROOT, label.relation)
    step, left = (1, label.number) if label.number > 0 else (-1, -label.number)
    place = token + step
    while 0 <= place < len(classes):
        left -= classes[place] == label.of_class
        if left == 0:
            return Dependency(token, place, label.relation)
        place += step
    return None


class UsualHead:
    """Gives each token the head and the relation that tokens of its class usually have: a tagger of heads that has
    learned counts alone. Where the sentence has no such head, it is the token before, and of the first one the root.
    What it finds need not be a tree.

    The class of a token is its gold part of speech, where all documents have the layer `pos`, which favours it over a
    model that has to find it; else the token itself, and then heads are counted in tokens of any class.
    """

    def __init__(self, layer: str, has_pos: bool) -> None:
        self._layer, self._has_pos = layer, has_pos
        self._labels: Dict[str, RelativeHead] = {}
        self._relations: Dict[str, str] = {}

    def fit(self, documents: Iterable[Document]) -> "UsualHead":
        """Counts the dependencies of the documents, and returns itself."""
        labels: DefaultDict[str, Counter[RelativeHead]] = defaultdict(Counter)
        relations: DefaultDict[str, Counter[str]] = defaultdict(Counter)
        for document in documents:
            by_sentence = zip(self._keys(document), self._classes(document), dependencies_of(document, self._layer))
            for keys, classes, arcs in by_sentence:
                for key, label in zip(keys, encoded(arcs, classes)):
                    # What no class tells is counted for all.
                    for name in (key, ""):
                        labels[name][label] += 1
                        relations[name][label.relation] += 1
        self._labels = {key: _first(counts) for key, counts in labels.items()}
        self._relations = {key: _first(counts) for key, counts in relations.items()}
        return self

    def predict(self, document: Document) -> List[List[Dependency]]:
        """The dependencies of each sentence."""
        found = []
        for keys, classes, before in zip(self._keys(document), self._classes(document), self.neighbours(document, -1)):
            labels = (self._labels.get(key, self._labels[""]) for key in keys)
            usual = (decoded(label, token, classes) for token, label in enumerate(labels))
            found.append([arc or other for arc, other in zip(usual, before)])
        return found

    def neighbours(self, document: Document, step: int) -> List[List[Dependency]]:
        """Of each sentence the dependencies by which each token depends on the one before it (`step` -1) or behind it
        (1), and the first or the last one is the root, by the usual relation of its class."""
        found = []
        for keys in self._keys(document):
            heads = (token + step if 0 <= token + step < len(keys) else ROOT for token in range(len(keys)))
            relations = (self._relations.get(key, self._relations[""]) for key in keys)
            found.append([Dependency(*arc) for arc in zip(range(len(keys)), heads, relations)])
        return found

    def _keys(self, document: Document) -> List[List[str]]:
        """The class of each token that its own head depends on."""
        if not self._has_pos:
            return document.sentences
        return [[label for _, _, label in spans] for spans in document.spans_by_sentence(POS)]

    def _classes(self, document: Document) -> List[List[str]]:
        """The class of each token that may be a head."""
        return self._keys(document) if self._has_pos else [[""] * len(tokens) for tokens in document.sentences]


def dependency_baseline_scores(
    train: Sequence[Document], test: Sequence[Document], layer: str = RELATIONS
) -> Dict[str, float]:
    """The scores on `test` of `UsualHead`, fitted to `train`, and with the prefixes `token_before_` and `token_behind_`
    those of its `neighbours`: all that `DependencyScores` yields.

    # Raises

    DataError
        Where a document has no dependencies.
    """
    baseline = UsualHead(layer, has_pos([*train, *test])).fit(train)
    variants: Dict[str, Callable[[Document], List[List[Dependency]]]] = {
        "": baseline.predict,
        "token_before_": partial(baseline.neighbours, step=-1),
        "token_behind_": partial(baseline.neighbours, step=1),
    }
    scores: Dict[str, float] = {}
    for prefix, predict in variants.items():
        metric = DependencyScores()
        for document in test:
            metric(predict(document), dependencies_of(document, layer), document.sentences)
        scores.update(prefixed(prefix, metric.get_metric()))
    return scores


def has_pos(documents: Iterable[Document]) -> bool:
    """Whether each token of the documents has one part of speech."""
    return all(
        [span.bounds for span in sorted(document.spans.get(POS, []))] == [(n, n) for n in range(len(document.tokens))]
        for document in documents
    )


def _first(counts: Counter) -> Any:
    """The most frequent, of several the first in order."""
    return min(counts, key=lambda name: (-counts[name], name))
