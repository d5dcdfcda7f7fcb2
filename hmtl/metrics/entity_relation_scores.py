"""Precision, recall and F1 of relations between entities."""

from typing import Dict, Iterable, Optional, Sequence, Set

from allennlp.training.metrics import Metric

from hmtl.corpora.entity_relations import EntityRelations, Fact
from hmtl.document import Document, Relation
from hmtl.metrics.counts import all_reduce_counts, f1, precision_recall_f1, ratio


@Metric.register("entity_relation_scores")
class EntityRelationScores(Metric):
    """Micro-averaged scores of relations between entities, as DocRED has them (Yao et al. 2019, "DocRED: A Large-Scale
    Document-Level Relation Extraction Dataset", section 5, and its `evaluation.py`), without evidence.

    What is predicted are relations of mentions; which mentions are one entity, the gold clusters say (see
    `EntityRelations`). Each pair of gold entities and type that any of their mentions were predicted to have counts
    once. A predicted span that is no gold mention is an entity of its own, so that its relations are wrong.

    - `precision_entities`, `recall_entities`, `f1_entities`.
    - `ign_f1_entities`, "Ign F1": the correct relations that training has shown, as a fact between a name of the one
      and a name of the other entity, are left out of both counts of the precision; the recall is that of all gold. It
      is there once `learn_facts` was called. DocRED compares the names that its files give; these are tokens, joined by
      spaces, which differ in 2 % of Re-DocRED's mentions.
    - `entities_in_one_sentence`: the share of the gold relations whose entities have mentions in the same sentence,
      which is all that relations within sentences can reach.

    Documents without clusters have no part in these; where no other was seen, there are no scores. Counts are summed
    over distributed workers: `get_metric` must be called by all of them or by none.
    """

    supports_distributed = True

    def __init__(self) -> None:
        self._facts: Optional[Set[Fact]] = None
        self.reset()

    def learn_facts(self, documents: Iterable[Document]) -> None:
        """Takes the facts of training documents in the place of those known before."""
        self._facts = set()
        for document in documents:
            relations = EntityRelations(document)
            self._facts.update(fact for relation in relations.gold for fact in relations.facts(relation))

    def __call__(  # type: ignore[override]
        self, predicted: Sequence[Iterable[Relation]], documents: Sequence[Document]
    ) -> None:
        """Counts the predicted relations of one gold document after the other, by the bounds of mentions."""
        for found, document in zip(predicted, documents, strict=True):
            if document.clusters is None:
                continue
            relations = EntityRelations(document)
            of_entities = relations.of(found)
            correct = of_entities & relations.gold
            known = self._facts or set()
            self._documents += 1
            self._correct += len(correct)
            self._predicted += len(of_entities)
            self._gold += len(relations.gold)
            self._known += sum(not known.isdisjoint(relations.facts(relation)) for relation in correct)
            self._in_one_sentence += sum(map(relations.is_in_one_sentence, relations.gold))

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        # Every worker asks, since all have to leave the same metrics out.
        documents, correct, predicted, gold, known, in_one_sentence = all_reduce_counts(
            [self._documents, self._correct, self._predicted, self._gold, self._known, self._in_one_sentence]
        )
        if reset:
            self.reset()
        if not documents:
            return {}
        precision, recall, of_all = precision_recall_f1(correct, predicted, gold)
        metrics = {"precision_entities": precision, "recall_entities": recall, "f1_entities": of_all}
        if self._facts is not None:
            metrics["ign_f1_entities"] = f1(ratio(correct - known, predicted - known), recall)
        return {**metrics, "entities_in_one_sentence": ratio(in_one_sentence, gold)}

    def reset(self) -> None:
        """Forgets all counts, but not the facts."""
        self._documents = self._correct = self._predicted = self._gold = self._known = self._in_one_sentence = 0
