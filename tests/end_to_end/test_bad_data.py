"""Data that contradict themselves or cannot be read, from the command line: one line that names the place, exit code 2.

The cases in ../shared/cases are larger; what is wrong in each stands here, too.
"""

import json
import os
import re
import runpy
import shutil
from pathlib import Path
from typing import Any, List, Tuple

import pytest

from hmtl.cli import main
from hmtl.corpora import JsonlCorpus

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT.parent / "shared" / "cases"
SENTENCES = [["Ann", "saw", "Bob", "."], ["He", "left", "Rome", "."]]
DIGITS = "9" * 5000

validate = runpy.run_path(str(ROOT / "scripts" / "validate_data.py"))["main"]
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="needs the cases in ../shared/cases")


def call(capsys: Any, *arguments: Any) -> Tuple[int, List[str]]:
    """The exit code, and the lines on stderr but for progress bars."""
    code = 0
    try:
        main(list(map(str, arguments)))
    except SystemExit as stopped:
        code = stopped.code
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return code, [line.rpartition("\r")[2] for line in err.splitlines() if line.strip() and "unit/s]" not in line]


def refusal(capsys: Any, *arguments: Any) -> str:
    code, lines = call(capsys, *arguments)
    assert code == 2, lines
    [line] = lines
    assert line.startswith("hmtl: error: ")
    return line.removeprefix("hmtl: error: ")


def line_of(**changes: Any) -> str:
    return json.dumps({"doc_key": "d", "sentences": SENTENCES, **changes}) + "\n"


SPOILT_LINES = {
    "a number of many digits": (
        '{"doc_key": "d", "sentences": [["a"]], "n": ' + DIGITS + "}\n",
        "a number of 5,000 digits",
    ),
    "digits in a row": (line_of().replace("]]}", '], "ner": [[[0, ' + DIGITS + ', "X"]], []]}'), "not valid JSON"),
    "brackets": ("[" * 100_000 + "\n", "brackets within brackets"),
    "brackets in a layer": (line_of(ner="@").replace('"@"', "[" * 100_000), "brackets within brackets"),
    "a broken token": (line_of(sentences=[["a", "\ud800"]]), "half of a surrogate pair"),
    "a broken label": (line_of(ner=[[[0, 0, "\ud800"]], []]), "half of a surrogate pair"),
    "a broken key": (line_of(doc_key="\ud800"), "half of a surrogate pair"),
    "offsets by sentence": (line_of(ner=[[[0, 0, "PER"]], [[2, 2, "LOC"]]]), "offsets count tokens of the document"),
    "relations by sentence": (line_of(relations=[[], [[0, 0, 2, 2, "IN"]]]), "offsets count tokens of the document"),
    "rows in another order": (
        line_of(relations=[[[6, 6, 4, 4, "A"]], [[0, 0, 2, 2, "B"]]]),
        "in the list of sentence 0",
    ),
    "exclusive ends": (line_of(ner=[[[0, 1, "PER"], [2, 4, "X"]], []]), "all ends look one too far"),
    "a label with a carriage return": (line_of(ner=[[[0, 0, "PER\r"]], []]), "white space"),
    "an empty label": (line_of(ner=[[[0, 0, ""]], []]), "an empty label"),
    "a label that is a number": (line_of(ner=[[[0, 0, 1]], []]), "expected [int, int, str]"),
    "relation for relations": (line_of(relation=[[[0, 0, 2, 2, "R"]], []]), "did you mean 'relations'?"),
    "sentence for sentences": ('{"doc_key": "d", "sentence": [["a"]]}\n', "rename 'sentence'"),
    "a bad row of an own layer": (line_of(chunks=[[[0, 0, "NP"], [1, "1", "NP"]], []]), "'chunks' holds"),
    "skeleton words": (line_of(sentences=[["[WORD]", "[WORD]"]]), "hmtl prepare ontonotes"),
    "a key twice": ('{"doc_key": "d", "sentences": [["a"]], "ner": [[]], "ner": [[[0, 0, "X"]]]}\n', "stands twice"),
    "lines that end in carriage returns": (line_of().replace("\n", "\r") * 2, "a carriage return within the line"),
}


@pytest.mark.parametrize("name", SPOILT_LINES)
def test_a_line_that_is_spoilt(name, tmp_path, capsys):
    text, message = SPOILT_LINES[name]
    path = tmp_path / "a.jsonl"
    path.write_bytes((line_of(doc_key="first", ner=[[[0, 0, "PER"]], []]) + text).encode("utf-8", "surrogatepass"))
    refused = refusal(capsys, "inspect", path)
    assert refused.startswith(f"{path}:2: ") and message in refused
    # The validator and `prepare` tell the same, and use the first line.
    assert validate([str(path)]) == 1
    told = capsys.readouterr().out
    assert f"{path}:2: error: unusable document: " in told and message in told
    for split in ("train", "dev", "test"):
        shutil.copy(path, tmp_path / f"{split}.json")
    (tmp_path / "dev.json").write_text(line_of(doc_key="dev"))
    (tmp_path / "test.json").write_text(line_of(doc_key="test"))
    code, lines = call(capsys, "prepare", "scierc", "--dir", tmp_path, "--output", tmp_path / "out", "--jobs", 0)
    assert code == 1 and len(lines) == 1
    assert lines[0].startswith(f"left out of train: train.json: {tmp_path / 'train.json'}:2: ") and message in lines[0]
    [document] = JsonlCorpus().documents(tmp_path / "out" / "train.jsonl")
    assert document.doc_key == "first"


COLUMNS = "d 0 0 {} - - - - - - * -\n"
SPOILT_FILES = {
    "old line ends": ("conll2003", b"John B-PER\rin O\r\rParis B-LOC\r", ":1: a carriage return within the line"),
    "numbers for words": ("conll2003", b"1 John B-PER\n2 slept O\n\n1 Rome B-LOC\n2 too O\n", ':1: .*"word_column": 1'),
    "a cell with an escape": ("conll2003", b"John \x1b]0;title\x07B-PER\n", r":1: .*found '\\x1b\]0;title\\x07B-PER'"),
    "no end": (
        "ontonotes",
        f"#begin document (a); part 000\n{COLUMNS.format('x')}".encode(),
        ":1: .*is the file complete",
    ),
    "two beginnings": (
        "ontonotes",
        f"#begin document (a)\n{COLUMNS.format('x')}#begin document (b)\n{COLUMNS.format('y')}#end document\n".encode(),
        ":1: document 'a' .* line 3",
    ),
    "a skeleton": (
        "ontonotes",
        f"#begin document (a)\n{COLUMNS.format('[WORD]') * 2}#end document\n".encode(),
        "document 'a': sentence 0 is only '.WORD.' .*hmtl prepare ontonotes",
    ),
    "a null as type": (
        "redocred",
        b'[{"title": "T", "sents": [["a"]], "vertexSet": [[{"sent_id": 0, "pos": [0, 1], "type": null}]], "labels":0}]',
        "document 0 .*'type' of a mention is null",
    ),
    "an entity without mention": (
        "redocred",
        b'[{"title": "T", "sents": [["a"]], "vertexSet": [[]], "labels": [{"h": 0, "t": 0, "r": "P1"}]}]',
        "document 0 .*entity 0 .* has no mention",
    ),
    "brackets": ("redocred", b"[" * 200_000, ":1: not valid JSON .brackets within brackets"),
    "digits": ("redocred", b"[\n" + b"9" * 5000 + b"]", ":2: not valid JSON .a number of 5,000 digits"),
    "not UTF-8": ("conll2003", b"Caf\xe9 O\n", ":1: not valid UTF-8"),
}


@pytest.mark.parametrize("name", SPOILT_FILES)
def test_a_file_that_is_spoilt(name, tmp_path, capsys):
    corpus, content, message = SPOILT_FILES[name]
    path = tmp_path / "a.v4_gold_conll"
    path.write_bytes(content)
    refused = refusal(capsys, "inspect", path, "--corpus", corpus)
    assert refused.startswith(str(path)) and re.search(message, refused)
    assert validate([str(path), "--corpus", corpus]) in (1, 2)
    captured = capsys.readouterr()
    assert re.search(message, captured.out + captured.err)


@pytest.mark.parametrize("offset", ["²", "٣", DIGITS])
def test_an_offset_of_odd_digits(tmp_path, capsys, offset):
    path = tmp_path / "streusle.tags"
    rows = [["1", "a", "a", "DT", "B", "0", "", "", "x.1.1"], ["2", "b", "b", "NN", "I", offset, "_", "", "x.1.1"]]
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    refused = refusal(capsys, "inspect", path, "--corpus", "streusle")
    assert refused.startswith(f"{path}:2: expected the offset of a token before this one")


@pytest.mark.parametrize("content, kind", [("[]", "list"), ("null", "NoneType"), ("3", "int"), ('"x"', "str")])
def test_a_configuration_that_is_no_object(tmp_path, capsys, content, kind):
    path = tmp_path / "a.jsonnet"
    path.write_text(content)
    refused = refusal(capsys, "train", path, "-s", tmp_path / "run")
    assert refused == f"{path}: expected an object of settings ({{...}}), found {kind}"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "corpus, message",
    [
        ('{"type": "conll2003", "tag_column": ' + DIGITS + "}", "--corpus: not valid JSON (a number of 5,000 digits)"),
        ('{"a":' * 200_000, "--corpus: not valid JSON (brackets within brackets"),
        ('{"type": null}', "--corpus: 'type' is null; expected the name of a format"),
        ('{"type": "conll2003", "word_column": null}', "word_column is None; expected a whole number"),
    ],
)
def test_a_format_that_is_none(capsys, corpus, message):
    assert message in refusal(capsys, "inspect", ROOT / "data" / "sample", "--corpus", corpus)


@pytest.mark.parametrize(
    "line, message",
    [
        ('{"text": "a", "n": ' + DIGITS + "}", "not valid JSON (a number of 5,000 digits)"),
        ("[" * 100_000, "not valid JSON (brackets within brackets"),
        ('{"text": "a", "doc_key": "\\ud800"}', "'doc_key': character 0 of '\\ud800' is half of a surrogate pair"),
        ('{"text": "a\\ud800"}', "'text': character 1"),
        ('{"sentences": [["a\\ud800"]]}', "half of a surrogate pair"),
    ],
)
def test_a_text_to_predict_that_is_spoilt(tmp_path, capsys, tiny_run, line, message):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "Ann saw Bob."}\n' + line + "\n")
    assert message in refusal(
        capsys, "predict", tiny_run / "model.tar.gz", path, "--silent", "--output-file", path.parent / "o"
    )


# What reads each kind of case; `predictor_e07560df_1` is about the time that it takes.
_COMMANDS = {
    "gum": ["inspect", "{}/train.txt", "--corpus", "gum"],
    "jsonl": ["inspect", "{}/a.jsonl"],
    "predictor": ["predict", "MODEL", "{}/in.jsonl", "--silent", "--output-file", "OUT"],
    "prep_ace04": [
        "prepare",
        "ace05",
        "--version",
        "2004",
        "--ldc-dir",
        "{}",
        "--split-dir",
        "{}/splits",
        "--output",
        "OUT",
        "--jobs",
        "0",
    ],
    "prep_ace05": ["prepare", "ace05", "--ldc-dir", "{}", "--split-dir", "{}/splits", "--output", "OUT", "--jobs", "0"],
    "prep_gum": ["prepare", "gum", "--dir", "{}", "--genres", "all", "--output", "OUT", "--jobs", "0"],
    "prep_litbank": ["prepare", "litbank", "--dir", "{}", "--split", "{}/folds", "--output", "OUT", "--jobs", "0"],
    "prep_onto_ldc": [
        "prepare",
        "ontonotes",
        "--ldc-dir",
        "{}/ldc",
        "--split-dir",
        "{}/lists",
        "--output",
        "OUT",
        "--jobs",
        "0",
    ],
    "prep_redocred": ["prepare", "redocred", "--dir", "{}", "--output", "OUT", "--jobs", "0"],
    "prep_scierc": ["prepare", "scierc", "--dir", "{}", "--output", "OUT", "--jobs", "0"],
    "redocred": ["inspect", "{}/a.json", "--corpus", "redocred"],
}
# What each line says. Of a corpus of one document a split, nothing is left where that one cannot be used.
_EXPECTED = {
    "gum_81dcbcd9_1": "GUM_news_kettle.conllu:29: expected token 4 with the number of its head",
    "jsonl_43dd84f1_1": "a.jsonl:1: not valid JSON (a number of 5,002 digits)",
    "jsonl_7c8574ff_1": "a.jsonl:1: document 'aviation-001': 'relations' holds [",
    "jsonl_88748069_1": "a.jsonl:6: document 'crime-004': 'emd' has [91, 91, \"PER\"] in the list of sentence 5",
    "jsonl_a10ce1f6_1": "a.jsonl:2: document 'aviation-002': 'ner' must hold one list for each of the 6 sentences",
    "jsonl_c42d3ac2_1": "a.jsonl:1: not valid JSON (brackets within brackets",
    "jsonl_d5b6ebca_1": "a.jsonl:1: document 'aviation-001': ",
    "jsonl_e6e0134c_1": "a.jsonl:5: document 'crime-002': sentence 4 holds a broken token",
    "jsonl_ee2a025e_1": "a.jsonl:1: document 'aviation-001': 'relations' has [18, 18, 17, 17, \"ART\"] in the list of",
    "predictor_04ff24e7_1": "line 1 of the input, empty lines not counted: 'text' is list; expected",
    "predictor_f9cd4275_1": "half of a surrogate pair",
    "prep_ace04_4095996c_1": "no file name holds a NUL",
    "prep_ace05_a09ff584_1": "no file name holds a NUL",
    "prep_gum_c5602c56_1": "GUM_news_b.conllu:11: expected token 1 with the number of its head",
    "prep_litbank_00256c3d_1": "no file name holds a NUL",
    "prep_onto_ldc_75b14c21_1": "no file name holds a NUL",
    "prep_redocred_4013d7bb_1": "document 0 (from 0): document '\\ud800': 'doc_key': character 0",
    "prep_redocred_64139035_1": "document 0 (from 0): the 'type' of a mention is -1000",
    "prep_redocred_9ca78993_1": "train_revised.json:1: not valid JSON (brackets within brackets",
    "prep_scierc_9bad6de9_1": "test.json:3: document 'obituary-004': 'emd' has a label that cannot be used",
    "prep_scierc_a04c0198_1": "train.json:1: not valid JSON (brackets within brackets",
    "prep_scierc_ff3b215c_1": "dev.json:1: not valid JSON (a number of 5,001 digits)",
    "redocred_1d5ebe7d_1": "a.json:1: not valid JSON (a number of 5,000 digits)",
    "redocred_500da504_1": "document 0 (from 0): the relation 'r' of a label is false",
    "redocred_74b01d97_1": "a.json:1: not valid JSON (brackets within brackets",
    "redocred_b61ccfe0_1": "document 1 (from 0): the 'type' of a mention is true",
    "redocred_ffd084e2_1": "document 1 (from 0): document '\\ud800': 'doc_key': character 0",
}


@needs_cases
@pytest.mark.parametrize("name", _EXPECTED)
def test_cases_of_mutated_inputs(name, tmp_path, capsys, tiny_run):
    case, kind = CASES / "fuzz" / name, name.rsplit("_", 2)[0]
    places = {"OUT": str(tmp_path / "out"), "MODEL": str(tiny_run / "model.tar.gz")}
    code, lines = call(capsys, *(places.get(word, word.format(case)) for word in _COMMANDS[kind]))
    assert _EXPECTED[name] in lines[-1], lines
    # What was written before the bad text is kept, under a name that says so.
    left = [path.name for path in tmp_path.iterdir() if path.name not in ("out", "out.incomplete")]
    assert left == []
    if code == 1:
        # The rest is there, and can be read.
        assert kind.startswith("prep_") and lines[-1].startswith("left out of ")
        for split in ("train", "dev", "test"):
            assert list(JsonlCorpus().documents(tmp_path / "out" / f"{split}.jsonl"))
        assert validate([str(tmp_path / "out")]) in (0, 1)
        assert "unusable document" not in capsys.readouterr().out
    else:
        assert code == 2 and lines[-1].startswith("hmtl: error: ")
        assert kind == "predictor" or not os.path.exists(places["OUT"])


@needs_cases
def test_every_case_of_mutated_inputs_is_tried():
    there = {path.name for path in (CASES / "fuzz").iterdir() if path.is_dir()}
    assert there - {"predictor_e07560df_1"} == set(_EXPECTED)


@needs_cases
@pytest.mark.parametrize(
    "name, options, message",
    [
        ("sentence_relative/train.jsonl", [], "in the list of sentence 1, tokens 4 to 7, but it lies in sentence 0"),
        (
            "sentence_relative/relations.jsonl",
            [],
            "in the list of sentence 1, tokens 4 to 7, but it lies in sentence 0",
        ),
        ("cr_only/old_mac.conll", ["--corpus", "conll2003"], "a carriage return within the line"),
        ("surrogate/train.jsonl", [], "half of a surrogate pair"),
    ],
)
def test_cases_of_public_reports(name, options, message, capsys):
    path = CASES / "reports" / name
    refused = refusal(capsys, "inspect", path, *options)
    assert refused.startswith(f"{path}:1: ") and message in refused
    assert validate([str(path), *options]) in (1, 2)
    captured = capsys.readouterr()
    assert message in captured.out + captured.err
