"""Sentences with predicates and their arguments, such as semantic roles."""

from typing import Any, Iterable, List, Optional, Sequence, Tuple

import torch
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import MetadataField, TensorField

from hmtl.data.dataset_readers.document_reader import DocumentReader, distinct
from hmtl.data.fields import PADDING, LabelledIndicesField
from hmtl.document import Bounds, Document, Relation, Span, flatten_spans
from hmtl.tasks.task_head import Scope


@DatasetReader.register("hmtl_predicate_arguments")
class PredicateArgumentsReader(DocumentReader):
    """One instance a sentence: its text, its predicates, and the labelled arguments of each, for the head
    `hmtl_predicate_arguments`.

    Predicates are spans of a layer; an argument is a relation of the document, from the span of a predicate to that of
    the argument, labelled by its role. Relations across sentences are left out and counted.

    Fields: `text`; `predicates`, shape (num_predicates, 2), rows `(start, end)`; `arguments`, shape (num_arguments, 4),
    rows `(number of the predicate, start, end, label)`, those that are targets; `metadata` with `doc_key`, `sentence`
    (its number), `tokens`, the `predicates` (bounds), and the gold `relations`, all that the sentence has, each once.
    Offsets count from the start of the sentence. Arguments of one predicate that overlap cannot all be targets: the
    longest are, and the others stay gold.

    # Parameters

    predicate_layer : `str`, optional (default = `"pos"`)
        The span layer of the predicates.
    predicate_labels : `List[str]`, optional (default = `["VERB"]`)
        The labels of that layer whose spans are predicates; all, where it is empty.
    label_namespace : `str`, optional (default = `"arguments_labels"`)
        The vocabulary namespace of the roles.
    """

    scope: Scope = "sentence"
    # The relations are between predicates and phrases: no layer of mentions says what types they join.
    mention_layers: Tuple[str, ...] = ()

    def __init__(
        self,
        predicate_layer: str = "pos",
        predicate_labels: Optional[Sequence[str]] = None,
        label_namespace: str = "arguments_labels",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.predicate_layer = predicate_layer
        self.predicate_labels = ["VERB"] if predicate_labels is None else list(predicate_labels)
        self.label_namespace = label_namespace

    def require_layers(self, document: Document, path: str) -> None:
        if document.relations is None:
            raise self.missing_layer(document, "relations", path)
        if self.predicate_layer not in document.spans:
            raise self.missing_layer(document, self.predicate_layer, path)

    def gold_documents(self, document: Document, only_targets: bool = False) -> Iterable[Document]:
        """The sentences with their relations; with `only_targets` with those that are targets."""
        for instance in self.instances(document):
            gold = instance["metadata"].metadata  # type: ignore[attr-defined]
            relations = gold["relations"]
            if only_targets:
                relations = [
                    Relation(predicate, argument.bounds, argument.label)
                    for predicate in gold["predicates"]
                    for argument in arguments_of(predicate, relations)
                ]
            yield Document(document.doc_key, [gold["tokens"]], relations=relations)

    def instances(self, document: Document) -> Iterable[Instance]:
        self.counts["relations across sentences left out"] += len(document.relations_across_sentences)
        by_sentence = zip(
            document.sentences, document.spans_by_sentence(self.predicate_layer), document.relations_by_sentence()
        )
        for number, (tokens, spans, given) in enumerate(by_sentence):
            relations = distinct(given)
            predicates = distinct(
                span.bounds
                for span in sorted(spans)
                if not self.predicate_labels or span.label in self.predicate_labels
            )
            targets = [
                (number, argument)
                for number, predicate in enumerate(predicates)
                for argument in arguments_of(predicate, relations)
            ]
            self.counts["arguments that are no targets"] += len(relations) - len(targets)
            fields = {
                "text": self.text_field(tokens),
                "predicates": TensorField(torch.tensor(predicates).view(-1, 2).long(), padding_value=PADDING),
                "arguments": LabelledIndicesField(
                    [(number, *argument.bounds) for number, argument in targets],
                    [argument.label for _, argument in targets],
                    self.label_namespace,
                    self.allow_unknown_labels,
                    row_length=3,
                ),
                "metadata": MetadataField(
                    {
                        "doc_key": document.doc_key,
                        "sentence": number,
                        "tokens": tokens,
                        "predicates": predicates,
                        "relations": relations,
                    }
                ),
            }
            yield Instance(fields)  # type: ignore[arg-type]


def arguments_of(predicate: Bounds, relations: Iterable[Relation]) -> List[Span]:
    """The arguments of a predicate that a sequence of tags can hold: of those that overlap the longest."""
    return flatten_spans((Span(*arg2, label) for arg1, arg2, label in relations if arg1 == predicate), "outermost")
