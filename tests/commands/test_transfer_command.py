"""`hmtl probe --transfer` from SentEval's folders to tables."""

import csv
import json
from pathlib import Path
from typing import Dict, List

import pytest
from senteval_folder import write_senteval

from hmtl.cli import main
from hmtl.probing import relatedness


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_senteval(tmp_path / "downstream")


def table(output: Path) -> Dict[str, Dict[str, str]]:
    with open(output / "transfer.csv", encoding="utf-8") as file:
        return {" ".join((row["encoder"], row["level"], row["pooling"])): row for row in csv.DictReader(file)}


def test_the_whole_command(
    tiny_run: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relatedness, "EPOCH_SIZE", 2)
    monkeypatch.setattr(relatedness, "MAX_EPOCHS", 2)
    output = tmp_path / "output"
    command = ["probe", str(tiny_run), "--transfer", str(data), "--output", str(output), "--folds", "2"]
    command += ["--levels", "embedding,ner", "--pooling", "average,ends", "--classifier", "scikit-learn"]
    command += ["--tasks", "CR,TREC,MRPC,SICK-R,STS14", "--cache", str(tmp_path / "cache")]
    main(command)
    printed = capsys.readouterr().out
    rows = table(output)
    levels = ["trained embedding average", "trained ner average", "trained ner ends", "trained words average"]
    levels += ["random embedding average", "random ner average", "random ner ends"]
    assert list(rows) == [*levels, "majority  "]
    assert [rows["majority  "][task] for task in ("CR", "MRPC", "SICK-R", "STS14")] == ["50.0", "50.0", "", ""]
    assert all(float(rows[level][column]) <= 100 for level in levels for column in ("CR", "MRPC f1", "STS14 spearman"))
    assert 0 < float(rows[levels[0]]["SICK-R mse"]) < 16 and rows[levels[0]]["STS14 tweet-news pearson"]
    assert printed == (output / "transfer.md").read_text()
    assert "| majority class |  | 50.0 | 16.7 | 50.0 |  |  |" in printed
    assert "| bag of word vectors | average |" in printed and "| random encoder: ner | ends |" in printed
    assert "| level | pooling | MRPC f1 | SICK-R spearman | STS14 spearman |" in printed
    assert "| TREC | cross-validation and test | 6 | train 24, test 24 |" in printed
    # One pair of each of the six sets has no score.
    assert "| STS14 | similarity |  | test 138 |" in printed
    described = json.loads((output / "transfer.json").read_text())
    assert described["tasks"]["CR"]["settings"] == {"classifier": "scikit-learn", "seed": 1111, "folds": 2}
    assert described["tasks"]["STS14"]["settings"] == {} and len(described["results"]) == 7 * 5
    result = described["results"][0]
    assert float(rows[levels[0]]["CR"]) == pytest.approx(100 * result["scores"]["accuracy"])

    # The same again computes nothing, or what is missing, to the same end.
    files = sorted((output / "transfer").rglob("*.json"))
    assert len(files) == 7 * 5
    before = {path: path.read_bytes() for path in output.rglob("*.*") if path.suffix != ".lock"}
    times = {path: path.stat().st_mtime_ns for path in files}
    files[3].unlink()
    main(command)
    assert {path for path in files if path.stat().st_mtime_ns != times[path]} == {files[3]}
    assert {path: path.read_bytes() for path in output.rglob("*.*") if path.suffix != ".lock"} == before


def test_tasks_of_both_kinds_at_once(
    tiny_run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "probing").mkdir()
    lines = [f"{split}\t{label}\tAda {label}\n" for split in ("tr", "va", "te") for label in ("PAST", "PRES")]
    (tmp_path / "probing" / "past_present.txt").write_text("".join(lines))
    command = ["probe", str(tiny_run), "--transfer", str(data), "--data", str(tmp_path / "probing"), "--no-baselines"]
    command += ["--levels", "ner", "--pooling", "max", "--measures", "accuracy", "--no-cache", "--quick"]
    for tasks, written in (
        ("SST-2,Tense", {"table.md", "transfer.md"}),
        ("SST-2", {"transfer.md"}),
        ("Tense", {"table.md"}),
    ):
        output = tmp_path / tasks
        main([*command, "--tasks", tasks, "--output", str(output)])
        assert {path.name for path in output.glob("*.md")} == written
    described = json.loads((tmp_path / "SST-2" / "transfer.json").read_text())
    quick = {"classifier": "logistic-regression", "batch_size": 128, "tenacity": 3, "epoch_size": 2}
    assert described["tasks"]["SST-2"]["settings"] == {**quick, "max_epochs": 200, "seed": 1111}


@pytest.mark.parametrize(
    "options, message",
    [
        (["--tasks", "SST"], "no transfer task 'SST'; expected some of: MR, CR"),
        (["--transfer", "nowhere"], "nowhere: no such directory"),
        (["--pooling", "mean"], "no pooling 'mean'"),
        (["--folds", "30", "--tasks", "MR"], "the task MR has 24 training example(s) with the label"),
        (["--folds", "1"], "--folds: expected a number from 2, got 1"),
        (["--relatedness-loss", "mse"], "--relatedness-loss: invalid choice: 'mse'"),
        (["--levels", "embedding", "--pooling", "ends", "--folds", "2"], "'ends' is for levels with a bidirectional"),
    ],
)
def test_mistakes_end_in_one_line(
    tiny_run: Path, data: Path, capsys: pytest.CaptureFixture[str], options: List[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["probe", str(tiny_run), "--transfer", str(data), "--output", str(tmp_path / "output"), *options])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and message in error and error.count("\n") == 1
    assert not (tmp_path / "output").exists()
