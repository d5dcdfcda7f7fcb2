"""Labelled spans, each scored for itself: they may nest and overlap."""

import math
from functools import partial
from typing import Any, Dict, List, Literal, NamedTuple, Optional, Sequence, Tuple, get_args

import torch
import torch.nn.functional as F
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models.heads import Head

from hmtl.common.devices import moved, on_host
from hmtl.common.standing_spans import Overlaps, Selection, standing_together
from hmtl.document import Span
from hmtl.metrics import SpanF1
from hmtl.modules.dropout import Dropout
from hmtl.modules.feedforward import after_first_layer, feedforward, first_layer
from hmtl.modules.float32 import in_float32
from hmtl.modules.spans import (
    Block,
    RangeMaximum,
    Spans,
    TokenParts,
    in_blocks_of_spans,
    rows_at_once,
    span_grid,
    spans_of,
    sums_by_width,
)
from hmtl.tasks.spans.overlaps import standing_greedily
from hmtl.tasks.task_head import LabelTexts, OptionError, TaskHead, check_dropout, check_numbers, labels_of, log_odds

Content = Literal["attention", "maximum"]


class Scored(NamedTuple):
    """The scored spans of a batch.

    # Attributes

    spans : `Spans`
        By tokens of the padded batch, one row after the other.
    cells : `torch.Tensor`
        Where each stands in the grid of starts and widths. Shape: (num_spans,)
    logits : `torch.Tensor`
        Shape: (num_spans, num_labels)
    """

    spans: Spans
    cells: torch.Tensor
    logits: torch.Tensor


class Found(NamedTuple):
    """The spans whose probability reaches the threshold.

    # Attributes

    spans, labels : `torch.Tensor`
        The numbers of the scored spans, and of their labels. Shapes: (num_found,)
    weights : `torch.Tensor`
        By how much it is above, in log-odds. Shape: (num_found,)
    """

    spans: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor


@Head.register("hmtl_spans")
class SpanHead(TaskHead):
    """Scores every span of up to a width for every label (Lee et al. 2017; Eberts and Ulges 2020, "Span-based Joint
    Entity and Relation Extraction with Transformer Pre-training"; Zhong and Chen 2021).

    The score of a span's labels is a feed-forward network of the encoder's output at both ends, a width embedding, and
    what stands in the span: the attention-weighted sum of what the encoder read, or the maximum over tokens of a
    projection of the encoder's output. The network's first layer is linear in these parts, so that each is projected
    once a token. Scores are computed in float32, under autocast too.

    A span has one label or none, by a softmax in which the score of none is 0; or, with `several_labels`, any number of
    them, by a sigmoid each. It is found where the probability that it has a label (of one label: any) is at least
    `threshold`. Where such spans must not all stand together, `overlaps` and `selection` say which do.

    Gold are all spans of its reader, `hmtl_spans`. `predictions` holds one list of `Span`s a sentence, in the order of
    the text, and the score of a span is the probability of its label. The metrics are those of `SpanF1`.

    # Parameters

    label_namespace : `str`, optional (default = `f"{task_name}_labels"`)
        The vocabulary namespace of the span labels.
    max_span_width : `int`, optional (default = `12`)
        In tokens. Wider gold spans are missed.
    several_labels : `bool`, optional (default = `False`)
        Whether a span may have several labels. Without, the most frequent one is the target of a span that has more.
    overlaps : `str`, optional (default = `"any"`)
        What found spans may do: `any` overlap, `nested` ones without crossing, or `none`.
    selection : `str`, optional (default = `"best"`)
        Where they may not do anything: those with the `best` sum of log-odds above the threshold stand, which makes
        them the likeliest of all sets that are allowed; or `greedy`, the best first.
    content : `str`, optional (default = `"attention"`)
        Of the span: `attention` or `maximum`.
    feature_size : `int`, optional (default = `20`)
        The size of the width embedding.
    hidden_dim, num_layers, dropout : optional (default = `150`, `1`, `0.2`)
        Of the feed-forward network; the dropout is also that on the encoder's output.
    threshold : `float`, optional (default = `0.5`)
        The probability from which on a span is found.
    prior_probability : `float`, optional (default = `0.01`)
        The probability with which every span starts to have a label.
    negative_share : `float`, optional (default = `1.0`)
        In training, the share of the spans without a gold label that are scored, drawn anew for each batch. Each of
        them counts so many times that the loss has the expectation of that over all spans.
    loss_reduction : `str`, optional (default = `"sum"`)
        Of the sentences' losses, each the sum of the cross-entropy of its spans: `"sum"` or `"mean"`.

    # Raises

    ConfigurationError
        Where an option has none of its values, and in training where the reader is another.
    """

    labels: List[str]
    # Whose instances it learns from.
    _reader = "hmtl_spans"

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        encoder_input_dim: int,
        task_name: str,
        label_namespace: str = None,
        max_span_width: int = 12,
        several_labels: bool = False,
        overlaps: Overlaps = "any",
        selection: Selection = "best",
        content: Content = "attention",
        feature_size: int = 20,
        hidden_dim: int = 150,
        num_layers: int = 1,
        dropout: float = 0.2,
        threshold: float = 0.5,
        prior_probability: float = 0.01,
        negative_share: float = 1.0,
        loss_reduction: str = "sum",
    ) -> None:
        super().__init__(vocab)
        for name, value, choices in (
            ("overlaps", overlaps, get_args(Overlaps)),
            ("selection", selection, get_args(Selection)),
            ("content", content, get_args(Content)),
            ("loss_reduction", loss_reduction, ("sum", "mean")),
        ):
            if value not in choices:
                raise OptionError(f"{name} must be {' or '.join(map(repr, choices))}, not '{value}'")
        if not 0 < negative_share <= 1:
            raise OptionError(f"negative_share must be above 0 and at most 1, not {negative_share}")
        check_numbers(1, max_span_width=max_span_width, hidden_dim=hidden_dim, num_layers=num_layers)
        check_numbers(0, feature_size=feature_size)
        check_dropout(dropout=dropout)
        self._threshold_logit = log_odds(threshold, "threshold")
        prior = log_odds(prior_probability, "prior_probability")
        self.labels = labels_of(vocab, label_namespace or f"{task_name}_labels", task_name)
        self.why_not_findable = "are wider than max_span_width, or have a label that training never saw"
        if not several_labels:
            self.why_not_findable += ", or share their bounds with another"
        if overlaps != "any":
            self.why_not_findable += ", or overlap others that can be found"
        self._task_name = task_name
        self._max_span_width = max_span_width
        self._several_labels = several_labels
        self._overlaps: Overlaps = overlaps
        self._selection: Selection = selection
        self._content = content
        self._negative_share = negative_share
        self._loss_reduction = loss_reduction
        # The parts of a span representation, in the order in which they stand.
        self._parts = [encoding_dim, encoding_dim, feature_size]
        self._width_embedding = torch.nn.Embedding(max_span_width, feature_size)
        if content == "attention":
            self._attention = torch.nn.Linear(encoder_input_dim, 1)
            self._parts.append(encoder_input_dim)
        else:
            self._projection = torch.nn.Linear(encoding_dim, hidden_dim)
            self._parts.append(hidden_dim)
        self._feedforward = feedforward(sum(self._parts), num_layers, hidden_dim, dropout)
        self._scorer = torch.nn.Linear(hidden_dim, len(self.labels))
        torch.nn.init.constant_(self._scorer.bias, prior - math.log(len(self.labels)))
        self._dropout = Dropout(dropout)
        self._f1 = SpanF1()

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        encoder_input: torch.Tensor,
        mask: torch.Tensor,
        all_spans: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        label_texts: Optional[LabelTexts] = None,
        **unused: Any,
    ) -> Dict[str, Any]:
        """`all_spans` has shape (batch_size, num_spans, 3), rows `(start, end, label)`, padded with -1. `label_texts`
        are for heads that score these in the place of labels of their own."""
        if self.training and all_spans is None:
            raise ConfigurationError(
                f"task '{self._task_name}': the head '{self._reader}' learns from the field 'all_spans', which its "
                f"dataset reader does not give; set the reader's type to '{self._reader}'"
            )
        targets = None if all_spans is None else self._targets(all_spans, mask.size(1), mask.numel())
        scored = self._scored(encoding, encoder_input, mask, targets, label_texts)
        output: Dict[str, Any] = {}
        if targets is not None:
            output["loss"] = self._loss(scored.logits, targets[scored.cells])
            if self._loss_reduction == "mean":
                output["loss"] = output["loss"] / len(mask)
                output["loss_count"] = output["loss"].new_full((), len(mask))
        if not self.training:
            names = self.labels if label_texts is None else label_texts.names
            output.update(self._decoded(scored, mask, with_scores, names))
            if metadata is not None and all_spans is not None:
                gold = [row["spans"] for row in metadata]
                self._f1(output["predictions"], gold, gold)
        return output

    def exported_scores(self, encoding: torch.Tensor, encoder_input: torch.Tensor) -> torch.Tensor:
        """The scores of the spans of each width that start at each token, those that reach beyond the sentence
        included. Shape: (batch_size, length, max_span_width, num_labels)"""
        if self.reads_label_texts:
            raise NotImplementedError
        width, length = self._max_span_width, encoding.size(1)
        layer = first_layer(self._feedforward)
        at_start, at_end, of_width, of_content = layer.weight.split(self._parts, dim=1)
        # Shape: (length, max_width)
        positions = torch.arange(length).unsqueeze(1) + torch.arange(width)

        def from_each(vectors: torch.Tensor) -> torch.Tensor:
            """(batch_size, length, dim) -> (batch_size, length, max_width, dim): those of the tokens from each on."""
            return F.pad(vectors, (0, 0, 0, width - 1))[:, positions]

        if self._content == "attention":
            # Shape: (batch_size, length, max_width)
            logits = from_each(self._attention(encoder_input)).squeeze(-1)
            # Shape: (max_width, max_width), by the width of the span and the token in it
            inside = torch.ones(width, width).tril().bool()
            # Shape: (batch_size, length, max_width, max_width)
            weights = logits.unsqueeze(2).masked_fill(~inside, -math.inf).softmax(-1)
            content = weights @ from_each(F.linear(encoder_input, of_content))
        else:
            tokens = from_each(self._projection(encoding))
            largest = [tokens[:, :, 0]]
            for further in range(1, width):
                largest.append(torch.maximum(largest[-1], tokens[:, :, further]))
            content = F.linear(torch.stack(largest, dim=2), of_content)
        # Shape: (batch_size, length, max_width, hidden_dim)
        hidden = content + F.linear(encoding, at_start, layer.bias).unsqueeze(2) + from_each(F.linear(encoding, at_end))
        hidden = hidden + F.linear(self._width_embedding.weight, of_width)
        return self._scorer(after_first_layer(self._feedforward, hidden))

    def decoding(self) -> Dict[str, Any]:
        return {
            "decoder": "spans",
            "labels": self.labels,
            "threshold_logit": self._threshold_logit,
            "several_labels": self._several_labels,
            "overlaps": self._overlaps,
            "selection": self._selection,
        }

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return self._f1.get_metric(reset)

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        """Where gold spans overlap as found spans may not, as many are counted as can be found together."""
        gold = set(metadata["spans"])
        known = [span for span in gold if span.label in self.labels and span.end - span.start < self._max_span_width]
        bounds = [span.bounds for span in known] if self._several_labels else list({span.bounds for span in known})
        return len(standing_together(bounds, [1.0] * len(bounds), self._overlaps, "best")), len(gold)

    def reordered(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        of_labels = ("_scorer.weight", "_scorer.bias")
        return {name: weight[list(order)] if name in of_labels else weight for name, weight in weights.items()}

    def _candidates(
        self,
        encoding: torch.Tensor,
        encoder_input: torch.Tensor,
        mask: torch.Tensor,
        label_texts: Optional[LabelTexts] = None,
    ) -> torch.Tensor:
        """The likeliest spans of each sentence, at most as many as it has tokens. Where they may not all stand
        together, they are selected greedily, which does not take the host."""
        batch_size, length = mask.shape
        scored = self._scored(encoding, encoder_input, mask, label_texts=label_texts)
        # Shape (each): (num_spans,)
        weights = self._log_odds_of_any(scored.logits) - self._threshold_logit
        labels = scored.logits.argmax(-1)
        num_cells = length * self._max_span_width
        # Shape: (batch_size, num_cells)
        grid = weights.new_full((batch_size * num_cells,), -math.inf).index_put((scored.cells,), weights)
        labels = labels.new_zeros(batch_size * num_cells).index_put((scored.cells,), labels).view(batch_size, -1)
        # Shape (each): (batch_size, length)
        best, cells = grid.view(batch_size, -1).topk(length)
        starts = cells.div(self._max_span_width, rounding_mode="floor")
        ends = starts + cells.remainder(self._max_span_width)
        # Shape: (batch_size, length, 3)
        spans = torch.stack([starts, ends, labels.gather(1, cells)], dim=-1)
        # By the sentence's own length, not that of the batch, so that no sentence depends on the others.
        is_likely = (best >= 0) & (torch.arange(length, device=mask.device) < mask.sum(1, keepdim=True))
        stands = standing_greedily(starts, ends, is_likely, self._overlaps)
        spans = spans.masked_fill(~stands.unsqueeze(-1), -1)
        # Most places are empty. What reads them need not compute those; another device would have to be waited for.
        return spans[:, stands.any(0)] if spans.device.type == "cpu" else spans

    def _targets(self, spans: torch.Tensor, length: int, num_tokens: int) -> torch.Tensor:
        """The gold labels of all cells of the grid. With several labels a span these are zeros and ones, shape
        (num_tokens * max_width, num_labels); with one its number, shape (num_tokens * max_width,), where none comes
        behind all labels."""
        starts, ends, labels = spans.unbind(-1)
        num_cells = num_tokens * self._max_span_width
        first = torch.arange(len(spans), device=spans.device).unsqueeze(1) * length
        cells = (first + starts) * self._max_span_width + ends - starts
        # Padding, and spans that are too wide, share a cell behind all others. Shape: (batch_size * num_gold,)
        cells = cells.where((labels >= 0) & (ends - starts < self._max_span_width), num_cells).flatten()
        num_labels = len(self.labels)
        labels = labels.flatten().clamp(min=0)
        if self._several_labels:
            grid = self._scorer.weight.new_zeros(num_cells + 1, num_labels)
            return grid.index_put((cells, labels), grid.new_ones(()))[:-1]
        # Labels are numbered by their frequency.
        return labels.new_full((num_cells + 1,), num_labels).scatter_reduce(0, cells, labels, "amin")[:-1]

    def _scored(
        self,
        encoding: torch.Tensor,
        encoder_input: torch.Tensor,
        mask: torch.Tensor,
        targets: Optional[torch.Tensor] = None,
        label_texts: Optional[LabelTexts] = None,
    ) -> Scored:
        """All spans of a batch; in training with targets perhaps not all of those without a label."""
        (known,) = on_host(mask)
        rows = torch.arange(len(known)).unsqueeze(1).expand_as(known)
        # All padding is given one sentence number of its own, then left out. Shape: (num_tokens, max_width)
        grid = span_grid(rows.where(known, len(known)).flatten(), self._max_span_width) & known.reshape(-1, 1)
        if self.training and targets is not None and self._negative_share < 1:
            grid = moved(grid, mask.device)
            drawn = torch.rand(grid.shape, device=grid.device) < self._negative_share
            grid = grid & (drawn | self._has_label(targets).view_as(grid))
        # Only of spans that were drawn on another device it has to be waited for how many they are.
        spans = spans_of(grid).on(mask.device)
        logits = self._logits(self._dropout(encoding), encoder_input, spans, label_texts)
        return Scored(spans, spans.starts * self._max_span_width + spans.ends - spans.starts, logits)

    def _logits(
        self,
        encoding: torch.Tensor,
        encoder_input: torch.Tensor,
        spans: Spans,
        label_texts: Optional[LabelTexts] = None,
    ) -> torch.Tensor:
        """Shape: (num_spans, num_labels)"""
        layer = first_layer(self._feedforward)
        at_start, at_end, of_width, of_content = layer.weight.split(self._parts, dim=1)
        # Time comes first, so that what is some tokens on is some steps on in memory.
        encoding, encoder_input = encoding.transpose(0, 1), encoder_input.transpose(0, 1)
        length, batch_size, _ = encoding.shape
        # Shapes: (length, batch_size, hidden_dim)
        starts, ends = F.linear(encoding, at_start, layer.bias), F.linear(encoding, at_end)
        # Shape: (max_width, hidden_dim)
        widths = F.linear(self._width_embedding.weight, of_width)
        if not len(spans.starts):
            return self._scorer.weight.new_zeros(0, len(self.labels)) + 0.0 * starts.sum()
        if self._content == "attention":
            logits = in_float32(self._attention, encoder_input).squeeze(-1)
            parts = TokenParts(starts, ends, F.linear(encoder_input, of_content), logits)
            score = partial(self._scores_by_width, parts, widths, label_texts)
        else:
            maxima = RangeMaximum(self._projection(encoding).transpose(0, 1))
            score = partial(self._scores_with_maxima, starts, ends, widths, maxima, of_content, label_texts)
        return in_blocks_of_spans(score, spans, batch_size, length, self._max_span_width)

    def _scores_by_width(
        self,
        parts: TokenParts,
        widths: torch.Tensor,
        label_texts: Optional[LabelTexts],
        spans: Spans,
        block: Block,
    ) -> torch.Tensor:
        """Scores all spans of the block, unless only few of them are asked for."""
        cells = block.cells(spans, len(parts.logits), self._max_span_width)
        sums = sums_by_width(block.parts(parts, self._max_span_width), widths)
        if 2 * len(cells) < sum(map(len, sums)):
            return self._label_scores(torch.cat(sums).index_select(0, cells), label_texts)
        return torch.cat([self._label_scores(hidden, label_texts) for hidden in sums]).index_select(0, cells)

    def _scores_with_maxima(
        self,
        starts: torch.Tensor,
        ends: torch.Tensor,
        widths: torch.Tensor,
        maxima: RangeMaximum,
        of_content: torch.Tensor,
        label_texts: Optional[LabelTexts],
        spans: Spans,
        block: Block,
    ) -> torch.Tensor:
        length, batch_size, _ = starts.shape

        def score(first: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
            rows = first.div(length, rounding_mode="floor")
            first, last = first - rows * length, last - rows * length
            # As embeddings: their gradients are summed several times as fast as those of an index.
            hidden = F.embedding(first * batch_size + rows, starts.flatten(0, 1)) + F.embedding(last - first, widths)
            hidden = hidden + F.embedding(last * batch_size + rows, ends.flatten(0, 1))
            return self._label_scores(hidden + F.linear(maxima.of(rows, first, last), of_content), label_texts)

        return torch.cat([score(*few) for few in spans.blocks(rows_at_once(spans.starts.device))])

    def _label_scores(self, hidden: torch.Tensor, label_texts: Optional[LabelTexts] = None) -> torch.Tensor:
        """From the output of the first layer: (num_spans, hidden_dim) -> (num_spans, num_labels)."""
        return in_float32(self._scorer, after_first_layer(self._feedforward, hidden))

    def _has_label(self, targets: torch.Tensor) -> torch.Tensor:
        """Which spans have a label as their target. Shape: (num_spans,)"""
        return targets.any(-1) if self._several_labels else targets < len(self.labels)

    def _loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The sum of the cross-entropies of the spans."""
        if self._several_labels:
            losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(-1)
        else:
            losses = F.cross_entropy(F.pad(logits, (0, 1)), targets, reduction="none")
        if self.training and self._negative_share < 1:
            losses = torch.where(self._has_label(targets), losses, losses / self._negative_share)
        return losses.sum()

    def _log_odds_of_any(self, logits: torch.Tensor) -> torch.Tensor:
        """The log-odds that each span has a label; with several labels a span, those of its likeliest label.

        Shapes: (num_spans, num_labels) -> (num_spans,)
        """
        return logits.amax(-1) if self._several_labels else logits.logsumexp(-1)

    def _found(self, logits: torch.Tensor) -> Found:
        if self._several_labels:
            spans, labels = (logits >= self._threshold_logit).nonzero().unbind(1)
            return Found(spans, labels, logits[spans, labels] - self._threshold_logit)
        weights = self._log_odds_of_any(logits) - self._threshold_logit
        spans = (weights >= 0).nonzero().squeeze(1)
        return Found(spans, logits[spans].argmax(-1), weights[spans])

    def _decoded(
        self, scored: Scored, mask: torch.Tensor, with_scores: bool, names: Sequence[Optional[str]]
    ) -> Dict[str, List[List[Any]]]:
        """`predictions`, and `scores` where they are asked for. `names` are those of the scored labels; spans with
        a label without one are left out."""
        batch_size, length = mask.shape
        found = self._found(scored.logits)
        starts, ends = scored.spans.starts[found.spans], scored.spans.ends[found.spans]
        logits = scored.logits[found.spans]
        probabilities = logits.sigmoid() if self._several_labels else F.pad(logits, (0, 1)).softmax(-1)
        chosen = probabilities.gather(1, found.labels.unsqueeze(1)).squeeze(1)
        by_row: List[List[Tuple[Span, float, float]]] = [[] for _ in range(batch_size)]
        columns = on_host(starts, ends, found.labels, found.weights, chosen)
        for start, end, label, weight, probability in zip(*(column.tolist() for column in columns)):
            row, first = divmod(start, length)
            by_row[row].append((Span(first, end - row * length, names[label]), weight, probability))
        predictions, scores = [], []
        for items in by_row:
            spans, weights = [span for span, _, _ in items], [weight for _, weight, _ in items]
            kept = standing_together([span.bounds for span in spans], weights, self._overlaps, self._selection)
            kept = [number for number in kept if spans[number].label is not None]
            predictions.append([spans[number] for number in kept])
            scores.append([items[number][2] for number in kept])
        return {"predictions": predictions, **({"scores": scores} if with_scores else {})}
