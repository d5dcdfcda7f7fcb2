"""Sentences with dependency trees."""

from typing import Any, Iterable

from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import MetadataField

from hmtl.corpora.dependencies import EMPTY_NODES, MULTIWORD_TOKENS, RELATIONS, dependencies_of, set_dependencies
from hmtl.data.dataset_readers.document_reader import DocumentReader
from hmtl.data.fields import LabelledIndicesField
from hmtl.document import Document
from hmtl.errors import DataError


@DatasetReader.register("hmtl_dependencies")
class DependencyReader(DocumentReader):
    """One instance a sentence: its text and the head and the relation of each token.

    Fields: `text`; `dependencies`, shape (num_tokens, 3), rows `(token, head, relation)`, where the head 0 is the root
    and n the n-th token; `metadata` with `doc_key`, `sentence` (its number), `tokens`, and the gold `dependencies`, a
    `Dependency` for each token. Tokens are words: what is written as one token and is several, and what stands for no
    word (see `hmtl.corpora.dependencies`), is counted and logged.

    # Parameters

    layer : `str`, optional (default = `"deprel"`)
        The span layer that holds the relations; the heads are the metadata `heads`.
    label_namespace : `str`, optional (default = `"dependencies_labels"`)
        The vocabulary namespace of the relations.
    """

    def __init__(self, layer: str = RELATIONS, label_namespace: str = "dependencies_labels", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = layer
        self.label_namespace = label_namespace

    def require_layers(self, document: Document, path: str) -> None:
        try:
            dependencies_of(document, self.layer)
        except DataError as error:
            raise DataError(error.message, path) from error

    def gold_documents(self, document: Document, only_targets: bool = False) -> Iterable[Document]:
        """The sentences, with all layers of spans and their dependencies."""
        layers = {name: document.spans_by_sentence(name) for name in document.spans}
        for number, arcs in enumerate(dependencies_of(document, self.layer)):
            spans = {name: by_sentence[number] for name, by_sentence in layers.items()}
            sentence = Document(document.doc_key, [document.sentences[number]], spans)
            set_dependencies(sentence, [arcs], self.layer)
            yield sentence

    def instances(self, document: Document) -> Iterable[Instance]:
        self.counts["multiword tokens, read as their words"] += len(document.metadata.get(MULTIWORD_TOKENS, []))
        self.counts["empty nodes left out"] += document.metadata.get(EMPTY_NODES, 0)
        for number, arcs in enumerate(dependencies_of(document, self.layer)):
            tokens = document.sentences[number]
            fields = {
                "text": self.text_field(tokens),
                "dependencies": LabelledIndicesField(
                    [(token, head + 1) for token, head, _ in arcs],
                    [label for _, _, label in arcs],
                    self.label_namespace,
                    self.allow_unknown_labels,
                ),
                "metadata": MetadataField(
                    {"doc_key": document.doc_key, "sentence": number, "tokens": tokens, "dependencies": arcs}
                ),
            }
            yield Instance(fields)  # type: ignore[arg-type]
