import argparse
import json
import pickle
import shutil
from pathlib import Path

import pytest

from hmtl.commands.prepare import add_corpora, prepare_corpus
from hmtl.corpora import JsonlCorpus, OntonotesCorpus
from hmtl.corpora.ontonotes_release import ReleaseOptions, read_split_lists
from hmtl.corpora.preparation.prepare import prepare
from hmtl.corpora.preparation.sources.ontonotes_source import OntonotesSource
from hmtl.errors import DataError, UserError
from hmtl.tasks import CorefReader, TaggingReader

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "ontonotes_release"
RELEASE, COLUMNS, LISTS = FIXTURES / "ldc", FIXTURES / "conll-2012", FIXTURES / "lists"
ANNOTATIONS = "data/files/data/english/annotations"
CONVERSATION, TESTAMENT = "bc/tiny/00/tiny_0001", "pt/nt/40/nt_4001"


def convert(source: OntonotesSource) -> dict:
    return {
        split: [document for unit in units for document in source.convert(unit).documents]
        for split, units in source.splits().items()
    }


def keys(source: OntonotesSource) -> dict:
    return {split: [unit.key for unit in units] for split, units in source.splits().items()}


def as_skeletons(columns: Path, annotation: str = "gold") -> Path:
    """Replaces the words of all columns below a directory, as they are published."""
    for file in columns.rglob("*_conll"):
        rows = [line.split() for line in file.read_text().splitlines()]
        text = "\n".join(" ".join(row) if len(row) < 12 else " ".join([*row[:3], "[WORD]", *row[4:]]) for row in rows)
        file.with_name(file.name.replace("gold_conll", f"{annotation}_skel")).write_text(text + "\n")
        file.unlink()
    return columns


@pytest.fixture
def columns(tmp_path) -> Path:
    return Path(shutil.copytree(COLUMNS, tmp_path / "conll-2012"))


@pytest.fixture
def release(tmp_path) -> Path:
    return Path(shutil.copytree(RELEASE, tmp_path / "ontonotes-release-5.0"))


def test_all_kinds_of_files_give_the_documents_of_the_corpus_ontonotes(columns):
    expected = {
        split: sorted(OntonotesCorpus().documents(str(COLUMNS / "v4" / "data" / folder)), key=lambda d: d.doc_key)
        for split, folder in (("train", "train"), ("dev", "development"), ("test", "test"))
    }
    assert [len(documents) for documents in expected.values()] == [3, 1, 1]
    assert convert(OntonotesSource(RELEASE, split_dir=LISTS)) == expected
    assert convert(OntonotesSource(conll_dir=COLUMNS, split_dir=LISTS)) == expected
    assert convert(OntonotesSource(conll_dir=COLUMNS, split="directories")) == expected
    skeletons = as_skeletons(columns)
    assert convert(OntonotesSource(RELEASE, skeletons, split_dir=LISTS)) == expected
    assert convert(OntonotesSource(RELEASE, skeletons, split="directories")) == expected


@pytest.mark.parametrize("below", ["", "data/files/data", "data/files/data/english", ANNOTATIONS])
def test_any_directory_of_the_release_will_do(below):
    source = OntonotesSource(RELEASE / below, split_dir=LISTS)
    assert source.splits()["dev"][0].paths[0] == RELEASE / ANNOTATIONS / "nw/tiny/00/tiny_0002.parse"


def test_the_prepared_directory_serves_both_tasks(tmp_path):
    prepare(OntonotesSource(RELEASE, split_dir=LISTS), tmp_path / "out", jobs=0)
    for reader in (TaggingReader("ner", corpus=JsonlCorpus()), CorefReader(corpus=JsonlCorpus())):
        for split in ("train", "dev", "test"):
            assert list(reader.read(str(tmp_path / "out" / f"{split}.jsonl")))
    train = list(JsonlCorpus().documents(str(tmp_path / "out" / "train.jsonl")))
    assert train == convert(OntonotesSource(RELEASE, split_dir=LISTS))["train"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["settings"]["documents_without_names"] == {"train": 1, "dev": 0, "test": 0}
    assert report["settings"]["documents_without_coreference"] == {"train": 0, "dev": 0, "test": 0}


def test_the_files_are_the_same_whatever_the_number_of_processes(tmp_path):
    source = OntonotesSource(RELEASE, split_dir=LISTS)
    assert convert(pickle.loads(pickle.dumps(source))) == convert(source)
    for jobs in (0, 2):
        prepare(source, tmp_path / str(jobs), jobs=jobs)
    names = ["dev.jsonl", "report.json", "test.jsonl", "train.jsonl"]
    for name in names:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "2").iterdir()) == names


def test_a_document_without_names():
    def last(**options) -> list:
        return convert(OntonotesSource(RELEASE, split_dir=LISTS, **options))["train"][-1:]

    assert last()[0].doc_key == f"{TESTAMENT}_000"
    assert last()[0].spans == {"ner": []}
    assert last(missing_layer="absent")[0].spans == {}
    assert last(missing_layer="skip")[0].doc_key == f"{CONVERSATION}_001"
    assert last()[0].clusters == last(missing_layer="absent")[0].clusters == [[(0, 1), (3, 3)]]


def test_a_document_without_coreference(release):
    (release / ANNOTATIONS / f"{CONVERSATION}.coref").unlink()

    def first(**options) -> list:
        return convert(OntonotesSource(release, split_dir=LISTS, **options))["train"][0]

    assert (first().doc_key, first().clusters) == (f"{CONVERSATION}_000", [])
    assert first(missing_layer="absent").clusters is None
    with pytest.raises(UserError, match="no document is in the split 'train'"):
        first(missing_layer="skip")


@pytest.mark.parametrize("arguments", [{"ldc_dir": RELEASE}, {"conll_dir": COLUMNS}])
def test_without_the_new_testament(arguments):
    source = OntonotesSource(**arguments, split_dir=LISTS, new_testament=False)
    assert keys(source)["train"] == [CONVERSATION]
    assert keys(OntonotesSource(**arguments, split_dir=LISTS))["train"] == [CONVERSATION, TESTAMENT]


def test_options_reach_the_conversion(columns):
    kept = OntonotesSource(RELEASE, split_dir=LISTS, options=ReleaseOptions(keep_disfluencies=True))
    assert convert(kept)["train"][0].sentences[1] == ["the", ","]
    plain = ReleaseOptions(unescape=True)
    skeletons = as_skeletons(columns)
    for arguments in ({"ldc_dir": RELEASE}, {"conll_dir": COLUMNS}, {"ldc_dir": RELEASE, "conll_dir": skeletons}):
        source = OntonotesSource(**arguments, split_dir=LISTS, options=plain)
        assert convert(source)["train"][0].sentences[0][-1] == "."


def test_the_usual_splits_and_what_they_should_hold():
    source = OntonotesSource(RELEASE)
    lists = read_split_lists()
    assert keys(source) == lists
    sentences = {split: counts["sentences"] for split, counts in source.expected.items()}
    assert sentences == {"train": 75187, "dev": 9603, "test": 9479}
    without = OntonotesSource(RELEASE, new_testament=False)
    assert keys(without)["test"] == [name for name in lists["test"] if not name.startswith("pt/")]
    assert [round(counts["sentences"], -2) for counts in without.expected.values()] == [59900, 8500, 8300]
    for options in (ReleaseOptions(keep_disfluencies=True), ReleaseOptions(keep_single_mentions=True)):
        assert OntonotesSource(RELEASE, options=options).expected == {}
    assert OntonotesSource(RELEASE, split_dir=LISTS).expected == {}


def test_directories_of_other_layouts(columns, tmp_path):
    data = columns / "v4" / "data"
    # CoNLL-formatted OntoNotes 5.0 has a larger test set beside that of the shared task.
    (data / "test").rename(data / "conll-2012-test")
    larger = data / "test" / "data" / "english" / "annotations" / "tc" / "tiny" / "00"
    larger.mkdir(parents=True)
    (larger / "tiny_0009.v4_gold_conll").write_text("")
    chinese = data / "train" / "data" / "chinese" / "annotations" / "bc" / "tiny" / "00"
    chinese.mkdir(parents=True)
    (chinese / "tiny_0001.v4_gold_conll").write_text("")
    assert keys(OntonotesSource(conll_dir=columns, split="directories")) == {
        "train": [CONVERSATION, TESTAMENT],
        "dev": ["nw/tiny/00/tiny_0002"],
        "test": ["tc/tiny/00/tiny_0003"],
    }
    # One file a split, as the 2018 implementation had them.
    single = tmp_path / "conll-2012_single_file"
    single.mkdir()
    for split, folder in (("train", "train"), ("dev", "development"), ("test", "conll-2012-test")):
        texts = [file.read_text() for file in sorted((data / folder).glob("data/english/**/*_conll"))]
        (single / f"{split}.english.v4_gold_conll").write_text("".join(texts))
    source = OntonotesSource(conll_dir=single, split="directories", new_testament=False)
    assert [d.doc_key[-8:] for d in convert(source)["train"]] == ["0001_000", "0001_001"]
    assert convert(source)["test"] == convert(OntonotesSource(conll_dir=COLUMNS, split_dir=LISTS))["test"]
    with pytest.raises(UserError, match="need one file a document.*or use --split directories"):
        keys(OntonotesSource(conll_dir=single))


def test_predicted_columns(columns):
    skeletons = as_skeletons(columns, "auto")
    with pytest.raises(UserError, match=r"no file named '\*gold_conll' or '\*gold_skel'"):
        keys(OntonotesSource(RELEASE, skeletons, split_dir=LISTS))
    source = OntonotesSource(RELEASE, skeletons, "auto", split_dir=LISTS)
    assert convert(source) == convert(OntonotesSource(RELEASE, split_dir=LISTS))
    assert source.expected == {}


def test_what_cannot_be_asked_for(columns, tmp_path):
    with pytest.raises(UserError, match="name the release"):
        OntonotesSource()
    with pytest.raises(UserError, match="--split directories needs --conll-dir"):
        OntonotesSource(RELEASE, split="directories")
    with pytest.raises(UserError, match="--split directories needs --conll-dir, and no --split-dir"):
        OntonotesSource(conll_dir=COLUMNS, split="directories", split_dir=LISTS)
    with pytest.raises(UserError, match="expected OntoNotes' release, with data/files/data/english/annotations/bc"):
        OntonotesSource(tmp_path)
    with pytest.raises(UserError, match="only skeletons, without words; name the release too"):
        keys(OntonotesSource(conll_dir=as_skeletons(columns), split_dir=LISTS))
    with pytest.raises(DataError, match="train.id: no such file"):
        keys(OntonotesSource(RELEASE, split_dir=tmp_path))


def test_broken_documents_are_reported_and_the_rest_prepared(release, tmp_path):
    annotations = release / ANNOTATIONS
    with open(LISTS / "train.id") as file:
        names = [*file.read().split(), "nw/tiny/00/tiny_0007", "nw/tiny/00/tiny_0008"]
    lists = Path(shutil.copytree(LISTS, tmp_path / "lists"))
    (lists / "train.id").write_text("\n".join(names))
    (annotations / "nw/tiny/00/tiny_0008.parse").write_bytes(b"(TOP (NN \xe9t\xe9))")
    coref = annotations / f"{CONVERSATION}.coref"
    coref.write_text(coref.read_text().replace("</COREF> .\n</TEXT>\n<TEXT", " .\n</TEXT>\n<TEXT"))
    report = prepare(OntonotesSource(release, split_dir=lists), tmp_path / "out", jobs=0)
    reasons = {skipped.unit: skipped.reason for skipped in report.splits["train"].skipped}
    assert reasons == {
        CONVERSATION: f'{coref}:6: \'<COREF ID="000-4" TYPE="IDENT">\' is not closed in its sentence',
        names[2]: f"{annotations / 'nw/tiny/00/tiny_0007.parse'}: no such file; is the release complete?",
        names[3]: reasons[names[3]],
    }
    assert reasons[names[3]].startswith(f"{annotations / 'nw/tiny/00/tiny_0008.parse'}:1: not valid UTF-8")
    [document] = JsonlCorpus().documents(str(tmp_path / "out" / "train.jsonl"))
    assert document.doc_key == f"{TESTAMENT}_000"


def test_a_document_that_is_not_among_the_columns_and_one_of_another_text(columns, release):
    [file] = columns.rglob("tiny_0002.v4_gold_conll")
    file.unlink()
    source = OntonotesSource(conll_dir=columns, split_dir=LISTS)
    with pytest.raises(DataError, match="tiny_0002.gold_conll: no such file"):
        source.convert(source.splits()["dev"][0])
    (release / ANNOTATIONS / "tc/tiny/00/tiny_0003.parse").write_text("(TOP (NN tea))\n(TOP (NN tea))\n")
    source = OntonotesSource(release, as_skeletons(columns), split_dir=LISTS)
    with pytest.raises(DataError, match="sentence 0 has 4 words, but the tree on line 1 of .* has 1"):
        source.convert(source.splits()["test"][0])


def test_the_command_line(tmp_path, capsys):
    parser = argparse.ArgumentParser()
    add_corpora(parser)
    command = ["ontonotes", "--ldc-dir", str(RELEASE), "--split-dir", str(LISTS), "--output", str(tmp_path / "out")]
    arguments = parser.parse_args([*command, "--pt", "out", "--jobs", "0", "--keep-appositions", "--unescape"])
    prepare_corpus(arguments)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["settings"]["new_testament"] is False
    assert report["settings"]["keep_appositions"] is True
    [first, _] = JsonlCorpus().documents(str(tmp_path / "out" / "train.jsonl"))
    assert first.sentences[0][-1] == "."
    assert [(0, 1), (3, 5)] in first.clusters
    assert capsys.readouterr().out
