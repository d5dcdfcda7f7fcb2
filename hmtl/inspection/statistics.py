"""Statistics of a corpus, split by split, in one pass over its documents."""

import hashlib
from collections import Counter
from typing import Any, Dict, Iterable, List, Optional, Sequence

from hmtl.corpora import Corpus
from hmtl.corpora.dependencies import DEPENDENCIES, has_dependencies
from hmtl.corpora.validation import MIN_LEAK_TOKENS, SplitCounts
from hmtl.document import Document
from hmtl.inspection.layers import (
    ClusterStatistics,
    DependencyStatistics,
    LabelStatistics,
    RelationStatistics,
    SpanStatistics,
    share,
)
from hmtl.inspection.measures import Distribution
from hmtl.inspection.splits import Split, training_split


class SplitStatistics:
    """What one split holds.

    Documents are counted and let go. What stays grows with the distinct tokens, annotated strings and (as hashes of 8
    bytes) texts of documents and sentences.

    # Attributes

    counts : `SplitCounts`
        Documents, sentences, tokens, labels and nested spans.
    tokens : `Counter`
        How often each token occurs.
    spans, labels : `Dict[str, SpanStatistics]`, `Dict[str, LabelStatistics]`
    relations, clusters, dependencies : `RelationStatistics`, `ClusterStatistics`, `DependencyStatistics`
        The layers; `None` where no document has them.
    texts, sentences : `Counter`
        How often each text of a document, and each sentence of at least `MIN_LEAK_TOKENS` tokens, occurs, by its hash.
    """

    def __init__(self) -> None:
        self.counts = SplitCounts()
        self.tokens: Counter = Counter()
        self.spans: Dict[str, SpanStatistics] = {}
        self.labels: Dict[str, LabelStatistics] = {}
        self.relations: Optional[RelationStatistics] = None
        self.clusters: Optional[ClusterStatistics] = None
        self.dependencies: Optional[DependencyStatistics] = None
        self.texts: Counter = Counter()
        self.sentences: Counter = Counter()
        self._sentence_tokens, self._document_tokens = Distribution(), Distribution()
        self._document_sentences = Distribution()

    def add(self, document: Document) -> None:
        """Counts a further document."""
        tokens = document.tokens
        self.counts.add(document)
        self.tokens.update(tokens)
        self._sentence_tokens.add(map(len, document.sentences))
        self._document_tokens.add([len(tokens)])
        self._document_sentences.add([len(document.sentences)])
        self.texts[_hash(tokens)] += 1
        self.sentences.update(_hash(each) for each in document.sentences if len(each) >= MIN_LEAK_TOKENS)
        for layer in document.spans:
            self.spans.setdefault(layer, SpanStatistics()).add(document, layer)
        for layer in document.label_layers:
            self.labels.setdefault(layer, LabelStatistics()).add(document, layer)
        if document.relations is not None:
            self.relations = self.relations or RelationStatistics()
            self.relations.add(document)
        if has_dependencies(document):
            self.dependencies = self.dependencies or DependencyStatistics()
            self.dependencies.add(document)
        if document.clusters is not None:
            self.clusters = self.clusters or ClusterStatistics()
            self.clusters.add(document)

    def to_json(self) -> Dict[str, Any]:
        """All statistics that need no other split."""
        totals, labels = self.counts.totals, self.counts.labels
        layers = {
            layer: statistics.to_json(labels[layer], totals[f"nested {layer} spans"])
            for layer, statistics in self.spans.items()
        }
        layers.update((layer, statistics.to_json(labels[layer])) for layer, statistics in self.labels.items())
        if self.relations is not None:
            layers["relations"] = self.relations.to_json(labels["relations"])
        if self.clusters is not None:
            layers["clusters"] = self.clusters.to_json(labels["clusters"])
        if self.dependencies is not None:
            layers[DEPENDENCIES] = self.dependencies.to_json()
        return {
            "documents": totals["documents"],
            "sentences": totals["sentences"],
            "tokens": totals["tokens"],
            "distinct_tokens": len(self.tokens),
            "sentence_tokens": self._sentence_tokens.to_json(),
            "document_tokens": self._document_tokens.to_json(),
            "document_sentences": self._document_sentences.to_json(),
            "layers": layers,
        }


def corpus_statistics(splits: Sequence[Split], corpus: Corpus) -> Dict[str, Any]:
    """Reads all splits, once, and describes them as JSON values.

    Returns `training`, the name of the split that the others are compared with, and `splits`: by name the figures of
    `SplitStatistics.to_json`, the `path`, and where there are several splits

    - `seen_in_training` (not of the training split): the shares of tokens and of distinct tokens that the training
      data does not have, and of what it has: of each span layer the strings, and the strings with that label; of
      relations the label with both strings;
    - `also_elsewhere`: how many of the documents, and of the sentences of at least `MIN_LEAK_TOKENS` tokens, are in
      each other split, and (`any`) in any of them.

    # Raises

    DataError
        Where a file cannot be used.
    """
    statistics: Dict[str, SplitStatistics] = {}
    for split in splits:
        statistics[split.name] = SplitStatistics()
        for document in corpus.documents(split.path):
            statistics[split.name].add(document)
    training = training_split(splits).name
    described: Dict[str, Any] = {}
    for name, path in splits:
        described[name] = {"path": path, **statistics[name].to_json()}
        if len(splits) > 1:
            others = {other: each for other, each in statistics.items() if other != name}
            described[name]["also_elsewhere"] = _also_elsewhere(statistics[name], others)
            if name != training:
                described[name]["seen_in_training"] = _seen(statistics[name], statistics[training])
    return {"training": training, "splits": described}


def _seen(split: SplitStatistics, training: SplitStatistics) -> Dict[str, Any]:
    unknown = {token: count for token, count in split.tokens.items() if token not in training.tokens}
    spans = {}
    for layer, statistics in split.spans.items():
        known: Counter = training.spans[layer].strings if layer in training.spans else Counter()
        known_strings = {text for text, _ in known}
        total = statistics.strings.total()
        seen = sum(count for (text, _), count in statistics.strings.items() if text in known_strings)
        seen_labelled = sum(count for string, count in statistics.strings.items() if string in known)
        spans[layer] = {"string": share(seen, total), "string_and_label": share(seen_labelled, total)}
    seen_in_training: Dict[str, Any] = {
        "unknown_tokens": share(sum(unknown.values()), split.tokens.total()),
        "unknown_distinct_tokens": share(len(unknown), len(split.tokens)),
        "spans": spans,
    }
    if split.relations is not None:
        triples = training.relations.strings if training.relations is not None else Counter()
        seen = sum(count for triple, count in split.relations.strings.items() if triple in triples)
        seen_in_training["relations"] = share(seen, split.relations.strings.total())
    return seen_in_training


def _also_elsewhere(split: SplitStatistics, others: Dict[str, SplitStatistics]) -> Dict[str, Dict[str, Any]]:
    figures = {other: _occurring_in(split, [statistics]) for other, statistics in others.items()}
    return {"any": _occurring_in(split, list(others.values())), "splits": figures}


def _occurring_in(split: SplitStatistics, others: List[SplitStatistics]) -> Dict[str, Any]:
    documents = _count_in(split.texts, [other.texts for other in others])
    sentences = _count_in(split.sentences, [other.sentences for other in others])
    return {
        "documents": documents,
        "documents_share": share(documents, split.texts.total()),
        "sentences": sentences,
        "sentences_share": share(sentences, split.sentences.total()),
    }


def _count_in(counts: Counter, others: Iterable[Counter]) -> int:
    others = list(others)
    return sum(count for text, count in counts.items() if any(text in other for other in others))


def _hash(tokens: List[str]) -> bytes:
    # JSON can hold half of a surrogate pair, which is no UTF-8.
    return hashlib.blake2b("\n".join(tokens).encode("utf-8", "surrogatepass"), digest_size=8).digest()
