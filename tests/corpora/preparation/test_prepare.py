"""The engine, on a corpus of files of one sentence a line."""

import json
import os
import re
import time
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List

import pytest

from hmtl.corpora import JsonlCorpus
from hmtl.corpora.preparation import prepare as engine
from hmtl.corpora.preparation.prepare import NothingPrepared, prepare
from hmtl.corpora.preparation.source import Converted, Dropped, Source, Unit
from hmtl.document import Document, Span
from hmtl.errors import DataError, UserError


@dataclass
class Lines(Source):
    """Files of one sentence a line; capitalised words are names, and `!` is dropped."""

    files: Dict[str, List[Path]]
    expected = {"train": {"documents": 3, "ner": 2}}

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        raise AssertionError("no command line here")

    @classmethod
    def from_arguments(cls, arguments: Namespace) -> "Lines":
        raise AssertionError("no command line here")

    def splits(self):
        return {split: [Unit(path.name, (path,)) for path in paths] for split, paths in self.files.items()}

    def convert(self, unit):
        text = unit.paths[0].read_text(encoding="utf-8")
        if "BUG" in text:
            return {}["no such key"]
        if "SECRET" in text:
            raise PermissionError(13, "Permission denied", str(unit.paths[0]))
        if "SLOW" in text:
            time.sleep(0.05)
        if "KILLED" in text:
            os._exit(9)
        sentences = [line.split() for line in text.splitlines()]
        if any(not sentence for sentence in sentences):
            raise DataError("an empty\nline", unit.paths[0], 1)
        tokens = [token for sentence in sentences for token in sentence]
        names = [Span(position, position, "NAME") for position, token in enumerate(tokens) if token.istitle()]
        dropped = [Dropped(unit.key, "mention", "not a word", token) for token in tokens if token == "!"]
        key = text.partition("KEY=")[2].split("\n")[0].split(" ")[0] or unit.key
        return Converted([Document(key, sentences, {"ner": names}, clusters=[], metadata={"é": "ü"})], dropped)

    def settings(self):
        return {"files": sum(map(len, self.files.values()))}


@pytest.fixture
def corpus(tmp_path):
    """Makes a source of the texts of each split."""

    def make(**splits: List[str]) -> Lines:
        files: Dict[str, List[Path]] = {}
        for split, texts in splits.items():
            for number, text in enumerate(texts):
                path = tmp_path / f"{split}{number}.txt"
                path.write_text(text, encoding="utf-8")
                files.setdefault(split, []).append(path)
        return Lines(files)

    return make


def contents(directory: Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_documents_and_report(corpus, tmp_path):
    source = corpus(train=["Ada met Bob\nyes !", "no\n"], dev=["it was Cy"])
    report = prepare(source, tmp_path / "new" / "out", jobs=0)
    train, dev = (
        list(JsonlCorpus().documents(tmp_path / "new" / "out" / f"{split}.jsonl")) for split in ("train", "dev")
    )
    assert train == source.convert(Unit("train0.txt", (tmp_path / "train0.txt",))).documents + [
        Document("train1.txt", [["no"]], {"ner": []}, clusters=[], metadata={"é": "ü"})
    ]
    assert [document.doc_key for document in dev] == ["dev0.txt"]
    written = json.loads((tmp_path / "new" / "out" / "report.json").read_text())
    assert written == json.loads(json.dumps(report.to_json()))
    assert written["source"] == "Lines" and written["settings"] == {"files": 3}
    assert set(written["versions"]) == {"hmtl", "python"}
    found = {"documents": 2, "sentences": 3, "tokens": 6, "ner": 2, "clusters": 0, "mentions in clusters": 0}
    assert written["splits"]["train"] == {
        "units": 2,
        "found": found,
        "expected": {"documents": 3, "ner": 2},
        "differing": ["documents"],
        "labels": {"ner": {"NAME": 2}},
        "skipped": [],
    }
    assert written["dropped"] == {
        "counts": [{"what": "mention", "reason": "not a word", "count": 1}],
        "all": [{"document": "train0.txt", "what": "mention", "reason": "not a word", "detail": "!"}],
    }


def test_the_bytes_do_not_depend_on_the_number_of_processes(corpus, tmp_path):
    texts = [
        f"Name{number} says {number}" + " SLOW" * (number % 5 == 0) + "\n\nx" * (number == 7) for number in range(40)
    ]
    source = corpus(train=texts, dev=["a"], test=["b !"])
    for jobs in (0, 1, 2, 3):
        prepare(source, tmp_path / f"out{jobs}", jobs)
    first = contents(tmp_path / "out0")
    assert set(first) == {"train.jsonl", "dev.jsonl", "test.jsonl", "report.json"}
    assert first["train.jsonl"].count(b"\n") == 39
    assert all(contents(tmp_path / f"out{jobs}") == first for jobs in (1, 2, 3))


def test_few_units_are_under_way_at_once(tmp_path, monkeypatch):
    """Whoever converts is at most so far ahead of whoever writes."""
    monkeypatch.setattr(engine, "_UNITS_AHEAD", 2)
    submitted = []

    class Executor:
        def submit(self, function, unit):
            submitted.append(unit)
            return self

        def result(self):
            return Converted([])

    units = [Unit(str(number), ()) for number in range(50)]
    for number, _ in enumerate(engine._in_order(Executor(), iter(units), ahead=4)):
        assert len(submitted) <= number + 4 + 1
    assert submitted == units


def test_units_that_cannot_be_used_are_left_out(corpus, tmp_path):
    source = corpus(train=["fine", "Ada\n\n", "x", "y", "SECRET"], dev=["fine too"])
    source.files["train"][2].write_bytes(b"caf\xe9\n")
    source.files["train"][3].unlink()
    report = prepare(source, tmp_path / "out", jobs=2)
    train = report.splits["train"]
    assert (train.units, report.num_skipped, train.found["documents"]) == (5, 4, 1)
    reasons = {skipped.unit: skipped.reason for skipped in train.skipped}
    assert reasons["train1.txt"] == f"{tmp_path / 'train1.txt'}:1: an empty line"
    assert reasons["train2.txt"].startswith(f"{tmp_path / 'train2.txt'}: not valid UTF-8")
    assert reasons["train3.txt"] == f"{tmp_path / 'train3.txt'}: No such file or directory"
    assert reasons["train4.txt"] == f"{tmp_path / 'train4.txt'}: Permission denied"
    assert len(report.skipped_lines()) == 4
    assert report.skipped_lines()[0].startswith("left out of train: train1.txt: ")


def test_a_split_without_documents(corpus, tmp_path):
    source = corpus(train=["fine"], dev=["\n", "\n"])
    with pytest.raises(
        NothingPrepared, match="dev: none of its 2 units gave a document; the first: .*an empty"
    ) as error:
        prepare(source, tmp_path / "out", jobs=0)
    assert len(error.value.report.skipped_lines()) == 2
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


@pytest.mark.parametrize("jobs", [0, 2])
def test_a_fault_of_the_conversion_names_the_unit(corpus, tmp_path, jobs):
    with pytest.raises(RuntimeError, match=r"unit 'train1.txt' \(.*train1.txt\): KeyError: 'no such key'"):
        prepare(corpus(train=["fine", "BUG"]), tmp_path / "out", jobs)
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_a_worker_that_is_killed(corpus, tmp_path):
    with pytest.raises(UserError, match="a process was killed at the unit 'train.*fewer --jobs"):
        prepare(corpus(train=["fine", "KILLED"]), tmp_path / "out", jobs=2)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["train", "dev"])
def test_documents_of_the_same_name(corpus, tmp_path, where):
    texts = {"train": ["KEY=a", "b"], "dev": ["c"]}
    texts[where].append("KEY=a z")
    with pytest.raises(DataError, match=f"the units 'train0.txt' and '{where}.*.txt' both have a document 'a'"):
        prepare(corpus(**texts), tmp_path / "out", jobs=0)
    assert not (tmp_path / "out").exists()


def test_an_older_output(corpus, tmp_path):
    output = tmp_path / "out"
    prepare(corpus(train=["one"]), output, jobs=0)
    before = contents(output)
    with pytest.raises(UserError, match="exists already; .* --force"):
        prepare(corpus(train=["two"]), output, jobs=0)
    with pytest.raises(NothingPrepared):
        prepare(corpus(train=["\n"]), output, jobs=0, force=True)
    assert contents(output) == before
    prepare(corpus(train=["two"], dev=["x"]), output, jobs=0, force=True)
    assert b"two" in contents(output)["train.jsonl"] and (output / "dev.jsonl").is_file()


@pytest.mark.slow
def test_processes_that_are_not_forked(fixtures, tmp_path, monkeypatch):
    """As on macOS: they get the corpus pickled, and import what they need."""
    from hmtl.corpora.preparation.sources import GumSource

    prepare(GumSource(fixtures / "gum"), tmp_path / "forked", jobs=2)
    monkeypatch.setattr(engine, "_START_METHOD", "spawn")
    prepare(GumSource(fixtures / "gum"), tmp_path / "spawned", jobs=2)
    assert contents(tmp_path / "forked") == contents(tmp_path / "spawned")


@dataclass
class Pairs(Lines):
    """As `Lines`, with the key, the labels and metadata of each document by choice, and two documents a file."""

    changes: Dict[str, Any] = field(default_factory=dict)

    def convert(self, unit):
        good = super().convert(unit)
        bad = super().convert(unit)
        bad.documents[0].doc_key += " bad"
        for name, value in self.changes.items():
            setattr(bad.documents[0], name, value)
        dropped = [Dropped(bad.documents[0].doc_key, "mention", "not a word", "?")]
        return Converted(good.documents + bad.documents, dropped)


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"spans": {"ner": [Span(0, 0, "PER\r")]}}, "begins or ends in white space"),
        ({"spans": {"ner": [Span(0, 0, 17)]}}, "holds .0, 0, 17.; expected .int, int, str."),
        ({"doc_key": "\ud800"}, "half of a surrogate pair"),
        ({"metadata": {"relation": [[[0, 0, 0, 0, "R"]]]}}, "did you mean 'relations'"),
        # Read again, this would be a layer, and a bad one.
        ({"metadata": {"chunks": [[[0, 7, "NP"]]]}}, "'chunks' span .* lies outside the text"),
        ({"metadata": {"score": float("nan")}}, "nan is no number"),
    ],
)
def test_what_hmtl_could_not_read_again_is_left_out_and_told(corpus, tmp_path, changes, reason):
    source = Pairs(corpus(train=["Ada slept"]).files, changes)
    report = prepare(source, tmp_path / "out", jobs=0)
    train = report.splits["train"]
    assert (train.units, report.num_skipped, train.found["documents"]) == (1, 1, 1)
    assert train.skipped[0].unit == "train0.txt" and re.search(reason, train.skipped[0].reason)
    # What it lost is no loss of the corpus as it is written.
    assert report.dropped == []
    [document] = JsonlCorpus().documents(tmp_path / "out" / "train.jsonl")
    assert document.doc_key == "train0.txt"
    assert json.loads((tmp_path / "out" / "report.json").read_text())["splits"]["train"]["skipped"]
    with pytest.raises(NothingPrepared):
        prepare(Pairs(corpus(train=["\n"]).files, changes), tmp_path / "out", jobs=0, force=True)
