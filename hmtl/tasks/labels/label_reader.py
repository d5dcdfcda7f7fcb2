"""Sentences or documents with a label, several, or a number; and pairs of texts with these."""

from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, get_args

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import Field, MetadataField, TensorField

from hmtl.alignment import Bounds
from hmtl.common.checks import shown
from hmtl.data.dataset_readers.document_reader import DocumentReader, distinct
from hmtl.data.fields import LabelledIndicesField
from hmtl.document import LABELS, SECOND_TEXT, Document, Scope
from hmtl.errors import DataError
from hmtl.tasks.labels.values import Value, ValuesName, check_values, number_fault


@DatasetReader.register("hmtl_labels")
class LabelReader(DocumentReader):
    """One instance a sentence, or a document: its text and its entry in a layer of the metadata `labels` (see
    `Document`), for the head `hmtl_labels`. Rows without an entry are left out, and counted.

    Fields: `text`, of documents a list of sentences; `target_labels`, shape (num_labels, 1), or `target_number`, shape
    (1,); `metadata` with `doc_key`, of a sentence its number `sentence` and its `tokens`, of a document its
    `sentences`, and the gold `labels`, `[(label,), ...]`, or `numbers`, `[(number,)]`.

    # Parameters

    layer : `str`
        The layer of labels, such as `s_type`.
    scope : `str`, optional (default = `"sentence"`)
        What an instance is, `sentence` or `document`. Tell the head, too.
    values : `str`, optional (default = `"label"`)
        What each row has: one `label`, any number of `labels`, or a `number`. Tell the head, too.
    label_namespace : `str`, optional (default = `f"{layer}_labels"`)
        The vocabulary namespace of the labels.
    number_range : `Tuple[int, int]`, optional (default = `None`)
        The ends of the range that all numbers lie in.

    # Raises

    ConfigurationError
        Where an option has another value.
    """

    # The kinds of labels and of numbers, as `metadata` call them.
    kinds: Tuple[str, str] = ("labels", "numbers")

    def __init__(
        self,
        layer: str,
        scope: Scope = "sentence",
        values: ValuesName = "label",
        label_namespace: str = None,
        number_range: Optional[Sequence[int]] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if scope not in get_args(Scope):
            raise ConfigurationError(f"scope: '{scope}' is neither 'sentence' nor 'document'")
        check_values(values, number_range)
        self.layer = layer
        self.scope = scope
        self.values = values
        self.label_namespace = label_namespace or f"{layer}_labels"
        self.number_range = number_range

    def require_layers(self, document: Document, path: str) -> None:
        found = document.label_layers
        if self.layer not in found:
            raise DataError(
                f"document '{document.doc_key}' has no layer '{self.layer}' of labels (it has: "
                f"{', '.join(found) or 'none'}); choose another layer or corpus for this task",
                path,
            )
        if found[self.layer] != self.scope:
            raise DataError(
                f"document '{document.doc_key}' has the layer '{self.layer}' by {found[self.layer]}, and the reader "
                f"reads it by {self.scope}; set scope to '{found[self.layer]}' in the reader and in the head",
                path,
            )
        for entry in document.label_values(self.layer):
            fault = None if entry is None else self._fault(entry)
            if fault:
                raise DataError(f"document '{document.doc_key}', layer '{self.layer}': {fault}", path)

    def instances(self, document: Document) -> Iterable[Instance]:
        for metadata, gold in self._rows(document):
            is_sentence = "tokens" in metadata
            text = (
                self.text_field(metadata["tokens"]) if is_sentence else self.text_field_of_sentences(document.sentences)
            )
            items = [self._item(document, value) for value in gold]
            yield Instance(
                {
                    "text": text,
                    **self._targets(gold),
                    **self._other_fields(document),
                    "metadata": MetadataField({**metadata, self.kinds[self.values == "number"]: items}),
                }
            )

    def gold_documents(self, document: Document, only_targets: bool = False) -> Iterable[Document]:
        """The rows, each with its entry as that of a document."""
        for metadata, gold in self._rows(document):
            sentences = [metadata["tokens"]] if "tokens" in metadata else document.sentences
            entry = gold if self.values == "labels" else gold[0]
            kept = {LABELS: {"document": {self.layer: entry}}, **self._kept(document)}
            yield Document(document.doc_key, sentences, metadata=kept)

    def _rows(self, document: Document) -> Iterator[Tuple[Dict[str, Any], List[Value]]]:
        """The metadata of each row that has an entry, and its gold values."""
        for number, entry in enumerate(document.label_values(self.layer)):
            if entry is None:
                self.counts[f"{self.scope}s without an entry in '{self.layer}' left out"] += 1
                continue
            metadata: Dict[str, Any] = {"doc_key": document.doc_key}
            if self.scope == "sentence":
                metadata.update(sentence=number, tokens=document.sentences[number])
            else:
                metadata["sentences"] = document.sentences
            yield metadata, distinct(entry) if isinstance(entry, list) else [entry]

    def _fault(self, entry: Any) -> Optional[str]:
        """What is wrong with an entry that `Document.validate` accepts, or `None`."""
        if self.values == "number":
            return number_fault(entry, self.number_range)
        labels = entry if isinstance(entry, list) else [entry]
        if not all(isinstance(label, str) for label in labels):
            return f"{shown(entry)} is no label; for numbers set values to 'number' in the reader and in the head"
        if self.values == "label" and len(set(labels)) != 1:
            return f"{shown(entry)} is not one label; set values to 'labels' in the reader and in the head"
        return None

    def _targets(self, gold: List[Value]) -> Dict[str, Field]:
        if self.values == "number":
            return {"target_number": TensorField(torch.tensor([float(gold[0])]))}
        labels = [str(label) for label in gold]
        field = LabelledIndicesField(
            [()] * len(labels), labels, self.label_namespace, self.allow_unknown_labels, row_length=0
        )
        return {"target_labels": field}

    def _item(self, document: Document, value: Value) -> Tuple[Any, ...]:
        return (value,)

    def _other_fields(self, document: Document) -> Dict[str, Field]:
        return {}

    def _kept(self, document: Document) -> Dict[str, Any]:
        """What else of the metadata a gold document has."""
        return {}


@DatasetReader.register("hmtl_pairs")
class PairReader(LabelReader):
    """One instance a pair of texts, a document with `second_text` in its metadata (see `Document`): its sentences and
    its entry in a layer of labels of documents, for the head `hmtl_pairs`.

    Fields: those of `LabelReader` of documents, and `second_text`, shape (1,), the number of the sentence that begins
    the second text; `metadata` have the gold `pairs`, or `pair_numbers`, `[(bounds of the first text, bounds of the
    second, label or number), ...]`, where bounds are the first and the last token.

    The parameters are those of `LabelReader`, but for `scope`.
    """

    kinds = ("pairs", "pair_numbers")

    def __init__(self, layer: str, **kwargs: Any) -> None:
        super().__init__(layer, scope="document", **kwargs)

    def require_layers(self, document: Document, path: str) -> None:
        super().require_layers(document, path)
        if document.second_text is None:
            raise DataError(
                f"document '{document.doc_key}' is no pair of texts: its metadata have no '{SECOND_TEXT}'; for labels "
                "of single texts take the reader hmtl_labels and the head hmtl_labels",
                path,
            )

    def _item(self, document: Document, value: Value) -> Tuple[Any, ...]:
        lengths = [len(sentence) for sentence in document.sentences]
        return (*bounds_of_texts(sum(lengths[: document.second_text]), sum(lengths)), value)

    def _other_fields(self, document: Document) -> Dict[str, Field]:
        return {"second_text": TensorField(torch.tensor([document.second_text]))}

    def _kept(self, document: Document) -> Dict[str, Any]:
        return {SECOND_TEXT: document.second_text}


def bounds_of_texts(num_first: int, num_tokens: int) -> Tuple[Bounds, Bounds]:
    """The first and the last token of each of two texts: the first has so many, of so many tokens of both."""
    return (0, num_first - 1), (num_first, num_tokens - 1)
