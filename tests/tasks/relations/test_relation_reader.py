from pathlib import Path
from typing import Any, List

import pytest
from allennlp.data import Instance

from hmtl.document import Document, Relation, Span, write_jsonl
from hmtl.errors import DataError
from hmtl.tasks import RelationReader

# In the sentence "a b c d e" with offset 2: two relations between the same last tokens, and one of d with itself.
RELATIONS = [
    Relation((2, 3), (5, 5), "OWNS"),
    Relation((3, 3), (5, 5), "OWNS"),
    Relation((3, 3), (5, 5), "USES"),
    Relation((5, 5), (2, 3), "OWNS"),
    Relation((4, 5), (5, 5), "PART"),
    Relation((2, 3), (5, 5), "OWNS"),
]
MENTIONS = [Span(1, 1, "A"), Span(2, 3, "B"), Span(5, 5, "C")]
ROWS = [(1, 3, "OWNS"), (1, 3, "USES"), (3, 1, "OWNS"), (3, 3, "PART")]


@pytest.fixture
def path(tmp_path: Path) -> str:
    document = Document("d", [["x", "y"], list("abcde"), ["z"]], {}, RELATIONS)
    write_jsonl([document], tmp_path / "relations.jsonl")
    return str(tmp_path / "relations.jsonl")


def read(path: str, **options: Any) -> List[Instance]:
    return list(RelationReader(**options).read(path))


def test_arguments_are_last_tokens(path: str) -> None:
    first, second, third = read(path)
    assert first.fields["relations"].rows == third.fields["relations"].rows == []
    field = second.fields["relations"]
    assert [(*row, label) for row, label in zip(field.rows, field.labels)] == ROWS
    assert field.label_namespace == "relation_labels"
    assert second.fields["metadata"].metadata == {
        "doc_key": "d",
        "sentence": 1,
        "tokens": list("abcde"),
        # With the bounds of the arguments, equal ones once; in this sentence, as all offsets.
        "relations": [
            Relation((0, 1), (3, 3), "OWNS"),
            Relation((1, 1), (3, 3), "OWNS"),
            Relation((1, 1), (3, 3), "USES"),
            Relation((3, 3), (0, 1), "OWNS"),
            Relation((2, 3), (3, 3), "PART"),
        ],
        "mentions": None,
    }


def test_mentions_are_those_of_the_first_layer_that_is_there_or_of_the_named_one(tmp_path: Path) -> None:
    def mentions(**options: Any) -> List[Any]:
        return [each.fields["metadata"].metadata["mentions"] for each in read(str(tmp_path / "m.jsonl"), **options)]

    spans = {"ner": MENTIONS[1:], "emd": MENTIONS, "heads": MENTIONS[:1]}
    for layers, expected in (
        (["ner", "emd", "heads"], [[Span(1, 1, "A")], [Span(0, 1, "B"), Span(3, 3, "C")], []]),
        (["ner", "heads"], [[], [Span(0, 1, "B"), Span(3, 3, "C")], []]),
        (["heads"], [None] * 3),
    ):
        write_jsonl(
            [Document("d", [["x", "y"], list("abcde"), ["z"]], {name: spans[name] for name in layers}, RELATIONS)],
            tmp_path / "m.jsonl",
        )
        assert mentions() == expected
        assert mentions(mention_layer="heads") == [[Span(1, 1, "A")], [], []]
    with pytest.raises(DataError, match="document 'd' has no layer 'emd'"):
        mentions(mention_layer="emd")


def test_counts(path: str) -> None:
    reader = RelationReader()
    assert len(list(reader.read(path))) == 3
    assert reader.counts["relations that repeat the last tokens of another"] == 2
    assert reader.counts["relations of a token with itself"] == 1
    assert reader.counts["sentences without relations left out"] == 0


def test_only_sentences_with_relations(path: str) -> None:
    reader = RelationReader(only_sentences_with_relations=True)
    (instance,) = reader.read(path)
    assert instance.fields["metadata"].metadata["sentence"] == 1
    assert reader.counts["sentences without relations left out"] == 2


def test_namespace_and_unknown_labels(path: str) -> None:
    for instance in read(path, label_namespace="my_labels", allow_unknown_labels=True):
        assert instance.fields["relations"].label_namespace == "my_labels"
        assert instance.fields["relations"].allow_unknown
