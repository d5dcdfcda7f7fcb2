import pytest
from worked_corpus import write_corpus, write_records

from hmtl.corpora import Corpus, JsonlCorpus, OntonotesCorpus
from hmtl.errors import DataError, UserError
from hmtl.inspection import (
    Split,
    corpus_format,
    documents_by_key,
    find_splits,
    first_documents,
    found_format,
    training_split,
)


class Any(Corpus):
    """A format in which a directory is a split unless it holds splits."""


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path)


def touched(folder, *names):
    for name in names:
        (folder / name).touch()
    return folder


def test_jsonl_files_of_a_directory_training_first(tmp_path):
    touched(tmp_path, "test.jsonl", "dev.jsonl", "train.jsonl", "a.jsonl", "notes.txt")
    splits = find_splits([str(tmp_path)], JsonlCorpus())
    assert [split.name for split in splits] == ["train.jsonl", "dev.jsonl", "test.jsonl", "a.jsonl"]
    assert splits[0].path == str(tmp_path / "train.jsonl")


def test_files_and_folders_named_for_splits(tmp_path):
    touched(tmp_path, "test.txt", "train.txt", "dev.v4_gold_conll", "readme.txt")
    (tmp_path / "development").mkdir()
    names = [split.name for split in find_splits([str(tmp_path)], Any())]
    assert names == ["train.txt", "dev.v4_gold_conll", "development", "test.txt"]


def test_another_directory_is_a_split_itself(tmp_path):
    touched(tmp_path, "bn.gold_conll")
    assert find_splits([str(tmp_path)], Any()) == [(str(tmp_path), str(tmp_path))]


def test_paths_keep_their_order_and_come_once(corpus):
    dev, train = str(corpus / "dev.jsonl"), str(corpus / "train.jsonl")
    splits = find_splits([dev, train, dev], JsonlCorpus())
    assert [split.name for split in splits] == ["dev.jsonl", "train.jsonl"]
    assert training_split(splits).path == train


def test_slices(corpus):
    path = corpus / "train.jsonl"
    splits = find_splits([f"{path}#1:", f"{path}#0:1"], JsonlCorpus())
    assert [shown.document.doc_key for shown in first_documents(splits, JsonlCorpus(), 9)] == ["b", "a"]


def test_without_a_name_the_first_split_is_for_training(tmp_path):
    touched(tmp_path, "x.jsonl", "y.jsonl")
    assert training_split(find_splits([str(tmp_path)], JsonlCorpus())).name == "x.jsonl"


def test_splits_named_behind_a_directory():
    splits = [Split(path, path) for path in ("LDC2006T06#dev", "LDC2006T06#train#0:9", "LDC2006T06#test")]
    assert training_split(splits) == splits[1]


def test_what_is_missing(tmp_path):
    with pytest.raises(UserError, match="absent: no such file or directory"):
        find_splits([str(tmp_path / "absent")], Any())
    with pytest.raises(DataError, match="no file named"):
        find_splits([str(tmp_path)], JsonlCorpus())


def test_formats():
    assert isinstance(corpus_format("jsonl"), JsonlCorpus)
    assert isinstance(corpus_format('{"type": "ontonotes", "exclude": ["/pt/"]}'), OntonotesCorpus)
    with pytest.raises(UserError, match="--corpus: not valid JSON"):
        corpus_format('{"type": ')
    with pytest.raises(UserError, match="^--corpus jsnl: no class is registered as 'jsnl'; did you mean 'jsonl'?"):
        corpus_format("jsnl")


def test_documents_by_key_in_the_order_asked_for(corpus):
    splits = find_splits([str(corpus)], JsonlCorpus())
    shown = documents_by_key(splits, JsonlCorpus(), ["d", "a", "d"])
    assert [(each.split, each.document.doc_key) for each in shown] == [("dev.jsonl", "d"), ("train.jsonl", "a")]


def test_reading_ends_with_the_last_wanted_document(tmp_path):
    record = {"doc_key": "a", "sentences": [["x"]]}
    path = write_records(tmp_path / "a.jsonl", record)
    path.write_text(path.read_text() + "{broken\n")
    splits = find_splits([str(path)], JsonlCorpus())
    assert len(documents_by_key(splits, JsonlCorpus(), ["a"])) == 1


@pytest.mark.parametrize(
    "key, advice",
    [("nw/001", "did you mean 'nw/0001'?"), ("bn", "did you mean 'bn/cnn/0002'?"), ("zzz", "the first is 'nw/0001'")],
)
def test_an_unknown_key_names_the_nearest(tmp_path, key, advice):
    records = ({"doc_key": name, "sentences": [["x"]]} for name in ("nw/0001", "bn/cnn/0002"))
    splits = find_splits([str(write_records(tmp_path / "a.jsonl", *records))], JsonlCorpus())
    with pytest.raises(UserError) as raised:
        documents_by_key(splits, JsonlCorpus(), [key])
    assert str(raised.value) == f"--document {key}: none of the 2 documents has this key; {advice}"


def test_the_format_is_found(corpus, tmp_path, capsys):
    folder = tmp_path / "tags"
    folder.mkdir()
    for split in ("train", "dev", "test"):
        (folder / f"letters-{split}.conll").write_text("Ada B-PER\nslept O\n\nTom B-PER\nsang O\n")
    columns = found_format([str(folder)])
    assert type(columns) is Corpus.by_name("columns")
    assert [split.name for split in find_splits([str(folder)], columns)] == [
        "letters-train.conll",
        "letters-dev.conll",
        "letters-test.conll",
    ]
    assert capsys.readouterr().err == f"{folder}: read as {columns.title}\n"

    assert type(found_format([str(corpus)])) is JsonlCorpus
    assert type(found_format([f"{corpus / 'train.jsonl'}#0:1"])) is JsonlCorpus
    # What is wrong with these, their own format tells.
    (tmp_path / "broken.jsonl").write_text("{")
    for path in ("broken.jsonl", "nowhere.jsonl"):
        assert type(found_format([str(tmp_path / path)])) is JsonlCorpus
    assert capsys.readouterr().err == ""
    (tmp_path / "letter.txt").write_text("Ada slept here. Tom did not.\n")
    with pytest.raises(DataError, match="letter.txt: this looks like"):
        found_format([str(tmp_path / "letter.txt")])
