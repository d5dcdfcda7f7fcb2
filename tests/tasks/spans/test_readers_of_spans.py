"""Targets that keep what nests, and relations between whole spans."""

from typing import List

import torch
from allennlp.data import Instance, Vocabulary

from hmtl.data.dataset_readers import DocumentReader
from hmtl.document import Document, Relation, Span
from hmtl.tasks import SpanReader, SpanRelationReader

DOCUMENT = Document(
    "d",
    [["Ann", "Lee", "of", "Rome"], ["Bo", "knows", "Cy"]],
    # The second sentence's spans count from the start of the document; one is repeated.
    {"ner": [Span(0, 3, "PER"), Span(3, 3, "LOC"), Span(0, 1, "PER"), Span(0, 1, "PER"), Span(4, 4, "PER")]},
    [
        Relation((0, 1), (3, 3), "PHYS"),
        Relation((6, 6), (4, 4), "PER-SOC"),
        Relation((4, 4), (6, 6), "PER-SOC"),
        Relation((4, 4), (4, 4), "PHYS"),
    ],
)


def read(reader: DocumentReader, document: Document = DOCUMENT) -> List[Instance]:
    """As the loader gets them."""
    instances = list(reader.instances(document))
    for instance in instances:
        reader.apply_token_indexers(instance)
    return instances


def test_all_spans_are_targets_and_gold() -> None:
    first, second = read(SpanReader("ner"))
    vocab = Vocabulary(counter={"ner_labels": {"PER": 2, "LOC": 1}})
    first.index_fields(vocab)
    padded = first["all_spans"].as_tensor({"num_rows": 4})
    assert padded.tolist() == [[0, 1, 0], [0, 3, 0], [3, 3, 1], [-1, -1, -1]]
    assert first["metadata"].metadata == {
        "doc_key": "d",
        "sentence": 0,
        "tokens": ["Ann", "Lee", "of", "Rome"],
        "spans": [Span(0, 1, "PER"), Span(0, 3, "PER"), Span(3, 3, "LOC")],
    }
    assert second["metadata"].metadata["spans"] == [Span(0, 0, "PER")]


def test_relations_keep_both_bounds_of_their_arguments() -> None:
    reader = SpanRelationReader()
    first, second = read(reader)
    vocab = Vocabulary(counter={"relation_labels": {"PER-SOC": 2, "PHYS": 1}, "mention_labels": {"PER": 1}})
    first.index_fields(vocab)
    assert first["span_relations"].as_tensor({"num_rows": 2}).tolist() == [[0, 1, 3, 3, 1], [-1] * 5]
    # A label that the vocabulary does not have is no mention of use; that is no error.
    assert first["span_mentions"].as_tensor({"num_rows": 2}).tolist() == [[0, 3, 0], [0, 1, 0]]
    assert second["metadata"].metadata["relations"] == [
        Relation((2, 2), (0, 0), "PER-SOC"),
        Relation((0, 0), (2, 2), "PER-SOC"),
        Relation((0, 0), (0, 0), "PHYS"),
    ]
    assert reader.counts["relations of a span with itself"] == 1


def test_relations_without_direction_are_one_in_the_order_of_the_text() -> None:
    _, second = read(SpanRelationReader(symmetric=["PER-SOC"]))
    relations = [Relation((0, 0), (2, 2), "PER-SOC"), Relation((0, 0), (0, 0), "PHYS")]
    assert second["metadata"].metadata["relations"] == relations
    assert second["span_relations"].rows == [(0, 0, 2, 2), (0, 0, 0, 0)]


def test_the_vocabulary_learns_which_types_a_relation_joins() -> None:
    """Of arguments that are mentions: Cy is none."""
    vocab = Vocabulary.from_instances(read(SpanRelationReader()))
    signatures = vocab.get_token_to_index_vocabulary("signature_labels")
    assert set(signatures) == {'["PER", "PHYS", "LOC"]', '["PER", "PHYS", "PER"]'}
    assert set(vocab.get_token_to_index_vocabulary("mention_labels")) == {"PER", "LOC"}


def test_sentences_without_mentions_or_relations() -> None:
    bare = Document("d", [["Ann"], ["Bo"]], {}, [])
    first, _ = read(SpanRelationReader(), bare)
    first.index_fields(Vocabulary(counter={"relation_labels": {"PHYS": 1}}))
    for field, width in (("span_relations", 5), ("span_mentions", 3), ("signatures", 1)):
        tensor = first[field].as_tensor({"num_rows": 0})
        assert tensor.shape == (0, width) and tensor.dtype == torch.long
    assert first["metadata"].metadata["mentions"] is None
    assert not read(SpanRelationReader(only_sentences_with_relations=True), bare)
