"""The search, with a stand-in for training that takes no time: real processes, no model."""

import csv
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from hmtl.errors import UserError
from hmtl.jobs.executor import LocalExecutor, num_cores
from hmtl.jobs.job_pool import JobsStopped
from hmtl.search.directory import CONFIGURATION
from hmtl.search.metric import Metric
from hmtl.search.report import Report
from hmtl.search.search import Search
from hmtl.search.space import SearchSpace
from hmtl.search.study import Trials

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in.py")))
X = {"trainer.x": {"type": "float", "low": 0.0, "high": 1.0}}


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmtl.jobs.job_pool.SECONDS_BETWEEN_LOOKS", 0.02)


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., List[Dict[str, str]]]:
    """Runs a search in `tmp_path`, and returns the rows of its `trials.csv`."""

    def search(
        described: Dict[str, Any],
        trainer: Dict[str, Any] = None,
        jobs: int = 1,
        sampler: str = "random",
        pruner: str = "none",
        maximize: bool = True,
        directory: Path = tmp_path,
        **options: Any,
    ) -> List[Dict[str, str]]:
        (directory / "logs").mkdir(parents=True, exist_ok=True)
        configuration = {"trainer": {"num_epochs": 2, "x": 0.5, **(trainer or {})}}
        (directory / CONFIGURATION).write_text(json.dumps(configuration))
        (directory / "space.json").write_text(json.dumps(described))
        space = SearchSpace.read(directory / "space.json")
        trials = Trials(directory / "study.db", space, maximize, sampler, pruner, seed=3)
        trials.open()
        Search(
            directory,
            trials,
            space,
            Metric("validation_score", maximize),
            LocalExecutor(jobs, program=STAND_IN),
            Report(directory, space, {}),
            jobs=jobs,
            num_epochs=configuration["trainer"]["num_epochs"],
            **options,
        ).run()
        return rows(directory)

    return search


def rows(directory: Path) -> List[Dict[str, str]]:
    with open(directory / "trials.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def choices(*values: Any) -> Dict[str, Any]:
    return {"type": "categorical", "choices": list(values)}


def faults(*values: Any) -> Dict[str, Any]:
    """A grid of one trial for each fault."""
    return {"trainer.fault": choices(*values)}


def test_the_score_of_a_trial_is_that_of_its_best_epoch(search, tmp_path):
    found = search(X, wanted=3)
    assert [row["trial"] for row in found] == ["trial_0000", "trial_0001", "trial_0002"]
    assert all(row["state"] == "finished" and row["score"] == row["trainer.x"] for row in found)
    best = max(found, key=lambda row: float(row["score"]))
    assert json.loads((tmp_path / "best.json").read_text()) == {"trainer.x": float(best["trainer.x"])}
    # Where lower is better, the first epoch is the best.
    lowest = search(X, wanted=2, maximize=False, directory=tmp_path / "lowest")
    assert [float(row["score"]) for row in lowest] == [float(row["trainer.x"]) / 2 for row in lowest]


def test_a_search_that_was_extended_is_one_that_was_longer(search, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    search(X, sampler="tpe", wanted=4, directory=whole)
    search(X, sampler="tpe", wanted=2, directory=parts)
    search(X, sampler="tpe", wanted=4, directory=parts)
    expected = [(row["trial"], row["trainer.x"], row["score"]) for row in rows(whole)]
    assert [(row["trial"], row["trainer.x"], row["score"]) for row in rows(parts)] == expected
    assert len({x for _, x, _ in expected}) == 4


def test_a_trial_that_fails_does_not_stop_the_rest(search):
    found = search(faults("killed", "memory", "diverged", "nan", None), sampler="grid", wanted=20)
    assert [(row["state"], row["reason"]) for row in found] == [
        ("failed", "killed by SIGKILL (out of memory?)"),
        ("failed", "MemoryError: no memory left"),
        ("failed", "no such sampler"),
        ("failed", "validation_score is not a number in any epoch"),
        ("finished", ""),
    ]


def test_one_mistake_in_the_first_trials_stops_the_search(search, tmp_path):
    with pytest.raises(UserError, match="the first 3 trials failed alike: no such sampler .*trial_0002.log"):
        search(X, trainer={"fault": "mistake"}, wanted=20)
    assert [row["state"] for row in rows(tmp_path)] == ["failed"] * 3


def test_a_diverging_trial_is_no_mistake(search):
    assert [row["state"] for row in search(X, trainer={"fault": "diverged"}, wanted=4)] == ["failed"] * 4


def test_a_mistake_after_a_trial_that_trained_is_one_of_its_values(search):
    space = {**faults(None, "mistake"), "trainer.x": choices(0.1, 0.2, 0.3)}
    states = [row["state"] for row in search(space, sampler="grid", wanted=20)]
    assert states == ["finished"] * 3 + ["failed"] * 3


def test_a_metric_that_is_not_there_stops_the_search_at_once(tmp_path):
    with pytest.raises(
        UserError, match="trial_0000/metrics_epoch_0.json: no metric validation_ner_f1; there are validation_score"
    ):
        run_with_metric(tmp_path, "validation_ner_f1")
    assert [row["state"] for row in rows(tmp_path)] == ["failed"]


def run_with_metric(directory: Path, name: str) -> None:
    (directory / "logs").mkdir()
    (directory / CONFIGURATION).write_text(json.dumps({"trainer": {"num_epochs": 100, "seconds": 1}}))
    (directory / "space.json").write_text(json.dumps(X))
    space = SearchSpace.read(directory / "space.json")
    trials = Trials(directory / "study.db", space, True, "random", "none", seed=3)
    trials.open()
    executor = LocalExecutor(1, program=STAND_IN)
    Search(directory, trials, space, Metric(name, True), executor, Report(directory, space, {}), wanted=9).run()


def test_a_hopeless_trial_is_pruned(search, tmp_path):
    space = {"trainer.x": choices(0.9, 0.91, 0.92, 0.93, 0.94, 0.1)}
    search(space, sampler="grid", pruner="median", wanted=5, trainer={"num_epochs": 9})
    # Left in peace, the last one would take a minute and a half.
    begun = time.monotonic()
    [*_, last] = search(space, sampler="grid", pruner="median", wanted=6, trainer={"num_epochs": 9, "seconds": 10})
    assert time.monotonic() - begun < 30
    assert (last["state"], last["epochs"], last["trainer.x"]) == ("pruned", "1", "0.1")
    assert len(list((tmp_path / "trial_0005").glob("metrics_epoch_*.json"))) < 9


def test_nothing_is_pruned_after_its_last_epoch(search):
    space = {"trainer.x": choices(0.9, 0.91, 0.92, 0.93, 0.94, 0.1)}
    found = search(space, sampler="grid", pruner="median", wanted=6, trainer={"num_epochs": 1})
    assert [row["state"] for row in found] == ["finished"] * 6


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_trials_and_the_same_search_goes_on_with_them(search, tmp_path, signum):
    def interrupt() -> None:
        while not (tmp_path / "trial_0001" / "metrics_epoch_1.json").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signum)

    space, trainer = {"trainer.x": choices(0.1, 0.2, 0.3)}, {"num_epochs": 6, "seconds": 0.3}
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(JobsStopped, match=f"1 of 3 trials are finished, .* goes on with {tmp_path}") as stopped:
        search(space, trainer=trainer, sampler="grid", wanted=3)
    thread.join()
    assert stopped.value.exit_code == 128 + signum
    assert [row["state"] for row in rows(tmp_path)] == ["finished"]  # as the last trial that ended left it
    done = len(list((tmp_path / "trial_0001").glob("metrics_epoch_*.json")))
    assert 2 <= done < 6

    found = search(space, trainer={"num_epochs": 6}, sampler="grid", wanted=3)

    assert [(row["state"], row["trainer.x"], row["epochs"]) for row in found] == [
        ("finished", x, "6") for x in ("0.1", "0.2", "0.3")
    ]
    calls = (tmp_path / "trial_0001" / "calls").read_text().splitlines()
    assert len(calls) == 2 and "--recover" not in calls[0] and "--recover" in calls[1]


def test_trials_at_once_share_the_cores(search, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    executor = LocalExecutor(2, devices=["4", "7"])
    assert executor._environment(0)["CUDA_VISIBLE_DEVICES"] == "4"
    assert executor._environment(1)["CUDA_VISIBLE_DEVICES"] == "7"
    threads = max(1, num_cores() // 2)
    assert executor._environment(1)["OMP_NUM_THREADS"] == str(threads)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert "OMP_NUM_THREADS" not in executor._environment(1)

    found = search(X, jobs=2, wanted=4, trainer={"seconds": 0.4})
    assert sorted(row["trial"] for row in found) == [f"trial_000{number}" for number in range(4)]
    began = [(tmp_path / row["trial"] / "metrics_epoch_0.json").stat().st_mtime for row in found]
    ended = [(tmp_path / row["trial"] / "metrics_epoch_1.json").stat().st_mtime for row in found]
    assert began[1] < ended[0]


def test_no_trial_begins_after_the_timeout(search):
    found = search(X, wanted=20, timeout=0.5, trainer={"seconds": 0.3})
    assert 1 <= len(found) < 10 and all(row["state"] == "finished" for row in found)


def test_a_search_that_is_done_runs_nothing(search, tmp_path):
    search(X, wanted=1)
    (tmp_path / "trial_0000" / "calls").unlink()
    assert len(search(X, wanted=1)) == 1
    assert not (tmp_path / "trial_0000" / "calls").exists() and not (tmp_path / "trial_0001").exists()
