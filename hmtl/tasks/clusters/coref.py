"""End-to-end coreference resolution over all spans of a document."""

import math
from itertools import accumulate
from typing import Any, Dict, Iterator, List, Literal, NamedTuple, Optional, Tuple, cast

import torch
from allennlp.data import Vocabulary
from allennlp.models.heads import Head
from allennlp.nn.util import bucket_values

from hmtl.common.devices import computed_twice, moved, on_host
from hmtl.metrics import CoreferenceScores
from hmtl.metrics.coreference_scores import Singletons
from hmtl.modules import antecedent_products
from hmtl.modules.feedforward import after_first_layer, feedforward, first_layer
from hmtl.modules.float32 import in_float32
from hmtl.modules.spans import Spans, attended, enumerate_spans, rows_at_once
from hmtl.tasks.clusters.coref_links import (
    alone,
    chosen_antecedents,
    clusters_of,
    link_probabilities,
    of_antecedents,
)
from hmtl.tasks.clusters.coref_spans import SpanTable, cluster_labels, sorted_unique_spans, span_tables
from hmtl.tasks.task_head import OptionError, TaskHead, check_dropout, check_numbers

Cluster = List[Tuple[int, int]]
GoldMentionsRule = Literal["all", "as_2018"]

NUM_DISTANCE_BUCKETS = 10
# Spans whose antecedents are scored at once, so that long documents take little more memory than short ones.
SPANS_IN_BLOCK = 512
# Spans of documents side by side. More of them would not make matrix products any faster.
SPANS_IN_TABLE = 256


class Tokens(NamedTuple):
    """The tokens of all documents of a batch, one document after the other.

    # Attributes

    encoding : `torch.Tensor`
        Shape: (num_tokens, encoding_dim)
    inputs : `torch.Tensor`
        What the encoder read. Shape: (num_tokens, encoder_input_dim)
    sentence_ids : `torch.Tensor`
        No two sentences of a document, or of two documents, have the same. On the host. Shape: (num_tokens,)
    document_of : `torch.Tensor`
        The document of each token. On the host. Shape: (num_tokens,)
    lengths : `List[int]`
        Of the documents.
    """

    encoding: torch.Tensor
    inputs: torch.Tensor
    sentence_ids: torch.Tensor
    document_of: torch.Tensor
    lengths: List[int]


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
    Clusters of one mention are found with `predict_singletons` alone: the antecedents say nothing of them. Of the kept
    spans, those with a mention score above that of the empty antecedent, 0, and without a link in either direction are
    then clusters of one, and the loss gains the binary cross-entropy of the kept spans' mention scores, summed over the
    spans, where a span is a mention if any gold cluster, of one or of more, holds it (Zhang et al. 2018, "Neural
    Coreference Resolution with Deep Biaffine Attention by Joint Mention Detection and Mention Clustering"; Xu and Choi
    2021, "Adapted End-to-End Coreference Resolution System for Anaphoric Identities in Dialogues").

    Metrics: those of `CoreferenceScores`; `f1` is the average of MUC, B-cubed and CEAF-phi4. Gold mentions that the
    head cannot find count as missed; see `findable`.

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
    gold_mentions_rule : `str`, optional (default = `"all"`)
        Which gold mentions are candidates then: `all` of them, or, `as_2018` the released code had it, those of up to
        `max_span_width` tokens within a sentence, of which `spans_per_word` are kept.
    predict_singletons : `bool`, optional (default = `False`)
        Whether clusters of one mention are learnt and predicted, for corpora that annotate them. The reader has to keep
        them.
    singletons : `str`, optional (default = `"count"`)
        How scores count clusters of one: `count`, or `as_2018`; see `CoreferenceScores`.

    # Raises

    OptionError
        Where an option has none of its values.
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
        gold_mentions_rule: GoldMentionsRule = "all",
        predict_singletons: bool = False,
        singletons: Singletons = "count",
    ) -> None:
        super().__init__(vocab)
        if gold_mentions_rule not in ("all", "as_2018"):
            raise OptionError(f"gold_mentions_rule: '{gold_mentions_rule}' is neither 'all' nor 'as_2018'")
        check_numbers(1, max_span_width=max_span_width, max_antecedents=max_antecedents)
        check_numbers(1, hidden_dim=hidden_dim, num_layers=num_layers)
        check_numbers(0, spans_per_word=spans_per_word, feature_size=feature_size)
        check_dropout(dropout=dropout)
        self.gold_mentions = gold_mentions
        self.singletons = singletons
        self._gold_mentions_rule = gold_mentions_rule
        self._predict_singletons = predict_singletons
        # The rest of a sentence that begins with "they": the gold mentions that are not `findable`.
        self.why_not_findable = "are wider than max_span_width or cross sentences"
        if not predict_singletons:
            self.why_not_findable += ", or have no other mention in their cluster that can be found"
        self._max_span_width = max_span_width
        self._spans_per_word = spans_per_word
        self._max_antecedents = max_antecedents
        # The parts of a span representation, in the order in which they stand.
        self._span_parts = [encoding_dim, encoding_dim, feature_size, encoder_input_dim]
        span_dim = sum(self._span_parts)
        self._width_embedding = torch.nn.Embedding(max_span_width, feature_size)
        self._distance_embedding = torch.nn.Embedding(NUM_DISTANCE_BUCKETS, feature_size)
        self._attention = torch.nn.Linear(encoder_input_dim, 1)
        self._mention_feedforward = feedforward(span_dim, num_layers, hidden_dim, dropout)
        self._mention_scorer = torch.nn.Linear(hidden_dim, 1)
        self._antecedent_feedforward = feedforward(3 * span_dim + feature_size, num_layers, hidden_dim, dropout)
        self._antecedent_scorer = torch.nn.Linear(hidden_dim, 1)
        self._scores = CoreferenceScores(singletons)

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
        link to the antecedent that it was joined by; of a cluster's first mention, of the likeliest link to it; of a
        cluster of one, that it is a mention, as its mention score has it.
        """
        # Which candidates there are, and how many, is found on the host. Where it knows these, it waits for nothing.
        targets = [] if mentions is None else [mentions]
        known_mask, _, *known_mentions = on_host(mask, sentence_ids, *targets)
        tokens = tokens_of(encoding, encoder_input, sentence_ids, known_mask.sum(-1).tolist())
        firsts = [0, *accumulate(tokens.lengths)][:-1]
        gold = moved(_in_tokens_of_all(known_mentions[0], torch.tensor(firsts)), mask.device) if targets else None
        found: List[Tuple[SpanTable, List[torch.Tensor]]] = []
        losses: List[torch.Tensor] = []
        for table, spans, mention_scores, scores in self._scored_spans(tokens, gold):
            if gold is not None:
                # Shape: (num_spans, num_documents)
                labels = cluster_labels(spans, gold).view(table.spans.shape)
                losses.append(_antecedent_loss(scores, labels, table.mask))
                if self._predict_singletons:
                    losses.append(_mention_loss(mention_scores, labels, table.mask))
            if not self.training:
                # The antecedent that is chosen is the likeliest one, so that the maximum is its probability.
                links = chosen_antecedents(scores), scores.softmax(-1).amax(-1)
                # Shape (each): (num_documents, num_spans)
                columns = [column.view(table.spans.shape).t() for column in (*spans, *links, mention_scores.sigmoid())]
                found.append((table, columns))
        output: Dict[str, Any] = {}
        if mentions is not None:
            # Shape: ()
            output["loss"] = torch.stack(losses).sum() if losses else torch.zeros((), device=mask.device)
        if not self.training:
            output["predictions"], link_scores = self._decoded(found, firsts)
            if with_scores:
                output["scores"] = link_scores
            if metadata is not None and mentions is not None:
                self._scores(output["predictions"], [row["clusters"] for row in metadata])
        return output

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return self._scores.get_metric(reset)

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        """How many of the gold mentions of a document the head can find, and how many there are.

        A mention can be found where it is among the spans that are candidates, before any is pruned, and, without
        `predict_singletons`, where another mention of its cluster can be found, too.

        # Parameters

        metadata : `Dict[str, Any]`
            A document's `sentences` and `clusters`, as `CorefReader` gives them.
        """
        lengths = list(map(len, metadata["sentences"]))
        sentence_of = [number for number, length in enumerate(lengths) for _ in range(length)]
        is_given = self.gold_mentions and self._gold_mentions_rule == "all"
        found = total = 0
        for cluster in metadata["clusters"]:
            candidates = [
                end
                for start, end in cluster
                if is_given or (end - start < self._max_span_width and sentence_of[start] == sentence_of[end])
            ]
            total += len(cluster)
            found += len(candidates) if len(candidates) > 1 or self._predict_singletons else 0
        return found, total

    def _decoded(
        self, tables: List[Tuple[SpanTable, List[torch.Tensor]]], firsts: List[int]
    ) -> Tuple[List[List[Cluster]], List[List[List[float]]]]:
        """The clusters of each document, whose first tokens are given, and the scores of their mentions.

        Of each table there are, with shape (num_documents, num_spans), the spans' starts and ends, their antecedents,
        the probabilities of these, and those of being a mention.
        """
        predictions: List[List[Cluster]] = [[] for _ in firsts]
        link_scores: List[List[List[float]]] = [[] for _ in firsts]
        on_device = [column for _, columns in tables for column in columns]
        # What the host has to wait for, it waits for once.
        columns = iter(on_host(*on_device))
        for table, of_table in tables:
            rows = zip(table.documents, table.counts, *(next(columns).tolist() for _ in of_table))
            for document, count, starts, ends, chosen, probabilities, of_mentions in rows:
                first, clusters = firsts[document], clusters_of(chosen[:count])
                singles = alone(chosen[:count], of_mentions) if self._predict_singletons else []
                predictions[document] = [
                    [(starts[span] - first, ends[span] - first) for span in cluster]
                    for cluster in (*clusters, *([single] for single in singles))
                ]
                link_scores[document] = link_probabilities(clusters, chosen, probabilities)
                link_scores[document] += [[of_mentions[single]] for single in singles]
        return predictions, link_scores

    def _scored_spans(
        self, tokens: Tokens, gold: Optional[torch.Tensor]
    ) -> Iterator[Tuple[SpanTable, Spans, torch.Tensor, torch.Tensor]]:
        """The kept spans of all documents in tables, those of a table one row after the other; their mention scores,
        shape (num_spans, num_documents); and the scores, shape (num_spans, num_documents, 1 + num_antecedents), of no
        antecedent and of each, nearest first, -inf where there is none."""
        # Shape: (num_tokens,)
        logits = in_float32(self._attention, tokens.inputs).squeeze(-1)
        is_given = self.gold_mentions and not self.training and gold is not None
        if is_given:
            spans = sorted_unique_spans(on_host(cast(torch.Tensor, gold))[0])
            if self._gold_mentions_rule == "as_2018":
                spans = spans.at(_narrow(spans, tokens.sentence_ids, self._max_span_width))
        else:
            spans = enumerate_spans(tokens.sentence_ids, self._max_span_width)
        counts, spans = _spans_by_document(tokens, spans), spans.on(logits.device)
        mention_scores = self._mention_scores(tokens, logits, spans)
        if not is_given or self._gold_mentions_rule == "as_2018":
            counts, kept = self._kept(mention_scores, tokens.lengths, counts)
            spans, mention_scores = spans.at(kept), mention_scores[kept]
        for table in span_tables(counts, SPANS_IN_TABLE, logits.device):
            spans_of_table = spans.at(computed_twice(torch.Tensor.flatten, table.spans))
            # Shape: (num_spans * num_documents, span_dim)
            representations = self._representations(tokens, logits, spans_of_table)
            # Shape: (num_spans, num_documents)
            of_table = mention_scores[table.spans]
            yield table, spans_of_table, of_table, self._antecedent_scores(representations, of_table)

    def _kept(
        self, mention_scores: torch.Tensor, lengths: List[int], counts: List[int]
    ) -> Tuple[List[int], torch.Tensor]:
        """The best candidates of each document, which has so many tokens and so many candidates: how many they are, and
        all by their numbers, in document order. Shape: (num_spans,)"""
        numbers, kept, first = [], [], 0
        for length, count, scores in zip(lengths, counts, mention_scores.split(counts)):
            numbers.append(min(count, max(1, math.floor(self._spans_per_word * length))))
            kept.append(first + scores.topk(numbers[-1]).indices)
            first += count
        # The candidates are in document order.
        return numbers, torch.cat(kept).sort().values

    def _representations(self, tokens: Tokens, logits: torch.Tensor, spans: Spans) -> torch.Tensor:
        """Shape: (num_spans, span_dim)"""
        attended = self._attended(tokens.inputs, logits, spans)
        widths = self._width_embedding(self._widths(spans))
        return torch.cat([tokens.encoding[spans.starts], tokens.encoding[spans.ends], widths, attended], dim=-1)

    def _widths(self, spans: Spans) -> torch.Tensor:
        """The row of each span's width in the table of widths. Shape: (num_spans,)"""
        return (spans.ends - spans.starts).clamp(max=self._max_span_width - 1)

    def _attended(self, values: torch.Tensor, logits: torch.Tensor, spans: Spans) -> torch.Tensor:
        """The attention-weighted sum of `values`, shape (num_tokens, dim), over each span, (num_spans, dim); `logits`
        has shape (num_tokens,)."""
        # Gold mentions may be wider than the limit.
        width = self._max_span_width
        if self.gold_mentions and not self.training and len(spans.starts):
            starts, ends = on_host(*spans)
            width = max(width, int((ends - starts).max()) + 1)
        return attended(values, logits, spans, width)

    def _mention_scores(self, tokens: Tokens, logits: torch.Tensor, spans: Spans) -> torch.Tensor:
        """Shape: (num_spans,)"""
        first = first_layer(self._mention_feedforward)
        at_start, at_end, of_width, of_input = first.weight.split(self._span_parts, dim=1)
        # Shapes: (num_tokens, hidden_dim)
        starts, ends = tokens.encoding @ at_start.t(), tokens.encoding @ at_end.t()
        values = tokens.inputs @ of_input.t()
        # Shape: (max_span_width, hidden_dim)
        widths = self._width_embedding.weight @ of_width.t() + first.bias
        scores = []
        for block in spans.blocks(rows_at_once(starts.device)):
            # Shape: (num_spans, hidden_dim)
            hidden = starts[block.starts] + ends[block.ends] + widths[self._widths(block)]
            hidden = after_first_layer(self._mention_feedforward, hidden + self._attended(values, logits, block))
            # Shape: (num_spans,)
            scores.append(in_float32(self._mention_scorer, hidden).squeeze(-1))
        return torch.cat(scores)

    def _antecedent_scores(self, representations: torch.Tensor, mention_scores: torch.Tensor) -> torch.Tensor:
        """Scores each span of a table with no antecedent, whose score is 0, and with each antecedent, nearest first.

        Shapes: (num_spans * num_documents, span_dim) and (num_spans, num_documents) ->
        (num_spans, num_documents, 1 + num_antecedents)
        """
        num_spans, num_documents = mention_scores.shape
        num_antecedents = min(self._max_antecedents, num_spans - 1)
        blocks = []
        for start in range(0, num_spans, SPANS_IN_BLOCK):
            # The spans of the block and, before them, the antecedents of these.
            first = max(0, start - num_antecedents)
            rows = representations[first * num_documents : (start + SPANS_IN_BLOCK) * num_documents]
            blocks.append(self._pair_scores(rows, start - first, num_antecedents, num_documents))
        # Shape: (num_spans, num_documents, num_antecedents)
        scores = torch.cat(blocks)
        scores = scores + mention_scores.unsqueeze(-1) + of_antecedents(mention_scores, num_antecedents, -math.inf)
        # Shape: (num_spans, num_documents, 1 + num_antecedents)
        return torch.nn.functional.pad(scores, (1, 0))

    def _pair_scores(
        self, representations: torch.Tensor, first: int, num_antecedents: int, num_documents: int
    ) -> torch.Tensor:
        """What pairs add to the scores of their mentions, for the spans from `first` on; 0 where there is no
        antecedent. Shape: (num_spans - first, num_documents, num_antecedents)"""
        layer = first_layer(self._antecedent_feedforward)
        num_rows, span_dim = representations.shape
        of_span, of_antecedent, of_product, of_distance = layer.weight.split(
            [span_dim, span_dim, span_dim, self._distance_embedding.embedding_dim], dim=1
        )
        num_spans = num_rows // num_documents
        distances = torch.arange(1, num_antecedents + 1)
        # In a short block no two spans are as far apart as the longest distance. Shape: (num_distances,)
        buckets = bucket_values(distances[: num_spans - 1], num_total_buckets=NUM_DISTANCE_BUCKETS)
        buckets = moved(buckets, representations.device)
        # Shape: (num_pairs, hidden_dim)
        hidden = antecedent_products(
            representations,
            of_product,
            representations @ of_span.t(),
            representations @ of_antecedent.t(),
            (self._distance_embedding.weight @ of_distance.t() + layer.bias)[buckets],
            first,
            num_documents,
        )
        # Shape: (num_pairs,)
        scores = torch.cat(
            [
                in_float32(self._antecedent_scorer, after_first_layer(self._antecedent_feedforward, rows)).squeeze(-1)
                for rows in hidden.split(rows_at_once(hidden.device))
            ]
        )
        # Shape: (num_antecedents, num_spans - first, num_documents)
        exists = (distances.unsqueeze(1) <= torch.arange(first, num_spans)).unsqueeze(-1).expand(-1, -1, num_documents)
        cells = moved(exists.flatten().nonzero().squeeze(1), scores.device)
        by_distance = scores.new_zeros(exists.numel()).index_copy(0, cells, scores).view(exists.shape)
        return by_distance.permute(1, 2, 0)


def tokens_of(encoding: torch.Tensor, inputs: torch.Tensor, sentence_ids: torch.Tensor, lengths: List[int]) -> Tokens:
    """Joins rows of documents, shapes (num_documents, document_length, ...), without their padding."""
    document_of = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    encoding, inputs, sentence_ids = (
        torch.cat([row[:length] for row, length in zip(rows, lengths)])
        for rows in (encoding, inputs, *on_host(sentence_ids))
    )
    return Tokens(encoding, inputs, sentence_ids * len(lengths) + document_of, document_of, lengths)


def _in_tokens_of_all(mentions: torch.Tensor, firsts: torch.Tensor) -> torch.Tensor:
    """The mentions of all documents as rows `(start, end, cluster)`, shape (num_mentions, 3), that count tokens from
    the first document on; clusters keep their numbers. `firsts` are the documents' first tokens."""
    # Shape: (batch_size, 1, 3)
    offsets = torch.stack([firsts, firsts, torch.zeros_like(firsts)], dim=-1).unsqueeze(1)
    return (mentions + offsets)[mentions[:, :, 2] >= 0]


def _spans_by_document(tokens: Tokens, spans: Spans) -> List[int]:
    """How many of the spans each document has."""
    return tokens.document_of[spans.starts].bincount(minlength=len(tokens.lengths)).tolist()


def _narrow(spans: Spans, sentence_ids: torch.Tensor, max_width: int) -> torch.Tensor:
    """Which spans are within a sentence and of up to `max_width` tokens. Shape: (num_spans,)"""
    return (spans.ends - spans.starts < max_width) & (sentence_ids[spans.starts] == sentence_ids[spans.ends])


def _mention_loss(scores: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The binary cross-entropy of mention scores, summed over spans; all have shape (num_spans, num_documents)."""
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        scores, (labels >= 0).to(scores.dtype), reduction="none"
    )
    return losses.masked_fill(~mask, 0.0).sum()


def _antecedent_loss(scores: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of all gold antecedents together (Lee et al. 2017, section 5); labels and mask have shape
    (num_spans, num_documents)."""
    # Shape: (num_spans, num_documents, num_antecedents)
    is_gold = labels.unsqueeze(-1) == of_antecedents(labels, scores.size(-1) - 1, -1)
    is_gold = is_gold & (labels >= 0).unsqueeze(-1)
    # A span without a gold antecedent has the empty one. Shape: (num_spans, num_documents, 1 + num_antecedents)
    is_gold = torch.cat([~is_gold.any(-1, keepdim=True), is_gold], dim=-1)
    # Shape: (num_spans, num_documents)
    losses = -scores.log_softmax(-1).masked_fill(~is_gold, -math.inf).logsumexp(-1)
    return losses.masked_fill(~mask, 0.0).sum()
