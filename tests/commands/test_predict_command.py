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
from hmtl.commands import predict as predict_command
from hmtl.predictors import HMTLPredictor, hmtl_predictor

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["Mara Lind met Tom.", "He works in Bergen. She left.", "No.", "Tom met her in Oslo today."]


def test_inputs_and_predictions_are_shown_in_order(
    tiny_run: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(json.dumps({"text": text}) + "\n\n" for text in TEXTS)))
    main(["predict", str(tiny_run / "model.tar.gz"), "-", "--batch-size", "3"])
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
