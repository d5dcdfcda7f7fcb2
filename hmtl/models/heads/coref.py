"""End-to-end coreference resolution over all spans of a document."""

import math
from typing import Any, Dict, List, Optional, Tuple, cast

import torch
from allennlp.data import Vocabulary
from allennlp.models.heads import Head
from allennlp.modules import FeedForward
from allennlp.nn import Activation
from allennlp.nn.util import bucket_values

from hmtl.models.heads.coref_links import chosen_antecedents, clusters_of, link_probabilities, nearest_antecedents
from hmtl.models.heads.coref_spans import Spans, cluster_labels, enumerate_spans, sorted_unique_spans
from hmtl.models.heads.task_head import TaskHead
from hmtl.modules import antecedent_products
from hmtl.modules.antecedent_products import rows_at_once
from hmtl.modules.precision import in_float32
from hmtl.modules.rectified_dropout import rectified_dropout
from hmtl.training.metrics import CoreferenceScores

NUM_DISTANCE_BUCKETS = 10
# What is computed at once, so that long documents take little more memory than short ones.
MENTIONS_IN_BLOCK = 2**14
ANTECEDENTS_IN_BLOCK = 512


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
        with_scores: bool = False,
        **unused: Any,
    ) -> Dict[str, Any]:
        """`mentions` has shape (batch_size, num_mentions, 3), rows `(start, end, cluster)`, padded with -1.

        With `with_scores`, outside training, `scores` are nested like `predictions`: one probability a mention, of the
        link to the antecedent that it was joined by; of a cluster's first mention, of the likeliest link to it.
        """
        losses, predictions, link_scores = [], [], []
        # Documents differ in length, spans and pairs: each is computed alone, without padding.
        for row, length in enumerate(mask.sum(-1).tolist()):
            gold = None if mentions is None else mentions[row][mentions[row, :, 2] >= 0]
            spans, antecedents, scores = self._document(
                encoding[row, :length], encoder_input[row, :length], sentence_ids[row, :length], gold
            )
            if gold is not None:
                losses.append(_antecedent_loss(scores, antecedents, cluster_labels(spans, gold)))
            if not self.training:
                chosen = chosen_antecedents(antecedents, scores)
                clusters = clusters_of(chosen)
                bounds = list(zip(spans.starts.tolist(), spans.ends.tolist()))
                predictions.append([[bounds[number] for number in cluster] for cluster in clusters])
                if with_scores:
                    link_scores.append(link_probabilities(clusters, chosen, scores))
        output: Dict[str, Any] = {}
        if losses:
            # Shape: ()
            output["loss"] = torch.stack(losses).sum()
        if not self.training:
            output["predictions"] = predictions
            if with_scores:
                output["scores"] = link_scores
            if metadata is not None and mentions is not None:
                self._scores(predictions, [row["clusters"] for row in metadata])
        return output

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return self._scores.get_metric(reset)

    def _document(
        self, encoding: torch.Tensor, inputs: torch.Tensor, sentence_ids: torch.Tensor, gold: Optional[torch.Tensor]
    ) -> Tuple[Spans, torch.Tensor, torch.Tensor]:
        """The kept spans of a document, their antecedents, shape (num_spans, max_antecedents), -1 where there is none,
        and the scores, shape (num_spans, 1 + max_antecedents), of no antecedent and of each."""
        # Shape: (num_tokens,)
        logits = in_float32(self._attention, inputs).squeeze(-1)
        if self.gold_mentions and not self.training and gold is not None:
            spans = sorted_unique_spans(gold)
            mention_scores = self._mention_scores(encoding, inputs, logits, spans)
        else:
            spans = enumerate_spans(sentence_ids, self._max_span_width)
            mention_scores = self._mention_scores(encoding, inputs, logits, spans)
            num_kept = max(1, min(len(mention_scores), math.floor(self._spans_per_word * len(encoding))))
            # The candidates are in document order, and so are those that are kept.
            kept = mention_scores.topk(num_kept).indices.sort().values
            spans = spans.at(kept)
            mention_scores = mention_scores[kept]
        # Shape: (num_spans, span_dim)
        representations = self._representations(encoding, inputs, logits, spans)
        antecedents = nearest_antecedents(len(mention_scores), self._max_antecedents, encoding.device)
        return spans, antecedents, self._antecedent_scores(representations, mention_scores, antecedents)

    def _representations(
        self, encoding: torch.Tensor, inputs: torch.Tensor, logits: torch.Tensor, spans: Spans
    ) -> torch.Tensor:
        """Shape: (num_spans, span_dim)"""
        attended = self._attended(inputs, logits, spans)
        widths = self._width_embedding(self._widths(spans))
        return torch.cat([encoding[spans.starts], encoding[spans.ends], widths, attended], dim=-1)

    def _widths(self, spans: Spans) -> torch.Tensor:
        """The row of each span's width in the table of widths. Shape: (num_spans,)"""
        return (spans.ends - spans.starts).clamp(max=self._max_span_width - 1)

    def _attended(self, values: torch.Tensor, logits: torch.Tensor, spans: Spans) -> torch.Tensor:
        """The attention-weighted sum of `values`, shape (num_tokens, dim), over each span, (num_spans, dim); `logits`
        has shape (num_tokens,)."""
        # Gold mentions may be wider than the limit; their number of tokens is only known on the device.
        width = self._max_span_width
        if self.gold_mentions and not self.training:
            width = max(width, int((spans.ends - spans.starts).max()) + 1) if len(spans.starts) else width
        # Shape: (num_spans, width)
        positions = spans.starts.unsqueeze(1) + torch.arange(width, device=values.device)
        outside = positions > spans.ends.unsqueeze(1)
        positions = positions.clamp(max=len(values) - 1)
        weights = logits[positions].masked_fill(outside, -math.inf).softmax(-1)
        # Shape: (num_spans, dim): a bag of rows, summed without a tensor of all of them
        return torch.nn.functional.embedding_bag(
            positions, values.to(weights.dtype), per_sample_weights=weights, mode="sum"
        )

    def _mention_scores(
        self, encoding: torch.Tensor, inputs: torch.Tensor, logits: torch.Tensor, spans: Spans
    ) -> torch.Tensor:
        """Shape: (num_spans,)"""
        first = _first_layer(self._mention_feedforward)
        at_start, at_end, of_width, of_input = first.weight.split(self._span_parts, dim=1)
        # Shapes: (num_tokens, hidden_dim)
        starts, ends, values = encoding @ at_start.t(), encoding @ at_end.t(), inputs @ of_input.t()
        # Shape: (max_span_width, hidden_dim)
        widths = self._width_embedding.weight @ of_width.t() + first.bias
        scores = []
        for block in spans.blocks(MENTIONS_IN_BLOCK):
            # Shape: (num_spans, hidden_dim)
            hidden = starts[block.starts] + ends[block.ends] + widths[self._widths(block)]
            hidden = hidden + self._attended(values, logits, block)
            for rows in hidden.split(rows_at_once(hidden.device)):
                rows = _after_first_layer(self._mention_feedforward, rows)
                # Shape: (num_rows,)
                scores.append(in_float32(self._mention_scorer, rows).squeeze(-1))
        return torch.cat(scores)

    def _antecedent_scores(
        self, representations: torch.Tensor, mention_scores: torch.Tensor, antecedents: torch.Tensor
    ) -> torch.Tensor:
        """Shape: (num_spans, 1 + max_antecedents)"""
        num_spans, num_antecedents = antecedents.shape
        blocks = []
        for start in range(0, max(1, num_spans), ANTECEDENTS_IN_BLOCK):
            # The spans of the block and, before them, the antecedents of these.
            first = max(0, start - num_antecedents)
            rows = representations[first : start + ANTECEDENTS_IN_BLOCK]
            blocks.append(self._pair_scores(rows, start - first, num_antecedents))
        # Shape: (num_spans, max_antecedents)
        scores = torch.cat(blocks)
        scores = scores + mention_scores.unsqueeze(1) + mention_scores[antecedents.clamp(min=0)]
        scores = scores.masked_fill(antecedents < 0, -math.inf)
        # Shape: (num_spans, 1 + max_antecedents)
        return torch.cat([scores.new_zeros(num_spans, 1), scores], dim=1)

    def _pair_scores(self, representations: torch.Tensor, first: int, num_antecedents: int) -> torch.Tensor:
        """What pairs add to the scores of their mentions, for the spans from `first` on; without meaning where there is
        no antecedent. Shape: (num_spans - first, num_antecedents)"""
        layer = _first_layer(self._antecedent_feedforward)
        num_spans, span_dim = representations.shape
        of_span, of_antecedent, of_product, of_distance = layer.weight.split(
            [span_dim, span_dim, span_dim, self._distance_embedding.embedding_dim], dim=1
        )
        distances = torch.arange(1, num_antecedents + 1, device=representations.device)[: max(0, num_spans - 1)]
        buckets = bucket_values(distances, num_total_buckets=NUM_DISTANCE_BUCKETS)
        blocks = antecedent_products(
            representations,
            of_product,
            representations @ of_span.t(),
            representations @ of_antecedent.t(),
            (self._distance_embedding.weight @ of_distance.t() + layer.bias)[buckets],
            first,
        )
        scores = []
        for hidden in blocks:
            hidden = _after_first_layer(self._antecedent_feedforward, hidden)
            # Shape: (distances_in_block, num_spans_with_an_antecedent)
            block = in_float32(self._antecedent_scorer, hidden).squeeze(-1)
            # Shape: (distances_in_block, num_spans - first)
            scores.append(torch.nn.functional.pad(block, (num_spans - first - block.size(1), 0)))
        scores.append(representations.new_zeros(num_antecedents - len(distances), num_spans - first))
        # Shape: (num_spans - first, num_antecedents)
        return torch.cat(scores).t()


def _antecedent_loss(scores: torch.Tensor, antecedents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of all gold antecedents together (Lee et al. 2017, section 5)."""
    # Shape: (num_spans, max_antecedents)
    is_gold = (labels.unsqueeze(1) == labels[antecedents]) & (labels.unsqueeze(1) >= 0) & (antecedents >= 0)
    # A span without a gold antecedent has the empty one. Shape: (num_spans, 1 + max_antecedents)
    is_gold = torch.cat([~is_gold.any(1, keepdim=True), is_gold], dim=1)
    log_probabilities = scores.log_softmax(-1)
    return -log_probabilities.masked_fill(~is_gold, -math.inf).logsumexp(-1).sum()


def _feedforward(input_dim: int, num_layers: int, hidden_dim: int, dropout: float) -> FeedForward:
    return FeedForward(input_dim, num_layers, hidden_dim, Activation.by_name("relu")(), dropout)


def _first_layer(feedforward: FeedForward) -> torch.nn.Linear:
    return cast(torch.nn.Linear, feedforward._linear_layers[0])


def _after_first_layer(feedforward: FeedForward, hidden: torch.Tensor) -> torch.Tensor:
    """The rest of a feed-forward network with ReLU, given the output of its first linear layer."""
    for number, (linear, dropout) in enumerate(zip(feedforward._linear_layers, feedforward._dropout)):
        hidden = hidden if number == 0 else linear(hidden)
        hidden = rectified_dropout(hidden, cast(torch.nn.Dropout, dropout).p, dropout.training)
    return hidden
