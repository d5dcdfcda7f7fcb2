"""Precision, recall and F1 of relations, by what has to be right of their arguments."""

from collections import defaultdict
from typing import Any, Collection, DefaultDict, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from allennlp.training.metrics import Metric

from hmtl.document import Bounds, Relation, Span
from hmtl.metrics.counts import all_reduce_counts
from hmtl.metrics.labelled_f1 import LabelledF1

# A relation by the last tokens of its arguments.
LastTokens = Tuple[int, int, str]

_SUFFIXES = {"strict": "", "last_tokens": "_last_tokens", "typed": "_typed"}


class TypedRelation(NamedTuple):
    """A predicted relation with the types of its arguments; `None` where no span says one."""

    relation: Relation
    arg1_type: Optional[str]
    arg2_type: Optional[str]


@Metric.register("relation_scores")
class RelationScores(Metric):
    """Micro-averaged scores of relations, over all of them.

    - `f1` (`precision`, `recall`): the bounds of both arguments and the relation's type are right, as the tables of
      SciERC, CoNLL04 and ADE have it ("strict" there, where entity types are not scored beside).
    - `f1_last_tokens`: the last tokens of both arguments and the relation's type are right, as in the paper (HMTL
      section 3.2; Bekoulis et al. 2018). Gold relations of the same last tokens and type are one here.
    - `f1_typed`: as `f1`, and the types of both arguments are right, too ("RE+", of ACE's tables: Zhong and Chen 2021).
      Of sentences whose mentions are annotated; a gold argument that is no mention has no type to be right. It is left
      out where no gold mention has a type that the model could predict: then the types are those of other corpora.
    - `f1_last_tokens_sentences_with_relations`: `f1_last_tokens` of the sentences that have gold relations, which are
      all that the 2018 code looked at.

    Counts are summed over distributed workers: `get_metric` must be called by all of them or by none.
    """

    supports_distributed = True

    def __init__(self) -> None:
        self._scores = {name: LabelledF1() for name in _SUFFIXES}
        self._with_relations = LabelledF1()
        self.reset()

    def __call__(  # type: ignore[override]
        self,
        predicted: Sequence[Sequence[TypedRelation]],
        gold: Sequence[Sequence[Relation]],
        mentions: Sequence[Optional[Sequence[Span]]],
        known_types: Collection[str] = (),
    ) -> None:
        """Counts the relations of one sentence after the other.

        # Parameters

        predicted : `Sequence[Sequence[TypedRelation]]`
        gold : `Sequence[Sequence[Relation]]`
        mentions : `Sequence[Optional[Sequence[Span]]]`
            The gold mentions; `None` where they are not annotated.
        known_types : `Collection[str]`, optional (default = none)
            The types that the model could predict.
        """
        for found, relations, spans in zip(predicted, gold, mentions, strict=True):
            rows = [each.relation for each in found]
            self._scores["strict"]([rows], [relations])
            self._scores["last_tokens"]([last_tokens(rows)], [last_tokens(relations)])
            if relations:
                self._with_relations([last_tokens(rows)], [last_tokens(relations)])
            if spans is not None:
                self._scores["typed"]([_rightly_typed(found, spans)], [relations])
                self._num_known_types += sum(span.label in known_types for span in spans)

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        metrics = {
            f"{metric}{suffix}": value
            for name, suffix in _SUFFIXES.items()
            for metric, value in self._scores[name].get_metric().items()
        }
        metrics["f1_last_tokens_sentences_with_relations"] = self._with_relations.get_metric()["f1"]
        # Every worker asks, since all have to leave the same metrics out.
        [num_known_types] = all_reduce_counts([self._num_known_types])
        if not num_known_types:
            metrics = {name: value for name, value in metrics.items() if not name.endswith(_SUFFIXES["typed"])}
        if reset:
            self.reset()
        return metrics

    def reset(self) -> None:
        """Forgets all counts."""
        for metric in (*self._scores.values(), self._with_relations):
            metric.reset()
        self._num_known_types = 0


def last_tokens(relations: Sequence[Relation]) -> List[LastTokens]:
    """The relations by the last tokens of their arguments."""
    return [(arg1[1], arg2[1], label) for arg1, arg2, label in relations]


def _rightly_typed(predicted: Sequence[TypedRelation], mentions: Sequence[Span]) -> List[Tuple[Any, ...]]:
    """The relations, where a wrong type of an argument makes an item that equals no gold relation."""
    types: DefaultDict[Bounds, Set[str]] = defaultdict(set)
    for start, end, label in mentions:
        types[start, end].add(label)
    return [
        relation
        if arg1_type in types[relation.arg1] and arg2_type in types[relation.arg2]
        else (*relation[:2], "of another type", relation.label)
        for relation, arg1_type, arg2_type in predicted
    ]
