"""`python -m research.paper` as users call it: reproduce with real training, and report on what it leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from hmtl.runs.summaries import metrics_by_epoch
from research.paper.__main__ import main

ROOT = Path(__file__).resolve().parents[3]

ONE_TASK = """
local tiny = import '%s';
local only(of) = { %s: of.%s };
tiny {
  dataset_reader+: { readers: only(super.readers) },
  train_data_path: only(super.train_data_path),
  validation_data_path: only(super.validation_data_path),
  test_data_path: only(super.test_data_path),
  data_loader+: { batch_size: only(super.batch_size) },
  model+: { levels: only(super.levels) },
}
"""


@pytest.fixture
def arguments(fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., List[str]]:
    """The command line for setups of one epoch: A of four tasks, B of NER alone, and one that cannot be trained."""
    monkeypatch.setenv("HMTL_PRESET", "")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    configs = tmp_path / "configs" / "free"
    configs.mkdir(parents=True)
    tiny = fixtures / "tiny.jsonnet"
    (configs / "A.jsonnet").write_text(f"import '{tiny}'")
    (configs / "B.jsonnet").write_text(ONE_TASK % (tiny, "ner", "ner"))
    (configs / "X.jsonnet").write_text(f"(import '{tiny}') {{ trainer+: {{ sampler: 'no_such' }} }}")

    def arguments(setups: str, *more: str, **overrides: Any) -> List[str]:
        command = [
            "reproduce",
            "--configs",
            str(tmp_path / "configs"),
            "--corpora",
            "free",
            "--setups",
            setups,
            "--seeds",
            "1",
        ]
        command += ["--preset", "fast", "--output", str(tmp_path / "runs"), *more]
        return [*command, "-o", json.dumps({f"trainer.{key}": value for key, value in overrides.items()})]

    return arguments


def record_of(directory: Path) -> Dict[str, Any]:
    return json.loads((directory / "experiment.json").read_text())


@pytest.mark.slow
def test_killed_half_way_it_continues(arguments, tmp_path, capsys):
    """And a setup that fails does not stop the others; the report is of what is finished."""
    runs, epochs = tmp_path / "runs" / "free", 30
    command = arguments("X,B,A", num_epochs=epochs, patience=None)
    process = subprocess.Popen([sys.executable, "-m", "research.paper", *command], cwd=ROOT, stderr=subprocess.DEVNULL)
    last = runs / "A" / "seed_1"
    deadline = time.monotonic() + 240
    while not list(last.glob("metrics_epoch_1.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = runs / "B" / "seed_1"
    before = {path: path.stat().st_mtime_ns for path in first.iterdir()}
    assert record_of(first)["finished"] and not (last / "evaluation.json").exists()

    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert "2 of 3 runs are finished" in out
    assert "failed: X/seed_1: " in err and "no_such" in err and f"(all of it in {runs / 'X' / 'seed_1.log'})" in err
    assert {path: path.stat().st_mtime_ns for path in first.iterdir()} == before
    assert len(metrics_by_epoch(last)) == epochs
    assert len(record_of(last)["parts"]) == 2
    evaluation = json.loads((last / "evaluation.json").read_text())
    assert set(evaluation["scores"]) == {"best", "best_ner", "best_emd", "best_relation", "best_coref"}
    assert json.loads((last / "evaluation_gold_mentions.json").read_text())["gold_mentions"] == ["coref"]
    record = record_of(last)
    assert (record["preset"], record["seed"], record["machine"]["cores"] >= 1) == ("fast", 1, True)
    assert record["parts"][-1]["seconds"] > 0 and record["parts"][-1]["cpu_seconds"] > 0
    assert json.loads((last / "config.json").read_text())["trainer"]["seed"] == 1

    main(["report", str(tmp_path / "runs"), "--samples", "100"])
    text = capsys.readouterr().out
    own = 100 * evaluation["scores"]["best_ner"]["ner"]["metrics"]["f1"]
    assert f"| A | NER, EMD, RE, CR | {own:.2f} (1) |" in text and "| A | NER | B |" in text
    assert (tmp_path / "runs" / "report" / "comparisons.csv").is_file()


@pytest.mark.slow
def test_two_setups_on_a_ray_cluster(arguments, tmp_path, capsys):
    pytest.importorskip("ray")
    main(arguments("A,B", "--executor", "ray", "--jobs", "2", num_epochs=1))
    assert "2 of 2 runs are finished" in capsys.readouterr().out
    for setup in "AB":
        directory = tmp_path / "runs" / "free" / setup / "seed_1"
        assert record_of(directory)["finished"] and (directory / "counts_ner.json").is_file()


@pytest.mark.parametrize(
    "setups, more, message",
    [
        ("A,Z", [], "--setups Z: not in"),
        ("A", ["--corpora", "ldc"], "--corpora ldc: no configuration in"),
        ("A", ["--resources", "{}"], "--resources is for --executor ray"),
        ("A", ["--executor", "ray", "--resources", "[2]"], "--resources [2]: expected a JSON object of numbers"),
    ],
)
def test_mistakes_end_before_the_first_run(arguments, tmp_path, capsys, setups, more, message):
    with pytest.raises(SystemExit) as ended:
        main([*arguments(setups), *more])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err and not (tmp_path / "runs").exists()


def test_without_ray_the_extra_is_named(arguments, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SystemExit):
        main(arguments("A", "--executor", "ray"))
    assert "pip install 'hmtl[cluster]'" in capsys.readouterr().err


def test_a_directory_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path / "no")])
    assert ended.value.code == 2 and "research.paper: error:" in capsys.readouterr().err
    assert not os.path.exists(tmp_path / "no")
