"""Labels and numbers of sentences, of documents and of pairs of texts."""

from typing import Any, Dict, List, Optional, Sequence, Tuple, get_args

import torch
from allennlp.data import Vocabulary
from allennlp.models.heads import Head

from hmtl.alignment import Bounds
from hmtl.common.devices import computed, moved, on_host
from hmtl.modules import Pooling
from hmtl.modules.dropout import Dropout
from hmtl.modules.feedforward import feedforward
from hmtl.modules.pooling import PoolingName
from hmtl.tasks.labels.label_reader import bounds_of_texts
from hmtl.tasks.labels.values import Decided, Value, ValuesName, check_values, values_of
from hmtl.tasks.task_head import OptionError, Scope, TaskHead, check_dropout, check_numbers, labels_of, log_odds


class _ValuesHead(TaskHead):
    """What the heads of this folder share: a feed-forward network over the features of each row, then `Values`."""

    labels: List[str]
    why_not_findable = "have a label that training never saw"
    # The kinds of labels and of numbers.
    kinds: Tuple[str, str]

    def __init__(
        self,
        vocab: Vocabulary,
        task_name: str,
        input_dim: int,
        values: ValuesName = "label",
        label_namespace: Optional[str] = None,
        number_range: Optional[Tuple[int, int]] = None,
        threshold: float = 0.5,
        num_layers: int = 0,
        hidden_dim: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(vocab)
        check_values(values, number_range)
        check_numbers(0, num_layers=num_layers)
        check_numbers(1, hidden_dim=hidden_dim)
        check_dropout(dropout=dropout)
        is_number = values == "number"
        self.predicts = self.kinds[is_number]
        self.labels = [] if is_number else labels_of(vocab, label_namespace or f"{task_name}_labels", task_name)
        self.starts_from_data = is_number
        if values == "labels":
            self._threshold_logit = log_odds(threshold, "threshold")
        self._dropout = Dropout(dropout)
        self._hidden: torch.nn.Module = torch.nn.Identity()
        if num_layers:
            self._hidden = feedforward(input_dim, num_layers, hidden_dim, dropout)
            input_dim = hidden_dim
        self._values = values_of(values, input_dim, self.labels, number_range)

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return self._values.metric.get_metric(reset)

    def start_from_data(self, rows: Sequence[Dict[str, Any]]) -> None:
        """A number starts at the mean of the training data."""
        self._values.start_from_data([self._gold(row) for row in rows])

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        gold = self._gold(metadata)
        return (sum(label in self.labels for label in gold) if self.labels else len(gold)), len(gold)

    def reordered(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        # The last layer has its labels along the first dimension, and so have its bias and the embeddings of labels.
        return {
            name: weight[list(order)] if self.labels and name.startswith(("_values.projection.", "weight")) else weight
            for name, weight in weights.items()
        }

    def _scores(self, features: torch.Tensor) -> torch.Tensor:
        """(batch_size, input_dim) -> (batch_size, num_outputs)"""
        scores: torch.Tensor = self._values(self._hidden(self._dropout(features)))
        return scores

    def _output(
        self,
        features: torch.Tensor,
        target_labels: Optional[torch.Tensor],
        target_number: Optional[torch.Tensor],
    ) -> Tuple[Dict[str, Any], Optional[Decided]]:
        """The loss of rows with targets, and outside of training what is decided of each row. Shape of features:
        (batch_size, input_dim)"""
        # Shape: (batch_size, num_outputs)
        scores = self._scores(features)
        output: Dict[str, Any] = self._values.loss(scores, target_labels, target_number)
        if self.training:
            return output, None
        return output, self._values.decide(scores, getattr(self, "_threshold_logit", 0.0))

    def _gold(self, metadata: Dict[str, Any]) -> List[Value]:
        return [item[-1] for item in self.kind.gold(metadata)]


@Head.register("hmtl_labels")
class LabelHead(_ValuesHead):
    """One label, several, or a number for each sentence or document: the vectors of its tokens become one, see
    `Pooling`, over which stands a layer, see `hmtl.tasks.labels.values`.

    `predictions` holds one list a row of `(label,)`, or of one `(number,)`. The score of a label is its probability.
    The metrics are those of `LabelScores` or `NumberScores`.

    # Parameters

    scope : `str`, optional (default = `"sentence"`)
        What a row is, `sentence` or `document`; that of the reader.
    encoder_scope : `str`, optional (default = that of `scope`)
        What the level's encoder reads. One of documents may read sentence by sentence.
    values : `str`, optional (default = `"label"`)
        What a row has: one `label`, any number of `labels`, or a `number`.
    pooling : `str`, optional (default = `"max"`)
        `max`, `mean`, `attention` or `first`.
    label_namespace : `str`, optional (default = `f"{task_name}_labels"`)
        The vocabulary namespace of the labels.
    number_range : `Tuple[int, int]`, optional (default = `None`)
        With it a number is the expected value of a distribution over the whole numbers of this range; without it, the
        output of a linear layer.
    threshold : `float`, optional (default = `0.5`)
        Of `labels`, the probability from which on a row has one.
    num_layers : `int`, optional (default = `0`)
        Hidden layers between the pooled vector and the output, with ReLU.
    hidden_dim : `int`, optional (default = `128`)
        Their size.
    dropout : `float`, optional (default = `0.0`)
        Dropout on the pooled vector and on the hidden layers.
    """

    predicts = "labels"
    kinds = ("labels", "numbers")

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        task_name: str,
        scope: Scope = "sentence",
        encoder_scope: Optional[Scope] = None,
        values: ValuesName = "label",
        pooling: PoolingName = "max",
        label_namespace: str = None,
        number_range: Optional[Tuple[int, int]] = None,
        threshold: float = 0.5,
        num_layers: int = 0,
        hidden_dim: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            vocab,
            task_name,
            encoding_dim,
            values,
            label_namespace,
            number_range,
            threshold,
            num_layers,
            hidden_dim,
            dropout,
        )
        _check_scopes(scope=scope, encoder_scope=encoder_scope or scope)
        if (scope, encoder_scope) == ("sentence", "document"):
            raise OptionError("encoder_scope is 'document', and the rows are sentences; leave it out")
        self.scope = scope
        self.encoder_scope = encoder_scope
        self._pooling = Pooling(pooling, encoding_dim)

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        target_labels: Optional[torch.Tensor] = None,
        target_number: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        **unused: Any,
    ) -> Dict[str, Any]:
        """`target_labels` has shape (batch_size, num_labels, 1), padded with -1, `target_number` (batch_size, 1)."""
        # Shape: (batch_size, encoding_dim)
        features = self._pooling(encoding, mask)
        output, decided = self._output(features, target_labels, target_number)
        if decided is not None:
            output["predictions"] = [[(value,) for value in row] for row in decided.values]
            if with_scores and decided.scores is not None:
                output["scores"] = decided.scores
            if metadata is not None and "loss" in output:
                self._values.count(decided.values, [self._gold(row) for row in metadata])
        return output


# What each combination of the vectors u and v of two texts is.
_COMBINATIONS = {
    "first": lambda u, v: u,
    "second": lambda u, v: v,
    "absolute_difference": lambda u, v: (u - v).abs(),
    "difference": lambda u, v: u - v,
    "product": lambda u, v: u * v,
}
INFERSENT = ("first", "second", "absolute_difference", "product")


@Head.register("hmtl_pairs")
class PairHead(_ValuesHead):
    """One label, several, or a number for each pair of texts: the vectors of the tokens of each text become one, u and
    v, see `Pooling`; over a combination of both stands a feed-forward network, see `hmtl.tasks.labels.values`.

    A row is a document that holds the sentences of both texts, so that each level below is computed once for all of
    them. The level's encoder reads sentence by sentence, and so neither text sees the other, unless `encoder_scope` is
    `document`. A row that is no pair gets no prediction.

    The network also reads the expected embeddings of the labels that levels below predict for the same pair, where its
    own level names these in `reads_label_embeddings`. What a level above reads of this head are its labels, or the
    whole numbers of `number_range`, with their probabilities; a number without a range hands none up.

    `predictions` holds one list a row of `(bounds of the first text, bounds of the second, label)`, or with a number
    last; the score of a label is its probability. The metrics are those of `LabelScores` or `NumberScores`.

    # Parameters

    encoder_scope : `str`, optional (default = `"sentence"`)
        What the level's encoder reads: `sentence`, or `document`, which is both texts as one.
    features : `List[str]`, optional (default = `["first", "second", "absolute_difference", "product"]`)
        Which combinations are concatenated: `first` (u), `second` (v), `absolute_difference` (|u - v|), `difference`
        (u - v), `product` (u * v). The default is that of InferSent (Conneau et al. 2017, section 3.1); JMT (Hashimoto
        et al. 2017) has `absolute_difference` and `product` for relatedness (section 2.5), `difference` and `product`
        for entailment (section 2.6), which has a direction.
    num_layers : `int`, optional (default = `1`)
        Hidden layers between the combination and the output, with ReLU.

    The others are those of `LabelHead`.

    # Raises

    OptionError
        Where `features` names none, or another.
    """

    predicts = "pairs"
    kinds = ("pairs", "pair_numbers")
    scope = "document"
    reads_second_text = True

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        task_name: str,
        encoder_scope: Scope = "sentence",
        values: ValuesName = "label",
        pooling: PoolingName = "max",
        features: Sequence[str] = INFERSENT,
        label_namespace: str = None,
        number_range: Optional[Tuple[int, int]] = None,
        threshold: float = 0.5,
        num_layers: int = 1,
        hidden_dim: int = 128,
        dropout: float = 0.0,
        label_vectors_dim: int = 0,
    ) -> None:
        if not features or not set(features) <= _COMBINATIONS.keys():
            raise OptionError(f"features are {list(features)}; expected some of: {', '.join(_COMBINATIONS)}")
        super().__init__(
            vocab,
            task_name,
            len(features) * encoding_dim + label_vectors_dim,
            values,
            label_namespace,
            number_range,
            threshold,
            num_layers,
            hidden_dim,
            dropout,
        )
        _check_scopes(encoder_scope=encoder_scope)
        self.encoder_scope = encoder_scope
        self._features = list(features)
        self._pooling = Pooling(pooling, encoding_dim)
        if self._values.has_probabilities:
            self.num_pair_labels = self._values.projection.out_features
            self.label_parts = ("_pooling", "_hidden", "_values")

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        sentence_ids: torch.Tensor,
        second_text: Optional[torch.Tensor] = None,
        label_vectors: Optional[torch.Tensor] = None,
        target_labels: Optional[torch.Tensor] = None,
        target_number: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        **unused: Any,
    ) -> Dict[str, Any]:
        """`second_text` has shape (batch_size, 1): the sentence, from 0, that begins the second text, or 0;
        `label_vectors` has shape (batch_size, label_vectors_dim)."""
        is_first = _is_first(mask, sentence_ids, second_text)
        features = self._combined(encoding, mask, is_first, label_vectors)
        output, decided = self._output(features, target_labels, target_number)
        if decided is not None:
            texts = list(map(_texts_of, *(known.sum(1).tolist() for known in on_host(is_first, mask))))
            output["predictions"] = [
                [(*bounds, value) for value in row] if bounds is not None else []
                for row, bounds in zip(decided.values, texts)
            ]
            if with_scores and decided.scores is not None:
                output["scores"] = [
                    scores if bounds is not None else [] for scores, bounds in zip(decided.scores, texts)
                ]
            if metadata is not None and "loss" in output:
                self._values.count(decided.values, [self._gold(row) for row in metadata])
        return output

    def pair_label_distribution(
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        sentence_ids: torch.Tensor,
        second_text: Optional[torch.Tensor] = None,
        label_vectors: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        is_first = _is_first(mask, sentence_ids, second_text)
        return self._values.probabilities(self._scores(self._combined(encoding, mask, is_first, label_vectors)))

    def _combined(
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        is_first: torch.Tensor,
        label_vectors: Optional[torch.Tensor],
    ) -> torch.Tensor:
        """What the feed-forward network reads of each pair. Shape: (batch_size, input_dim)"""
        # Shape (each): (batch_size, encoding_dim)
        first, second = self._pooling(encoding, is_first), self._pooling(encoding, mask & ~is_first)
        features = [_COMBINATIONS[name](first, second) for name in self._features]
        return torch.cat(features if label_vectors is None else [*features, label_vectors], dim=-1)


def _is_first(mask: torch.Tensor, sentence_ids: torch.Tensor, second_text: Optional[torch.Tensor]) -> torch.Tensor:
    """Which tokens are of the first text; see `PairHead.forward`. Shape: (batch_size, length)"""
    if second_text is None:
        second_text = moved(torch.zeros(len(mask), 1, dtype=torch.long), mask.device)
    # The sentences of a document are numbered on from its first one.
    return computed(lambda mask, ids, second: mask & (ids - ids[:, :1] < second), mask, sentence_ids, second_text)


def _texts_of(num_first: int, num_tokens: int) -> Optional[Tuple[Bounds, Bounds]]:
    """The bounds of both texts, `None` where one has no token."""
    return bounds_of_texts(num_first, num_tokens) if 0 < num_first < num_tokens else None


def _check_scopes(**scopes: str) -> None:
    for name, scope in scopes.items():
        if scope not in get_args(Scope):
            raise OptionError(f"{name}: '{scope}' is neither 'sentence' nor 'document'")
