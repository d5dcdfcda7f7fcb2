"""One label for each token, independently of the others."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from allennlp.data import Vocabulary
from allennlp.models.heads import Head
from torch.nn.functional import cross_entropy

from hmtl.common.devices import on_host
from hmtl.document import Span
from hmtl.metrics import SpanF1
from hmtl.modules.dropout import Dropout
from hmtl.tasks.spans.tagging_reader import flat_spans_of
from hmtl.tasks.task_head import TaskHead, check_dropout, labels_of

_IGNORED = -1


@Head.register("hmtl_token_classification")
class TokenClassificationHead(TaskHead):
    """A linear projection and a softmax over the labels of each token (Bingel and Søgaard 2017, section 2).

    The loss is the mean cross-entropy of a token. `predictions` holds one list of `Span`s a sentence: a span of one
    token for each label but the negative one. The metrics are those of `SpanF1`, over the gold labels of all tokens but
    the negative one; where there is none, and no token has several, `f1` is the accuracy. The score of a span is the
    probability of its label.

    # Parameters

    label_namespace : `str`, optional (default = `f"{task_name}_labels"`)
        The vocabulary namespace of the labels.
    negative_label : `str`, optional (default = `"O"`)
        The label that does not count in the score; it need not be there.
    dropout : `float`, optional (default = `0.0`)
        Dropout on the encoder's output.
    """

    labels: List[str]
    label_parts = ("_projection",)
    why_not_findable = "belong to spans that overlap a kept one or have a label that training never saw"

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        task_name: str,
        label_namespace: str = None,
        negative_label: str = "O",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(vocab)
        check_dropout(dropout=dropout)
        self.labels = labels_of(vocab, label_namespace or f"{task_name}_labels", task_name)
        self._negative_label = negative_label
        self.num_token_labels = len(self.labels)
        self._projection = torch.nn.Linear(encoding_dim, len(self.labels))
        self._dropout = Dropout(dropout)
        self._f1 = SpanF1()

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        labels: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        **unused: Any,
    ) -> Dict[str, Any]:
        """`labels` has shape (batch_size, num_labelled, 2), rows `(token, label)`, padded with -1."""
        # Shape: (batch_size, length, num_labels)
        logits = self._projection(self._dropout(encoding)).float()
        output: Dict[str, Any] = {}
        if labels is not None:
            output.update(_loss(logits, labels))
        if not self.training:
            probabilities, best, mask = on_host(*logits.softmax(-1).max(-1), mask)
            rows = [row[:length] for row, length in zip(best.tolist(), mask.sum(-1).tolist())]
            output["predictions"] = [self._spans(row) for row in rows]
            if with_scores:
                output["scores"] = [
                    [row[span.start] for span in spans]
                    for row, spans in zip(probabilities.tolist(), output["predictions"])
                ]
            if metadata is not None and labels is not None:
                gold = [self._counted(row["spans"]) for row in metadata]
                flat_gold = [self._counted(flat_spans_of(row)) for row in metadata]
                self._f1(output["predictions"], gold, flat_gold)
        return output

    def label_distribution(self, encoding: torch.Tensor) -> torch.Tensor:
        """The softmax by which the labels are chosen. Shape: (batch_size, length, num_labels)"""
        return self._projection(self._dropout(encoding)).float().softmax(-1)

    def exported_scores(self, encoding: torch.Tensor, encoder_input: torch.Tensor) -> torch.Tensor:
        """Shape: (batch_size, length, num_labels)"""
        return self._projection(encoding).float()

    def decoding(self) -> Dict[str, Any]:
        return {"decoder": "tokens", "labels": self.labels, "negative_label": self._negative_label}

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return self._f1.get_metric(reset)

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        gold, targets = self._counted(metadata["spans"]), self._counted(flat_spans_of(metadata))
        return sum(span.label in self.labels for span in targets), len(gold)

    def reordered(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        # The projection has its labels along the first dimension, and so has its bias.
        return {name: weight[list(order)] for name, weight in weights.items()}

    def _candidates(self, encoding: torch.Tensor, encoder_input: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """At each token its label, unless it is the negative one."""
        labels = self._projection(encoding).argmax(-1)
        positions = torch.arange(mask.size(1), device=mask.device).expand_as(labels)
        is_span = mask
        if self._negative_label in self.labels:
            is_span = mask & (labels != self.labels.index(self._negative_label))
        return torch.stack([positions, positions, labels], dim=-1).masked_fill(~is_span.unsqueeze(-1), -1)

    def _counted(self, spans: List[Span]) -> List[Span]:
        return [span for span in spans if span.label != self._negative_label]

    def _spans(self, row: List[int]) -> List[Span]:
        labels = (self.labels[number] for number in row)
        return [Span(token, token, label) for token, label in enumerate(labels) if label != self._negative_label]


def _loss(logits: torch.Tensor, labels: torch.Tensor) -> Dict[str, torch.Tensor]:
    """The mean cross-entropy of the labelled tokens, and their number."""
    # Shape (each): (batch_size, num_labelled)
    tokens, targets = labels.unbind(-1)
    # Shape: (batch_size, num_labelled, num_labels)
    chosen = logits.gather(1, tokens.clamp(min=0).unsqueeze(-1).expand(-1, -1, logits.size(-1)))
    total = cross_entropy(chosen.flatten(0, 1), targets.flatten(), ignore_index=_IGNORED, reduction="sum")
    count = (targets != _IGNORED).sum().to(total.dtype)
    return {"loss": total / count.clamp(min=1), "loss_count": count}
