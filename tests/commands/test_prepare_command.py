"""`hmtl prepare`, as users call it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Tuple

import pytest

from hmtl.cli import main
from hmtl.corpora import JsonlCorpus

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def gum(tmp_path, fixtures) -> Path:
    """The small corpus in GUM's layout, with a further document to spoil."""
    folder = tmp_path / "gum"
    shutil.copytree(fixtures / "gum", folder)
    (folder / "train.txt").write_text("GUM_news_kettle\nGUM_news_spoilt\nGUM_bio_tower\n")
    for kind, suffix in (("dep", "conllu"), ("coref", "conll")):
        shutil.copy(folder / kind / f"GUM_news_kettle.{suffix}", folder / kind / f"GUM_news_spoilt.{suffix}")
    return folder


def run(*arguments) -> int:
    """The exit code."""
    try:
        main(["prepare", *map(str, arguments)])
    except SystemExit as stopped:
        return stopped.code
    return 0


def test_each_corpus_has_its_line_and_its_options(capsys):
    assert run("--help") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    for name in ("conll2003", "gum", "litbank", "redocred", "scierc", "wnut17"):
        assert any(line[:1] == [name] and len(line) > 3 for line in lines), name
    assert run("gum", "--help") == 0
    told = capsys.readouterr().out
    assert "--genres" in told and "--fold" not in told and "--output" in told and "--jobs" in told
    assert run("litbank", "--help") == 0
    assert "--fold" in capsys.readouterr().out


@pytest.mark.parametrize("jobs", [0, 2])
def test_a_corpus_is_prepared(gum, tmp_path, capsys, jobs):
    assert run("gum", "--dir", gum, "--output", tmp_path / "out", "--jobs", jobs) == 0
    out, err = capsys.readouterr()
    table = [line.split() for line in out.splitlines()]
    assert table[0] == ["train", "expected", "dev", "expected", "test", "expected"]
    assert table[1] == ["documents", "3", "3", "1", "1", "1", "1"]
    assert "100%" in err and "left out" not in err
    assert len(list(JsonlCorpus().documents(tmp_path / "out" / "train.jsonl"))) == 3
    assert json.loads((tmp_path / "out" / "report.json").read_text())["source"] == "gum"


def test_what_cannot_be_used_is_told_in_one_line_each(gum, tmp_path, capsys):
    (gum / "dep" / "GUM_news_spoilt.conllu").write_bytes(b"\xff\xfe")
    assert run("gum", "--dir", gum, "--output", tmp_path / "out", "--jobs", 0) == 1
    out, err = capsys.readouterr()
    [line] = [line for line in err.splitlines() if line.startswith("left out of train: GUM_news_spoilt: ")]
    assert "not valid UTF-8" in line
    [documents] = [line.split() for line in out.splitlines() if line.startswith("documents")]
    assert documents[1:4] == ["2", "3", "!"]
    assert "! differs from what a full copy of the corpus holds" in out
    assert len(list(JsonlCorpus().documents(tmp_path / "out" / "train.jsonl"))) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(gum, tmp_path, capsys):
    (gum / "coref" / "GUM_news_spoilt.conll").chmod(0)
    assert run("gum", "--dir", gum, "--output", tmp_path / "out", "--jobs", 0) == 1
    assert "Permission denied" in capsys.readouterr().err


def test_nothing_is_written_where_a_split_gets_nothing(gum, tmp_path, capsys):
    for name in (gum / "dev.txt").read_text().split():
        (gum / "dep" / f"{name}.conllu").write_text("")
    assert run("gum", "--dir", gum, "--output", tmp_path / "out", "--jobs", 0) == 2
    err = capsys.readouterr().err
    assert "left out of dev: " in err
    assert err.splitlines()[-1].startswith("hmtl: error: dev: none of its 1 units gave a document; the first: ")
    assert [path.name for path in tmp_path.iterdir()] == ["gum"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["gum", "--dir", "missing", "--output", "out"], "missing: expected GUM's repository"),
        (["scierc", "--dir", "missing", "--output", "out"], "--dir missing: no such directory"),
        (["gum", "--output", "out"], "--dir"),
        (["gum", "--dir", "x"], "--output"),
        (["klingon"], "there is no corpus 'klingon'; expected one of ace05"),
        ([], "required: CORPUS"),
        (["gum", "--dir", "x", "--output", "out", "--jobs", "-1"], "expected a number from 0, got -1"),
    ],
)
def test_mistakes(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_force(gum, tmp_path, capsys):
    arguments = ["gum", "--dir", gum, "--output", tmp_path / "out", "--jobs", 0]
    assert run(*arguments) == 0
    (gum / "train.txt").write_text("GUM_bio_tower\n")
    assert run(*arguments) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"hmtl: error: {tmp_path / 'out'}: exists already; write elsewhere, or replace it with --force"
    assert len(list(JsonlCorpus().documents(tmp_path / "out" / "train.jsonl"))) == 3
    assert run(*arguments, "--force") == 0
    assert len(list(JsonlCorpus().documents(tmp_path / "out" / "train.jsonl"))) == 1


def begin(arguments: List[str], partial: Path) -> Tuple[subprocess.Popen, List[int]]:
    """A process that has begun to write, and its two workers."""
    command = [sys.executable, "-m", "hmtl", "prepare", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + 60
    children: List[str] = []
    while not list(partial.glob("train.jsonl.*")) or len(children) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return process, [int(child) for child in children]


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def end(process, signum):
    """The exit code after a signal. Python may lose one that comes while it finalises; people press Ctrl-C again."""
    for _ in range(3):
        process.send_signal(signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(20)
    raise AssertionError("no signal ends it")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    "signum, code, said",
    [(signal.SIGINT, 130, "hmtl: interrupted"), (signal.SIGTERM, 143, "hmtl: terminated"), (signal.SIGKILL, -9, "")],
)
def test_ended_in_the_middle(gum, tmp_path, capsys, signum, code, said):
    """A pipe that nobody writes to keeps the second document of the training set waiting."""
    output = tmp_path / "data" / "out"
    arguments = ["gum", "--dir", gum, "--output", output, "--jobs", 2]
    assert run(*arguments) == 0
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    stuck = gum / "dep" / "GUM_news_spoilt.conllu"
    fine = stuck.read_bytes()
    stuck.unlink()
    os.mkfifo(stuck)
    process, workers = begin([*arguments, "--force"], tmp_path / "data" / ".out.partial")
    assert end(process, signum) == code
    assert said in process.stderr.read()
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
    deadline = time.monotonic() + 60
    while not all(ended(worker) for worker in workers):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.05)
    if signum != signal.SIGKILL:
        assert [path.name for path in output.parent.iterdir()] == ["out"]
    stuck.unlink()
    stuck.write_bytes(fine)
    assert run(*arguments, "--force") == 0
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
    assert [path.name for path in output.parent.iterdir()] == ["out"]
