"""Sentences, or documents, with relations between whole spans."""

import json
from dataclasses import replace
from typing import Any, Collection, Dict, Iterable, List, Optional, Sequence, get_args

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField

from hmtl.data.dataset_readers.document_reader import distinct
from hmtl.data.fields import LabelledIndicesField
from hmtl.document import Document, Relation, Span
from hmtl.tasks.relations.relation_reader import RelationReader
from hmtl.tasks.task_head import Scope


@DatasetReader.register("hmtl_span_relations")
class SpanRelationReader(RelationReader):
    """One instance a sentence, or a document: its text, its mentions, and the relations between whole spans, for the
    head `hmtl_span_relations`.

    Fields: `text`; `span_relations`, shape (num_relations, 5), rows `(start of arg1, its end, start of arg2, its end,
    label)`, each once; `span_mentions`, shape (num_mentions, 3), rows `(start, end, label)`, none where mentions are
    not annotated; `signatures`, which serves the vocabulary alone: the types that each relation joins, see
    `signature`; `metadata` as that of `RelationReader`. Of documents `text` is a list of sentences, offsets count from
    the document's start, and `metadata` have all its `sentences` and its gold `clusters` (`None` where they are not
    annotated) in place of a sentence's number and tokens.

    # Parameters

    scope : `str`, optional (default = `"sentence"`)
        What an instance is, `sentence` or `document`. Relations across sentences are left out of sentences and counted.
        Tell the head, too. `only_sentences_with_relations` leaves out documents without relations then.

    symmetric : `List[str]`, optional (default = none)
        The labels of relations that have no direction: their gold arguments are put in the order of the text, so that
        both directions are one. Tell the head, too.
    mention_namespace : `str`, optional (default = `"mention_labels"`)
        The vocabulary namespace of the mentions' labels.
    signature_namespace : `str`, optional (default = `"signature_labels"`)
        The vocabulary namespace of the signatures.

    The others are those of `RelationReader`.

    # Raises

    ConfigurationError
        Where `scope` has neither value.
    """

    def __init__(
        self,
        symmetric: Sequence[str] = (),
        mention_namespace: str = "mention_labels",
        signature_namespace: str = "signature_labels",
        scope: Scope = "sentence",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if scope not in get_args(Scope):
            raise ConfigurationError(f"scope: '{scope}' is neither 'sentence' nor 'document'")
        self.scope = scope
        self.symmetric = set(symmetric)
        self.mention_namespace = mention_namespace
        self.signature_namespace = signature_namespace

    def gold_documents(self, document: Document, only_targets: bool = False) -> Iterable[Document]:
        """The sentences that are kept, or the document, with the mentions of all layers and the relations; the document
        also with its clusters."""
        if self.scope == "sentence":
            yield from super().gold_documents(document, only_targets)
            return
        for instance in self.instances(document):
            gold = instance["metadata"].metadata  # type: ignore[attr-defined]
            yield replace(document, relations=gold["relations"])

    def instances(self, document: Document) -> Iterable[Instance]:
        layer = next((name for name in self.mention_layers if name in document.spans), None)
        if self.scope == "document":
            whole = {"sentences": document.sentences, "clusters": document.clusters}
            text = self.text_field_of_sentences(document.sentences)
            spans = None if layer is None else document.spans[layer]
            yield from self._instances(document.doc_key, text, document.relations or [], spans, whole)
            return
        mentions = None if layer is None else document.spans_by_sentence(layer)
        self.counts["relations across sentences left out"] += len(document.relations_across_sentences)
        for number, (tokens, relations) in enumerate(zip(document.sentences, document.relations_by_sentence())):
            spans = None if mentions is None else mentions[number]
            part = {"sentence": number, "tokens": tokens}
            yield from self._instances(document.doc_key, self.text_field(tokens), relations, spans, part)

    def _instances(
        self, doc_key: str, text: Field, given: List[Relation], mentions: Optional[List[Span]], metadata: Dict[str, Any]
    ) -> Iterable[Instance]:
        """The instance of a sentence or document, unless it is to be left out."""
        relations = distinct(in_text_order(relation, self.symmetric) for relation in given)
        self.counts["relations of a span with itself"] += sum(arg1 == arg2 for arg1, arg2, _ in relations)
        if not relations and self.only_sentences_with_relations:
            self.counts[f"{self.scope}s without relations left out"] += 1
            return
        spans = distinct(mentions or [])
        signatures = list(signatures_of(relations, spans))
        fields = {
            "text": text,
            "span_relations": LabelledIndicesField(
                [(*relation.arg1, *relation.arg2) for relation in relations],
                [relation.label for relation in relations],
                self.label_namespace,
                self.allow_unknown_labels,
                row_length=4,
            ),
            # The labels of mentions are no targets, so that a label which the vocabulary lacks is no error.
            "span_mentions": LabelledIndicesField(
                [span.bounds for span in spans],
                [span.label for span in spans],
                self.mention_namespace,
                allow_unknown=True,
            ),
            "signatures": LabelledIndicesField(
                [()] * len(signatures), signatures, self.signature_namespace, allow_unknown=True, row_length=0
            ),
            "metadata": MetadataField({"doc_key": doc_key, **metadata, "relations": relations, "mentions": mentions}),
        }
        yield Instance(fields)


def in_text_order(relation: Relation, symmetric: Collection[str]) -> Relation:
    """The relation, with the earlier argument first where it has no direction."""
    if relation.label in symmetric and relation.arg2 < relation.arg1:
        return Relation(relation.arg2, relation.arg1, relation.label)
    return relation


def signature(arg1_type: str, label: str, arg2_type: str) -> str:
    """What a relation's label and the types of its arguments are called in the vocabulary."""
    return json.dumps([arg1_type, label, arg2_type], ensure_ascii=False)


def signatures_of(relations: Iterable[Relation], mentions: List[Span]) -> Iterable[str]:
    """The signatures of the relations whose arguments are both mentions."""
    for relation in relations:
        arg1_types, arg2_types = (
            [span.label for span in mentions if span.bounds == bounds] for bounds in (relation.arg1, relation.arg2)
        )
        yield from (signature(first, relation.label, second) for first in arg1_types for second in arg2_types)
