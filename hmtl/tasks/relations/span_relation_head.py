"""Relations between the spans that lower levels find."""

import logging
from collections import Counter
from typing import Any, Collection, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union, get_args

import torch
import torch.nn.functional as F
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models.heads import Head
from allennlp.nn.util import bucket_values

from hmtl.common.devices import on_host
from hmtl.document import Bounds, Document, Relation, Span
from hmtl.metrics import EntityRelationScores, RelationScores
from hmtl.metrics.relation_scores import TypedRelation
from hmtl.modules.dropout import Dropout, rectified_dropout
from hmtl.modules.float32 import in_float32
from hmtl.modules.spans import RangeMaximum, in_blocks
from hmtl.tasks.relations.pairs import Candidates, Pairs, candidates, drawn_spans, pairs_of, rows_of_spans
from hmtl.tasks.relations.relation import FROM_DATA, prior_of
from hmtl.tasks.relations.span_relation_reader import in_text_order, signature
from hmtl.tasks.task_head import OptionError, Scope, TaskHead, check_dropout, check_numbers, labels_of, log_odds

logger = logging.getLogger(__name__)

NUM_BUCKETS = 10
LEARNED = "learned"
# For each relation label the pairs of types that it may join.
TypePairs = Mapping[str, Sequence[Sequence[str]]]


@Head.register("hmtl_span_relations")
class SpanRelationHead(TaskHead):
    """Scores ordered pairs of spans for every relation type, one sigmoid a type (Eberts and Ulges 2020, "Span-based
    Joint Entity and Relation Extraction with Transformer Pre-training"; Zhong and Chen 2021, "A Frustratingly Easy
    Approach for Entity and Relation Extraction").

    The spans are those that the heads of some levels below find, by default of the nearest whose head finds any: best
    one that is trained on the mentions of the relations' own corpus, whose arguments they are. In training they are
    joined by the gold arguments, the gold mentions, and spans that are drawn at random: what pairs there are in
    evaluation, from predicted spans alone, has been trained.

    A span is represented by the encoder's output at both ends, the maximum over its tokens of a projection of that
    output, a width embedding, and the embeddings of the labels that these levels predict for it (Hashimoto et al.
    2017, "A Joint Many-Task Model", section 2.2, whose labels are weighted by their probability); of a span of training
    that they do not find, those of its gold mention, where they know them. A pair is V relu(U s_i + W s_j + m_ij + d_ij
    + b): m_ij is the maximum over the tokens between both spans of a projection of the encoder's output, d_ij the
    embedding of their order and distance. Scores are computed in float32, under autocast too.

    `predictions` holds one list of `Relation`s a sentence; the score of a relation is its probability. The metrics are
    those of `RelationScores`, over all gold relations. Its reader is `hmtl_span_relations`.

    With `scope` `document` a row is a document: pairs are of spans of any of its sentences that are not too far apart,
    the level's encoder reads the sentences one after the other, and the spans are those that the levels below find in
    each sentence. What is said here of a sentence then holds for a document. The metrics of documents with clusters
    also are those of `EntityRelationScores`.

    # Parameters

    label_namespace : `str`, optional (default = `f"{task_name}_labels"`)
        The vocabulary namespace of the relation types.
    scope : `str`, optional (default = `"sentence"`)
        `sentence` or `document`. Tell the reader, too.
    max_sentence_distance : `Optional[int]`, optional (default = `3`)
        Of documents: by how many sentences the arguments of a relation may be apart, 0 for those of one sentence,
        `None` for any. Memory and time grow with it; gold relations beyond it are missed. Of Re-DocRED's relations
        between entities 46 % have mentions in one sentence, 87 % within 3 sentences of each other.
    candidate_levels : `List[str]`, optional (default = the nearest, of several side by side the last by name)
        The levels whose spans are related, of those that this one reads, directly or not. A span that several find has
        the labels of all, and counts as one of the first of them that is named.
    hidden_dim : `int`, optional (default = `150`)
        The size of U s_i and of all that is added to it.
    feature_size, label_size : `int`, optional (default = `20`, `25`)
        The sizes of the width and the label embeddings; 0 of the latter leaves them out.
    dropout : `float`, optional (default = `0.2`)
        Dropout on the encoder's output and on the hidden layer.
    threshold : `float`, optional (default = `0.5`)
        The probability from which on a relation is predicted.
    prior_probability : `Union[float, str]`, optional (default = `0.01`)
        The probability with which every pair starts to have a relation; with `"data"` each type starts with its share
        in the pairs of gold mentions and arguments of the training data.
    num_drawn_spans, max_drawn_width : `int`, optional (default = `5`, `4`)
        Of each sentence, in training: how many spans are drawn, and of how many tokens at most.
    symmetric : `List[str]`, optional (default = none)
        Relation types without direction; the first argument of such a relation is the one that comes first in the text.
        Tell the reader, too.
    type_constraints : `str` or `Dict[str, List[List[str]]]`, optional (default = none)
        Which types of arguments a relation may join. `"learned"`: those that it joins in the training data. Or for some
        relation types the pairs, such as `{"PER-SOC": [["PER", "PER"]]}`. What the spans' predicted labels forbid is
        not predicted; labels that the training data of relations do not have for mentions forbid nothing.
    ignore_overlapping : `bool`, optional (default = `False`)
        Whether the loss leaves out, for the type of a gold relation, the other pairs of spans that overlap both its
        arguments, such as `the Senate` for `Senate`: they are neither related nor unrelated.
    gold_mentions : `bool`, optional (default = `False`)
        Outside training, the spans are the gold mentions, with their gold labels: entities are given. Levels below need
        not find any then.
    mention_namespace, signature_namespace : `str`, optional (default = `"mention_labels"`, `"signature_labels"`)
        As in the reader.
    loss_reduction : `str`, optional (default = `"sum"`)
        Of the sentences' losses, each the sum of the binary cross-entropy of its pairs and types: `"sum"` or `"mean"`.

    # Raises

    ConfigurationError
        Where an option has none of its values, no level below finds spans although they are not given, or one of
        `candidate_levels` does not, and in training where the reader is another.
    """

    predicts = "relations"
    labels: List[str]
    reads_spans = True
    trains_on_spans = True
    why_not_findable = (
        "have a type that training never saw, relate a span to itself, or are symmetric and not in text order"
    )

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        task_name: str,
        span_layers: Optional[Dict[str, List[str]]] = None,
        label_namespace: str = None,
        scope: Scope = "sentence",
        max_sentence_distance: Optional[int] = 3,
        candidate_levels: Optional[Sequence[str]] = None,
        hidden_dim: int = 150,
        feature_size: int = 20,
        label_size: int = 25,
        dropout: float = 0.2,
        threshold: float = 0.5,
        prior_probability: Union[float, str] = 0.01,
        num_drawn_spans: int = 5,
        max_drawn_width: int = 4,
        symmetric: Sequence[str] = (),
        type_constraints: Optional[Union[str, Dict[str, List[List[str]]]]] = None,
        ignore_overlapping: bool = False,
        gold_mentions: bool = False,
        mention_namespace: str = "mention_labels",
        signature_namespace: str = "signature_labels",
        loss_reduction: str = "sum",
    ) -> None:
        super().__init__(vocab)
        if loss_reduction not in ("sum", "mean"):
            raise OptionError(f"loss_reduction must be 'sum' or 'mean', not '{loss_reduction}'")
        if scope not in get_args(Scope):
            raise OptionError(f"scope must be 'sentence' or 'document', not '{scope}'")
        if max_sentence_distance is not None and max_sentence_distance < 0:
            raise OptionError(f"max_sentence_distance must be at least 0, not {max_sentence_distance}")
        check_numbers(1, hidden_dim=hidden_dim, max_drawn_width=max_drawn_width)
        check_numbers(0, feature_size=feature_size, label_size=label_size, num_drawn_spans=num_drawn_spans)
        check_dropout(dropout=dropout)
        self._threshold_logit = log_odds(threshold, "threshold")
        self.starts_from_data = prior_probability == FROM_DATA
        prior = prior_of(prior_probability)
        log_odds(prior, "prior_probability")
        for option, names in (("symmetric", symmetric), ("candidate_levels", candidate_levels)):
            if isinstance(names, str):
                raise OptionError(f"{option} must be a list of names, such as ['{names}'], not '{names}'")
        if not span_layers and not gold_mentions:
            raise ConfigurationError(
                f"level '{task_name}' reads no level that finds spans, which 'hmtl_span_relations' could relate; name "
                "one in its 'reads', or set gold_mentions where they are given"
            )
        self.labels = labels_of(vocab, label_namespace or f"{task_name}_labels", task_name)
        self.gold_mentions = gold_mentions
        self._task_name = task_name
        self.scope = scope
        self._max_sentence_distance = max_sentence_distance
        if scope == "document" and max_sentence_distance is not None:
            self.why_not_findable = f"are more than {max_sentence_distance} sentences apart, {self.why_not_findable}"
        mention_labels = _entries(vocab, mention_namespace)
        below = span_layers or {}
        self.span_levels = _candidate_levels(candidate_levels, list(below), task_name)
        # The labels that spans may have, layer by layer.
        self._layers = [below[level] for level in self.span_levels] or [mention_labels]
        self.read_labels = [label for layer in self._layers for label in layer]
        # The position of each mention label in `read_labels`, in the first layer that has it; -1 where none has it.
        first_of = {label: number for number, label in reversed(list(enumerate(self.read_labels)))}
        number_of = torch.tensor([first_of.get(label, -1) for label in mention_labels] or [-1])
        self.register_buffer("_label_of_mention", number_of, persistent=False)
        self._num_drawn_spans = num_drawn_spans
        self._max_drawn_width = max_drawn_width
        self._symmetric = set(symmetric)
        self._warn_of_unknown("symmetric", symmetric, self.labels)
        is_symmetric = torch.tensor([label in self._symmetric for label in self.labels])
        self.register_buffer("_is_symmetric", is_symmetric, persistent=False)
        self._set_constraints(type_constraints, vocab, mention_labels, signature_namespace)
        self._ignore_overlapping = ignore_overlapping
        self._loss_reduction = loss_reduction
        self._label_embedding = torch.nn.Linear(len(self.read_labels), label_size, bias=False) if label_size else None
        self._width_embedding = torch.nn.Embedding(NUM_BUCKETS, feature_size)
        # A row for each order of the arguments and each bucket of distances; the first of each order is for overlaps.
        self._distance_embedding = torch.nn.Embedding(2 * (NUM_BUCKETS + 1), hidden_dim)
        # What is added to the sums of many small numbers should not drown them.
        for embedding in (self._width_embedding, self._distance_embedding):
            torch.nn.init.normal_(embedding.weight, std=0.1)
        span_dim = 2 * encoding_dim + hidden_dim + feature_size + label_size
        self._inside = torch.nn.Linear(encoding_dim, hidden_dim)
        self._arg1_projection = torch.nn.Linear(span_dim, hidden_dim)
        self._arg2_projection = torch.nn.Linear(span_dim, hidden_dim, bias=False)
        self._between = torch.nn.Linear(encoding_dim, hidden_dim, bias=False)
        self._type_projection = torch.nn.Linear(hidden_dim, len(self.labels))
        of_type = prior / len(self.labels)
        torch.nn.init.constant_(self._type_projection.bias, log_odds(of_type, "prior_probability / number of types"))
        self._dropout = Dropout(dropout)
        self._f1 = RelationScores()
        self._entity_f1 = EntityRelationScores()

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        sentence_ids: Optional[torch.Tensor] = None,
        span_relations: Optional[torch.Tensor] = None,
        span_mentions: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        predicted_spans: Sequence[Any] = (),
        **unused: Any,
    ) -> Dict[str, Any]:
        """`span_relations` has shape (batch_size, num_relations, 5), rows `(start, end, start, end, type)`, and
        `span_mentions` shape (batch_size, num_mentions, 3), rows `(start, end, label)`, both padded with -1."""
        if self.training and span_relations is None:
            raise ConfigurationError(
                f"task '{self._task_name}': the head 'hmtl_span_relations' learns from the field 'span_relations', "
                "which its dataset reader does not give; set the reader's type to 'hmtl_span_relations'"
            )
        self._check_scope(metadata)
        if self.scope == "sentence":
            sentence_ids = None
        spans = self._candidates_of(mask, span_relations, span_mentions, predicted_spans, sentence_ids)
        pairs = self._pairs_of(spans, sentence_ids)
        # Shape: (num_pairs, num_types)
        logits = self._scores(self._dropout(encoding), spans, pairs)
        output: Dict[str, Any] = {}
        if span_relations is not None:
            output = self._loss(logits, spans, pairs, span_relations, mask.size(1))
        if not self.training:
            relations, scores = self._decoded(logits, spans, pairs)
            output["predictions"] = relations
            if with_scores:
                output["scores"] = scores
            if metadata is not None and span_relations is not None:
                layers = [[row.get("mentions") or [] for row in metadata]] if self.gold_mentions else predicted_spans
                mentions = [row.get("mentions") for row in metadata]
                known = {label for layer in self._layers for label in layer}
                self._f1(_typed(relations, layers), [row["relations"] for row in metadata], mentions, known)
                if self.scope == "document":
                    self._entity_f1(relations, list(map(_gold_document, metadata)))
        return output

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        metrics = self._f1.get_metric(reset)
        if self.scope == "document":
            del metrics["f1_last_tokens_sentences_with_relations"]
            metrics.update(self._entity_f1.get_metric(reset))
        return metrics

    def learn_training_documents(self, documents: Sequence[Document]) -> None:
        if self.scope == "document":
            self._entity_f1.learn_facts(documents)

    def start_from_data(self, rows: Sequence[Dict[str, Any]]) -> None:
        """The bias of each type becomes the log-odds of its share in the pairs of gold mentions and arguments that are
        scored for it: that of at least half a relation, and of at most half of the pairs."""
        num_pairs, counts = 0, dict.fromkeys(self.labels, 0)
        for row in rows:
            spans = {span.bounds for span in row["mentions"] or []}
            spans.update(argument for relation in row["relations"] for argument in relation[:2])
            num_pairs += self._num_pairs(spans, row)
            for relation in self._findable(row):
                counts[relation.label] += 1
        # Of a type without direction the half of all pairs is scored.
        num_scored = {label: num_pairs / (2 if label in self._symmetric else 1) for label in self.labels}
        shares = [min(max(count, 0.5) / max(num_scored[label], 1), 0.5) for label, count in counts.items()]
        with torch.no_grad():
            self._type_projection.bias.copy_(torch.tensor([log_odds(share, "share") for share in shares]))

    def _load_from_state_dict(self, *arguments: Any) -> None:
        # What a trained head knows of its data is in its weights.
        self.starts_from_data = False
        super()._load_from_state_dict(*arguments)

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        """Every span counts as one that the levels below may find."""
        return len(self._findable(metadata)), len(set(metadata["relations"]))

    def _findable(self, metadata: Dict[str, Any]) -> List[Relation]:
        found = [
            relation
            for relation in set(metadata["relations"])
            if relation.label in self.labels
            and relation.arg1 != relation.arg2
            and relation == in_text_order(relation, self._symmetric)
        ]
        if self.scope == "sentence" or self._max_sentence_distance is None:
            return found
        sentence_of = _sentence_numbers(metadata)
        return [
            relation
            for relation in found
            if abs(sentence_of[relation.arg1[0]] - sentence_of[relation.arg2[0]]) <= self._max_sentence_distance
        ]

    def _num_pairs(self, spans: Collection[Bounds], metadata: Dict[str, Any]) -> int:
        """How many ordered pairs there are of the spans of a row that are not too far apart."""
        distance = self._max_sentence_distance
        if self.scope == "sentence" or distance is None:
            return len(spans) * (len(spans) - 1)
        sentence_of = _sentence_numbers(metadata)
        counts = Counter(sentence_of[start] for start, _ in spans)
        near = (range(number - distance, number + distance + 1) for number in counts)
        return sum(counts[one] * counts[other] for one, others in zip(counts, near) for other in others) - len(spans)

    def reordered(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        of_types = ("_type_projection.weight", "_type_projection.bias")
        return {name: weight[list(order)] if name in of_types else weight for name, weight in weights.items()}

    def read_in_another_order(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        of_labels = "_label_embedding.weight"
        return {name: weight[:, list(order)] if name == of_labels else weight for name, weight in weights.items()}

    def _warn_of_unknown(self, option: str, labels: Iterable[str], known: Sequence[str]) -> None:
        """Warns of labels that are not known. It is no error, because training data may lack a label."""
        unknown = sorted(set(labels) - set(known))
        if unknown:
            logger.warning(
                "task '%s': %s names what training never saw: %s; there are: %s",
                *(self._task_name, option, ", ".join(unknown), ", ".join(sorted(set(known)))),
            )

    def _set_constraints(
        self,
        constraints: Optional[Union[str, TypePairs]],
        vocab: Vocabulary,
        mention_labels: List[str],
        signature_namespace: str,
    ) -> None:
        """Sets `_allowed`, shape (num_types, num_labels, num_labels), which pairs of labels a type may join, and
        `_constrains`, shape (num_labels,), which labels forbid anything at all."""
        self._has_constraints = constraints is not None
        if constraints is None:
            return
        if constraints == LEARNED:
            seen = set(_entries(vocab, signature_namespace))
            constrains = [label in set(mention_labels) for label in self.read_labels]

            def allows(first: str, label: str, second: str) -> bool:
                return signature(first, label, second) in seen
        elif isinstance(constraints, Mapping):
            for label, pairs in constraints.items():
                for pair in pairs:
                    if isinstance(pair, str) or len(pair) != 2:
                        raise ConfigurationError(
                            f"type_constraints must name pairs of types, such as {{'{label}': [['PER', 'PER']]}}; "
                            f"of '{label}' this is none: {pair!r}"
                        )
            declared = {label: {(first, second) for first, second in pairs} for label, pairs in constraints.items()}
            types = {each for pairs in declared.values() for pair in pairs for each in pair}
            self._warn_of_unknown("type_constraints", declared, self.labels)
            self._warn_of_unknown("type_constraints", types, self.read_labels)
            # Only layers in which some label has a declared type are constrained.
            constrains = [not types.isdisjoint(layer) for layer in self._layers for _ in layer]

            def allows(first: str, label: str, second: str) -> bool:
                return label not in declared or (first, second) in declared[label]
        else:
            raise ConfigurationError(f"type_constraints must be '{LEARNED}' or name pairs of types, not {constraints}")
        rows = [
            [[allows(first, label, second) for second in self.read_labels] for first in self.read_labels]
            for label in self.labels
        ]
        self.register_buffer("_allowed", torch.tensor(rows, dtype=torch.float), persistent=False)
        self.register_buffer("_constrains", torch.tensor(constrains, dtype=torch.float), persistent=False)

    def _check_scope(self, metadata: Optional[List[Dict[str, Any]]]) -> None:
        """Raises `ConfigurationError` where the rows of the reader are not those of the head."""
        given = "document" if metadata and "sentences" in metadata[0] else "sentence"
        if metadata and given != self.scope:
            raise ConfigurationError(
                f"task '{self._task_name}': the head's scope is '{self.scope}', and its dataset reader gives a "
                f"{given} an instance; set both to the same scope"
            )

    def _candidates_of(
        self,
        mask: torch.Tensor,
        relations: Optional[torch.Tensor],
        mentions: Optional[torch.Tensor],
        predicted_spans: Sequence[Any],
        sentence_ids: Optional[torch.Tensor] = None,
    ) -> Candidates:
        found, examples = [], []
        offset = 0
        for labels, layer in zip(self._layers, predicted_spans):
            # Shape: (batch_size, num_spans, 3)
            rows = layer if isinstance(layer, torch.Tensor) else rows_of_spans(layer, labels, mask.device)
            found.append((rows[..., :2], (rows[..., 2] + offset).where(rows[..., 2] >= 0, -1)))
            offset += len(labels)
        if mentions is not None:
            of_mentions = self._label_of_mention[mentions[..., 2].clamp(min=0)]  # type: ignore[index]
            given = (mentions[..., :2], of_mentions.where(mentions[..., 2] >= 0, -1))
            if self.gold_mentions and not self.training:
                found = [given]
            else:
                examples.append(given)
        if relations is not None:
            arguments = torch.cat([relations[..., :2], relations[..., 2:4]], dim=1)
            examples.append((arguments, torch.full_like(arguments[..., 0], -1)))
        if self.training and self._num_drawn_spans:
            drawn = drawn_spans(mask, self._num_drawn_spans, self._max_drawn_width, sentence_ids)
            examples.append((drawn, torch.full_like(drawn[..., 0], -1)))
        if not found and not examples:
            found = [(mask.new_zeros(len(mask), 0, 2).long(), mask.new_zeros(len(mask), 0).long())]
        spans = candidates(found, examples, mask.size(1), len(self.read_labels))
        return spans.without_gaps() if self.scope == "document" else spans

    def _pairs_of(self, spans: Candidates, sentence_ids: Optional[torch.Tensor]) -> Pairs:
        sentence_of = None if sentence_ids is None else sentence_ids.gather(1, spans.starts)
        return pairs_of(spans.is_span, sentence_of, self._max_sentence_distance)

    def _scores(self, encoding: torch.Tensor, spans: Candidates, pairs: Pairs) -> torch.Tensor:
        """Shape: (num_pairs, num_types)"""
        batch_size, length, _ = encoding.shape
        num_slots = spans.starts.size(1)
        representations = self._representations(encoding, spans).flatten(0, 1)
        # Shapes: (batch_size * num_slots, hidden_dim)
        of_arg1, of_arg2 = self._arg1_projection(representations), self._arg2_projection(representations)
        between = RangeMaximum(self._between(encoding))
        starts, ends = spans.starts.flatten(), spans.ends.flatten()

        def score(rows: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            arg1, arg2 = rows * num_slots + first, rows * num_slots + second
            # The slots of a sentence are in the order of the text, so that the smaller number is the earlier span.
            earlier, later = torch.minimum(arg1, arg2), torch.maximum(arg1, arg2)
            stop, start = ends[earlier], starts[later]
            # As embeddings: their gradients are summed several times as fast as those of an index.
            hidden = F.embedding(arg1, of_arg1) + F.embedding(arg2, of_arg2)
            hidden = hidden + between.of(rows, stop + 1, start - 1)
            hidden = hidden + self._distance_embedding(distance_buckets(first < second, start - stop - 1))
            return in_float32(self._type_projection, rectified_dropout(hidden, self._dropout.p, self.training))

        return in_blocks(score, *pairs)

    def _representations(self, encoding: torch.Tensor, spans: Candidates) -> torch.Tensor:
        """Shape: (batch_size, num_slots, span_dim)"""
        batch_size, num_slots = spans.starts.shape
        rows = torch.arange(batch_size, device=encoding.device).unsqueeze(1)
        tokens = encoding.flatten(0, 1)
        first = rows * encoding.size(1)
        inside = RangeMaximum(self._inside(encoding)).of(
            rows.expand_as(spans.starts).flatten(), spans.starts.flatten(), spans.ends.flatten()
        )
        widths = bucket_values(spans.ends - spans.starts + 1, num_total_buckets=NUM_BUCKETS)
        parts = [
            F.embedding(first + spans.starts, tokens),
            F.embedding(first + spans.ends, tokens),
            inside.view(batch_size, num_slots, inside.size(1)),
            self._width_embedding(widths),
        ]
        if self._label_embedding is not None:
            parts.append(self._label_embedding(spans.labels.to(self._label_embedding.weight.dtype)))
        return torch.cat(parts, dim=-1)

    def _loss(
        self, logits: torch.Tensor, spans: Candidates, pairs: Pairs, relations: torch.Tensor, length: int
    ) -> Dict[str, torch.Tensor]:
        """`loss`, and `loss_count` where it is a mean."""
        num_pairs, num_slots = len(logits), spans.starts.size(1)
        is_real = relations[..., 4] >= 0
        # Shape: (batch_size * num_slots * num_slots,): where each pair stands among the pairs, behind all if nowhere
        numbers = torch.full((len(relations) * num_slots**2,), num_pairs, device=logits.device)
        cells = (pairs.rows * num_slots + pairs.first) * num_slots + pairs.second
        numbers = numbers.index_put((cells,), torch.arange(num_pairs, device=logits.device))
        rows = torch.arange(len(relations), device=logits.device).unsqueeze(1)
        first, second = (spans.slots_of(bounds, length) for bounds in (relations[..., :2], relations[..., 2:4]))
        # Shape: (batch_size, num_relations)
        gold = numbers[(rows * num_slots + first) * num_slots + second].where(is_real, num_pairs)
        targets = logits.new_zeros(num_pairs + 1, logits.size(1))
        targets = targets.index_put((gold, relations[..., 4].clamp(min=0)), targets.new_ones(()))[:-1]
        is_scored = ~self._is_wrong_way_round(pairs)
        if self._ignore_overlapping:
            is_scored = is_scored & ((targets > 0) | ~overlaps_relation(spans, pairs, relations, logits.size(1)))
        weights = is_scored.to(logits.dtype)
        total = F.binary_cross_entropy_with_logits(logits, targets, weight=weights, reduction="sum")
        if self._loss_reduction == "sum":
            return {"loss": total}
        return {"loss": total / len(relations), "loss_count": total.new_full((), len(relations))}

    def _is_wrong_way_round(self, pairs: Pairs) -> torch.Tensor:
        """Which pairs begin a relation without direction by its later argument. Shape: (num_pairs, num_types)"""
        return (pairs.first > pairs.second).unsqueeze(1) & self._is_symmetric  # type: ignore[operator]

    def _decoded(
        self, logits: torch.Tensor, spans: Candidates, pairs: Pairs
    ) -> Tuple[List[List[Relation]], List[List[float]]]:
        """The relations of each sentence, and their probabilities."""
        relations: List[List[Relation]] = [[] for _ in range(len(spans.starts))]
        scores: List[List[float]] = [[] for _ in relations]
        # Shape: (num_pairs,)
        is_found = spans.is_found[pairs.rows, pairs.first] & spans.is_found[pairs.rows, pairs.second]
        likely = (logits >= self._threshold_logit) & is_found.unsqueeze(1) & ~self._is_wrong_way_round(pairs)
        # Shape (each): (num_likely,)
        numbers, types = likely.nonzero().unbind(1)
        rows, first, second = (column[numbers] for column in pairs)
        is_allowed = torch.ones_like(numbers, dtype=torch.bool)
        if self._has_constraints:
            is_allowed = self._is_allowed(spans.labels[rows, first], spans.labels[rows, second], types)
        bounds = [column[rows, slots] for slots in (first, second) for column in (spans.starts, spans.ends)]
        columns = on_host(is_allowed, rows, *bounds, types, logits[numbers, types].sigmoid())
        for allowed, row, start1, end1, start2, end2, label, score in zip(*(column.tolist() for column in columns)):
            if allowed:
                relations[row].append(Relation((start1, end1), (start2, end2), self.labels[label]))
                scores[row].append(score)
        return relations, scores

    def _is_allowed(self, labels1: torch.Tensor, labels2: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Whether the labels of both arguments, shapes (num_pairs, num_labels), let them have the types, shape
        (num_pairs,)."""
        labels1, labels2 = labels1 * self._constrains, labels2 * self._constrains  # type: ignore[operator]
        says_nothing = ~labels1.any(-1) | ~labels2.any(-1)
        allowed = self._allowed[types]  # type: ignore[index]
        return says_nothing | (torch.einsum("pi,pij,pj->p", labels1, allowed, labels2) > 0)


def distance_buckets(is_first_earlier: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
    """The row of pairs in the table of distances: by order, then by the number of tokens between; spans that overlap,
    with a negative number, have a row of their own. Shapes: (num_pairs,)"""
    bucket = bucket_values(distance.clamp(min=0), num_total_buckets=NUM_BUCKETS) + 1
    return is_first_earlier.long() * (NUM_BUCKETS + 1) + bucket.where(distance >= 0, 0)


def overlaps_relation(spans: Candidates, pairs: Pairs, relations: torch.Tensor, num_types: int) -> torch.Tensor:
    """For each type, whether the spans of a pair overlap, or are, the arguments of a relation of this type.

    `relations` has shape (batch_size, num_relations, 5), as the head gets them. Shape: (num_pairs, num_types)
    """
    overlapping = []
    for slots, column in ((pairs.first, 0), (pairs.second, 2)):
        # Padding ends before the first token, so that nothing overlaps it. Shape (each): (num_pairs, num_relations)
        starts, ends = relations[..., column][pairs.rows], relations[..., column + 1][pairs.rows]
        first, last = spans.starts[pairs.rows, slots].unsqueeze(1), spans.ends[pairs.rows, slots].unsqueeze(1)
        overlapping.append((first <= ends) & (starts <= last))
    types = relations[..., 4].clamp(min=0)[pairs.rows]
    counts = torch.zeros(len(types), num_types, device=types.device)
    return counts.scatter_add(1, types, (overlapping[0] & overlapping[1]).to(counts.dtype)) > 0


def _candidate_levels(chosen: Optional[Sequence[str]], below: List[str], task_name: str) -> List[str]:
    """The levels whose spans are related, of those `below` that find spans, the nearest first."""
    if chosen is None:
        return below[:1]
    unknown = [level for level in chosen if level not in below]
    if unknown or not chosen or len(set(chosen)) < len(chosen):
        raise ConfigurationError(
            f"level '{task_name}': candidate_levels is {list(chosen)}; it must name, each once, levels that this one "
            f"reads, directly or not, and that find spans: {', '.join(below) or 'there are none'}"
        )
    return list(chosen)


def _entries(vocab: Vocabulary, namespace: str) -> List[str]:
    """The entries of a namespace in the order of their indices, none where no data gave it any: asked for them, the
    vocabulary would add an empty namespace, which it cannot save."""
    if namespace not in vocab.get_namespaces():
        return []
    return [label for _, label in sorted(vocab.get_index_to_token_vocabulary(namespace).items())]


def _sentence_numbers(metadata: Dict[str, Any]) -> List[int]:
    """The sentence of each token of a document."""
    return [number for number, tokens in enumerate(metadata["sentences"]) for _ in tokens]


def _gold_document(metadata: Dict[str, Any]) -> Document:
    """What is gold of a document, by its reader's metadata."""
    names = ("doc_key", "sentences", "relations", "clusters")
    return Document(**{name: metadata[name] for name in names})


def _typed(relations: List[List[Relation]], layers: Sequence[List[List[Span]]]) -> List[List[TypedRelation]]:
    """The relations with the types of their arguments, each of the first of the layers that has the span."""
    found = []
    for number, row in enumerate(relations):
        types: Dict[Bounds, str] = {}
        for layer in layers:
            for span in layer[number]:
                types.setdefault(span.bounds, span.label)
        found.append([TypedRelation(each, types.get(each.arg1), types.get(each.arg2)) for each in row])
    return found
