"""Labels of sentences and of the whole, and pairs of texts, in a document's metadata."""

import json

import pytest

from hmtl.document import Document
from hmtl.errors import DataError

SENTENCES = [["It", "rained", "."], ["Why", "?"]]


def document(labels: object, **metadata: object) -> Document:
    return Document("a", SENTENCES, metadata={"labels": labels, **metadata})


def test_layers_and_their_entries():
    labels = {"sentences": {"kind": ["decl", None]}, "document": {"grade": 3, "topics": ["a", "b"]}}
    found = document(labels, second_text=1).validate()
    assert found.label_layers == {"kind": "sentence", "grade": "document", "topics": "document"}
    assert found.label_values("kind") == ["decl", None]
    assert found.label_values("grade") == [3]
    assert found.labels_in_words("kind") == [["decl"], []]
    assert found.labels_in_words("grade") == [["3.00"]]
    assert found.labels_in_words("topics") == [["a", "b"]]
    assert found.second_text == 1
    assert Document.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert Document("a", SENTENCES).label_layers == {} and Document("a", SENTENCES).second_text is None


@pytest.mark.parametrize(
    "labels, message",
    [
        (["decl", "q"], r"\[\"decl\", \"q\"\]; expected {\"sentences\": {LAYER: \[one a sentence\]}, \"document\""),
        ({"sentence": {"kind": ["a", "b"]}}, 'expected {"sentences"'),
        ({"sentences": ["a", "b"]}, r"'sentences' is \[\"a\", \"b\"\]; expected an object with the layers"),
        (
            {"sentences": {"kind": ["a"]}},
            "'kind' of 'sentences' must have an entry for each of the 2 sentences, found 1 en",
        ),
        ({"sentences": {"kind": "a"}}, 'for each of the 2 sentences, found "a"'),
        (
            {"sentences": {"kind": ["a", True]}},
            "'kind' of 'sentences': true is no label; expected a text, a list of texts",
        ),
        ({"document": {"kind": ["a", 3]}}, "'kind' of 'document': 3 is int; expected a text in quotes"),
        ({"document": {"kind": "a "}}, "'a ' begins or ends in white space"),
        ({"document": {"kind": ""}}, "an empty label"),
        (
            {"sentences": {"x": ["a", "b"]}, "document": {"x": "a"}},
            "'x' is one of 'sentences' and of 'document'; rename",
        ),
    ],
)
def test_labels_of_another_form_are_refused(labels, message):
    with pytest.raises(DataError, match=f"^document 'a': the metadata key 'labels': .*{message}"):
        document(labels).validate()


@pytest.mark.parametrize("second", [0, 2, True, "1", 0.5])
def test_a_second_text_begins_with_a_later_sentence(second):
    with pytest.raises(
        DataError, match="the metadata key 'second_text' is .*; expected the number, from 1 to 1, of the"
    ):
        document({}, second_text=second).validate()


def test_a_span_layer_may_be_called_labels():
    record = {"doc_key": "a", "sentences": SENTENCES, "labels": [[[0, 0, "X"]], []]}
    assert Document.from_json(record).spans["labels"] == [(0, 0, "X")]
