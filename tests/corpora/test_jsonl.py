import json
from pathlib import Path

import pytest
from allennlp.common import Params

from hmtl.corpora import Corpus, JsonlCorpus
from hmtl.document import Document, Relation, Span, write_jsonl
from hmtl.errors import DataError

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "jsonl"


def write(path: Path, *doc_keys: str) -> None:
    write_jsonl((Document(key, [["x"]]) for key in doc_keys), path)


def records(path: Path) -> list:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def keys(path) -> list:
    return [document.doc_key for document in JsonlCorpus().documents(str(path))]


def test_jsonl_is_the_default_corpus():
    assert isinstance(Corpus.from_params(Params({})), JsonlCorpus)


def test_the_fixture_is_read_and_written_back_unchanged(tmp_path):
    documents = list(JsonlCorpus().documents(str(FIXTURES / "train.jsonl")))
    first, second = documents
    assert first.spans["ner"][0] == Span(0, 1, "PERSON")
    assert Relation((4, 4), (6, 6), "GEN-AFF") in first.relations
    assert [(0, 7), (9, 9)] in first.clusters
    assert len(first.sentences[2]) == 1 and first.relations_by_sentence()[2] == []
    assert first.spans["mentions"][:2] == [Span(0, 7, "mention"), Span(9, 11, "mention")]
    assert second.clusters == []
    assert second.metadata == {"genre": "news"}
    write_jsonl(documents, tmp_path / "copy.jsonl")
    copy, original = (folder / name for folder, name in ((tmp_path, "copy.jsonl"), (FIXTURES, "train.jsonl")))
    assert records(copy) == records(original)


@pytest.mark.parametrize(
    "suffix, expected",
    [
        ("", "abcde"),
        ("#1:3", "bc"),
        ("#:2", "ab"),
        ("#3:", "de"),
        ("#:", "abcde"),
        ("#4:99", "e"),
        ("#::2", "ace"),
        ("#1:4:2", "bd"),
    ],
)
def test_a_slice_selects_documents_by_order(suffix, expected, tmp_path):
    file = tmp_path / "x.jsonl"
    write(file, *"abcde")
    assert keys(f"{file}{suffix}") == list(expected)


def test_a_directory_is_read_file_by_file_in_the_order_of_paths(tmp_path):
    write(tmp_path / "b" / "1.jsonl", "third")
    write(tmp_path / "a" / "2.jsonl", "second")
    write(tmp_path / "a" / "1.jsonl", "first")
    (tmp_path / "a" / "notes.txt").write_text("no corpus")
    assert keys(tmp_path) == ["first", "second", "third"]


def test_a_path_without_documents_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file or directory; check the path"):
        keys(tmp_path / "missing.jsonl")
    with pytest.raises(DataError, match=r"no file named '\*\.jsonl'"):
        keys(tmp_path)
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match="no documents found"):
        keys(tmp_path / "empty.jsonl")
    write(tmp_path / "one.jsonl", "a")
    with pytest.raises(DataError, match="no documents found"):
        keys(f"{tmp_path}/one.jsonl#1:")


def test_documents_are_streamed(tmp_path):
    file = tmp_path / "x.jsonl"
    write(file, "a", "b")
    with open(file, "a", encoding="utf-8") as out:
        out.write("broken\n")
    documents = JsonlCorpus().documents(str(file))
    assert [next(documents).doc_key, next(documents).doc_key] == ["a", "b"]
    with pytest.raises(DataError, match=r"x\.jsonl:3"):
        next(documents)
