"""Sentences with all their labelled spans, nested ones too."""

from typing import Any, Dict, Iterable, List

from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import MetadataField

from hmtl.data.dataset_readers.document_reader import distinct
from hmtl.data.fields import LabelledIndicesField
from hmtl.document import Document, Span
from hmtl.tasks.spans.tagging_reader import TaggingReader


@DatasetReader.register("hmtl_spans")
class SpanReader(TaggingReader):
    """One instance a sentence: its text and all labelled spans of one layer, for the head `hmtl_spans`.

    Fields: `text`; `all_spans`, shape (num_spans, 3), rows `(start, end, label)`, each once, whether they overlap or
    not; `metadata` with `doc_key`, `sentence` (its number), `tokens` and the gold `spans`.

    # Parameters

    layer : `str`
        The span layer of the documents, such as `ner` or `emd`.
    label_namespace : `str`, optional (default = `f"{layer}_labels"`)
        The vocabulary namespace of the span labels.
    """

    def __init__(self, layer: str, label_namespace: str = None, **kwargs: Any) -> None:
        super().__init__(layer, label_namespace, **kwargs)

    def instances(self, document: Document) -> Iterable[Instance]:
        for number, (tokens, spans) in enumerate(zip(document.sentences, document.spans_by_sentence(self.layer))):
            gold = sorted(distinct(spans))
            yield Instance(self._fields(document, number, tokens, gold, [span.label for span in gold]))

    def _fields(
        self, document: Document, number: int, tokens: List[str], gold: List[Span], labels: List[str]
    ) -> Dict[str, Any]:
        """The fields of a sentence; `labels` are those of its gold spans in the vocabulary."""
        return {
            "text": self.text_field(tokens),
            "all_spans": LabelledIndicesField(
                [span.bounds for span in gold], labels, self.label_namespace, self.allow_unknown_labels
            ),
            "metadata": MetadataField(
                {"doc_key": document.doc_key, "sentence": number, "tokens": tokens, "spans": gold}
            ),
        }
