"""Labelled spans as a BIOUL tag sequence under a conditional random field."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from allennlp.data import Vocabulary
from allennlp.models.heads import Head
from allennlp.modules.conditional_random_field.conditional_random_field import allowed_transitions

from hmtl.common.devices import moved, on_host
from hmtl.document import Span
from hmtl.metrics import SpanF1
from hmtl.modules import ConditionalRandomField
from hmtl.modules.dropout import Dropout
from hmtl.tasks.spans.tagging_reader import flat_spans_of
from hmtl.tasks.task_head import OptionError, TaskHead, check_dropout, labels_of

OUTSIDE = 0
BEGIN, INSIDE, LAST, UNIT = 1, 2, 3, 4
PARTS = {BEGIN: "B", INSIDE: "I", LAST: "L", UNIT: "U"}


@Head.register("hmtl_crf")
class CrfHead(TaskHead):
    """A linear projection and a linear-chain CRF over BIOUL tags (HMTL section 2.2; Lample et al. 2016).

    Tag 0 is O; span label `n` of the vocabulary has the tags 4n+1 to 4n+4 for B, I, L and U.
    `predictions` holds one list of `Span`s a sentence, with offsets counted from its first token. The score of a span
    is its exact posterior probability: the share, among all BIOUL sequences, of those that have it with its label.
    The metrics are those of `SpanF1`, over all gold spans: those that overlap a target, or have a label that training
    never saw, count as missed.

    # Parameters

    label_namespace : `str`, optional (default = `f"{task_name}_labels"`)
        The vocabulary namespace of the span labels.
    dropout : `float`, optional (default = `0.0`)
        Dropout on the encoder's output.
    loss_reduction : `str`, optional (default = `"sum"`)
        `"sum"` over the sentences of a batch, as in 2018, or `"mean"`.
    transitions : `bool`, optional (default = `True`)
        Whether transitions between tags have scores. Without them the tags of a sentence are independent: a softmax at
        each token, as in the joint many-task model (Hashimoto et al. 2017, section 2.3), whose loss is the sum of the
        cross-entropies of the tokens. Tags that make no spans are left out of decoding all the same.
    """

    labels: List[str]
    why_not_findable = "overlap a kept span or have a label that training never saw"
    label_parts = ("_projection",)

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        task_name: str,
        label_namespace: str = None,
        dropout: float = 0.0,
        loss_reduction: str = "sum",
        transitions: bool = True,
    ) -> None:
        super().__init__(vocab)
        if loss_reduction not in ("sum", "mean"):
            raise OptionError(f"loss_reduction must be 'sum' or 'mean', not '{loss_reduction}'")
        check_dropout(dropout=dropout)
        self.labels = labels_of(vocab, label_namespace or f"{task_name}_labels", task_name)
        tags = {OUTSIDE: "O"}
        for number, label in enumerate(self.labels):
            tags.update({4 * number + part: f"{letter}-{label}" for part, letter in PARTS.items()})
        self.num_token_labels = len(tags)
        self._projection = torch.nn.Linear(encoding_dim, len(tags))
        self._dropout = Dropout(dropout)
        self._crf = ConditionalRandomField(len(tags), allowed_transitions("BIOUL", tags))
        if not transitions:
            for weight in self._crf.parameters():
                torch.nn.init.zeros_(weight).requires_grad_(False)
        self._loss_reduction = loss_reduction
        self._f1 = SpanF1()

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        spans: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        **unused: Any,
    ) -> Dict[str, Any]:
        """`spans` has shape (batch_size, num_spans, 3), rows `(start, end, label)`, padded with -1."""
        # Shape: (batch_size, length, num_tags)
        logits = self._projection(self._dropout(encoding))
        output: Dict[str, Any] = {}
        if spans is not None:
            # Shape: (batch_size,)
            log_likelihood = self._crf.log_likelihood(logits, tags_of_spans(spans, mask.size(1)), mask)
            output["loss"] = -getattr(log_likelihood, self._loss_reduction)()
            if self._loss_reduction == "mean":
                output["loss_count"] = log_likelihood.new_full((), len(log_likelihood))
        if not self.training:
            tags, _ = self._crf.viterbi(logits, mask)
            (tags,) = on_host(tags)
            output["predictions"] = [self._spans(row) for row in tags.tolist()]
            if with_scores:
                output["scores"] = self._span_probabilities(logits, mask, tags, output["predictions"])
            if metadata is not None and spans is not None:
                gold, flat_gold = [row["spans"] for row in metadata], [flat_spans_of(row) for row in metadata]
                self._f1(output["predictions"], gold, flat_gold)
        return output

    def label_distribution(self, encoding: torch.Tensor) -> torch.Tensor:
        """Over the BIOUL tags: the softmax of the scores of the tags at each token, without those of transitions. Their
        marginal probabilities would take a pass over the tokens, one by one, in both directions, and one more for the
        gradient. Shape: (batch_size, length, num_tags)"""
        return self._projection(self._dropout(encoding)).float().softmax(-1)

    def exported_scores(self, encoding: torch.Tensor, encoder_input: torch.Tensor) -> torch.Tensor:
        """The scores of the tags at each token, without those of transitions. Shape: (batch_size, length, num_tags)"""
        return self._projection(encoding)

    def decoding(self) -> Dict[str, Any]:
        """`start`, `transitions` and `end` are `None` where the constraints forbid it."""
        start, transitions, end = self._crf.allowed()
        return {"decoder": "bioul", "labels": self.labels, "start": start, "transitions": transitions, "end": end}

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return self._f1.get_metric(reset)

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        return sum(span.label in self.labels for span in flat_spans_of(metadata)), len(metadata["spans"])

    def reordered(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        tags = [OUTSIDE, *(4 * label + part for label in order for part in PARTS)]
        # Every weight of this head has the tags along its first dimension; the transitions have them along both.
        return {
            name: weight[tags][:, tags] if name == "_crf.transitions" else weight[tags]
            for name, weight in weights.items()
        }

    def _candidates(self, encoding: torch.Tensor, encoder_input: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """At each token the span that ends there, if any."""
        tags, _ = self._crf.viterbi(self._projection(encoding), mask)
        return spans_of_tags(tags)

    def _span_probabilities(
        self, logits: torch.Tensor, mask: torch.Tensor, tags: torch.Tensor, predictions: List[List[Span]]
    ) -> List[List[float]]:
        """The posterior probability of each span of the best sequences of tags, which lie on the host. Shape:
        (batch_size, length)"""
        found = [(row, span.start, span.end) for row, spans in enumerate(predictions) for span in spans]
        if not found:
            return [[] for _ in predictions]
        rows, starts, ends = torch.tensor(found).unbind(1)
        widths = (ends - starts + 1).unsqueeze(1)
        # Shape: (num_spans, largest width)
        offsets = torch.arange(int(widths.max()))
        positions = (starts.unsqueeze(1) + offsets).clamp(max=tags.size(1) - 1)
        paths = tags[rows.unsqueeze(1), positions].masked_fill(offsets >= widths, -1)
        of_spans = moved([rows, starts, paths], logits.device)
        probabilities = iter(self._crf.path_probabilities(logits, mask, *of_spans).tolist())
        return [[next(probabilities) for _ in spans] for spans in predictions]

    def _spans(self, tags: List[int]) -> List[Span]:
        """The spans of a valid BIOUL sequence; what an unfinished end would leave open is dropped."""
        spans, start = [], 0
        for position, tag in enumerate(tags):
            if tag == OUTSIDE:
                continue
            number, part = divmod(tag - 1, 4)
            part += 1
            if part in (BEGIN, UNIT):
                start = position
            if part in (LAST, UNIT):
                spans.append(Span(start, position, self.labels[number]))
        return spans


def tags_of_spans(spans: torch.Tensor, length: int) -> torch.Tensor:
    """The BIOUL tags, shape (batch_size, length), of spans that do not overlap, shape (batch_size, num_spans, 3)."""
    # Shape (each): (batch_size, num_spans, 1)
    start, end, label = (column.unsqueeze(-1) for column in spans.unbind(-1))
    position = torch.arange(length, device=spans.device)
    inside = (position >= start) & (position <= end) & (label >= 0)
    at_start, at_end = position == start, position == end
    # Shape: (batch_size, num_spans, length)
    part = INSIDE + (LAST - INSIDE) * at_end.long() + (BEGIN - INSIDE) * at_start.long()
    part = part.masked_fill(at_start & at_end, UNIT)
    # Shape: (batch_size, length)
    return (inside * (4 * label + part)).sum(1)


def spans_of_tags(tags: torch.Tensor) -> torch.Tensor:
    """The spans of valid BIOUL sequences, shape (batch_size, length), each at its last token; -1 at all others. Shape:
    (batch_size, length, 3), rows `(start, end, label)`"""
    positions = torch.arange(tags.size(1), device=tags.device).expand_as(tags)
    # Tag 0 is O.
    parts, labels = (tags - 1).remainder(4) + 1, (tags - 1).div(4, rounding_mode="floor")
    is_start = (parts == BEGIN) | (parts == UNIT)
    is_end = ((parts == LAST) | (parts == UNIT)) & (tags != OUTSIDE)
    # The last start up to each token. Shape: (batch_size, length)
    starts = torch.where(is_start, positions, 0).cummax(1).values
    return torch.stack([starts, positions, labels], dim=-1).masked_fill(~is_end.unsqueeze(-1), -1)
