import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

from hmtl.document import Document, Span, write_jsonl
from hmtl.errors import DataError
from hmtl.tasks import TokenLabelsReader

SENTENCES = [["Ann", "Lee", "left", "York"], ["Why", "?"]]
SPANS = [Span(0, 1, "PER"), Span(1, 1, "X"), Span(3, 3, "LOC")]


@pytest.fixture
def path(tmp_path) -> str:
    write_jsonl([Document("d", SENTENCES, spans={"ner": SPANS})], tmp_path / "x.jsonl")
    return str(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    "options,expected,num_left_out",
    [
        ({}, ["O", "B-X", "O", "B-LOC"], 2),
        ({"scheme": "plain"}, ["O", "X", "O", "LOC"], 2),
        ({"nested_spans": "outermost"}, ["B-PER", "I-PER", "O", "B-LOC"], 1),
    ],
)
def test_labels_of_sentences(options, expected, num_left_out, path):
    reader = TokenLabelsReader("ner", **options)
    first, second = reader.read(path)
    assert reader.counts["labels of 'ner' that are no targets"] == num_left_out
    assert (first["labels"].labels, second["labels"].labels) == (expected, ["O", "O"])
    targets = [Span(n, n, label) for n, label in enumerate(expected) if label != "O"]
    assert (first["metadata"]["flat_spans"], second["metadata"]["flat_spans"]) == (targets, [])
    begin, inside = ("", "") if options.get("scheme") == "plain" else ("B-", "I-")
    gold = [(0, 0, f"{begin}PER"), (1, 1, f"{begin}X"), (1, 1, f"{inside}PER"), (3, 3, f"{begin}LOC")]
    assert (sorted(first["metadata"]["spans"]), second["metadata"]["spans"]) == (sorted(gold), [])
    assert (first["metadata"]["tokens"], second["metadata"]["sentence"]) == (SENTENCES[0], 1)


def test_tensors(path):
    reader = TokenLabelsReader("ner", scheme="plain", label_namespace="x_labels", nested_spans="outermost")
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
