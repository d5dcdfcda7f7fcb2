"""Adjacent sentences in their order or swapped: by hand, and as often as a fair coin has it."""

from typing import List

import pytest

from hmtl.document import Document
from hmtl.errors import ConfigurationError, DataError
from hmtl.tasks import SentenceOrderReader


def document(size: int, doc_key: str = "a") -> Document:
    return Document(doc_key, [["Number", str(number), "."] for number in range(size)]).validate()


def labels(reader: SentenceOrderReader, size: int, doc_key: str = "a") -> List[str]:
    return [instance["target_labels"].labels[0] for instance in reader.instances(document(size, doc_key))]


def test_each_two_adjacent_sentences_are_a_pair_whose_label_says_how_they_stand():
    reader = SentenceOrderReader()
    instances = list(reader.instances(document(40)))
    assert len(instances) == 39
    for number, instance in enumerate(instances):
        first, second = (sentence.words for sentence in instance["text"])
        inside = [["Number", str(number), "."], ["Number", str(number + 1), "."]]
        [label] = instance["target_labels"].labels
        assert [first, second] == (inside if label == "in_order" else inside[::-1])
        assert instance["second_text"].tensor.tolist() == [1]
        metadata = instance["metadata"].metadata
        assert metadata["doc_key"] == f"a_{number}" and metadata["pairs"] == [((0, 2), (3, 5), label)]


def test_which_pairs_are_swapped_depends_on_the_seed_and_the_document_alone():
    found = labels(SentenceOrderReader(), 1001)
    assert 450 < found.count("swapped") < 550 and set(found) == {"in_order", "swapped"}
    # Whatever was read before, and however the document goes on.
    reader = SentenceOrderReader()
    assert labels(reader, 30, "b") != found[:29] and labels(reader, 30) == found[:29]
    assert labels(SentenceOrderReader(seed=2), 30) != found[:29]
    # Drawn once, and so for ever: what a model has learned is evaluated on the same pairs.
    assert [label[0] for label in found[:12]] == list("isssisisisis")


def test_gold_documents_are_the_pairs():
    reader = SentenceOrderReader("order", seed=3)
    gold = list(reader.gold_documents(document(20)))
    assert [each.label_values("order") for each in gold] == [[label] for label in labels(reader, 20)]
    assert all(each.validate().second_text == 1 for each in gold)


def test_a_document_of_one_sentence_is_counted_and_a_file_of_such_is_refused(tmp_path):
    path = tmp_path / "documents.jsonl"
    lines = ['{"doc_key": "a", "sentences": [["One", "."]]}', '{"doc_key": "b", "sentences": [["One"], ["Two"]]}']
    path.write_text("\n".join(lines))
    reader = SentenceOrderReader()
    assert [instance["metadata"].metadata["doc_key"] for instance in reader.read(str(path))] == ["b_0"]
    assert reader.counts == {"documents of one sentence left out": 1}
    path.write_text(lines[0])
    with pytest.raises(DataError, match="documents.jsonl: every document has one sentence alone"):
        list(reader.read(str(path)))


def test_order_is_no_number():
    with pytest.raises(ConfigurationError, match="values is 'number'"):
        SentenceOrderReader(values="number")
