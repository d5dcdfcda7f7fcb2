"""The coreference readers of 2018 gave the lower levels a document as one sequence; two words lost their slash."""

from pathlib import Path

from hmtl.document import Document, Span, write_jsonl
from hmtl.tasks import CorefReader, TaggingReader

SENTENCES = [["Yes", "/."], ["Why", "/?", "/-", "/.."]]


def test_faithful_reads_one_sequence_without_two_slashes(tmp_path: Path) -> None:
    path = tmp_path / "dialogue.jsonl"
    write_jsonl([Document("d", SENTENCES, {"ner": [Span(0, 0, "X")]}, clusters=[[(0, 0), (2, 2)]])], path)
    (right,) = CorefReader().read(str(path))
    assert [[token.text for token in field.tokens] for field in right.fields["text"]] == SENTENCES
    (faithful,) = CorefReader(one_sequence=True, unescape=True).read(str(path))
    (text,) = faithful.fields["text"]
    assert [token.text for token in text.tokens] == ["Yes", ".", "Why", "?", "/-", "/.."]
    assert faithful.fields["sentence_ids"].tensor.tolist() == [0, 0, 1, 1, 1, 1]
    assert faithful.fields["metadata"].metadata["sentences"] == [["Yes", "."], ["Why", "?", "/-", "/.."]]
    # What other tasks read stays as it is written.
    assert [row.fields["metadata"].metadata["tokens"] for row in TaggingReader("ner").read(str(path))] == SENTENCES
