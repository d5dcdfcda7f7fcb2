"""`hmtl annotate`, as users call it."""

import contextlib
import io
import json
import sys

import pytest
from talkative_run import write_talkative_run
from terminals import Terminal

from hmtl.annotation import annotate
from hmtl.cli import main
from hmtl.data.document import read_jsonl
from hmtl.predictors import HMTLPredictor

TEXT = "Mara Lind, a baker from Oslo, met her brother Tom. He works for Fjord\r\nBakeries in Bergen."


@pytest.fixture(scope="module")
def run(tiny_run, tmp_path_factory):
    return write_talkative_run(tiny_run, tmp_path_factory.mktemp("annotate") / "run")


@pytest.fixture(scope="module")
def expected(run):
    """What the library says of the text."""
    (output,) = annotate(HMTLPredictor.load(run, with_scores=True), [TEXT])
    assert all(output[task] for task in ("ner", "emd", "relation", "coref"))
    return output


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT.encode())
    return path


def call(*arguments):
    main(["annotate", *map(str, arguments)])


def refused(capsys, *arguments):
    """The one line on stderr."""
    with pytest.raises(SystemExit) as stopped:
        call(*arguments)
    out, err = capsys.readouterr()
    assert stopped.value.code == 2 and out == "" and err.count("\n") == 1
    return err.removeprefix("hmtl: error: ").rstrip()


def give_stdin(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize(
    "order",
    [
        "RUN FILE --format dygie --tasks ner",
        "RUN --format dygie FILE --tasks ner",
        "RUN --tasks ner --format dygie FILE",
        "RUN --format dygie --tasks ner -- FILE",
        "--format dygie RUN FILE --tasks ner",
        "--tasks ner --format dygie RUN FILE",
        "--format dygie --tasks ner -- RUN FILE",
        "RUN --include-package json FILE --format dygie --tasks ner",
    ],
)
def test_options_may_stand_in_any_order(order, run, text_file, capsys):
    words = [{"RUN": str(run), "FILE": str(text_file)}.get(word, word) for word in order.split()]
    call(*words)
    (line,) = capsys.readouterr().out.splitlines()
    record = json.loads(line)
    assert "ner" in record and "clusters" not in record


def test_files_may_stand_before_and_behind_options(run, text_file, tmp_path, capsys):
    (tmp_path / "b.txt").write_text("Bergen.")
    call(run, text_file, "--format", "dygie", tmp_path / "b.txt", "--tasks", "ner")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_help_lists_the_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "Annotate raw text with a trained model." in capsys.readouterr().out


def test_a_file(run, text_file, expected, capsys):
    call(run, text_file)
    out, err = capsys.readouterr()
    assert json.loads(out) == {**expected, "doc_key": "a"}
    assert all("score" in row for row in expected["ner"] + expected["relation"])
    assert err == ""


def test_standard_input_whole_or_by_line(run, expected, capsys, monkeypatch):
    give_stdin(monkeypatch, TEXT.encode())
    call(run)
    assert json.loads(capsys.readouterr().out) == {**expected, "doc_key": "stdin"}
    give_stdin(monkeypatch, TEXT.encode())
    call(run, "-", "--input", "lines", "--batch-size", "1")
    lines = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [(line["doc_key"], line["text"]) for line in lines] == list(
        zip(["stdin_1", "stdin_2"], TEXT.split("\r\n"), strict=True)
    )


def test_files_of_all_kinds_into_a_file(run, text_file, expected, tmp_path, capsys):
    lines = tmp_path / "b.jsonl"
    lines.write_text('{"text": "Tom met Mara.", "doc_key": "x"}\n\n{"sentences": [["Oh", "!"]]}\n')
    output = tmp_path / "new" / "out.jsonl"
    output.parent.mkdir()
    call(run, text_file, lines, "--format", "dygie", "--output", output)
    documents = list(read_jsonl(output))
    assert [document.doc_key for document in documents] == ["a", "x", "b_3"]
    assert {span.bounds for span in documents[0].spans["ner"]} == {
        (row["start"], row["end"]) for row in expected["ner"]
    }
    assert documents[2].sentences == [["Oh", "!"]]
    assert capsys.readouterr() == ("", "")
    assert [path.name for path in output.parent.iterdir()] == ["out.jsonl"]


def test_a_page_beside_other_output(run, text_file, expected, tmp_path, capsys):
    call(run, text_file, "--tasks", "coref", "ner", "--html", tmp_path / "a.html")
    output = json.loads(capsys.readouterr().out)
    assert set(output) == {"doc_key", "text", "sentences", "token_offsets", "ner", "coref"}
    page = (tmp_path / "a.html").read_text()
    assert '"layers":{"ner":"spans","coref":"clusters"}' in page and "Mara Lind, a baker" in page
    call(run, text_file, "--tasks", "coref", "ner", "--format", "html")
    assert capsys.readouterr().out == page


def test_brat(run, text_file, tmp_path, capsys):
    call(run, text_file, "--format", "brat", "--output", tmp_path / "brat")
    names = sorted(path.name for path in (tmp_path / "brat").iterdir())
    assert names == ["a.ann", "a.txt", "annotation.conf"]
    assert (tmp_path / "brat" / "a.txt").read_bytes() == TEXT.encode()
    assert "name a new folder" in refused(capsys, run, text_file, "--format", "brat")


def test_names_of_another_task(run, text_file, expected, capsys):
    call(run, text_file, "--format", "conll2012", "--names", "emd")
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines() if line.startswith("a\t")]
    labels = {cell.strip("(*)") for row in rows for cell in row[10].split("(")} - {""}
    assert labels == {row["label"] for row in expected["emd"]}
    assert "no span task 'coref'; it has: ner, emd" in refused(capsys, run, text_file, "--names", "coref")


def test_bad_input_ends_in_one_line(run, text_file, tmp_path, capsys, monkeypatch):
    assert refused(capsys, run, tmp_path / "b.txt").startswith(f"{tmp_path}/b.txt: no such file")
    assert refused(capsys, tmp_path / "gone", text_file).startswith(f"{tmp_path}/gone: no such archive")
    assert "the model has no task 'x'" in refused(capsys, run, text_file, "--tasks", "x")
    give_stdin(monkeypatch, b"abc \xff")
    assert refused(capsys, run, "-").startswith("standard input: not valid UTF-8 at byte 4")
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n")
    assert refused(capsys, run, empty).startswith(f"{empty}: 'text' is empty")
    lines = tmp_path / "b.jsonl"
    lines.write_text('\n{"sentences": [["a"], []]}\n')
    assert refused(capsys, run, lines) == f"{lines}:2: document 'b_2': sentence 1 is empty; remove it"


def test_an_older_output_stays_where_the_input_is_bad(run, text_file, tmp_path, capsys):
    bad, output = tmp_path / "bad.txt", tmp_path / "out.jsonl"
    bad.write_bytes(b"\xff")
    output.write_text("older")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert refused(capsys, run, text_file, bad, "--output", output).startswith(f"{bad}: not valid UTF-8 at byte 0")
    assert output.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_progress_in_a_terminal(run, text_file, tmp_path, monkeypatch):
    with contextlib.closing(Terminal()) as terminal:
        terminal.attach(monkeypatch)
        call(run, text_file, "--output", tmp_path / "out.jsonl")
        assert any("annotating: 1 texts" in line for line in terminal.screen())
