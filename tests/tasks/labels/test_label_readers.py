from typing import Any, Dict

import pytest

from hmtl.document import Document
from hmtl.errors import ConfigurationError, DataError
from hmtl.tasks import LabelReader, PairReader

SENTENCES = [["It", "rained", "."], ["Why", "?"], ["No", "one", "knows", "."]]
LABELS: Dict[str, Any] = {
    "sentences": {"kind": ["statement", None, "statement"], "topics": [["a", "b", "a"], [], "c"], "words": [3, 2.5, 4]},
    "document": {"genre": "tale", "grade": 3.5, "themes": ["war", "love"]},
}


def document(**labels: Any) -> Document:
    return Document("a", SENTENCES, metadata={"labels": {**LABELS, **labels}, "second_text": 2}).validate()


def read(reader, *documents: Document) -> list:
    for each in documents:
        reader.require_layers(each, "file")
    return [instance for each in documents for instance in reader.instances(each)]


def test_sentences_with_a_label():
    reader = LabelReader("kind")
    first, last = read(reader, document())
    assert first["text"].words == SENTENCES[0] and last["text"].words == SENTENCES[2]
    assert first["target_labels"].labels == ["statement"]
    assert last["metadata"].metadata == {
        "doc_key": "a",
        "sentence": 2,
        "tokens": SENTENCES[2],
        "labels": [("statement",)],
    }
    # That without a label is left out, and counted.
    assert reader.counts["sentences without an entry in 'kind' left out"] == 1


def test_sentences_with_several_labels():
    gold = [each["metadata"]["labels"] for each in read(LabelReader("topics", values="labels"), document())]
    assert gold == [[("a",), ("b",)], [], [("c",)]]


def test_numbers_of_sentences():
    instances = read(LabelReader("words", values="number"), document())
    assert [each["target_number"].tensor.tolist() for each in instances] == [[3.0], [2.5], [4.0]]
    assert instances[1]["metadata"]["numbers"] == [(2.5,)]


def test_documents_with_a_label():
    [instance] = read(LabelReader("genre", scope="document"), document())
    assert [field.words for field in instance["text"]] == SENTENCES
    assert instance["metadata"].metadata == {"doc_key": "a", "sentences": SENTENCES, "labels": [("tale",)]}


def test_pairs_of_texts():
    [instance] = read(PairReader("genre"), document())
    assert instance["second_text"].tensor.tolist() == [2]
    assert instance["metadata"]["pairs"] == [((0, 4), (5, 8), "tale")]
    [number] = read(PairReader("grade", values="number"), document())
    assert number["metadata"]["pair_numbers"] == [((0, 4), (5, 8), 3.5)]


def test_gold_documents_are_rows_with_their_entries():
    kept = list(LabelReader("topics", values="labels").gold_documents(document()))
    assert [each.sentences for each in kept] == [[sentence] for sentence in SENTENCES]
    assert [each.label_values("topics") for each in kept] == [[["a", "b"]], [[]], [["c"]]]
    [pair] = PairReader("genre").gold_documents(document())
    assert pair.validate().second_text == 2 and pair.label_values("genre") == ["tale"]


@pytest.mark.parametrize(
    "reader, message",
    [
        (LabelReader("mood"), "no layer 'mood' of labels .it has: kind, topics, words, genre, grade, themes.; choose"),
        (LabelReader("genre"), "the layer 'genre' by document, and the reader reads it by sentence; set scope to 'doc"),
        (PairReader("kind"), "the layer 'kind' by sentence, and the reader reads it by document"),
        (LabelReader("topics"), r"layer 'topics': \[\"a\", \"b\", \"a\"\] is not one label; set values to 'labels'"),
        (LabelReader("words"), "layer 'words': 3 is no label; for numbers set values to 'number'"),
        (LabelReader("kind", values="number"), "layer 'kind': 'statement' is no number"),
        (LabelReader("words", values="number", number_range=[1, 3]), "4 lies outside the range from 1 to 3"),
    ],
)
def test_a_layer_that_does_not_fit_is_refused(reader, message):
    with pytest.raises(DataError, match=f"^file: document 'a'.*{message}"):
        read(reader, document())


def test_a_text_that_is_no_pair_is_refused():
    with pytest.raises(DataError, match="document 'a' is no pair of texts: its metadata have no 'second_text'"):
        read(PairReader("genre"), Document("a", SENTENCES, metadata={"labels": LABELS}))


def test_a_scope_that_there_is_not_is_refused():
    with pytest.raises(ConfigurationError, match="scope: 'word' is neither"):
        LabelReader("kind", scope="word")  # type: ignore[arg-type]
