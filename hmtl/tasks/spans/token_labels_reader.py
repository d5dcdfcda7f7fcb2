"""Sentences with one label a token: parts of speech, chunks, supersenses, and their like."""

from typing import Any, Iterable, Iterator, List, Literal, Sequence, get_args

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance
from allennlp.data.fields import MetadataField

from hmtl.data.dataset_readers.document_reader import DocumentReader, distinct
from hmtl.data.fields import LabelledIndicesField
from hmtl.document import Document, NestedSpans, Span, flatten_spans

OUTSIDE = "O"
Scheme = Literal["bio", "plain"]


@DatasetReader.register("hmtl_token_labels")
class TokenLabelsReader(DocumentReader):
    """One instance a sentence: its text, and one label for each token from the spans of one layer.

    A token outside of all spans is labelled `O`. Fields: `text`; `labels`, shape (num_tokens, 2), rows
    `(token, label)`; `metadata` with `doc_key`, `sentence` (its number), `tokens`, and the gold `spans`: one `Span` of
    one token for each label but `O`. A token of several spans has a gold label of each, of which one is its target:
    `flat_spans` holds the targets alone.

    # Parameters

    layer : `str`
        The span layer of the documents, such as `pos` or `chunks`.
    scheme : `str`, optional (default = `"bio"`)
        `"bio"`: the first token of a span is labelled `B-` and its label, the others `I-`. `"plain"`: each is labelled
        as its span, for layers whose spans are single tokens.
    label_namespace : `str`, optional (default = `f"{layer}_labels"`)
        The vocabulary namespace of the labels.
    nested_spans : `str`, optional (default = `"innermost"`)
        Which of overlapping spans give the targets, as in `TaggingReader`.
    """

    def __init__(
        self,
        layer: str,
        scheme: Scheme = "bio",
        label_namespace: str = None,
        nested_spans: NestedSpans = "innermost",
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
        by_sentence = zip(document.sentences, document.spans_by_sentence(self.layer), self.labels_of(document))
        for number, (tokens, spans, labels) in enumerate(by_sentence):
            gold, targets = sorted(distinct(self._gold(spans))), labelled(labels)
            self.counts[f"labels of '{self.layer}' that are no targets"] += len(set(gold) - set(targets))
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
                    {
                        "doc_key": document.doc_key,
                        "sentence": number,
                        "tokens": tokens,
                        "spans": gold,
                        "flat_spans": targets,
                    }
                ),
            }
            yield Instance(fields)  # type: ignore[arg-type]

    def labels_of(self, document: Document) -> List[List[str]]:
        """The target of each token, sentence by sentence."""
        all_labels = []
        for tokens, spans in zip(document.sentences, document.spans_by_sentence(self.layer)):
            labels = [OUTSIDE] * len(tokens)
            for token, _, label in self._gold(flatten_spans(spans, self.nested_spans)):
                labels[token] = label
            all_labels.append(labels)
        return all_labels

    def _gold(self, spans: Iterable[Span]) -> Iterator[Span]:
        """The labels of the spans' tokens, each as a span of one token."""
        for start, end, label in spans:
            first, other = (f"B-{label}", f"I-{label}") if self.scheme == "bio" else (label, label)
            yield Span(start, start, first)
            yield from (Span(token, token, other) for token in range(start + 1, end + 1))


def labelled(labels: Sequence[str]) -> List[Span]:
    """A span of one token for each label but `O`."""
    return [Span(position, position, label) for position, label in enumerate(labels) if label != OUTSIDE]
