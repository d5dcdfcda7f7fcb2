"""Relations between the entities of a document, which the relations of their mentions say."""

from bisect import bisect_right
from itertools import product
from typing import Dict, Iterable, List, Set, Tuple

from hmtl.document import Bounds, Document, Relation

# The name of an entity, the type of a relation, the name of another entity.
Fact = Tuple[str, str, str]


class EntityRelations:
    """The relations of a document between entities: each pair of entities and type once, whatever pairs of mentions say
    it. The entities are the clusters, and every span in no cluster for itself; a mention in several clusters belongs to
    the first of them. A relation is a `Relation` of the entities' first mentions.

    # Parameters

    document : `Document`
        With `relations` and `clusters`.

    # Attributes

    gold : `Set[Relation]`
    """

    def __init__(self, document: Document) -> None:
        self._tokens, self._starts = document.tokens, document.sentence_starts
        self._mentions: Dict[Bounds, List[Bounds]] = {}
        for cluster in document.clusters or []:
            mentions = sorted(cluster)
            for mention in mentions:
                self._mentions.setdefault(mention, mentions)
        self.gold = self.of(document.relations or [])

    def of(self, relations: Iterable[Relation]) -> Set[Relation]:
        """Those that relations of mentions say."""
        return {Relation(self._entity(arg1)[0], self._entity(arg2)[0], label) for arg1, arg2, label in relations}

    def facts(self, relation: Relation) -> Set[Fact]:
        """What one says by the names of both entities: the tokens of any of their mentions, joined by spaces."""
        names = (
            {" ".join(self._tokens[start : end + 1]) for start, end in self._entity(entity)} for entity in relation[:2]
        )
        return {(name1, relation.label, name2) for name1, name2 in product(*names)}

    def is_in_one_sentence(self, relation: Relation) -> bool:
        """Whether both entities of one have a mention in the same sentence."""
        first, second = (
            {bisect_right(self._starts, start) for start, _ in self._entity(entity)} for entity in relation[:2]
        )
        return not first.isdisjoint(second)

    def _entity(self, mention: Bounds) -> List[Bounds]:
        """The mentions of the entity that one belongs to, in order."""
        return self._mentions.get(mention, [mention])
