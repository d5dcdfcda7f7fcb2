"""`hmtl inspect`, as users call it."""

import json
import os
import re

import pytest
from terminals import Terminal
from worked_corpus import write_corpus

from hmtl.cli import main
from hmtl.document import Document


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    return write_corpus(tmp_path)


def refused(capsys, *arguments):
    """The one line on stderr."""
    with pytest.raises(SystemExit) as stopped:
        main(["inspect", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert stopped.value.code == 2 and out == "" and err.count("\n") == 1
    return err.removeprefix("hmtl: error: ").rstrip()


def test_help_lists_the_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "Show what a corpus holds." in capsys.readouterr().out


def test_statistics(corpus, capsys):
    main(["inspect", str(corpus)])
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert ["train.jsonl", "dev.jsonl"] in lines and ["tokens", "13", "13"] in lines and err == ""
    main(["inspect", str(corpus), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["splits"]["train.jsonl"]["layers"]["ner"]["spans"] == 5


def test_another_format(fixtures, capsys):
    main(["inspect", str(fixtures / "gum"), "--corpus", "gum", "--limit", "1"])
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if line.startswith("GUM_")] == [
        (fixtures / "gum" / f"{split}.txt").read_text().split()[0] for split in ("train", "dev", "test")
    ]
    main(["inspect", str(fixtures / "ontonotes"), "--corpus", '{"type": "ontonotes", "exclude": ["/pt/"]}'])
    assert "train.v4_gold_conll" in capsys.readouterr().out


def test_documents(corpus, capsys):
    main(["inspect", str(corpus), "--document", "c", "--document", "b"])
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if "jsonl" in line] == [
        "c  dev.jsonl  (2 sentences, 10 tokens)",
        "b  train.jsonl  (1 sentence, 3 tokens)",
    ]
    assert "\x1b" not in out
    main(["inspect", str(corpus), "--document", "b", "--color"])
    assert "\x1b[" in capsys.readouterr().out


def test_documents_as_json(corpus, capsys):
    main(["inspect", str(corpus), "--limit", "1", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert [each["split"] for each in shown] == ["train.jsonl", "dev.jsonl"]
    assert Document.from_json(shown[0]["document"]).doc_key == "a"


@pytest.mark.parametrize("no_colour", [False, True])
def test_colours_in_a_terminal(corpus, monkeypatch, no_colour):
    if no_colour:
        monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    try:
        terminal.attach(monkeypatch)
        main(["inspect", str(corpus), "--document", "b"])
        written = terminal.written()
    finally:
        terminal.close()
    assert ("\x1b[" in written) != no_colour
    assert "[Bo PER] slept ." in re.sub(r"\x1b\[\d+m", "", written)


def test_page(corpus, capsys):
    page = corpus / "page.html"
    main(["inspect", str(corpus), "--html", str(page)])
    out, err = capsys.readouterr()
    assert out == "" and err == f"{page}: statistics, and 4 of 4 documents\n"
    assert page.read_text(encoding="utf-8").count("<article") == 4
    main(["inspect", str(corpus), "--html", str(page), "--document", "c", "--json"])
    assert json.loads(capsys.readouterr().out)["training"] == "train.jsonl"
    assert page.read_text(encoding="utf-8").count("<article") == 1


def test_a_page_that_fails_leaves_the_old_one(corpus, capsys):
    page = corpus / "page.html"
    page.write_text("old")
    refused(capsys, corpus, "--html", page, "--document", "absent")
    (corpus / "dev.jsonl").write_text("{broken\n")
    refused(capsys, corpus, "--html", page)
    assert page.read_text() == "old" and not list(corpus.glob("*.partial"))


def test_mistakes_are_one_line(corpus, capsys):
    assert refused(capsys, corpus, "--document", "A") == (
        "--document A: none of the 4 documents has this key; did you mean 'a'?"
    )
    absent = corpus / "absent.jsonl"
    assert refused(capsys, absent) == f"{absent}: no such file or directory"
    assert "did you mean 'gum'?" in refused(capsys, corpus, "--corpus", "gun")
    assert "--corpus: not valid JSON" in refused(capsys, corpus, "--corpus", '{"type"')
    nowhere = corpus / "nowhere" / "page.html"
    assert refused(capsys, corpus, "--html", nowhere) == f"{nowhere}: cannot be written: no such file or directory"
    (corpus / "test.jsonl").write_bytes(b"\xff\xfe\n")
    assert f"{corpus / 'test.jsonl'}:1: " in refused(capsys, corpus)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(corpus, capsys):
    (corpus / "dev.jsonl").chmod(0)
    assert refused(capsys, corpus) == f"{corpus / 'dev.jsonl'}: Permission denied"


def test_a_limit_below_one_is_refused(corpus, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["inspect", str(corpus), "--limit", "0"])
    assert stopped.value.code == 2
    assert "--limit: expected a number from 1, got 0" in capsys.readouterr().err
