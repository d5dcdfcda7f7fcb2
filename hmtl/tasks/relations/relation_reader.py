"""Sentences with relations between the heads of mentions."""

from typing import Any, Iterable, Optional

from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import MetadataField

from hmtl.data.dataset_readers.document_reader import DocumentReader, distinct
from hmtl.data.fields import LabelledIndicesField
from hmtl.document import MENTION_LAYERS, Document
from hmtl.tasks.task_head import Scope


@DatasetReader.register("hmtl_relation")
class RelationReader(DocumentReader):
    """One instance a sentence: its text and its relations.

    Relations across sentences are left out and counted.

    Fields: `text`; `relations`, shape (num_relations, 3), rows `(last token of arg1, last token of arg2, label)`, equal
    ones once; `metadata` with `doc_key`, `sentence` (its number), `tokens`, the gold `relations` (`Relation`s with the
    bounds of both arguments, equal ones once) and `mentions`, the gold `Span`s that say the arguments' types, or `None`
    where they are not annotated. Offsets count from the start of the sentence.

    # Parameters

    label_namespace : `str`, optional (default = `"relation_labels"`)
        The vocabulary namespace of the relation types.
    only_sentences_with_relations : `bool`, optional (default = `False`)
        Leave out sentences without relations, as the 2018 implementation did. Use it for training only: at test time it
        hides false positives.
    mention_layer : `str`, optional (default = the first of `emd` and `ner` that a document has)
        The span layer of the mentions.
    """

    scope: Scope = "sentence"

    def __init__(
        self,
        label_namespace: str = "relation_labels",
        only_sentences_with_relations: bool = False,
        mention_layer: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.label_namespace = label_namespace
        self.only_sentences_with_relations = only_sentences_with_relations
        self.mention_layers = MENTION_LAYERS if mention_layer is None else (mention_layer,)
        self._required_layers = [] if mention_layer is None else [mention_layer]

    def require_layers(self, document: Document, path: str) -> None:
        if document.relations is None:
            raise self.missing_layer(document, "relations", path)
        for layer in self._required_layers:
            if layer not in document.spans:
                raise self.missing_layer(document, layer, path)

    def gold_documents(self, document: Document, only_targets: bool = False) -> Iterable[Document]:
        """The sentences that are kept, with the mentions of all layers and the relations."""
        spans = {layer: document.spans_by_sentence(layer) for layer in document.spans}
        for instance in self.instances(document):
            gold = instance["metadata"].metadata  # type: ignore[attr-defined]
            mentions = {layer: by_sentence[gold["sentence"]] for layer, by_sentence in spans.items()}
            # As the reader has them: those without direction in the order of the text.
            yield Document(document.doc_key, [gold["tokens"]], mentions, gold["relations"])

    def instances(self, document: Document) -> Iterable[Instance]:
        layer = next((name for name in self.mention_layers if name in document.spans), None)
        mentions = None if layer is None else document.spans_by_sentence(layer)
        self.counts["relations across sentences left out"] += len(document.relations_across_sentences)
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
                    {
                        "doc_key": document.doc_key,
                        "sentence": number,
                        "tokens": tokens,
                        "relations": distinct(relations),
                        "mentions": None if mentions is None else mentions[number],
                    }
                ),
            }
            yield Instance(fields)  # type: ignore[arg-type]
