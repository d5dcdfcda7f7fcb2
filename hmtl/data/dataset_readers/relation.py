"""Sentences with relations between the heads of mentions."""

from typing import Any, Iterable

from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import MetadataField

from hmtl.data.dataset_readers.document_reader import DocumentReader, distinct
from hmtl.data.document import Document
from hmtl.data.fields import LabelledIndicesField


@DatasetReader.register("hmtl_relation")
class RelationReader(DocumentReader):
    """One instance a sentence: its text and its relations, each argument represented by its last token.

    Fields: `text`; `relations`, shape (num_relations, 3), rows `(last token of arg1, last token of arg2, label)`;
    `metadata` with `doc_key`, `sentence` (its number), `tokens` and the gold `relations` as such rows.

    # Parameters

    label_namespace : `str`, optional (default = `"relation_labels"`)
        The vocabulary namespace of the relation types.
    only_sentences_with_relations : `bool`, optional (default = `False`)
        Leave out sentences without relations, as the 2018 implementation did. Use it for training only: at test time it
        hides false positives.
    """

    def __init__(
        self, label_namespace: str = "relation_labels", only_sentences_with_relations: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.label_namespace = label_namespace
        self.only_sentences_with_relations = only_sentences_with_relations

    def require_layers(self, document: Document, path: str) -> None:
        if document.relations is None:
            raise self.missing_layer(document, "relations", path)

    def instances(self, document: Document) -> Iterable[Instance]:
        for number, (tokens, relations) in enumerate(zip(document.sentences, document.relations_by_sentence())):
            rows = distinct((arg1[1], arg2[1], label) for arg1, arg2, label in relations)
            self.counts["relations that repeat the last tokens of another"] += len(relations) - len(rows)
            self.counts["relations of a token with itself"] += sum(first == second for first, second, _ in rows)
            if not rows and self.only_sentences_with_relations:
                self.counts["sentences without relations left out"] += 1
                continue
            fields = {
                "text": self.text_field(tokens),
                "relations": LabelledIndicesField(
                    [row[:2] for row in rows],
                    [row[2] for row in rows],
                    self.label_namespace,
                    self.allow_unknown_labels,
                ),
                "metadata": MetadataField(
                    {"doc_key": document.doc_key, "sentence": number, "tokens": tokens, "relations": rows}
                ),
            }
            yield Instance(fields)  # type: ignore[arg-type]
