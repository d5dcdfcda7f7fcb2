"""What goes wrong with dependencies."""

from typing import Any, Dict, Iterable, List

from hmtl.corpora.dependencies import ROOT, Dependency
from hmtl.document import Span
from hmtl.tasks.errors.alignment import CORRECT
from hmtl.tasks.errors.section import Example, Section

RELATION, HEAD, HEAD_AND_RELATION = "relation", "head", "head and relation"
# The last distance of each group, in tokens; what is further is the last group.
_GROUPS = {1: "1", 2: "2", 6: "3 to 6"}
_FURTHER = "7 or more"


class DependencyErrors:
    """Tokens whose dependency is correct, or wrong in its `relation` (the head is right), its `head` (the relation is
    right), or both.

    The second section counts the same by where the gold head is: how many tokens away, and on which side.
    """

    def __init__(self, num_examples: int) -> None:
        kinds = [CORRECT, RELATION, HEAD, HEAD_AND_RELATION]
        self.sections = [
            Section("dependencies", kinds, num_examples, has_confusion=True),
            Section("dependencies by the place of the gold head", kinds, num_examples),
        ]

    def add(self, metadata: Dict[str, Any], predicted: Iterable[Dependency]) -> None:
        """Counts a sentence: the metadata of its reader, and the head's arcs, one for each token."""
        found = {arc[0]: Dependency(*arc) for arc in predicted}
        by_relation, by_place = self.sections
        for gold in (Dependency(*arc) for arc in metadata["dependencies"]):
            other = found[gold.token]
            kind = _KINDS[gold.head == other.head, gold.label == other.label]
            example = None
            if kind != CORRECT:
                place = metadata["doc_key"], metadata["sentence"], metadata["tokens"]
                example = Example(*place, _marks(gold), _marks(other))
            by_relation.add(kind, gold.label, other.label, example)
            by_place.add(kind, place_of(gold), place_of(gold))
            for section in self.sections:
                section.gold += 1
                section.predicted += 1


_KINDS = {
    (True, True): CORRECT,
    (True, False): RELATION,
    (False, True): HEAD,
    (False, False): HEAD_AND_RELATION,
}


def place_of(arc: Dependency) -> str:
    """Where the head of a token is: `root`, or how many tokens to the left or to the right, in groups."""
    if arc.head == ROOT:
        return "root"
    distance = abs(arc.head - arc.token)
    group = next((name for last, name in _GROUPS.items() if distance <= last), _FURTHER)
    return f"{group} to the {'left' if arc.head < arc.token else 'right'}"


def _marks(arc: Dependency) -> List[Span]:
    """The token with its relation, and its head."""
    marks = [Span(arc.token, arc.token, arc.label)]
    return marks if arc.head == ROOT else [*marks, Span(arc.head, arc.head, f"{arc.label}:head")]
