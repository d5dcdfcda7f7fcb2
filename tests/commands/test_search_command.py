"""`hmtl search`, as users call it, with real training."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import optuna
import pytest
from allennlp.common import Params

from hmtl.cli import main
from hmtl.jobs import child_process
from hmtl.jobs.ray_executor import RayExecutor
from hmtl.runs.summaries import metrics_by_epoch, summarize

SPACE = {
    "trainer.optimizer.lr": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
    "trainer.sampler": {"type": "categorical", "choices": ["uniform", {"type": "power", "alpha": 0.75}]},
}
ONE_EPOCH = {"trainer.num_epochs": 1}


def arguments(fixtures: Path, tmp_path: Path, name: str, overrides: Dict[str, Any], *more: str) -> List[str]:
    space = tmp_path / "space.json"
    if not space.exists():
        space.write_text(json.dumps(SPACE))
    command = ["search", str(fixtures / "tiny.jsonnet"), str(space), "-s", str(tmp_path / name)]
    return [*command, "-o", json.dumps(overrides), "--seed", "5", *more]


def rows(directory: Path) -> List[Dict[str, str]]:
    with open(directory / "trials.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def error_of(capsys, command: List[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hmtl: error: ")]
    assert len(lines) == 1
    return lines[0]


def test_a_search(fixtures, tmp_path, capsys):
    searched = tmp_path / "one"
    main(arguments(fixtures, tmp_path, "one", ONE_EPOCH, "--trials", "2"))
    out, _ = capsys.readouterr()

    # Each trial is an ordinary, finished run with the values that the table has.
    found = rows(searched)
    assert [row["state"] for row in found] == ["finished", "finished"]
    assert out.startswith("2 trials: 2 finished") and "trial_0001" in out
    for row in found:
        run = searched / row["trial"]
        assert summarize(run).status == "finished" and (run / "model.tar.gz").is_file()
        trained = json.loads((run / "config.json").read_text())["trainer"]
        assert trained["num_epochs"] == 1 and trained["optimizer"]["lr"] == float(row["trainer.optimizer.lr"])
        assert float(row["score"]) == json.loads((run / "metrics.json").read_text())["validation_score"]
    main(["runs", *map(str, sorted(searched.glob("trial_*")))])
    assert "trial_0001" in capsys.readouterr().out

    # The best overrides make the configuration of the best trial.
    best = max(found, key=lambda row: float(row["score"]))
    overrides = (searched / "best.json").read_text()
    params = Params.from_file(str(fixtures / "tiny.jsonnet"), overrides)
    assert params.as_dict() == Params.from_file(str(searched / best["trial"] / "config.json")).as_dict()

    # The same search once more: the same values, the same results.
    main(arguments(fixtures, tmp_path, "two", ONE_EPOCH, "--trials", "1"))
    [again] = rows(tmp_path / "two")
    keys = ("trial", "score", "trainer.optimizer.lr", "trainer.sampler")
    assert [again[key] for key in keys] == [found[0][key] for key in keys]
    metrics = [metrics_by_epoch(path / "trial_0000")[0] for path in (searched, tmp_path / "two")]
    for measured in metrics:
        for key in [key for key in measured if "duration" in key or "second" in key or "memory" in key]:
            del measured[key]
    assert metrics[0] == metrics[1]

    # What is searched in a directory stays.
    command = arguments(fixtures, tmp_path, "two", {"trainer.num_epochs": 2}, "--trials", "1")
    assert "holds a search with another configuration (configuration.json)" in error_of(capsys, command)
    command = arguments(fixtures, tmp_path, "two", ONE_EPOCH, "--trials", "1", "--metric", "validation_ner_f1")
    assert "holds a search with another space, metric or direction (search.json)" in error_of(capsys, command)
    assert rows(tmp_path / "two") == [again]


def test_a_mistake_in_the_space_can_be_mended(fixtures, tmp_path, capsys):
    """Were it not, the directory would keep a search that never trained anything."""
    (tmp_path / "space.json").write_text('{"trainer.optimzer": {"type": "categorical", "choices": ["sgd"]}}')
    message = error_of(capsys, arguments(fixtures, tmp_path, "one", ONE_EPOCH, "--trials", "1"))
    assert "no trial finished" in message and "optimzer" in message
    (tmp_path / "space.json").write_text(json.dumps(SPACE))
    message = error_of(capsys, arguments(fixtures, tmp_path, "one", ONE_EPOCH, "--timeout", "0"))
    assert message.endswith("no trial finished")  # nor begun, and the old one is forgotten
    assert "trainer.sampler" in (tmp_path / "one" / "search.json").read_text()


@pytest.mark.parametrize(
    "more, message",
    [
        (["--metric", "ner_f1"], "--metric ner_f1: expected validation_score"),
        (["--sampler", "grid"], "--sampler grid: 'trainer.optimizer.lr' has no finite values"),
        (["--resources", "{}"], "--resources is for --executor ray"),
        (["--executor", "ray", "--resources", "[2]"], "--resources [2]: expected a JSON object of numbers"),
        (["-o", '{"no.such": 1}'], "-o no.such: 'no' is not there"),
        (["-o", '{"validation_data_path": null}'], "no validation_data_path"),
    ],
)
def test_mistakes_end_before_the_first_trial(fixtures, tmp_path, capsys, more, message):
    command = arguments(fixtures, tmp_path, "one", {}, *more)
    assert message in error_of(capsys, command)
    assert not (tmp_path / "one").exists()


def test_a_directory_of_something_else(fixtures, tmp_path, capsys):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "thesis.tex").write_text("")
    message = error_of(capsys, arguments(fixtures, tmp_path, "one", {}))
    assert message.endswith(f"{tmp_path / 'one'}: not empty, and no search in it; choose another directory")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("package, more, extra", [("optuna", [], "search"), ("ray", ["--executor", "ray"], "cluster")])
def test_a_package_that_is_missing(fixtures, tmp_path, capsys, monkeypatch, package, more, extra):
    monkeypatch.setitem(sys.modules, package, None)
    assert error_of(capsys, arguments(fixtures, tmp_path, "one", {}, *more)).endswith(f"pip install 'hmtl[{extra}]'")
    assert not (tmp_path / "one").exists()


def test_help(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["search", "--help"])
    assert stopped.value.code == 0
    assert "best.json for 'hmtl train CONFIG" in capsys.readouterr().out


def test_a_trial_whose_search_is_gone_does_not_begin():
    # As a file: importing hmtl takes longer than all the rest.
    command = [sys.executable, child_process.__file__, str(os.getpid() + 1), "--help"]
    assert subprocess.run(command, capture_output=True).returncode == 143


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_with_its_trial(fixtures, tmp_path):
    overrides = {"trainer.num_epochs": 12, "trainer.patience": None}
    command = arguments(fixtures, tmp_path, "one", overrides, "--trials", "1")
    trial = tmp_path / "one" / "trial_0000"
    process = subprocess.Popen([sys.executable, "-m", "hmtl", *command])
    wait_for(trial / "checkpoint_e3_b0.json", process)
    process.kill()
    process.wait()
    before = (trial / "metrics_epoch_0.json").stat().st_mtime_ns

    main(command)

    [row] = rows(tmp_path / "one")
    assert (row["trial"], row["state"], row["epochs"]) == ("trial_0000", "finished", "12")
    assert (trial / "metrics_epoch_0.json").stat().st_mtime_ns == before  # it was not trained again
    # As if it had not been killed.
    main(["train", str(fixtures / "tiny.jsonnet"), "-s", str(tmp_path / "peace"), "-o", best_of(tmp_path / "one")])
    scores = [[metrics["validation_score"] for metrics in metrics_by_epoch(run)] for run in (trial, tmp_path / "peace")]
    assert scores[0] == scores[1] and len(scores[0]) == 12


@pytest.mark.slow
def test_a_hopeless_run_is_ended(fixtures, tmp_path, capsys):
    # Nothing but the pruner would end it today.
    command = arguments(fixtures, tmp_path, "one", {"trainer.num_epochs": 100000, "trainer.patience": None})
    assert error_of(capsys, [*command, "--timeout", "0"]).endswith("no trial finished")  # nor begun
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{tmp_path / 'one' / 'study.db'}")
    for _ in range(5):
        study.add_trial(optuna.trial.create_trial(value=4.0, intermediate_values=dict.fromkeys(range(100), 4.0)))
    main([*command, "--trials", "6"])
    [*_, row] = rows(tmp_path / "one")
    assert (row["trial"], row["state"], row["epochs"]) == ("trial_0005", "pruned", "1")
    # It was asked, not killed: it can be gone on with by hand.
    assert "a checkpoint is saved" in (tmp_path / "one" / "logs" / "trial_0005.log").read_text()
    assert list((tmp_path / "one" / "trial_0005").glob("checkpoint_e*_b*.json"))


@pytest.mark.slow
def test_a_search_on_ray(fixtures, tmp_path, capsys):
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        command = arguments(fixtures, tmp_path, "ray", ONE_EPOCH, "--executor", "ray", "--trials", "2", "--jobs", "2")
        message = error_of(capsys, [*command, "--resources", '{"CPU": 3}'])
        assert message.endswith("--resources: a trial wants 3 CPU, and there are 2")
        main(command)
        assert [row["state"] for row in rows(tmp_path / "ray")] == ["finished", "finished"]
        assert summarize(tmp_path / "ray" / "trial_0001").status == "finished"
        # A trial that is asked to stop saves a checkpoint there, too.
        executor = RayExecutor({"CPU": 1})
        overrides = json.dumps({"trainer.num_epochs": 100000, "trainer.patience": None})
        run, log = tmp_path / "run", tmp_path / "log"
        process = executor.start(["train", str(fixtures / "tiny.jsonnet"), "-s", str(run), "-o", overrides], log)
        wait_for(run / "metrics_epoch_0.json", process)
        process.stop()
        while process.poll() is None:
            time.sleep(0.1)
        deadline = time.monotonic() + 30
        while "a checkpoint is saved" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "a checkpoint is saved" in log.read_text()
    finally:
        ray.shutdown()


def wait_for(path: Path, process: Any) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


def best_of(searched: Path) -> str:
    return (searched / "best.json").read_text()
