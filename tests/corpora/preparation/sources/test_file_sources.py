"""CoNLL-2003, WNUT-17 and SciERC, on small files written by hand in the layouts of their publishers."""

import json
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path

import pytest

from hmtl.corpora import JsonlCorpus
from hmtl.corpora.preparation.prepare import prepare
from hmtl.corpora.preparation.source import Source
from hmtl.corpora.preparation.sources import Conll2003Source, SciercSource, Wnut17Source
from hmtl.corpora.validation import validate_corpus
from hmtl.document import Relation, Span
from hmtl.errors import UserError


def source_of(corpus, *arguments) -> Source:
    parser = ArgumentParser()
    corpus.add_arguments(parser)
    return corpus.from_arguments(parser.parse_args([str(argument) for argument in arguments]))


def read(output: Path, split: str) -> list:
    return list(JsonlCorpus().documents(output / f"{split}.jsonl"))


CONLL2003 = """\
-DOCSTART- -X- -X- O

{name} NNP I-NP I-ORG
bans VBZ I-VP O
French JJ I-NP I-MISC
lamb NN I-NP O
. . O O

BRUSSELS NNP I-NP I-LOC
1996-08-22 CD I-NP O

-DOCSTART- -X- -X- O

{name} NNP I-NP I-ORG
London NNP I-NP B-ORG
"""


def test_conll2003(tmp_path):
    for name in ("eng.train", "eng.testa", "eng.testb"):
        (tmp_path / name).write_text(CONLL2003.format(name=name))
    report = prepare(source_of(Conll2003Source, "--dir", tmp_path), tmp_path / "out", jobs=0)
    assert report.splits["train"].found == {"documents": 2, "sentences": 3, "tokens": 9, "ner": 5}
    assert report.splits["dev"].differing == ["documents", "sentences", "tokens", "ner"]
    assert report.splits["test"].expected["sentences"] == 3_684 - 231  # the paper counts the rows -DOCSTART-
    first, second = read(tmp_path / "out", "dev")
    assert (first.doc_key, second.doc_key) == ("eng.testa_0", "eng.testa_1")
    assert first.spans["ner"] == [Span(0, 0, "ORG"), Span(2, 2, "MISC"), Span(5, 5, "LOC")]
    assert second.spans["ner"] == [Span(0, 0, "ORG"), Span(1, 1, "ORG")]
    assert validate_corpus([tmp_path / "out"]).errors == []


def test_other_names(tmp_path):
    for name in ("train.txt", "eng.testa", "eng.testb"):
        (tmp_path / name).write_text(CONLL2003.format(name=name))
    with pytest.raises(UserError, match="eng.train: no such file; if it has another name, say --train NAME"):
        source_of(Conll2003Source, "--dir", tmp_path)
    source = source_of(Conll2003Source, "--dir", tmp_path, "--train", "train.txt")
    assert source.settings()["files"] == {"train": "train.txt", "dev": "eng.testa", "test": "eng.testb"}


def test_wnut17(tmp_path):
    texts = (
        "@paul\tO\nSeen\tO\nEmpire\tB-location\nState\tI-location\n\t\nok\tO\n\n",
        "Ünal\tB-person\n",
        "a\tO\n\nb\tO\n",
    )
    names = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    for name, text in zip(names, texts):
        (tmp_path / name).write_text(text, encoding="utf-8")
    prepare(source_of(Wnut17Source, "--dir", tmp_path), tmp_path / "out", jobs=0)
    [train] = read(tmp_path / "out", "train")
    assert train.sentences == [["@paul", "Seen", "Empire", "State"], ["ok"]]
    assert train.spans["ner"] == [Span(2, 3, "location")]
    assert [len(document.sentences) for document in read(tmp_path / "out", "test")] == [2]


def test_real_wnut17(shared_data, tmp_path):
    """Its test set is not at hand: the development set stands in for it."""
    folder = shared_data / "wnut17"
    source = source_of(Wnut17Source, "--dir", folder, "--test", "emerging.dev.conll")
    with pytest.raises(UserError, match="both have a document 'emerging.dev.conll'"):
        prepare(source, tmp_path / "out", jobs=0)
    (tmp_path / "test").write_text("x\tO\n")
    for name in ("wnut17train.conll", "emerging.dev.conll"):
        (tmp_path / name).symlink_to(folder / name)
    report = prepare(source_of(Wnut17Source, "--dir", tmp_path, "--test", "test"), tmp_path / "out", jobs=0)
    assert report.splits["train"].differing == report.splits["dev"].differing == []
    assert report.splits["test"].differing == ["sentences", "tokens", "ner"]
    for split, name in (("train", "wnut17train.conll"), ("dev", "emerging.dev.conll")):
        rows = [line.split() for line in (folder / name).read_text(encoding="utf-8").split("\n")]
        begun = Counter(row[1][2:] for row in rows if row and row[1].startswith("B-"))
        assert dict(report.splits[split].counts.labels["ner"]) == begun
        assert report.splits[split].found["tokens"] == sum(map(bool, rows))


SCIERC = {
    "clusters": [[[0, 1], [5, 5]]],
    "sentences": [["English", "parsing", "uses", "grammars", "."], ["It", "helps", "."]],
    "ner": [[[0, 1, "Task"], [3, 3, "Method"]], [[5, 5, "Generic"]]],
    "relations": [[[3, 3, 0, 1, "USED-FOR"]], []],
    "doc_key": "P87-1022",
}


def scierc(folder: Path, **records: list) -> Path:
    (folder / "json").mkdir()
    for split in ("train", "dev", "test"):
        lines = records.get(split, [{**SCIERC, "doc_key": split}])
        (folder / "json" / f"{split}.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_scierc(tmp_path):
    folder = scierc(tmp_path, train=[SCIERC, {**SCIERC, "doc_key": "b"}])
    report = prepare(source_of(SciercSource, "--dir", folder), tmp_path / "out", jobs=2)
    assert report.dropped == []
    [first, second] = read(tmp_path / "out", "train")
    assert (first.doc_key, first.sentences) == ("P87-1022", SCIERC["sentences"])
    assert first.spans == {"ner": [Span(0, 1, "Task"), Span(3, 3, "Method"), Span(5, 5, "Generic")]}
    assert first.relations == [Relation((3, 3), (0, 1), "USED-FOR")]
    assert first.clusters == [[(0, 1), (5, 5)]]
    assert first.to_json() == SCIERC
    prepare(source_of(SciercSource, "--dir", folder / "json"), tmp_path / "out2", jobs=0)
    assert (tmp_path / "out2" / "train.jsonl").read_bytes() == (tmp_path / "out" / "train.jsonl").read_bytes()


def test_scierc_is_held_against_its_figures(tmp_path):
    report = prepare(source_of(SciercSource, "--dir", scierc(tmp_path)), tmp_path / "out", jobs=0)
    expected = {split: part.expected["ner"] for split, part in report.splits.items()}
    assert expected == {"train": 5_598, "dev": 811, "test": 1_685}
    # The sum of the splits; 4,648 rows of relations, of which 4 say again what another says.
    assert report.expected == {"ner": sum(expected.values()), "relations": 4_644, "mentions in clusters": 2_686}
    assert report.in_all.differing == ["ner", "relations", "mentions in clusters"]
    cells = [line.split() for line in report.text().splitlines()]
    assert ["ner", "3", "5,598", "!", "3", "811", "!", "3", "1,685", "!", "9", "8,094", "!"] in cells
    assert ["relations", "1", "1", "1", "3", "4,644", "!"] in cells
    assert ["mentions", "in", "clusters", "2", "2", "2", "6", "2,686", "!"] in cells


def test_contradictions_in_scierc_are_dropped_and_told(tmp_path):
    flawed = {
        **SCIERC,
        "relations": [[[3, 3, 0, 1, "USED-FOR"], [3, 3, 2, 2, "USED-FOR"]], []],
        "clusters": [[[0, 1], [5, 5]], [[5, 5], [3, 3]]],
    }
    report = prepare(source_of(SciercSource, "--dir", scierc(tmp_path, train=[flawed])), tmp_path / "out", jobs=0)
    assert [(dropped.document, dropped.what) for dropped in report.dropped] == [
        ("P87-1022", "relation"),
        ("P87-1022", "mention"),
        ("P87-1022", "cluster"),
    ]
    assert validate_corpus([tmp_path / "out" / "train.jsonl"]).errors == []


def test_scierc_elsewhere(tmp_path):
    with pytest.raises(UserError, match="train.json: no such file$"):
        source_of(SciercSource, "--dir", tmp_path)


def test_a_bad_document_of_scierc_leaves_the_others(tmp_path):
    folder = scierc(tmp_path, train=[SCIERC, {**SCIERC, "doc_key": "b\ud800"}, {**SCIERC, "doc_key": "c"}])
    with (folder / "json" / "train.json").open("ab") as file:
        file.write(b"{not json}\n\xff\n")
    report = prepare(source_of(SciercSource, "--dir", folder), tmp_path / "out", jobs=0)
    assert [document.doc_key for document in read(tmp_path / "out", "train")] == ["P87-1022", "c"]
    reasons = [skipped.reason for skipped in report.splits["train"].skipped]
    assert [reason.split(": ")[0] for reason in reasons] == [
        f"{folder / 'json' / 'train.json'}:{line}" for line in (2, 4, 5)
    ]


def test_a_bad_document_of_conll2003_leaves_the_others(tmp_path):
    for name in ("eng.train", "eng.testa", "eng.testb"):
        (tmp_path / name).write_text(
            CONLL2003.format(name=name).replace("London NNP I-NP B-ORG", "London NNP I-NP ORG")
        )
    report = prepare(source_of(Conll2003Source, "--dir", tmp_path), tmp_path / "out", jobs=0)
    assert report.splits["dev"].found["documents"] == 1
    assert report.splits["dev"].skipped[0].reason.startswith(f"{tmp_path / 'eng.testa'}:15: expected a tag")
