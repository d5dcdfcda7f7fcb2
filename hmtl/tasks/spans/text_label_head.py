"""Labelled spans whose labels are texts, so that those can be asked for that training never had."""

from typing import Any, Dict, List, Optional, Sequence

import torch
import torch.nn.functional as F
from allennlp.data import TextFieldTensors, TokenIndexer, Vocabulary
from allennlp.models.heads import Head

from hmtl.common.standing_spans import Overlaps, Selection
from hmtl.data.fields import index_texts
from hmtl.metrics import SpanF1
from hmtl.modules.feedforward import after_first_layer
from hmtl.modules.float32 import at_least_float32, in_float32
from hmtl.modules.spans import Spans, attended, in_blocks
from hmtl.tasks.spans.span_head import SpanHead
from hmtl.tasks.spans.text_label_reader import LABEL_NAMESPACE, SEPARATOR, namespace_of_sets
from hmtl.tasks.task_head import LabelTexts, labels_of

# The score of a label that the corpus of a sentence does not annotate: its probability and its gradient are 0.
_NEVER = -1e4
# Of a cosine, at first: the inverse of a temperature of 0.05.
_SCALE = 20.0


@Head.register("hmtl_text_label_spans")
class TextLabelSpanHead(SpanHead):
    """Scores every span of up to a width for labels that are texts, encoded by the encoder that reads the sentences
    (Zaratiana et al. 2023, "GLiNER: Generalist Model for Named Entity Recognition using Bidirectional Transformer",
    with label and sentence encoded apart; the extractive reading of McCann et al. 2018, "The Natural Language
    Decathlon: Multitask Learning as Question Answering"). Any text can be a label then.

    It is a `SpanHead` but for the score, which is `m(h) + s * <U x + C h, l> / embedding_dim`:

    - `h`, shape (hidden_dim,): the span, as the head's feed-forward network represents it,
    - `m(h)`: whether it is a mention at all, linear in `h`,
    - `x`, shape (embedding_dim,): the attention-weighted mean of the shared embedding over the span, where the
      embedding of each word is normalised to mean 0 and variance 1,
    - `l`, shape (embedding_dim,): the mean of the shared embedding over the words of the label's text, normalised
      likewise, less the mean of these over the labels of training, a constant,
    - `U` and `C`, which start as the identity and as 0, and `s`, which starts as 20: at first the score is the cosine
      in the space of the encoder, which knows of labels that training does not have.

    In training, and wherever there is gold, a sentence is scored for the labels alone that its corpus annotates: those
    of its spans in the training data. A label of another corpus gets no gradient from it.

    Labels compete: a span has one or none. Labels that are asked for compete with those of training as well, and only
    spans whose likeliest label was asked for are found. With `several_labels` each label is decided for itself, so that
    a span may also have one that another includes.

    Gold are the spans of its reader, `hmtl_text_label_spans`. The metrics are those of `SpanF1`, and, where there are
    several corpora, `f1_{corpus}` of each.

    # Parameters

    token_indexers : `Dict[str, TokenIndexer]`
        Those of the reader: how the words of labels become numbers. `experiment.new` of `configs/lib` gives them.
    label_namespace : `str`, optional (default = `"text_labels"`)
        That of the reader. Two such tasks of one model need different ones.
    max_span_width, several_labels, overlaps, selection, feature_size, hidden_dim, num_layers, dropout, threshold, \
prior_probability, negative_share, loss_reduction : optional
        As `SpanHead` has them. The content of a span is always by attention.

    # Raises

    ConfigurationError
        As `SpanHead` does.
    """

    reads_label_texts = True
    _reader = "hmtl_text_label_spans"
    _text_of: torch.Tensor
    _is_of_set: torch.Tensor

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        encoder_input_dim: int,
        embedding_dim: int,
        task_name: str,
        token_indexers: Dict[str, TokenIndexer],
        label_namespace: str = LABEL_NAMESPACE,
        max_span_width: int = 12,
        several_labels: bool = False,
        overlaps: Overlaps = "any",
        selection: Selection = "best",
        feature_size: int = 20,
        hidden_dim: int = 150,
        num_layers: int = 1,
        dropout: float = 0.2,
        threshold: float = 0.5,
        prior_probability: float = 0.01,
        negative_share: float = 1.0,
        loss_reduction: str = "sum",
    ) -> None:
        super().__init__(
            vocab,
            encoding_dim,
            encoder_input_dim,
            task_name,
            label_namespace,
            max_span_width=max_span_width,
            several_labels=several_labels,
            overlaps=overlaps,
            selection=selection,
            feature_size=feature_size,
            hidden_dim=hidden_dim,
            num_layers=num_layers,
            dropout=dropout,
            threshold=threshold,
            prior_probability=prior_probability,
            negative_share=negative_share,
            loss_reduction=loss_reduction,
        )
        # Labels as the vocabulary has them: corpus and text.
        pairs = [label.split(SEPARATOR, 1) for label in self.labels]
        self.label_sets = labels_of(vocab, namespace_of_sets(label_namespace), task_name)
        self.labels = list(dict.fromkeys(text for _, text in pairs))
        number_of = {text: number for number, text in enumerate(self.labels)}
        # Shape: (num_pairs,)
        self.register_buffer("_text_of", torch.tensor([number_of[text] for _, text in pairs]), persistent=False)
        # Shape: (num_label_sets, num_labels)
        is_of_set = torch.zeros(len(self.label_sets), len(self.labels), dtype=torch.bool)
        for name, text in pairs:
            is_of_set[self.label_sets.index(name), number_of[text]] = True
        self.register_buffer("_is_of_set", is_of_set, persistent=False)
        self._token_indexers = token_indexers
        self._embedding_dim = embedding_dim
        # In the place of one score for each label: whether it is a mention.
        prior = self._scorer.bias[:1].detach()
        self._scorer = torch.nn.Linear(hidden_dim, 1)
        self._scorer.bias.data.copy_(prior)
        self._word_projection = torch.nn.Linear(embedding_dim, embedding_dim)
        torch.nn.init.eye_(self._word_projection.weight)
        self._span_projection = torch.nn.Linear(hidden_dim, embedding_dim, bias=False)
        for weight in (self._word_projection.bias, self._span_projection.weight):
            torch.nn.init.zeros_(weight)
        self._scale = torch.nn.Parameter(torch.tensor(_SCALE))
        self._f1_of_sets = {name: SpanF1() for name in self.label_sets}

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        encoder_input: torch.Tensor,
        mask: torch.Tensor,
        label_texts: LabelTexts,
        all_spans: Optional[torch.Tensor] = None,
        label_set: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        **options: Any,
    ) -> Dict[str, Any]:
        """`all_spans` has shape (batch_size, num_spans, 3), rows `(start, end, label)`, padded with -1; `label_set`,
        shape (batch_size, 1, 1), the number of each row's corpus. `label_texts` begin with the labels of training."""
        if all_spans is not None and label_set is not None:
            bounds, labels = all_spans.split([2, 1], dim=-1)
            labels = self._text_of[labels.clamp(min=0)].where(labels >= 0, -1)
            all_spans = torch.cat([bounds, labels], dim=-1)
            # Shape: (batch_size, num_labels)
            label_texts = label_texts._replace(is_scored=self._is_of_set[label_set.view(-1)])
        elif self.training:
            all_spans = None
        output = super().forward(encoding, encoder_input, mask, all_spans, metadata, label_texts=label_texts, **options)
        if not self.training and metadata is not None and all_spans is not None:
            for row, predicted in zip(metadata, output["predictions"]):
                self._f1_of_sets[row["label_set"]]([predicted], [row["spans"]], [row["spans"]])
        return output

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        metrics = super().get_metrics(reset)
        of_sets = {f"f1_{name}": metric.get_metric(reset)["f1"] for name, metric in self._f1_of_sets.items()}
        return {**metrics, **(of_sets if len(of_sets) > 1 else {})}

    def index_label_texts(self, texts: Sequence[str]) -> TextFieldTensors:
        return index_texts([text.split() for text in texts], self._token_indexers, self.vocab)

    def _logits(
        self,
        encoding: torch.Tensor,
        encoder_input: torch.Tensor,
        spans: Spans,
        label_texts: Optional[LabelTexts] = None,
    ) -> torch.Tensor:
        assert label_texts is not None
        if not len(spans.starts):
            return encoding.new_zeros(0, len(label_texts.names)) + 0.0 * self._scale
        logits = super()._logits(encoding, encoder_input, spans, label_texts)
        inputs = encoder_input.flatten(0, 1)
        # Shape: (num_tokens,)
        attention = in_float32(self._attention, inputs).squeeze(-1)
        # The embedding comes first in what the encoder reads. Shape: (num_tokens, num_labels)
        words = self._projected(self._word_projection, _normalised(inputs[:, : self._embedding_dim]), label_texts)
        logits = logits + in_blocks(
            lambda *block: attended(words, attention, Spans(*block), self._max_span_width), *spans
        )
        if label_texts.is_scored is not None:
            rows = spans.starts.div(encoding.size(1), rounding_mode="floor")
            logits = logits.masked_fill(~label_texts.is_scored[rows], _NEVER)
        return logits

    def _label_scores(self, hidden: torch.Tensor, label_texts: Optional[LabelTexts] = None) -> torch.Tensor:
        assert label_texts is not None
        hidden = after_first_layer(self._feedforward, hidden)
        # Shape: (num_spans, num_labels)
        return in_float32(self._scorer, hidden) + self._projected(self._span_projection, hidden, label_texts)

    def _projected(self, layer: torch.nn.Linear, vectors: torch.Tensor, label_texts: LabelTexts) -> torch.Tensor:
        """The products of projected vectors with labels: (num_vectors, dim) -> (num_vectors, num_labels)"""
        with torch.autocast(vectors.device.type, enabled=False):
            # Shape: (num_labels, embedding_dim)
            labels = _normalised(label_texts.vectors)
            # A constant: through it each label would learn from sentences of other corpora.
            mean = labels[: len(self.labels)].mean(0).detach()
            labels = (labels - mean) * (self._scale / self._embedding_dim)
            # There are fewer labels than vectors.
            bias = None if layer.bias is None else labels @ layer.bias
            return F.linear(at_least_float32(vectors), labels @ layer.weight, bias)


def _normalised(vectors: torch.Tensor) -> torch.Tensor:
    vectors = at_least_float32(vectors)
    return F.layer_norm(vectors, vectors.shape[-1:])
