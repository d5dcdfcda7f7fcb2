"""`hmtl annotate`, as users call it."""

import contextlib
import io
import json
import os
import sys

import pytest
from talkative_run import write_talkative_run
from terminals import Terminal

from hmtl.cli import main
from hmtl.corpora import JsonlCorpus, OntonotesCorpus
from hmtl.document import Document, Span, read_jsonl
from hmtl.predictors import HMTLPredictor

TEXT = "Mara Lind, a baker from Oslo, met her brother Tom. He works for Fjord\r\nBakeries in Bergen."


@pytest.fixture(scope="module")
def run(tiny_run, tmp_path_factory):
    return write_talkative_run(tiny_run, tmp_path_factory.mktemp("annotate") / "run")


@pytest.fixture(scope="module")
def expected(run):
    """What the library says of the text."""
    (output,) = HMTLPredictor.load(run, with_scores=True).annotate([TEXT])
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
    assert "  annotate  Annotate files with a trained model.\n" in capsys.readouterr().out


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


def test_entities_are_read_from_the_lines(run, tmp_path, capsys):
    """In the layout of corpora by sentence, as objects of an output, or by characters of a raw text."""
    spans = [Span(0, 1, "PER"), Span(6, 6, "LOC"), *(Span(n, n, "ORG") for n in range(7, 13)), Span(16, 17, "ORG")]
    tokens = TEXT.replace(",", " ,").replace(".", " .").split()
    sentences = [tokens[:13], tokens[13:]]
    document = Document("d", sentences, {"ner": spans, "mine": spans[:2]})
    rows = [{"char_start": 0, "char_end": 9, "label": "PER"}]
    lines = [document.to_json(), {"text": "Mara Lind left.", "ner": rows, "mine": []}]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    call(run, path, "--given-entities", "ner")
    outputs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Span(row["start"], row["end"], row["label"]) for row in outputs[0]["ner"]] == spans
    assert [row["text"] for row in outputs[1]["ner"]] == ["Mara Lind"]
    predictor = HMTLPredictor.load(run, with_scores=True)
    assert outputs[0]["relation"] == predictor.predict(sentences, entities=spans)["relation"] != []
    call(run, path, "--given-entities", "mine", "--tasks", "emd", "--format", "dygie")
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["emd"] for each in documents] == [[[[0, 1, "PER"], [6, 6, "LOC"]], []], [[]]]
    error = refused(capsys, run, path, "--given-entities", "emd")
    assert "in.jsonl" in error and "'emd', which the entities are read from, is missing" in error


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
    lines = tmp_path / "b.jsonl"
    lines.write_text('\n{"sentences": [["a"], []]}\n')
    assert refused(capsys, run, lines) == f"{lines}:2: document 'b_2': sentence 1 is empty; remove it"


def test_an_older_output_stays_where_the_input_is_bad(run, text_file, tmp_path, capsys):
    bad, output = tmp_path / "bad.txt", tmp_path / "out.jsonl"
    bad.write_bytes(b"\xff")
    output.write_text("older")
    before = sorted(path.name for path in tmp_path.iterdir())
    message = refused(capsys, run, bad, text_file, "--output", output)
    assert message == f"{bad}: not valid UTF-8 at byte 0 (invalid start byte); convert the file to UTF-8"
    assert output.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    # The text before it is kept, and a line says where.
    message = refused(capsys, run, text_file, bad, "--output", output)
    assert message.endswith(f"; what was written before is in {output}.incomplete")
    assert output.read_text() == "older"
    assert [json.loads(line)["doc_key"] for line in (tmp_path / "out.jsonl.incomplete").read_text().splitlines()] == [
        "a"
    ]


@pytest.fixture
def batch(tmp_path, text_file):
    """Files of which some are empty and some hold what is no text; the keys of the texts, and the places of errors."""
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "blank.txt").write_text(" \n\t")
    (tmp_path / "none.jsonl").write_text("\n")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    lines = tmp_path / "b.jsonl"
    good = [{"text": "Tom met Mara.", "doc_key": "x"}, {"text": ""}, {"sentences": []}, {"text": "Oslo."}]
    bad = ["no JSON", "[" * 100_000, '{"text": 3}', '{"sentences": [["a", ""]]}', '{"text": "\\ud83d"}', "7"]
    lines.write_text("\n".join([json.dumps(good[0]), *bad, "", *map(json.dumps, good[1:])]))
    names = ["empty.txt", "latin.txt", "a.txt", "b.jsonl", "none.jsonl", "blank.txt"]
    return (
        [tmp_path / name for name in names],
        ["empty", "a", "x", "b_9", "b_10", "b_11", "blank"],
        [(str(tmp_path / "latin.txt"), None), *((str(lines), number) for number in range(2, 8))],
    )


def test_bad_texts_are_skipped_on_request_with_a_line_for_each(run, batch, expected, tmp_path, capsys):
    files, keys, places = batch
    output, errors = tmp_path / "out.jsonl", tmp_path / "out.jsonl.errors.jsonl"
    call(run, *files, "--output", output, "--on-error", "skip", "--batch-size", "2")
    outputs = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["doc_key"] for row in outputs] == keys
    assert outputs[1] == {**expected, "doc_key": "a"}
    assert [row["text"] for row in outputs if not row["sentences"]] == ["", "", "", " \n\t"]
    assert all(
        row[task] == [] for row in outputs if not row["sentences"] for task in ("ner", "emd", "relation", "coref")
    )
    rows = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [(row["input"], row["line"]) for row in rows] == places
    assert all(set(row) == {"input", "line", "message"} and row["message"] for row in rows)
    assert rows[3]["message"].startswith("'text' is int; expected")
    assert capsys.readouterr() == (
        "",
        f"hmtl annotate: {tmp_path}/none.jsonl holds no text\nhmtl annotate: skipped 7 texts; {errors} says why\n",
    )
    # Nothing was skipped: nothing says why.
    call(run, files[0], files[2], "--output", output, "--on-error", "skip")
    assert not errors.exists() and len(output.read_text().splitlines()) == 2
    assert capsys.readouterr() == ("", "")


def test_to_standard_output_the_lines_are_on_standard_error(run, batch, capsys):
    files, keys, places = batch
    call(run, *files, "--on-error", "skip")
    out, err = capsys.readouterr()
    assert [json.loads(line)["doc_key"] for line in out.splitlines()] == keys
    lines = err.splitlines()
    assert [line.startswith("hmtl annotate: skipped: ") for line in lines] == [True] * 7 + [False] * 2
    for line, (path, number) in zip(lines, places):
        assert line.split(": ")[2] == (path if number is None else f"{path}:{number}")
    assert lines[-1] == "hmtl annotate: skipped 7 texts"


def test_by_default_the_first_bad_text_ends_it_and_what_was_written_is_kept(run, batch, tmp_path, capsys):
    files, _, _ = batch
    incomplete = tmp_path / "out.incomplete"
    message = refused(capsys, run, files[0], files[2], files[3], files[5], "--output", tmp_path / "out")
    assert message.startswith(f"{files[3]}:2: not valid JSON")
    assert message.endswith(f"; what was written before is in {incomplete}")
    assert [json.loads(line)["doc_key"] for line in incomplete.read_text().splitlines()] == ["empty", "a", "x"]
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.errors.jsonl").exists()


@pytest.mark.parametrize("name", ["brat", "conll2012", "dygie", "html"])
def test_every_format_survives_a_batch(name, run, batch, tmp_path, capsys):
    files, keys, _ = batch
    output = tmp_path / "out"
    call(run, *files, "--format", name, "--output", output, "--on-error", "skip")
    err = capsys.readouterr().err
    assert f"hmtl annotate: skipped 7 texts; {output}.errors.jsonl says why" in err
    if name == "brat":
        assert {path.stem for path in output.glob("*.txt")} == set(keys)
        assert (output / "empty.ann").read_bytes() == b"" and (output / "blank.txt").read_bytes() == b" \n\t"
    elif name == "html":
        assert all(f'"doc_key":"{key}"' in output.read_text() for key in keys)
    else:
        assert "texts without a token have no place in the format; left out: 4" in err
        reader = {"dygie": JsonlCorpus, "conll2012": OntonotesCorpus}[name]()
        found = [document.doc_key.removesuffix("_000") for document in reader.documents(str(output))]
        assert found == ["a", "x", "b_11"]


def test_an_empty_file_alone_and_the_device_of_nothing(run, tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("")
    call(run, tmp_path / "empty.txt")
    assert json.loads(capsys.readouterr().out)["sentences"] == []
    call(run, tmp_path / "empty.txt", "--output", "/dev/null", "--on-error", "skip")
    assert not os.path.isfile("/dev/null") and capsys.readouterr() == ("", "")


def test_files_of_a_public_report(run, tmp_path, capsys):
    """A file with carriage returns beside an empty one and one of white space."""
    for name, content in [("crlf", "Ann met Bo.\r\n\r\nShe left.\r\n"), ("empty", ""), ("ws", " \n ")]:
        (tmp_path / f"{name}.txt").write_bytes(content.encode())
    files = [tmp_path / f"{name}.txt" for name in ("crlf", "empty", "ws")]
    call(run, *files, "--output", tmp_path / "o.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [(row["doc_key"], len(row["sentences"])) for row in rows] == [("crlf", 2), ("empty", 0), ("ws", 0)]
    assert capsys.readouterr() == ("", "")


def test_progress_in_a_terminal(run, text_file, tmp_path, monkeypatch):
    with contextlib.closing(Terminal()) as terminal:
        terminal.attach(monkeypatch)
        call(run, text_file, "--output", tmp_path / "out.jsonl")
        assert any("annotating: 1 texts" in line for line in terminal.screen())
