from pathlib import Path
from typing import Any, List

import pytest
import torch
from allennlp.data import Instance

from hmtl.document import Document, Relation, Span, write_jsonl
from hmtl.errors import DataError
from hmtl.tasks import PredicateArgumentsReader

SENTENCES = [["Rain"], ["Mara", "says", "Tom", "sold", "it", "."]]
TAGS = ["NOUN", "PROPN", "VERB", "PROPN", "VERB", "PRON", "PUNCT"]
# Offsets count from the document's start, where a sentence of one token stands before.
RELATIONS = [
    Relation((4, 4), (5, 5), "obj"),
    Relation((2, 2), (1, 1), "nsubj"),
    Relation((2, 2), (3, 5), "ccomp"),
    # Within a longer argument of the same verb, of a word that is no verb, and once more.
    Relation((2, 2), (4, 4), "obj"),
    Relation((3, 3), (6, 6), "punct"),
    Relation((4, 4), (3, 3), "nsubj"),
    Relation((4, 4), (5, 5), "obj"),
]


@pytest.fixture
def path(tmp_path: Path) -> str:
    tags = [Span(number, number, tag) for number, tag in enumerate(TAGS)]
    spans = {"pos": tags, "verbs": [Span(4, 5, "PHRASAL")]}
    write_jsonl([Document("d", SENTENCES, spans, RELATIONS)], tmp_path / "roles.jsonl")
    return str(tmp_path / "roles.jsonl")


def read(path: str, **options: Any) -> List[Instance]:
    return list(PredicateArgumentsReader(**options).read(path))


def rows_of(instance: Instance) -> List[Any]:
    field = instance.fields["arguments"]
    return [(*row, label) for row, label in zip(field.rows, field.labels)]


def test_each_predicate_has_its_arguments(path: str) -> None:
    empty, sentence = read(path)
    assert empty.fields["predicates"].tensor.shape == (0, 2) and rows_of(empty) == []
    assert torch.equal(sentence.fields["predicates"].tensor, torch.tensor([[1, 1], [3, 3]]))
    expected = [(0, 0, 0, "nsubj"), (0, 2, 4, "ccomp"), (1, 2, 2, "nsubj"), (1, 4, 4, "obj")]
    assert rows_of(sentence) == expected
    assert sentence.fields["arguments"].label_namespace == "arguments_labels"
    assert sentence.fields["metadata"].metadata == {
        "doc_key": "d",
        "sentence": 1,
        "tokens": SENTENCES[1],
        "predicates": [(1, 1), (3, 3)],
        # All that there are, each once.
        "relations": [
            Relation((3, 3), (4, 4), "obj"),
            Relation((1, 1), (0, 0), "nsubj"),
            Relation((1, 1), (2, 4), "ccomp"),
            Relation((1, 1), (3, 3), "obj"),
            Relation((2, 2), (5, 5), "punct"),
            Relation((3, 3), (2, 2), "nsubj"),
        ],
    }


def test_which_spans_are_predicates(path: str) -> None:
    _, sentence = read(path, predicate_labels=[])
    assert len(sentence.fields["predicates"].tensor) == 6
    assert (2, 5, 5, "punct") in rows_of(sentence)
    _, sentence = read(path, predicate_layer="verbs", predicate_labels=["PHRASAL"])
    assert sentence.fields["metadata"].metadata["predicates"] == [(3, 4)] and rows_of(sentence) == []


def test_gold_documents(path: str) -> None:
    reader = PredicateArgumentsReader()
    [document] = reader.corpus.documents(path)
    _, gold = reader.gold_documents(document)
    _, targets = reader.gold_documents(document, only_targets=True)
    assert gold.sentences == targets.sentences == [SENTENCES[1]]
    assert gold.relations is not None and targets.relations is not None
    left_out = {Relation((1, 1), (3, 3), "obj"), Relation((2, 2), (5, 5), "punct")}
    assert set(gold.relations) - set(targets.relations) == left_out and len(targets.relations) == 4


def test_documents_without_predicates_or_relations(path: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="document 'd' has no layer 'frames'"):
        read(path, predicate_layer="frames")
    write_jsonl([Document("e", [["a"]], {"pos": []})], tmp_path / "plain.jsonl")
    with pytest.raises(DataError, match="document 'e' has no layer 'relations'"):
        read(str(tmp_path / "plain.jsonl"))
