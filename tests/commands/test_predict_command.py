"""AllenNLP's `predict`, as hmtl has it: `hmtl allennlp predict`."""

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from hmtl.cli import main
from hmtl.commands import predict_json as predict_command
from hmtl.predictors import HMTLPredictor, hmtl_predictor

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["Mara Lind met Tom.", "He works in Bergen. She left.", "No.", "Tom met her in Oslo today."]


def test_inputs_and_predictions_are_shown_in_order(
    tiny_run: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(json.dumps({"text": text}) + "\n\n" for text in TEXTS)))
    main(["allennlp", "predict", str(tiny_run / "model.tar.gz"), "-", "--batch-size", "3"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("input", "prediction"))]
    shown = [(json.loads(i.split(":", 1)[1]), json.loads(p.split(":", 1)[1])) for i, p in zip(lines[::2], lines[1::2])]
    assert [line.split(":")[0] for line in lines[::2]] == [f"input {number}" for number in range(4)]
    predictor = HMTLPredictor.load(tiny_run)
    for number, (record, prediction) in enumerate(shown):
        assert record == {"text": TEXTS[number], "doc_key": f"line_{number + 1}"}
        assert prediction == {**predictor.predict(TEXTS[number]), "doc_key": f"line_{number + 1}"}


def test_it_reads_no_further_than_it_must(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has been read but not written yet fits into a window, whatever the length of the input."""
    output = tmp_path / "out.jsonl"
    monkeypatch.setattr(hmtl_predictor, "WINDOW", 2)

    lines = [json.dumps({"text": f"Tom met Mara in house {number}."}) for number in range(40)]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    read: List[str] = []
    # How many were read when each was written.
    when_written: List[int] = []
    load_line, dump_line = HMTLPredictor.load_line, HMTLPredictor.dump_line

    def load(self: HMTLPredictor, line: str) -> Dict[str, Any]:
        read.append(line)
        return load_line(self, line)

    def dump(self: HMTLPredictor, row: Dict[str, Any]) -> str:
        when_written.append(len(read))
        return dump_line(self, row)

    monkeypatch.setattr(HMTLPredictor, "load_line", load)
    monkeypatch.setattr(HMTLPredictor, "dump_line", dump)
    main(
        ["predict", str(tiny_run / "model.tar.gz"), "-", "--silent", "--output-file", str(output), "--batch-size", "2"]
    )
    assert [json.loads(line)["doc_key"] for line in output.read_text().splitlines()] == [
        f"line_{number}" for number in range(1, 41)
    ]
    assert all(num_read - number <= 2 * 2 for number, num_read in enumerate(when_written))


def test_progress_on_a_terminal_only(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    command = [sys.executable, "-m", "hmtl", "predict", str(tiny_run / "model.tar.gz"), str(tmp_path / "in.jsonl")]
    command += ["--silent", "--output-file", str(tmp_path / "out.jsonl")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("TQDM_DISABLE", None)
    ours, theirs = pty.openpty()
    subprocess.run(command, env=environment, stderr=theirs, check=True, timeout=300)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "predicting: " in shown
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)
    assert done.stderr == ""


def test_silent_without_a_file_computes_nothing(tiny_run: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["predict", str(tiny_run / "model.tar.gz"), "nowhere.jsonl", "--silent"])
    assert "no output will be created" in capsys.readouterr().out


def test_it_takes_the_place_of_allennlps() -> None:
    from allennlp.commands.subcommand import Subcommand

    assert Subcommand.by_name("predict") is predict_command.Predict


BAD = ["no JSON", '{"text": 3}', '{"text": "\\ud83d"}', "[" * 100_000]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Texts and empty ones, an empty line, and on the lines 2 to 6 what is no text."""
    lines = ['{"text": "Tom met Mara."}', *BAD, "CAF\xc9", "", '{"text": ""}', '{"text": "No.", "doc_key": "x"}']
    path = tmp_path / "in.jsonl"
    path.write_bytes("\n".join(lines).encode("latin-1"))
    return path


def test_the_output_appears_once_it_is_complete(
    tiny_run: Path, tmp_path: Path, mixed: Path, capsys: pytest.CaptureFixture
) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("older")
    command = ["predict", str(tiny_run / "model.tar.gz"), str(mixed), "--silent", "--output-file", str(output)]
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 2 and output.read_text() == "older"
    err = capsys.readouterr().err
    assert err.startswith("hmtl: error: line 2 of the input, empty lines not counted: not valid JSON")
    assert err.endswith(f"; what was written before is in {output}.incomplete\n") and err.count("\n") == 1
    (row,) = map(json.loads, (tmp_path / "out.jsonl.incomplete").read_text().splitlines())
    assert (row["doc_key"], row["text"]) == ("line_1", "Tom met Mara.")


def test_bad_lines_are_skipped_on_request(
    tiny_run: Path, tmp_path: Path, mixed: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, errors = tmp_path / "out.jsonl", tmp_path / "out.jsonl.errors.jsonl"
    command = ["predict", str(tiny_run / "model.tar.gz"), str(mixed), "--on-error", "skip"]
    main([*command, "--silent", "--output-file", str(output)])
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(row["doc_key"], row["text"]) for row in rows] == [
        ("line_1", "Tom met Mara."),
        ("line_7", ""),
        ("x", "No."),
    ]
    assert rows[1]["sentences"] == rows[1]["ner"] == rows[1]["coref"] == []
    found = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [(row["input"], row["line"]) for row in found] == [(str(mixed), number) for number in range(2, 7)]
    assert found[1]["message"].startswith("'text' is int")
    assert found[4]["message"] == "not valid UTF-8; convert the input to UTF-8"
    assert capsys.readouterr().err == f"hmtl predict: skipped 5 texts; {errors} says why\n"
    # What is shown of each belongs together.
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join([*BAD, '{"text": "Yes."}', "", '{"text": "No."}'])))
    main([*command[:2], "-", *command[3:]])
    out, err = capsys.readouterr()
    lines = [line.split(":", 1)[1] for line in out.splitlines() if line.startswith(("input", "prediction"))]
    assert [json.loads(line)["text"] for line in lines] == ["Yes.", "Yes.", "No.", "No."]
    assert err.startswith("hmtl predict: skipped: standard input:1: not valid JSON") and err.count("\n") == 5


def test_a_full_disk_names_the_file_and_keeps_whole_lines(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": "Tom met Mara."}) + "\n" for _ in range(99)))
    output = tmp_path / "out.jsonl"
    archive = str(tiny_run / "model.tar.gz")
    predictor = HMTLPredictor.load(archive)
    # Unpacking an archive needs a larger disk.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict_command.allennlp_predict, "_get_predictor", lambda arguments: predictor)
        request.getfixturevalue("small_disk")
        with pytest.raises(SystemExit):
            main(["predict", archive, str(tmp_path / "in.jsonl"), "--silent", "--output-file", str(output)])
    err = capsys.readouterr().err
    # Before it may stand that a log in a file of the tests' own cannot grow, either.
    assert err.endswith(
        f"hmtl: error: {output}: cannot be written: file too large; what was written before is in {output}.incomplete\n"
    )
    kept = (tmp_path / "out.jsonl.incomplete").read_text().splitlines()
    assert 0 < len(kept) < 99 and all(json.loads(line)["token_offsets"] for line in kept)
    assert not output.exists()
