"""`hmtl embed`, as users call it."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any, List

import numpy
import pytest

from hmtl.cli import main
from hmtl.predictors import HMTLPredictor

LINES = ["Ada wrote to Charles. She lived.", "", "London.", "He built engines of brass."]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("\n".join(LINES))
    return path


def call(*arguments: Any) -> None:
    main(["embed", *map(str, arguments)])


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """The one line on stderr."""
    with pytest.raises(SystemExit) as stopped:
        call(*arguments)
    out, err = capsys.readouterr()
    assert stopped.value.code == 2 and out == "" and err.count("\n") == 1
    return err


def test_lines_become_rows_with_their_keys(tiny_run: Path, lines: Path, tmp_path: Path) -> None:
    output = tmp_path / "vectors.npz"
    call(tiny_run, lines, "--input", "lines", "--level", "emd", "--pooling", "max", "--output", output)
    predictor = HMTLPredictor.load(tiny_run)
    expected = [each.vectors for each in predictor.embed([line for line in LINES if line], "emd", "max")]
    with numpy.load(output) as found:
        numpy.testing.assert_allclose(found["vectors"], numpy.concatenate(expected), atol=1e-6)
        assert found["doc_keys"].tolist() == ["a_1", "a_3", "a_4"]


def test_sentences_to_standard_output(
    tiny_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES[0].encode())))
    call(tiny_run, "-", "--unit", "sentence", "--batch-size", "1")
    out, err = capsys.readouterr()
    rows = list(map(json.loads, out.splitlines()))
    assert [(row["doc_key"], row["sentence"], row["char_start"], row["char_end"]) for row in rows] == [
        ("stdin", 0, 0, 21),
        ("stdin", 1, 22, 32),
    ]
    (found,) = HMTLPredictor.load(tiny_run).embed([LINES[0]], unit="sentence")
    numpy.testing.assert_allclose([row["vector"] for row in rows], found.vectors, atol=1e-6)
    assert err == ""


def test_texts_without_a_vector_stop_it_or_are_left_out(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, output = tmp_path / "a.jsonl", tmp_path / "vectors.npy"
    path.write_text('{"text": "Ada."}\n{"text": " "}\n{"text": "London."}\n{"text": 1}\n')
    error = refused(capsys, tiny_run, path, "--output", output)
    assert f"{path}:2: the text has no tokens" in error and "vectors.npy.incomplete" in error
    assert len(numpy.load(f"{output}.incomplete")) == 1 and not output.exists()
    call(tiny_run, path, "--output", output, "--on-error", "skip")
    assert len(numpy.load(output)) == 2
    skipped = list(map(json.loads, Path(f"{output}.errors.jsonl").read_text().splitlines()))
    assert [row["line"] for row in skipped] == [2, 4]
    assert "skipped 2 texts" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "vectors.npy", "vectors.npy.errors.jsonl"]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--level", "pos"], "no level 'pos'; it has: embedding, ner"),
        (["--pooling", "mean"], "--pooling: invalid choice: 'mean'"),
        (["--output", "a.txt"], "a.txt: the name says no format"),
        (["--output", "gone/a.npy"], "gone/a.npy: cannot be written"),
        (["--format", "npz"], "the format npz is for files"),
    ],
)
def test_mistakes_end_in_one_line(
    tiny_run: Path, lines: Path, capsys: pytest.CaptureFixture[str], options: List[str], message: str
) -> None:
    assert message in refused(capsys, tiny_run, lines, *options)
