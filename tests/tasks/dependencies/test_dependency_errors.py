import pytest

from hmtl.corpora.dependencies import Dependency
from hmtl.document import Span
from hmtl.tasks.dependencies.dependency_errors import DependencyErrors, place_of

GOLD = [(0, 1, "nsubj"), (1, -1, "root"), (2, 1, "punct"), (3, 1, "advmod")]
METADATA = {"doc_key": "a", "sentence": 3, "tokens": ["She", "sang", ",", "loud"], "dependencies": GOLD}


def test_kinds_confusions_and_examples():
    errors = DependencyErrors(num_examples=2)
    errors.add(METADATA, [(0, 1, "obj"), (1, -1, "root"), (2, 3, "punct"), (3, 0, "amod")])
    by_relation, by_place = errors.sections
    expected = {"correct": 1, "relation": 1, "head": 1, "head and relation": 1}
    assert by_relation.totals == by_place.totals == expected
    assert by_relation.gold == by_relation.predicted == by_place.gold == 4
    confusion = {"advmod": {"amod": 1}, "nsubj": {"obj": 1}, "punct": {"punct": 1}, "root": {"root": 1}}
    assert by_relation.confusion_matrix() == confusion
    (pattern,) = by_relation.patterns("head and relation")
    (example,) = pattern.examples
    assert (pattern.labels, example.sentence) == ("advmod → amod", 3)
    assert example.gold == [Span(3, 3, "advmod"), Span(1, 1, "advmod:head")]
    assert example.predicted == [Span(3, 3, "amod"), Span(0, 0, "amod:head")]
    assert {place: +counts for place, counts in by_place.counts.items()} == {
        "1 to the right": {"relation": 1},
        "root": {"correct": 1},
        "1 to the left": {"head": 1},
        "2 to the left": {"head and relation": 1},
    }


@pytest.mark.parametrize(
    "head,place",
    [(-1, "root"), (9, "1 to the left"), (12, "2 to the right"), (7, "3 to 6 to the left"), (16, "3 to 6 to the right"),
     (17, "7 or more to the right")],
)  # fmt: skip
def test_where_a_head_is(head, place):
    assert place_of(Dependency(10, head, "x")) == place
