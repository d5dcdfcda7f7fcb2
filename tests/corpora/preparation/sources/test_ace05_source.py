"""The source `ace05`, by itself and through `hmtl prepare`."""

import json
import pickle
import shutil
from argparse import ArgumentParser
from pathlib import Path

import pytest
import spacy
from ace_files import FIXTURE, SPLITS

from hmtl.cli import main
from hmtl.corpora.ace import AceOptions
from hmtl.corpora.preparation.source import Source
from hmtl.corpora.preparation.sources.ace_source import Ace05Source
from hmtl.document import read_jsonl
from hmtl.errors import DataError, UserError

BC, NW = "CNN_CF_20990107.1900.00", "APW_ENG_20990315.0042"


def from_command_line(*arguments: str) -> Ace05Source:
    parser = ArgumentParser()
    Ace05Source.add_arguments(parser)
    return Ace05Source.from_arguments(parser.parse_args(["--ldc-dir", str(FIXTURE), *arguments]))


@pytest.fixture
def ldc(tmp_path: Path) -> Path:
    """A copy of the fixture that a test may break."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "ldc"))


def file_of(ldc: Path, name: str) -> Path:
    (path,) = ldc.rglob(name)
    return path


def test_it_is_registered():
    assert Source.by_name("ace05") is Ace05Source


def test_units_follow_the_lists():
    source = Ace05Source(FIXTURE, SPLITS)
    units = source.splits()
    assert {split: [unit.key for unit in part] for split, part in units.items()} == {
        "train": [BC, "CNN_ENG_20990212_101500.3", NW],
        "dev": ["MARKETVIEW_20990410.1200", "fsh_99001"],
        "test": ["alt.garden.tools_20990511.0001"],
    }
    assert all(path.is_file() for part in units.values() for unit in part for path in unit.paths)


def test_documents_know_where_they_come_from():
    source = Ace05Source(FIXTURE, SPLITS)
    (document,) = source.convert(source.units("train")[0]).documents
    assert document.metadata["genre"] == "bc"
    assert (FIXTURE / document.metadata["source"]).is_file()


def test_expected_figures_belong_to_the_defaults():
    full = Ace05Source(FIXTURE).expected
    assert full["test"] == {"documents": 80, "sentences": 2050, "emd": 5476, "relations": 1151}
    assert full["train"] == {"documents": 351, "sentences": 10051, "emd": 26473, "relations": 4788}
    assert full["dev"] == {"documents": 80, "sentences": 2424, "emd": 6338, "relations": 1131}
    assert Ace05Source(FIXTURE, SPLITS).expected == {}
    assert Ace05Source(FIXTURE, options=AceOptions(spans="extents")).expected == {}


def test_settings_record_the_tokeniser():
    assert Ace05Source(FIXTURE).settings() == {
        "version": "2005",
        "spans": "heads",
        "zone": "document",
        "across_sentences": "merge",
        "directions": "annotated",
        "metonymy": False,
        "singletons": True,
        "spacy_model": None,
        "split": "usual",
        "tokeniser": {"pipeline": "blank English with hmtl's sentences", "spacy": spacy.__version__},
    }


def test_options_come_from_the_command_line():
    source = from_command_line(
        *("--spans", "extents", "--zone", "body", "--across-sentences", "drop", "--directions", "ordered"),
        *("--metonymy", "--no-singletons", "--split-dir", str(SPLITS)),
    )
    assert source.options == AceOptions("2005", "extents", "body", "drop", "ordered", True, False, None)
    assert from_command_line("--singletons").options == AceOptions()
    assert source.split_dir == SPLITS
    assert from_command_line().options == AceOptions()


def test_ace_2004_needs_a_split():
    with pytest.raises(UserError, match="ACE 2004 has no usual split"):
        from_command_line("--version", "2004")


def test_instances_travel_light():
    source = Ace05Source(FIXTURE, SPLITS)
    unit = source.units("train")[0]
    before = len(pickle.dumps(source))
    converted = source.convert(unit)
    again = pickle.loads(pickle.dumps(source))
    assert len(pickle.dumps(source)) == before < 10_000
    assert again.convert(unit) == converted


@pytest.mark.parametrize("name", [f"{BC}.sgm", f"{BC}.apf.xml"])
def test_a_missing_file_is_named(ldc, name):
    file_of(ldc, name).unlink()
    source = Ace05Source(ldc, SPLITS)
    with pytest.raises(DataError) as raised:
        source.convert(source.units("train")[0])
    assert (
        str(raised.value) == f"{ldc}/data/English/bc/timex2norm/{name}: no such file; is the LDC's directory complete?"
    )


def prepare(ldc: Path, output: Path, *options: str) -> dict:
    arguments = ["prepare", "ace05", "--ldc-dir", ldc, "--split-dir", SPLITS, "--output", output, *options]
    main([str(argument) for argument in arguments])
    return json.loads((output / "report.json").read_text())


def test_hmtl_prepare(tmp_path, capsys):
    output = tmp_path / "out"
    report = prepare(FIXTURE, output, "--jobs", "1")
    # Counted by hand in the texts.
    assert {split: part["found"]["emd"] for split, part in report["splits"].items()} == {
        "train": 37,
        "dev": 10,
        "test": 5,
    }
    assert {split: part["found"]["relations"] for split, part in report["splits"].items()} == {
        "train": 11,
        "dev": 3,
        "test": 2,
    }
    assert report["settings"] == Ace05Source(FIXTURE, SPLITS).settings()
    counts = {(row["what"], row["reason"]): row["count"] for row in report["dropped"]["counts"]}
    assert counts["mention", "text differs from the text at its offsets"] == 2
    assert counts["relation", "METONYMY is left out"] == 2
    source = Ace05Source(FIXTURE, SPLITS)
    for split, units in source.splits().items():
        converted = [document for unit in units for document in source.convert(unit).documents]
        assert list(read_jsonl(output / f"{split}.jsonl")) == converted


def test_the_same_bytes_whatever_the_jobs(tmp_path):
    for jobs in ("1", "2"):
        prepare(FIXTURE, tmp_path / jobs, "--jobs", jobs)
    for name in ("train.jsonl", "dev.jsonl", "test.jsonl", "report.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><source_file>&b;</source_file>'


@pytest.mark.parametrize(
    "name, content, message",
    [
        (f"{BC}.apf.xml", BOMB.encode(), "declares XML entities"),
        (f"{BC}.apf.xml", b"<source_file", "no well-formed XML"),
        (f"{BC}.apf.xml", None, "no such file"),
        (f"{BC}.sgm", None, "no such file"),
        (f"{BC}.sgm", "<DOC>caf\xe9</DOC>".encode("latin-1"), "not valid UTF-8"),
        (f"{BC}.sgm", b"<DOC>\n<TEXT>Good ev", "expected one document from <DOC> to </DOC>"),
    ],
)
def test_the_rest_is_prepared(ldc, tmp_path, capsys, name, content, message):
    path = file_of(ldc, name)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as raised:
        prepare(ldc, tmp_path / "out", "--jobs", "1")
    assert raised.value.code == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("left out of train")]
    assert len(lines) == 1 and str(path) in lines[0] and message in lines[0]
    names = [document.doc_key for document in read_jsonl(tmp_path / "out" / "train.jsonl")]
    assert names == ["CNN_ENG_20990212_101500.3", NW]
