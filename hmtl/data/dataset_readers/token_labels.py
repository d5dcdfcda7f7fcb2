"""Sentences with one label a token: parts of speech, chunks, supersenses, and their like."""

from typing import Any, Iterable, List, Literal, Sequence, get_args

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import MetadataField

from hmtl.data.dataset_readers.document_reader import DocumentReader
from hmtl.data.dataset_readers.tagging import NestedSpans, flatten_spans
from hmtl.data.document import Document, Span
from hmtl.data.fields import LabelledIndicesField

OUTSIDE = "O"
Scheme = Literal["bio", "plain"]


@DatasetReader.register("hmtl_token_labels")
class TokenLabelsReader(DocumentReader):
    """One instance a sentence: its text, and one label for each token from the spans of one layer.

    A token outside of all spans is labelled `O`. Fields: `text`; `labels`, shape (num_tokens, 2), rows
    `(token, label)`; `metadata` with `doc_key`, `sentence` (its number), `tokens`, and the gold `spans`: one `Span` of
    one token for each label but `O`.

    # Parameters

    layer : `str`
        The span layer of the documents, such as `pos` or `chunks`.
    scheme : `str`, optional (default = `"bio"`)
        `"bio"`: the first token of a span is labelled `B-` and its label, the others `I-`. `"plain"`: each is labelled
        as its span, for layers whose spans are single tokens.
    label_namespace : `str`, optional (default = `f"{layer}_labels"`)
        The vocabulary namespace of the labels.
    nested_spans : `str`, optional (default = `"outermost"`)
        Which of overlapping spans are kept, as in `TaggingReader`.
    """

    def __init__(
        self,
        layer: str,
        scheme: Scheme = "bio",
        label_namespace: str = None,
        nested_spans: NestedSpans = "outermost",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value, choices in (("scheme", scheme, Scheme), ("nested_spans", nested_spans, NestedSpans)):
            if value not in get_args(choices):
                raise ConfigurationError(f"{name} must be {' or '.join(map(repr, get_args(choices)))}, not '{value}'")
        self.layer = layer
        self.scheme = scheme
        self.label_namespace = label_namespace or f"{layer}_labels"
        self.nested_spans = nested_spans

    def require_layers(self, document: Document, path: str) -> None:
        if self.layer not in document.spans:
            raise self.missing_layer(document, self.layer, path)

    def instances(self, document: Document) -> Iterable[Instance]:
        for number, (tokens, labels) in enumerate(zip(document.sentences, self.labels_of(document))):
            fields = {
                "text": self.text_field(tokens),
                "labels": LabelledIndicesField(
                    [(position,) for position in range(len(tokens))],
                    labels,
                    self.label_namespace,
                    self.allow_unknown_labels,
                    row_length=1,
                ),
                "metadata": MetadataField(
                    {"doc_key": document.doc_key, "sentence": number, "tokens": tokens, "spans": labelled(labels)}
                ),
            }
            yield Instance(fields)  # type: ignore[arg-type]

    def labels_of(self, document: Document) -> List[List[str]]:
        """The label of each token, sentence by sentence."""
        by_sentence = document.spans_by_sentence(self.layer)
        all_labels = []
        for tokens, spans in zip(document.sentences, by_sentence):
            kept = flatten_spans(spans, self.nested_spans)
            self.counts[f"overlapping '{self.layer}' spans left out"] += len(spans) - len(kept)
            labels = [OUTSIDE] * len(tokens)
            for start, end, label in kept:
                first, other = (f"B-{label}", f"I-{label}") if self.scheme == "bio" else (label, label)
                labels[start : end + 1] = [first, *[other] * (end - start)]
            all_labels.append(labels)
        return all_labels


def labelled(labels: Sequence[str]) -> List[Span]:
    """A span of one token for each label but `O`."""
    return [Span(position, position, label) for position, label in enumerate(labels) if label != OUTSIDE]
