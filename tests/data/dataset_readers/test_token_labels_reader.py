import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

from hmtl.data.dataset_readers import TokenLabelsReader
from hmtl.data.document import Document, Span, write_jsonl
from hmtl.errors import DataError

SENTENCES = [["Ann", "Lee", "left", "York"], ["Why", "?"]]
SPANS = [Span(0, 1, "PER"), Span(1, 1, "X"), Span(3, 3, "LOC")]


@pytest.fixture
def path(tmp_path) -> str:
    write_jsonl([Document("d", SENTENCES, spans={"ner": SPANS})], tmp_path / "x.jsonl")
    return str(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    "options,expected",
    [
        ({}, ["B-PER", "I-PER", "O", "B-LOC"]),
        ({"scheme": "plain"}, ["PER", "PER", "O", "LOC"]),
        ({"nested_spans": "innermost"}, ["O", "B-X", "O", "B-LOC"]),
    ],
)
def test_labels_of_sentences(options, expected, path):
    reader = TokenLabelsReader("ner", **options)
    first, second = reader.read(path)
    assert reader.counts["overlapping 'ner' spans left out"] == 1
    assert (first["labels"].labels, second["labels"].labels) == (expected, ["O", "O"])
    gold = [Span(n, n, label) for n, label in enumerate(expected) if label != "O"]
    assert (first["metadata"]["spans"], second["metadata"]["spans"]) == (gold, [])
    assert (first["metadata"]["tokens"], second["metadata"]["sentence"]) == (SENTENCES[0], 1)


def test_tensors(path):
    reader = TokenLabelsReader("ner", scheme="plain", label_namespace="x_labels")
    first, _ = reader.read(path)
    vocab = Vocabulary.from_instances([first])
    first.index_fields(vocab)
    numbers = vocab.get_token_to_index_vocabulary("x_labels")
    rows = first.as_tensor_dict()["labels"].tolist()
    assert rows == [[n, numbers[label]] for n, label in enumerate(["PER", "PER", "O", "LOC"])]


def test_mistakes(path):
    with pytest.raises(ConfigurationError, match="scheme must be 'bio' or 'plain', not 'bioul'"):
        TokenLabelsReader("ner", scheme="bioul")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="has no layer 'pos'"):
        list(TokenLabelsReader("pos").read(path))
