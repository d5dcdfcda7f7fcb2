"""The arguments of predicates, such as semantic roles, tagged once for each predicate."""

import logging
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from allennlp.common import Lazy
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models.heads import Head
from allennlp.modules import Seq2SeqEncoder

from hmtl.common.devices import moved, on_host
from hmtl.document import Bounds, Relation, Span
from hmtl.metrics import RelationScores
from hmtl.metrics.relation_scores import TypedRelation
from hmtl.modules.dropout import Dropout
from hmtl.tasks.relations.predicate_arguments_reader import arguments_of
from hmtl.tasks.spans.crf import CrfHead
from hmtl.tasks.task_head import OptionError, TaskHead, check_dropout, check_numbers

logger = logging.getLogger(__name__)

# So many predicates are tagged together in prediction, where a batch may hold thousands.
_PREDICATES_AT_ONCE = 256


class _Places(NamedTuple):
    """The sentence of each of some predicates, and the predicate's last token. Shapes: (num_predicates,)"""

    rows: torch.Tensor
    tokens: torch.Tensor


@Head.register("hmtl_predicate_arguments")
class PredicateArgumentsHead(TaskHead):
    """Tags the arguments of each predicate, with the predicate as an input feature (Collobert et al. 2011, "Natural
    Language Processing (Almost) from Scratch", sections 3.1.3 and 3.3.2; Collobert and Weston 2008).

    For each predicate of a sentence every token gets the level's vector and the embedding of its distance from the
    predicate, in tokens, with its sign. `encoder` reads these, and the arguments are spans of BIOUL tags under a
    conditional random field, whose likelihood is their sentence-level log-likelihood: see `CrfHead`. (With the encoder
    `hmtl_window` a tag depends on a window of words; the network of theirs for semantic roles computes the features of
    a token from all words of the sentence, by a maximum over its convolution.)

    The level's own encoder may be `pass_through`: distances then stand beside the shared embedding, as in theirs.

    In training the predicates are those that its reader, `hmtl_predicate_arguments`, gives; in prediction those that
    the nearest level finds which this one reads, by `reads_labels`: a tagger of parts of speech, say, whose verbs
    `predicate_labels` picks. `predictions` holds one list of `Relation`s a sentence, from each predicate to each of its
    arguments; the score of one is the probability of the argument's span, given the predicate. The metrics are those of
    `RelationScores`, over all gold relations.

    # Parameters

    encoder : `Lazy[Seq2SeqEncoder]`
        Its input size is computed.
    label_namespace : `str`, optional (default = `f"{task_name}_labels"`)
        The vocabulary namespace of the roles.
    predicate_labels : `List[str]`, optional (default = `["VERB"]`)
        The labels of the level below whose spans are predicates; all, where it is empty. Tell the reader, too.
    gold_predicates : `bool`, optional (default = `False`)
        Whether predicates are given in evaluation, too, as in the shared tasks of CoNLL-2004 and 2005; in texts that
        give none they are found all the same, where a level below finds some.
    distance_dim : `int`, optional (default = `5`)
        The size of the embeddings of distances.
    max_distance : `int`, optional (default = `50`)
        What is farther away counts as so far.
    dropout : `float`, optional (default = `0.0`)
        Dropout on the level's vectors and on the output of `encoder`.

    # Raises

    ConfigurationError
        Where an option is out of range, or no level below finds spans although predicates are not given.
    """

    predicts = "relations"
    labels: List[str]
    reads_spans = True
    why_not_findable = (
        "have a label that training never saw, overlap a longer argument of their predicate, or are arguments of "
        "something that is no predicate"
    )

    def __init__(
        self,
        vocab: Vocabulary,
        encoding_dim: int,
        task_name: str,
        encoder: Lazy[Seq2SeqEncoder],
        span_layers: Optional[Dict[str, List[str]]] = None,
        label_namespace: str = None,
        predicate_labels: Optional[Sequence[str]] = None,
        gold_predicates: bool = False,
        distance_dim: int = 5,
        max_distance: int = 50,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(vocab)
        check_numbers(1, distance_dim=distance_dim, max_distance=max_distance)
        check_dropout(dropout=dropout)
        if isinstance(predicate_labels, str):
            raise OptionError(f"predicate_labels must be a list of labels, such as ['{predicate_labels}']")
        if not span_layers and not gold_predicates:
            raise ConfigurationError(
                f"level '{task_name}' reads no level that finds predicates for 'hmtl_predicate_arguments'; name one in "
                "its 'reads_labels', or set gold_predicates where they are given"
            )
        self._predicate_labels = ["VERB"] if predicate_labels is None else list(predicate_labels)
        nearest, labels = next(iter((span_layers or {}).items()), ("", []))
        if labels and not self._are_predicates(labels):
            # It is no error, because training data may lack a label.
            logger.warning(
                "task '%s': '%s', which is to find its predicates, has none of the labels %s in its training data",
                task_name,
                nearest,
                ", ".join(self._predicate_labels),
            )
        self._gold_predicates = gold_predicates
        self._max_distance = max_distance
        self._dropout = Dropout(dropout)
        self._distance_embedding = torch.nn.Embedding(2 * max_distance + 1, distance_dim)
        input_dim = encoding_dim + distance_dim
        self._encoder = encoder.construct(input_size=input_dim, input_dim=input_dim)
        self._tagger = CrfHead(vocab, self._encoder.get_output_dim(), task_name, label_namespace, dropout)
        self.labels = self._tagger.labels
        self._f1 = RelationScores()

    def forward(  # type: ignore[override]
        self,
        encoding: torch.Tensor,
        mask: torch.Tensor,
        predicates: Optional[torch.Tensor] = None,
        arguments: Optional[torch.Tensor] = None,
        metadata: Optional[List[Dict[str, Any]]] = None,
        with_scores: bool = False,
        predicted_spans: Sequence[List[List[Span]]] = (),
        **unused: Any,
    ) -> Dict[str, Any]:
        """`predicates` has shape (batch_size, num_predicates, 2), rows `(start, end)`, and `arguments` shape
        (batch_size, num_arguments, 4), rows `(number of the predicate, start, end, label)`, both padded with -1."""
        output: Dict[str, Any] = {}
        if predicates is not None and arguments is not None:
            output["loss"] = self._loss(encoding, mask, predicates, arguments)
        if not self.training:
            given = [row["predicates"] for row in metadata] if self._gold_predicates and metadata is not None else None
            found = self._found(len(mask), predicted_spans) if given is None else given
            relations, scores = self._predict(encoding, mask, found, with_scores)
            output["predictions"] = relations
            if with_scores:
                output["scores"] = scores
            if metadata is not None and predicates is not None:
                gold = [row["relations"] for row in metadata]
                self._f1(
                    [[TypedRelation(each, None, None) for each in row] for row in relations], gold, [None] * len(gold)
                )
        return output

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        return self._f1.get_metric(reset)

    def findable(self, metadata: Dict[str, Any]) -> Tuple[int, int]:
        relations = metadata["relations"]
        arguments = [each for predicate in metadata["predicates"] for each in arguments_of(predicate, relations)]
        return sum(argument.label in self.labels for argument in arguments), len(relations)

    def reordered(self, weights: Dict[str, torch.Tensor], order: Sequence[int]) -> Dict[str, torch.Tensor]:
        prefix = "_tagger."
        of_tagger = {name[len(prefix) :]: weight for name, weight in weights.items() if name.startswith(prefix)}
        moved = self._tagger.reordered(of_tagger, order)
        return {**weights, **{f"{prefix}{name}": weight for name, weight in moved.items()}}

    def _loss(
        self, encoding: torch.Tensor, mask: torch.Tensor, predicates: torch.Tensor, arguments: torch.Tensor
    ) -> torch.Tensor:
        """The sum over predicates of the negative log-likelihood of the tags of their arguments."""
        ends = on_host(predicates)[0][..., 1]
        rows, numbers = (ends >= 0).nonzero(as_tuple=True)
        if not len(rows):
            # The loss of no predicate is that of a sentence without tokens.
            rows, numbers, mask = ends.new_zeros(1), ends.new_zeros(1), torch.zeros_like(mask)
            tokens = rows
        else:
            tokens = ends[rows, numbers]
        rows, numbers, tokens = moved([rows, numbers, tokens], mask.device)
        # Shape: (num_predicates, num_arguments, 4)
        of_sentence = arguments[rows]
        is_own = of_sentence[..., :1] == numbers.view(-1, 1, 1)
        spans = of_sentence[..., 1:].masked_fill(~is_own, -1)
        return self._tagged(encoding, mask, _Places(rows, tokens), spans=spans)["loss"]

    def _predict(
        self, encoding: torch.Tensor, mask: torch.Tensor, predicates: Sequence[Sequence[Bounds]], with_scores: bool
    ) -> Tuple[List[List[Relation]], List[List[float]]]:
        """The relations of each sentence with these predicates, and their scores."""
        places = [(row, bounds) for row, of_row in enumerate(predicates) for bounds in of_row]
        relations: List[List[Relation]] = [[] for _ in predicates]
        scores: List[List[float]] = [[] for _ in predicates]
        for first in range(0, len(places), _PREDICATES_AT_ONCE):
            part = places[first : first + _PREDICATES_AT_ONCE]
            rows, tokens = moved(torch.tensor([(row, end) for row, (_, end) in part]), mask.device).unbind(1)
            tagged = self._tagged(encoding, mask, _Places(rows, tokens), with_scores=with_scores)
            for number, (row, bounds) in enumerate(part):
                relations[row] += [Relation(bounds, span.bounds, span.label) for span in tagged["predictions"][number]]
                if with_scores:
                    scores[row] += tagged["scores"][number]
        return relations, scores

    def _tagged(self, encoding: torch.Tensor, mask: torch.Tensor, places: _Places, **options: Any) -> Dict[str, Any]:
        """What the tagger makes of the sentences of predicates, each with its distances."""
        # Shape: (num_predicates, length)
        distances = torch.arange(mask.size(1), device=mask.device) - places.tokens.unsqueeze(1)
        distances = distances.clamp(-self._max_distance, self._max_distance) + self._max_distance
        vectors = self._dropout(encoding)[places.rows]
        # Shape: (num_predicates, length, encoding_dim + distance_dim)
        read = torch.cat([vectors, self._distance_embedding(distances).to(vectors.dtype)], dim=-1)
        own_mask = mask[places.rows]
        return self._tagger(encoding=self._encoder(read, own_mask), mask=own_mask, **options)

    def _found(self, num_rows: int, predicted_spans: Sequence[List[List[Span]]]) -> List[List[Bounds]]:
        """The predicates of each sentence by the nearest level that finds spans."""
        if not predicted_spans:
            return [[] for _ in range(num_rows)]
        return [
            list(dict.fromkeys(span.bounds for span in sorted(row) if self._are_predicates([span.label])))
            for row in predicted_spans[0]
        ]

    def _are_predicates(self, labels: Sequence[str]) -> bool:
        """Whether one of these is a label of predicates."""
        return not self._predicate_labels or not set(self._predicate_labels).isdisjoint(labels)
