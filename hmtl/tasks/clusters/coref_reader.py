"""Whole documents with coreference clusters."""

from collections import Counter
from typing import Any, Dict, Iterable, List, Literal, Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField, TensorField

from hmtl.data.dataset_readers.document_reader import DocumentReader, distinct
from hmtl.data.fields import PADDING
from hmtl.document import Bounds, Document

ESCAPED = {"/.": ".", "/?": "?"}


@DatasetReader.register("hmtl_coref")
class CorefReader(DocumentReader):
    """One instance a document: its sentences and its coreference clusters.

    Fields: `text`, a list of sentences; `mentions`, shape (num_mentions, 3), rows `(start, end, cluster)` with offsets
    counted in tokens of the document; `metadata` with `doc_key`, `sentences` and the gold `clusters`.
    Clusters that share a mention are merged, transitively; repeated mentions and empty clusters are dropped.

    # Parameters

    one_sequence : `bool`, optional (default = `False`)
        Give the lower levels the document as one sequence, as the 2018 implementation did, instead of sentence by
        sentence, as they were trained. The field `sentence_ids`, shape (num_tokens,), then keeps the boundaries.
        Predictors, which find all tasks in one pass, read sentence by sentence all the same.
    unescape : `bool`, optional (default = `False`)
        Reads the words `/.` and `/?` without the slash, as the 2018 readers of coreference did, those of the other
        tasks not.
    max_sentences : `int`, optional (default = `None`)
        Longer documents are cut into parts of so many sentences; links between the parts are lost, and the clusters
        that are cut are counted. A mention that is left alone in its part stays there, as a cluster of one.
    singletons : `str`, optional (default = `"keep"`)
        Whether clusters of one mention are gold: `keep`, or `drop`, which counts them. Kept ones can only be missed
        unless the head has `predict_singletons`; its scores come without them, too (`f1_without_singletons`).

    # Raises

    ConfigurationError
        Where `singletons` has neither value.
    """

    cuts_documents = True

    def __init__(
        self,
        one_sequence: bool = False,
        unescape: bool = False,
        max_sentences: int = None,
        singletons: Literal["keep", "drop"] = "keep",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if singletons not in ("keep", "drop"):
            raise ConfigurationError(f"singletons: '{singletons}' is neither 'keep' nor 'drop'")
        self.one_sequence = one_sequence
        self.unescape = unescape
        self.max_sentences = max_sentences
        self.singletons = singletons

    def require_layers(self, document: Document, path: str) -> None:
        if document.clusters is None:
            raise self.missing_layer(document, "clusters", path)

    def instances(self, document: Document) -> Iterable[Instance]:
        clusters = merge_clusters(document.clusters or [])
        self.counts["clusters merged because they share a mention"] += len(
            [cluster for cluster in document.clusters or [] if cluster]
        ) - len(clusters)
        starts = [*document.sentence_starts, len(document.tokens)]
        step = self.max_sentences or len(document.sentences)
        num_parts: Counter = Counter()
        for first in range(0, len(document.sentences), step):
            sentences = document.sentences[first : first + step]
            if self.unescape:
                sentences = [[ESCAPED.get(word, word) for word in sentence] for sentence in sentences]
            begin, end = starts[first], starts[first + len(sentences)]
            inside = [[(m[0] - begin, m[1] - begin) for m in cluster if begin <= m[0] < end] for cluster in clusters]
            num_parts.update(number for number, cluster in enumerate(inside) if cluster)
            kept = [cluster for cluster in inside if len(cluster) > (self.singletons == "drop")]
            self.counts["clusters of one mention dropped"] += sum(map(bool, inside)) - len(kept)
            yield self._instance(document.doc_key, sentences, kept)
        self.counts["clusters cut by max_sentences"] += sum(number > 1 for number in num_parts.values())

    def gold_documents(self, document: Document, only_targets: bool = False) -> Iterable[Document]:
        """The document with its clusters merged, or its parts where it was cut."""
        for instance in self.instances(document):
            gold = instance["metadata"].metadata  # type: ignore[attr-defined]
            yield Document(document.doc_key, gold["sentences"], clusters=gold["clusters"])

    def segment(self, metadata: Dict[str, Any], first: int, stop: int) -> Instance:
        """Mentions outside of the run are dropped, and so are those that it leaves alone in their cluster."""
        sentences = metadata["sentences"]
        begin = sum(map(len, sentences[:first]))
        end = begin + sum(map(len, sentences[first:stop]))
        clusters = []
        for cluster in metadata["clusters"]:
            inside = [(start - begin, last - begin) for start, last in cluster if begin <= start < end]
            if inside and (len(inside) > 1 or len(cluster) == 1):
                clusters.append(inside)
        instance = self._instance(metadata["doc_key"], sentences[first:stop], clusters)
        self.apply_token_indexers(instance)
        return instance

    def _instance(self, doc_key: str, sentences: List[List[str]], clusters: List[List[Bounds]]) -> Instance:
        rows = [(*mention, number) for number, cluster in enumerate(clusters) for mention in cluster]
        # Shape: (num_mentions, 3)
        mentions = torch.tensor(rows, dtype=torch.long).view(-1, 3)
        fields: Dict[str, Field] = {
            "mentions": TensorField(mentions, padding_value=PADDING),
            "metadata": MetadataField({"doc_key": doc_key, "sentences": sentences, "clusters": clusters}),
        }
        if self.one_sequence:
            fields["text"] = self.text_field_of_sentences([[token for sentence in sentences for token in sentence]])
            ids = [number for number, sentence in enumerate(sentences) for _ in sentence]
            fields["sentence_ids"] = TensorField(torch.tensor(ids), padding_value=PADDING)
        else:
            fields["text"] = self.text_field_of_sentences(sentences)
        return Instance(fields)


def merge_clusters(clusters: Iterable[Iterable[Bounds]]) -> List[List[Bounds]]:
    """Clusters without empty ones, each mention once, those that share a mention merged into the first of them."""
    merged: List[Dict[Bounds, None]] = []
    for cluster in clusters:
        mentions: Dict[Bounds, None] = dict.fromkeys(map(_bounds, cluster))
        if not mentions:
            continue
        sharing = [other for other in merged if not mentions.keys().isdisjoint(other)]
        for other in sharing:
            merged.remove(other)
        union = {mention: None for group in (*sharing, mentions) for mention in group}
        merged.append(union)
    return sorted((distinct(cluster) for cluster in merged), key=min)


def _bounds(mention: Tuple[int, int]) -> Bounds:
    return mention[0], mention[1]
