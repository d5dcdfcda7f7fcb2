import json
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path

import pytest

from hmtl.corpora import JsonlCorpus
from hmtl.corpora.preparation.prepare import NothingPrepared, prepare
from hmtl.corpora.preparation.sources.split_files import RedocredSource
from hmtl.corpora.validation import validate_corpus
from hmtl.errors import UserError


def source_of(*arguments) -> RedocredSource:
    parser = ArgumentParser()
    RedocredSource.add_arguments(parser)
    return RedocredSource.from_arguments(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def directory(tmp_path, fixtures) -> Path:
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}_revised.json").write_bytes((fixtures / "redocred" / f"{split}.json").read_bytes())
    return tmp_path


def test_a_file_a_split(directory):
    source = source_of("--dir", directory)
    report = prepare(source, directory / "out", jobs=0)
    for split in report.splits:
        records = json.loads((directory / f"{split}_revised.json").read_text())
        read = list(JsonlCorpus().documents(directory / "out" / f"{split}.jsonl"))
        assert [document.doc_key for document in read][0] == f"{split}_revised: {records[0]['title']}"
        assert [document.sentences for document in read] == [record["sents"] for record in records]
    assert report.splits["train"].expected == {"documents": 3_053}
    assert report.splits["train"].differing == ["documents"]


def test_other_names(directory):
    (directory / "train_revised.json").rename(directory / "train_annotated.json")
    with pytest.raises(UserError, match="train_revised.json: no such file; .* --train NAME"):
        source_of("--dir", directory)
    source = source_of("--dir", directory, "--train", "train_annotated.json")
    assert [unit.paths[0].name for unit in source.splits()["train"]] == ["train_annotated.json"]
    with pytest.raises(UserError, match="--dir .*missing: no such directory"):
        source_of("--dir", directory / "missing")


def test_a_broken_file(directory):
    text = (directory / "dev_revised.json").read_text()
    (directory / "dev_revised.json").write_text(text[: len(text) // 2])
    with pytest.raises(
        NothingPrepared, match="dev: none of its 1 units gave a document; .*dev_revised.json:.*not valid JSON"
    ):
        prepare(source_of("--dir", directory), directory / "out", jobs=0)


def test_a_title_that_recurs_in_another_file(directory):
    records = json.loads((directory / "train_revised.json").read_text())
    (directory / "dev_revised.json").write_text(json.dumps(records))
    prepare(source_of("--dir", directory), directory / "out", jobs=0)
    assert len(list(JsonlCorpus().documents(directory / "out" / "dev.jsonl"))) == len(records)


def raw_counts(records: list) -> Counter:
    """What the records hold, counted without the project's reader."""
    counts = Counter(documents=len(records))
    for record in records:
        counts["sentences"] += len(record["sents"])
        counts["tokens"] += sum(map(len, record["sents"]))
        places = [{(m["sent_id"], *m["pos"]) for m in entity} for entity in record["vertexSet"]]
        counts["ner"] += len({(m["sent_id"], *m["pos"], m["type"]) for entity in record["vertexSet"] for m in entity})
        counts["clusters"] += sum(len(entity) > 1 for entity in places)
        counts["mentions in clusters"] += sum(len(entity) for entity in places if len(entity) > 1)
        pairs = set()
        for label in record["labels"]:
            found = {
                (one, other, label["r"])
                for one in places[label["h"]]
                for other in places[label["t"]]
                if one[0] == other[0] and one != other
            }
            counts["lost"] += not found
            pairs |= found
        counts["relations"] += len(pairs)
    return counts


def test_the_real_corpus(shared_data, tmp_path):
    folder = shared_data / "redocred"
    source = source_of("--dir", folder, "--divide", 400, 50, 50)
    report = prepare(source, tmp_path / "one", jobs=1)
    prepare(source, tmp_path / "two", jobs=2)
    for name in ("train.jsonl", "dev.jsonl", "test.jsonl", "report.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    records = json.loads((folder / "dev_revised.json").read_bytes())
    lost = 0
    for split, part in zip(report.splits, (records[:400], records[400:450], records[450:])):
        counts = raw_counts(part)
        lost += counts.pop("lost")
        assert report.splits[split].found == counts
        assert report.splits[split].differing == []
    assert len(report.dropped) == lost
    assert {dropped.reason for dropped in report.dropped} == {"its entities share no sentence"}
    assert validate_corpus([tmp_path / "one"]).errors == []
    converted = [document for units in source.splits().values() for document in source.convert(units[0]).documents]
    read = [
        document for split in report.splits for document in JsonlCorpus().documents(tmp_path / "one" / f"{split}.jsonl")
    ]
    assert read == converted and len(read) == 500


def test_a_bad_document_leaves_the_others_and_what_they_lost(directory):
    path = directory / "train_revised.json"
    records = json.loads(path.read_text())
    before = prepare(source_of("--dir", directory), directory / "out", jobs=0)
    path.write_text(json.dumps([{**records[0], "title": "\ud800"}, {**records[0], "vertexSet": [[]]}, 17, *records]))
    report = prepare(source_of("--dir", directory), directory / "out2", jobs=0)
    assert report.dropped == before.dropped and report.dropped
    assert (directory / "out2" / "train.jsonl").read_bytes() == (directory / "out" / "train.jsonl").read_bytes()
    numbers = [skipped.reason.removeprefix(f"{path}: ")[:10] for skipped in report.splits["train"].skipped]
    assert numbers == ["document 0", "document 1", "document 2"]
