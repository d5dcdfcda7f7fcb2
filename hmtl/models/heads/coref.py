"""End-to-end coreference resolution over all spans of a document."""

import math
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, cast

import torch
from allennlp.data import Vocabulary
from allennlp.models.heads import Head
from allennlp.modules import FeedForward
from allennlp.nn import Activation
from allennlp.nn.util import bucket_values

from hmtl.data.document import Bounds
from hmtl.models.heads.task_head import TaskHead
from hmtl.modules import antecedent_products
from hmtl.modules.precision import in_float32
from hmtl.training.metrics import CoreferenceScores

NUM_DISTANCE_BUCKETS = 10


class _Candidates(NamedTuple):
    """Spans of one document, in order of start, then end. Shapes: (num_spans,)."""

    starts: torch.Tensor
    ends: torch.Tensor


@Head.register("hmtl_coref")
class CorefHead(TaskHead):
    """Mention scores for all spans up to a width, pruning, and a distribution over antecedents of each kept span
    (Lee et al. 2017; HMTL section 2.5).

    Span representation (their equation 4, without the speaker features): the encoder's output at both ends, a width
    embedding, and the attention-weighted sum of what the encoder read. Pairs (equation 5): both representations, their
    product and a distance embedding. Both first layers are linear in these parts, so that each part is projected once a
    token or once a span and summed where the pairs are: the same function as on concatenated vectors, far less work.
    Scores and attention are computed in float32, under autocast too.

    `predictions` holds one list of clusters, each a list of `(start, end)` in tokens of the document, a document.
    Metrics: those of `CoreferenceScores`; `f1` is the average of MUC, B-cubed and CEAF-phi4.

    # Parameters

    max_span_width : `int`, optional (default = `8`)
        In tokens; spans do not cross sentences.
    spans_per_word : `float`, optional (default = `0.4`)
        Spans kept for each token of the document.
    max_antecedents : `int`, optional (default = `70`)
        Nearest kept spans that are considered as antecedents.
    feature_size : `int`, optional (default = `20`)
        The size of the width and distance embeddings.
    hidden_dim, num_layers, dropout : optional (default = `150`, `2`, `0.2`)
        Of both feed-forward scorers.
    gold_mentions : `bool`, optional (default = `False`)
        Outside training, the candidate spans of a document are its gold mentions (the paper's GM setting).
    """

    scope = "document"
    predicts = "clusters"
    labels: List[str] = []

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        encoder_input_dim: int,
        max_span_width: int = 8,
        spans_per_word: float = 0.4,
        max_antecedents: int = 70,
        feature_size: int = 20,
        hidden_dim: int = 150,
        num_layers: int = 2,
        dropout: float = 0.2,
        gold_mentions: bool = False,
    ) -> None:
        super().__init__(vocab)
        self.gold_mentions = gold_mentions
        self._max_span_width = max_span_width
        self._spans_per_word = spans_per_word
        self._max_antecedents = max_antecedents
        # The parts of a span representation, in the order in which they stand.
        self._span_parts = [encoding_dim, encoding_dim, feature_size, encoder_input_dim]
        span_dim = sum(self._span_parts)
        self._width_embedding = torch.nn.Embedding(max_span_width, feature_size)
        self._distance_embedding = torch.nn.Embedding(NUM_DISTANCE_BUCKETS, feature_size)
        self._attention = torch.nn.Linear(encoder_input_dim, 1)
        self._mention_feedforward = _feedforward(span_dim, num_layers, hidden_dim, dropout)
        self._mention_scorer = torch.nn.Linear(hidden_dim, 1)
        self._antecedent_feedforward = _feedforward(3 * span_dim + feature_size, num_layers, hidden_dim, dropout)
        self._antecedent_scorer = torch.nn.Linear(hidden_dim, 1)
        self._scores = CoreferenceScores()

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        encoder_input: torch.Tensor,
        mask: torch.Tensor,
        sentence_ids: torch.Tensor,
        mentions: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        **unused: Any,
    ) -> Dict[str, Any]:
        """`mentions` has shape (batch_size, num_mentions, 3), rows `(start, end, cluster)`, padded with -1."""
        losses, predictions = [], []
        # Documents differ in length, spans and pairs: each is computed alone, without padding.
        for row, length in enumerate(mask.sum(-1).tolist()):
            gold = None if mentions is None else mentions[row][mentions[row, :, 2] >= 0]
            spans, antecedents, scores = self._document(
                encoding[row, :length], encoder_input[row, :length], sentence_ids[row, :length], gold
            )
            if gold is not None:
                losses.append(_antecedent_loss(scores, antecedents, cluster_labels(spans, gold)))
            if not self.training:
                predictions.append(_clusters(spans, antecedents, scores))
        output: Dict[str, Any] = {}
        if losses:
            # Shape: ()
            output["loss"] = torch.stack(losses).sum()
        if not self.training:
            output["predictions"] = predictions
            if metadata is not None and mentions is not None:
                self._scores(predictions, [row["clusters"] for row in metadata])
        return output

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return self._scores.get_metric(reset)

    def _document(
        self, encoding: torch.Tensor, inputs: torch.Tensor, sentence_ids: torch.Tensor, gold: Optional[torch.Tensor]
    ) -> Tuple[_Candidates, torch.Tensor, torch.Tensor]:
        """The kept spans of a document, their antecedents, shape (num_spans, max_antecedents), -1 where there is none,
        and the scores, shape (num_spans, 1 + max_antecedents), of no antecedent and of each."""
        if self.gold_mentions and not self.training and gold is not None:
            spans = _sorted_unique_spans(gold)
            mention_scores = self._mention_scores(encoding, inputs, spans)
        else:
            candidates = enumerate_spans(sentence_ids, self._max_span_width)
            mention_scores = self._mention_scores(encoding, inputs, candidates)
            num_kept = max(1, min(len(mention_scores), math.floor(self._spans_per_word * len(encoding))))
            # The candidates are in document order, and so are those that are kept.
            kept = mention_scores.topk(num_kept).indices.sort().values
            spans = _Candidates(candidates.starts[kept], candidates.ends[kept])
            mention_scores = mention_scores[kept]
        # Shape: (num_spans, span_dim)
        representations = self._representations(encoding, inputs, spans)
        antecedents = nearest_antecedents(len(mention_scores), self._max_antecedents, encoding.device)
        return spans, antecedents, self._antecedent_scores(representations, mention_scores, antecedents)

    def _representations(self, encoding: torch.Tensor, inputs: torch.Tensor, spans: _Candidates) -> torch.Tensor:
        widths = (spans.ends - spans.starts).clamp(max=self._max_span_width - 1)
        attended = self._attended(inputs, inputs, spans)
        # Shape: (num_spans, span_dim)
        return torch.cat(
            [encoding[spans.starts], encoding[spans.ends], self._width_embedding(widths), attended], dim=-1
        )

    def _attended(self, inputs: torch.Tensor, values: torch.Tensor, spans: _Candidates) -> torch.Tensor:
        """The attention-weighted sum of `values`, shape (num_tokens, dim), over each span: (num_spans, dim)."""
        # Shape: (num_tokens,)
        logits = in_float32(self._attention, inputs).squeeze(-1)
        # Gold mentions may be wider than the limit; their number of tokens is only known on the device.
        width = self._max_span_width
        if self.gold_mentions and not self.training:
            width = max(width, int((spans.ends - spans.starts).max()) + 1) if len(spans.starts) else width
        # Shape: (num_spans, width)
        positions = spans.starts.unsqueeze(1) + torch.arange(width, device=inputs.device)
        outside = positions > spans.ends.unsqueeze(1)
        positions = positions.clamp(max=len(inputs) - 1)
        weights = logits[positions].masked_fill(outside, -math.inf).softmax(-1)
        # Shape: (num_spans, dim): a bag of rows, summed without a tensor of all of them
        return torch.nn.functional.embedding_bag(
            positions, values.to(weights.dtype), per_sample_weights=weights, mode="sum"
        )

    def _mention_scores(self, encoding: torch.Tensor, inputs: torch.Tensor, spans: _Candidates) -> torch.Tensor:
        first = _first_layer(self._mention_feedforward)
        at_start, at_end, of_width, of_input = first.weight.split(self._span_parts, dim=1)
        widths = (spans.ends - spans.starts).clamp(max=self._max_span_width - 1)
        # Shape: (num_spans, hidden_dim)
        hidden = (
            (encoding @ at_start.t())[spans.starts]
            + (encoding @ at_end.t())[spans.ends]
            + (self._width_embedding.weight @ of_width.t())[widths]
            + self._attended(inputs, inputs @ of_input.t(), spans)
            + first.bias
        )
        hidden = _after_first_layer(self._mention_feedforward, hidden)
        # Shape: (num_spans,)
        return in_float32(self._mention_scorer, hidden).squeeze(-1)

    def _antecedent_scores(
        self, representations: torch.Tensor, mention_scores: torch.Tensor, antecedents: torch.Tensor
    ) -> torch.Tensor:
        first = _first_layer(self._antecedent_feedforward)
        span_dim = representations.size(-1)
        of_span, of_antecedent, of_product, of_distance = first.weight.split(
            [span_dim, span_dim, span_dim, self._distance_embedding.embedding_dim], dim=1
        )
        num_antecedents = antecedents.size(1)
        buckets = bucket_values(
            torch.arange(1, num_antecedents + 1, device=antecedents.device), num_total_buckets=NUM_DISTANCE_BUCKETS
        )
        exists = antecedents >= 0
        others = antecedents.clamp(min=0)
        products = antecedent_products(representations, of_product, num_antecedents)
        # Shape: (num_spans, max_antecedents, hidden_dim)
        hidden = (
            products
            # A bias in float32 would make all of it float32.
            + (representations @ of_span.t() + first.bias.to(products.dtype)).unsqueeze(1)
            + (representations @ of_antecedent.t())[others]
            + (self._distance_embedding.weight @ of_distance.t())[buckets]
        )
        hidden = _after_first_layer(self._antecedent_feedforward, hidden)
        # Shape: (num_spans, max_antecedents)
        scores = in_float32(self._antecedent_scorer, hidden).squeeze(-1)
        scores = scores + mention_scores.unsqueeze(1) + mention_scores[others]
        scores = scores.masked_fill(~exists, -math.inf)
        # Shape: (num_spans, 1 + max_antecedents)
        return torch.cat([scores.new_zeros(len(scores), 1), scores], dim=1)


def enumerate_spans(sentence_ids: torch.Tensor, max_width: int) -> _Candidates:
    """All spans of up to `max_width` tokens within a sentence, in order of start, then end.

    `sentence_ids` has shape (num_tokens,).
    """
    num_tokens = len(sentence_ids)
    # Shape: (num_tokens, max_width)
    starts = torch.arange(num_tokens, device=sentence_ids.device).unsqueeze(1).expand(-1, max_width)
    ends = starts + torch.arange(max_width, device=sentence_ids.device)
    inside = ends < num_tokens
    inside = inside & (sentence_ids.unsqueeze(1) == sentence_ids[ends.clamp(max=num_tokens - 1)])
    # Shape: (num_spans,)
    return _Candidates(starts[inside], ends[inside])


def nearest_antecedents(num_spans: int, max_antecedents: int, device: torch.device) -> torch.Tensor:
    """For each span the indices of the spans before it, nearest first, -1 where there is none.

    Shape: (num_spans, min(max_antecedents, num_spans - 1), at least 1).
    """
    offsets = torch.arange(1, max(1, min(max_antecedents, num_spans - 1)) + 1, device=device)
    antecedents = torch.arange(num_spans, device=device).unsqueeze(1) - offsets
    return antecedents.clamp(min=-1)


def cluster_labels(spans: _Candidates, gold: torch.Tensor) -> torch.Tensor:
    """The gold cluster of each span, shape (num_spans,), -1 where it has none.

    `gold` has shape (num_mentions, 3), rows `(start, end, cluster)`.
    """
    # Shape: (num_spans, num_mentions)
    same = (spans.starts.unsqueeze(1) == gold[:, 0]) & (spans.ends.unsqueeze(1) == gold[:, 1])
    # Shape: (num_spans,)
    return (same * (gold[:, 2] + 1)).sum(-1) - 1


def _antecedent_loss(scores: torch.Tensor, antecedents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of all gold antecedents together (Lee et al. 2017, section 5)."""
    # Shape: (num_spans, max_antecedents)
    is_gold = (labels.unsqueeze(1) == labels[antecedents]) & (labels.unsqueeze(1) >= 0) & (antecedents >= 0)
    # A span without a gold antecedent has the empty one. Shape: (num_spans, 1 + max_antecedents)
    is_gold = torch.cat([~is_gold.any(1, keepdim=True), is_gold], dim=1)
    log_probabilities = scores.log_softmax(-1)
    return -log_probabilities.masked_fill(~is_gold, -math.inf).logsumexp(-1).sum()


def _clusters(spans: _Candidates, antecedents: torch.Tensor, scores: torch.Tensor) -> List[List[Bounds]]:
    """Follows every span's best antecedent; spans without links form no cluster."""
    best = scores.argmax(-1) - 1
    # Shape: (num_spans,)
    chosen = antecedents.gather(1, best.clamp(min=0).unsqueeze(1)).squeeze(1).masked_fill(best < 0, -1)
    bounds = list(zip(spans.starts.tolist(), spans.ends.tolist()))
    cluster_of: Dict[int, List[Bounds]] = {}
    clusters: List[List[Bounds]] = []
    for number, antecedent in enumerate(chosen.tolist()):
        if antecedent < 0:
            continue
        if antecedent not in cluster_of:
            cluster_of[antecedent] = [bounds[antecedent]]
            clusters.append(cluster_of[antecedent])
        cluster_of[antecedent].append(bounds[number])
        cluster_of[number] = cluster_of[antecedent]
    return clusters


def _sorted_unique_spans(gold: torch.Tensor) -> _Candidates:
    # Shape: (num_mentions, 2), sorted by start, then end
    bounds = torch.unique(gold[:, :2], dim=0)
    return _Candidates(bounds[:, 0], bounds[:, 1])


def _feedforward(input_dim: int, num_layers: int, hidden_dim: int, dropout: float) -> FeedForward:
    return FeedForward(input_dim, num_layers, hidden_dim, Activation.by_name("relu")(), dropout)


def _first_layer(feedforward: FeedForward) -> torch.nn.Linear:
    return cast(torch.nn.Linear, feedforward._linear_layers[0])


def _after_first_layer(feedforward: FeedForward, hidden: torch.Tensor) -> torch.Tensor:
    """The rest of a feed-forward network, given the output of its first linear layer."""
    layers = zip(feedforward._linear_layers, feedforward._activations, feedforward._dropout)
    for number, (linear, activation, dropout) in enumerate(layers):
        hidden = dropout(activation(hidden if number == 0 else linear(hidden)))
    return hidden
