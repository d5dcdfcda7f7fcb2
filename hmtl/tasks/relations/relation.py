"""Relations between tokens by multi-head selection."""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from allennlp.data import Vocabulary
from allennlp.models.heads import Head

from hmtl.common.devices import moved, on_host
from hmtl.document import Bounds, Relation, Span
from hmtl.metrics import RelationScores
from hmtl.metrics.relation_scores import LastTokens, TypedRelation, last_tokens
from hmtl.modules.dropout import Dropout
from hmtl.modules.float32 import at_least_float32
from hmtl.tasks.task_head import OptionError, TaskHead, check_dropout, check_numbers, labels_of, log_odds

FROM_DATA = "data"
# The probability that stands there until the data are known.
_PRIOR_BEFORE_DATA = 0.001


class Decoded(NamedTuple):
    """The predicted relations of each sentence, and the probability of each."""

    relations: List[List[LastTokens]]
    probabilities: List[List[float]]


def prior_of(option: Union[float, str]) -> float:
    """The prior probability that an option says: where it is that of the data, another until they are known.

    # Raises

    OptionError
        Where it is another text than `FROM_DATA`.
    """
    if not isinstance(option, str):
        return option
    if option != FROM_DATA:
        raise OptionError(f"prior_probability must be a number or '{FROM_DATA}', not '{option}'")
    return _PRIOR_BEFORE_DATA


def pairs_at_once(device: torch.device) -> int:
    """How many pairs to score together in prediction: few enough to stay in a CPU's cache, many enough to keep a GPU
    busy."""
    return 2**13 if device.type == "cpu" else 2**18


@Head.register("hmtl_relation")
class RelationHead(TaskHead):
    """Scores every ordered pair of tokens for every relation type: V relu(U h_i + W h_j + b), one sigmoid a type
    (HMTL section 2.4; Bekoulis et al. 2018, equation 8).

    What it finds are the last tokens of both arguments. Each stands for the predicted span that ends there, of the
    first of the `predicted_spans` that has one, the longest; without one for itself. `predictions` holds one list of
    such `Relation`s a sentence; the score of a relation is its probability. The metrics are those of `RelationScores`.

    # Parameters

    label_namespace : `str`, optional (default = `f"{task_name}_labels"`)
        The vocabulary namespace of the relation types.
    hidden_dim : `int`, optional (default = `64`)
        The size of U h_i and W h_j.
    dropout : `float`, optional (default = `0.0`)
        Dropout on the encoder's output.
    threshold : `float`, optional (default = `0.5`)
        The probability from which on a relation is predicted.
    allow_self_relations : `bool`, optional (default = `False`)
        Whether a token may be related to itself.
    prior_probability : `Union[float, str]`, optional (default = `None`)
        The probability with which every relation starts; with `"data"` each type's share in the pairs of tokens of the
        training data. The published formula has no such bias for its types, and needs many updates until it has learned
        that most pairs are unrelated.
    loss_reduction : `str`, optional (default = `"mean"`)
        Of the binary cross-entropy: `"mean"` over the real pairs and types, `"sum"` over them, or `"as_2018"`: 100
        times the mean over all pairs of the padded batch and types, where the scores and targets of padded pairs are
        set to 0 first, so that each of them adds log 2 to the sum and has no gradient. The 2018 code also had
        `allow_self_relations`; without it, the pairs of a token with itself count like padded ones.
    """

    predicts = "relations"
    labels: List[str]
    reads_spans = True
    why_not_findable = (
        "have a type that training never saw, or the last tokens and the type of another, relate a token to itself, or "
        "have arguments of several tokens, which this model finds no spans for"
    )

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        task_name: str,
        label_namespace: str = None,
        hidden_dim: int = 64,
        dropout: float = 0.0,
        threshold: float = 0.5,
        allow_self_relations: bool = False,
        prior_probability: Optional[Union[float, str]] = None,
        loss_reduction: str = "mean",
    ) -> None:
        super().__init__(vocab)
        if loss_reduction not in ("mean", "sum", "as_2018"):
            raise OptionError(f"loss_reduction must be 'mean', 'sum' or 'as_2018', not '{loss_reduction}'")
        check_numbers(1, hidden_dim=hidden_dim)
        check_dropout(dropout=dropout)
        self.starts_from_data = prior_probability == FROM_DATA
        prior_log_odds = (
            None if prior_probability is None else log_odds(prior_of(prior_probability), "prior_probability")
        )
        self._threshold_logit = log_odds(threshold, "threshold")
        self.labels = labels_of(vocab, label_namespace or f"{task_name}_labels", task_name)
        self._arg1_projection = torch.nn.Linear(encoding_dim, hidden_dim)
        self._arg2_projection = torch.nn.Linear(encoding_dim, hidden_dim, bias=False)
        self._type_projection = torch.nn.Linear(hidden_dim, len(self.labels), bias=prior_probability is not None)
        if prior_log_odds is not None:
            torch.nn.init.constant_(self._type_projection.bias, prior_log_odds)
        self._dropout = Dropout(dropout)
        self._allow_self_relations = allow_self_relations
        self._loss_reduction = loss_reduction
        self._f1 = RelationScores()

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        relations: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        predicted_spans: Sequence[List[List[Span]]] = (),
        **unused: Any,
    ) -> Dict[str, Any]:
        """`relations` has shape (batch_size, num_relations, 3), rows `(token, token, type)`, padded with -1."""
        decoded: Optional[Decoded] = None
        output: Dict[str, Any] = {}
        if relations is not None:
            scores = self.scores(encoding)
            pair_mask = self._pair_mask(mask)
            output = self._loss(scores, relations, pair_mask)
            decoded = None if self.training else self._decode(scores, pair_mask)
        elif not self.training:
            decoded = self._predict(encoding, mask)
        if decoded is not None:
            found = _with_arguments(decoded.relations, predicted_spans)
            output["predictions"] = [[each.relation for each in row] for row in found]
            if with_scores:
                output["scores"] = decoded.probabilities
            if metadata is not None and relations is not None:
                gold, mentions = [row["relations"] for row in metadata], [row.get("mentions") for row in metadata]
                self._f1(found, gold, mentions, self.span_labels or ())
        return output

    def scores(self, encoding: torch.Tensor) -> torch.Tensor:
        """The logits, shape (batch_size, length, length, num_types), of relations from token i to token j; float32,
        also under autocast."""
        encoding = self._dropout(encoding)
        return self._scores(self._arg1_projection(encoding), self._arg2_projection(encoding))

    def _scores(self, arg1: torch.Tensor, arg2: torch.Tensor) -> torch.Tensor:
        """The logits of pairs of some tokens, the first arguments, with all tokens, the second ones.

        Shapes: (batch_size, num_first, hidden_dim) and (batch_size, length, hidden_dim) ->
        (batch_size, num_first, length, num_types)
        """
        hidden = (arg1.unsqueeze(2) + arg2.unsqueeze(1)).relu_()
        return at_least_float32(self._type_projection(hidden))

    def exported_scores(self, encoding: torch.Tensor, encoder_input: torch.Tensor) -> torch.Tensor:
        """Shape: (batch_size, length, length, num_types)"""
        return self.scores(encoding)

    def decoding(self) -> Dict[str, Any]:
        return {
            "decoder": "last_tokens",
            "labels": self.labels,
            "threshold_logit": self._threshold_logit,
            "allow_self_relations": self._allow_self_relations,
        }

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return self._f1.get_metric(reset)

    def start_from_data(self, rows: Sequence[Dict[str, Any]]) -> None:
        """The bias of each type becomes the log-odds of its share in all pairs that are scored: that of at least half a
        relation, and of at most half of the pairs."""
        num_pairs, counts = 0, dict.fromkeys(self.labels, 0)
        for row in rows:
            length = len(row["tokens"])
            num_pairs += length * length if self._allow_self_relations else length * (length - 1)
            for first, second, label in set(last_tokens(row["relations"])):
                if label in counts and (self._allow_self_relations or first != second):
                    counts[label] += 1
        shares = [min(max(count, 0.5) / max(num_pairs, 1), 0.5) for count in counts.values()]
        with torch.no_grad():
            self._type_projection.bias.copy_(torch.tensor([log_odds(share, "share") for share in shares]))

    def _load_from_state_dict(self, *arguments: Any) -> None:
        # What a trained head knows of its data is in its weights.
        self.starts_from_data = False
        super()._load_from_state_dict(*arguments)

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        """Of gold relations with the same last tokens and the same type the head can find one."""
        gold = set(metadata["relations"])
        single_tokens = self.span_labels is None
        found = [
            relation
            for relation in gold
            if relation.label in self.labels
            and (self._allow_self_relations or relation.arg1[1] != relation.arg2[1])
            and not (single_tokens and any(start != end for start, end in relation[:2]))
        ]
        return len(set(last_tokens(found))), len(gold)

    def reordered(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        of_types = ("_type_projection.weight", "_type_projection.bias")
        return {name: weight[list(order)] if name in of_types else weight for name, weight in weights.items()}

    def _pair_mask(self, mask: torch.Tensor, first: slice = slice(None)) -> torch.Tensor:
        """Which pairs of tokens may be related, the `first` of them with all. Shape: (batch_size, num_first, length)"""
        pair_mask = mask[:, first].unsqueeze(2) & mask.unsqueeze(1)
        if not self._allow_self_relations:
            tokens = torch.arange(mask.size(1), device=mask.device)
            pair_mask = pair_mask & (tokens[first].unsqueeze(1) != tokens)
        return pair_mask

    def _loss(self, scores: torch.Tensor, relations: torch.Tensor, pair_mask: torch.Tensor) -> Dict[str, torch.Tensor]:
        """`loss`, and `loss_count` where it is a mean."""
        rows, columns, types = relations.unbind(-1)
        is_real = types >= 0
        batch = torch.arange(len(scores), device=scores.device).unsqueeze(1).expand_as(types)
        # Shape: (batch_size, length, length, num_types)
        targets = torch.zeros_like(scores)
        # Padded rows add a zero to a cell of their own sentence: boolean indexing would wait for the device.
        targets = targets.index_put(
            (batch, rows.clamp(min=0), columns.clamp(min=0), types.clamp(min=0)),
            is_real.to(scores.dtype),
            accumulate=True,
        )
        # Shape: (batch_size, length, length, 1)
        weight = pair_mask.unsqueeze(-1).to(scores.dtype)
        if self._loss_reduction == "as_2018":
            loss = 100 * F.binary_cross_entropy_with_logits(scores * weight, targets * weight)
            return {"loss": loss, "loss_count": loss.new_full((), scores.numel())}
        total = F.binary_cross_entropy_with_logits(scores, targets, weight=weight, reduction="sum")
        if self._loss_reduction == "sum":
            return {"loss": total}
        # Shape: ()
        count = pair_mask.sum() * scores.size(-1)
        return {"loss": total / count.clamp(min=1), "loss_count": count.to(total.dtype)}

    def _predict(self, encoding: torch.Tensor, mask: torch.Tensor) -> Decoded:
        """Decodes sentences of similar length together, a bounded number of pairs at a time: the text may be long."""
        lengths = on_host(mask)[0].sum(-1).tolist()
        found = Decoded([[] for _ in lengths], [[] for _ in lengths])
        # Shape (each): (batch_size, length, hidden_dim)
        arg1, arg2 = self._arg1_projection(encoding), self._arg2_projection(encoding)
        max_pairs = pairs_at_once(encoding.device)
        by_length = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
        while by_length:
            length = max(1, lengths[by_length[0]])
            num_rows = max(1, max_pairs // length**2)
            rows, by_length = by_length[:num_rows], by_length[num_rows:]
            num_first = max(1, max_pairs // (len(rows) * length))
            places = moved(torch.tensor(rows), mask.device)
            of_rows = [tensor.index_select(0, places) for tensor in (arg1, arg2[:, :length], mask[:, :length])]
            for start in range(0, length, num_first):
                first = slice(start, min(start + num_first, length))
                scores = self._scores(of_rows[0][:, first], of_rows[1])
                of_part = self._decode(scores, self._pair_mask(of_rows[2], first), start)
                for row, relations, probabilities in zip(rows, *of_part):
                    found.relations[row].extend(relations)
                    found.probabilities[row].extend(probabilities)
        return found

    def _decode(self, scores: torch.Tensor, pair_mask: torch.Tensor, start: int = 0) -> Decoded:
        """The relations whose first argument is one of the tokens from `start` on."""
        is_found = (scores >= self._threshold_logit) & pair_mask.unsqueeze(-1)
        decoded = Decoded([[] for _ in range(len(scores))], [[] for _ in range(len(scores))])
        # Shape: (num_found, 4)
        places = is_found.nonzero()
        places, probabilities = on_host(places, scores[tuple(places.t())].sigmoid())
        for (sentence, arg1, arg2, number), probability in zip(places.tolist(), probabilities.tolist()):
            decoded.relations[sentence].append((start + arg1, arg2, self.labels[number]))
            decoded.probabilities[sentence].append(probability)
        return decoded


def _with_arguments(relations: List[List[LastTokens]], layers: Sequence[List[List[Span]]]) -> List[List[TypedRelation]]:
    """The relations of each sentence, where an argument is the span that ends at its token, of the first of the layers
    that has one, or the token alone."""
    found: List[List[TypedRelation]] = []
    for number, rows in enumerate(relations):
        spans = spans_by_end(layer[number] for layer in layers) if rows else {}
        found.append(
            [
                TypedRelation(
                    Relation(_bounds(spans, arg1), _bounds(spans, arg2), label), _type(spans, arg1), _type(spans, arg2)
                )
                for arg1, arg2, label in rows
            ]
        )
    return found


def spans_by_end(layers: Iterable[Sequence[Span]]) -> Dict[int, Span]:
    """The span that ends at a token: of the first layer that has one there, the longest."""
    found: Dict[int, Span] = {}
    for spans in layers:
        longest_first = sorted(spans)
        for start, end, label in longest_first:
            found.setdefault(end, Span(start, end, label))
    return found


def _bounds(spans: Dict[int, Span], token: int) -> Bounds:
    return spans[token].bounds if token in spans else (token, token)


def _type(spans: Dict[int, Span], token: int) -> Optional[str]:
    return spans[token].label if token in spans else None
