"""The order of adjacent sentences of any documents, as pairs of texts whose labels nobody has to annotate."""

import random
from typing import Any, Iterable, Iterator

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance

from hmtl.document import LABELS, SECOND_TEXT, Document
from hmtl.errors import DataError
from hmtl.tasks.labels.label_reader import PairReader

IN_ORDER, SWAPPED = "in_order", "swapped"


@DatasetReader.register("hmtl_sentence_order")
class SentenceOrderReader(PairReader):
    """One instance for each two adjacent sentences of a document, in their order or swapped: a pair of texts for the
    head `hmtl_pairs`, whose label is `in_order` or `swapped` (the task ORDER of Jernite, Bowman and Sontag 2017,
    "Discourse-Based Objectives for Fast Unsupervised Sentence Representation Learning").

    Each pair is swapped with a probability of 1/2; which ones are depends on the seed, the document's key and the
    sentence's number alone. A document of one sentence has no pair: it is left out, and counted.

    Fields: those of `PairReader`. The `doc_key` of a pair is that of its document with the number of the sentence, from
    0, that comes first in it.

    # Parameters

    layer : `str`, optional (default = `"sentence_order"`)
        What the labels are called, as if a layer of the documents had them.
    seed : `int`, optional (default = `13370`)
        Draws the pairs that are swapped.

    The others are those of `PairReader`.

    # Raises

    ConfigurationError
        As `PairReader` does, and where `values` is `number`.
    DataError
        Where no document of a file has two sentences.
    """

    def __init__(self, layer: str = "sentence_order", seed: int = 13370, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if self.values == "number":
            raise ConfigurationError("values is 'number', and the order of sentences is a label; leave it out")
        self.seed = seed

    def _read(self, file_path: str) -> Iterable[Instance]:
        instance = None
        for instance in super()._read(file_path):
            yield instance
        if instance is None:
            raise DataError(
                "every document has one sentence alone, and the order of sentences is learned from two; take a corpus "
                "whose documents are texts",
                file_path,
            )

    def require_layers(self, document: Document, path: str) -> None:
        """Any document will do."""

    def instances(self, document: Document) -> Iterable[Instance]:
        if len(document.sentences) < 2:
            self.counts["documents of one sentence left out"] += 1
        for pair in self._pairs(document):
            yield from super().instances(pair)

    def gold_documents(self, document: Document, only_targets: bool = False) -> Iterable[Document]:
        for pair in self._pairs(document):
            yield from super().gold_documents(pair, only_targets)

    def _pairs(self, document: Document) -> Iterator[Document]:
        """The adjacent sentences as pairs of texts with their label."""
        # A string is hashed by SHA-512 here, not by `hash`, which differs from process to process.
        generator = random.Random(f"{self.seed} {document.doc_key}")
        for number, (first, second) in enumerate(zip(document.sentences, document.sentences[1:])):
            is_swapped = generator.random() < 0.5
            yield Document(
                f"{document.doc_key}_{number}",
                [second, first] if is_swapped else [first, second],
                metadata={LABELS: {"document": {self.layer: SWAPPED if is_swapped else IN_ORDER}}, SECOND_TEXT: 1},
            )
