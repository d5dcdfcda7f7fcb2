"""Which runs are begun, with a stand-in for training that takes no time: real processes, no model."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest

from hmtl.errors import UserError
from hmtl.jobs.executor import LocalExecutor
from hmtl.jobs.job_pool import JobsStopped
from research.paper.experiment import Experiment
from research.paper.runner import Runner

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in_run.py")))


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmtl.jobs.job_pool.SECONDS_BETWEEN_LOOKS", 0.02)


def runner(output: Path, overrides: Dict[str, Any], preset: str = "fast", jobs: int = 1) -> Runner:
    experiments = [Experiment(output, "free", setup, seed) for seed in (1, 2) for setup in "AB"]
    return Runner(experiments, Path("configs"), LocalExecutor(jobs, program=STAND_IN), jobs, preset, overrides)


def calls(output: Path) -> List[int]:
    files = [output / "free" / setup / f"seed_{seed}" / "calls" for seed in (1, 2) for setup in "AB"]
    return [len(file.read_text().splitlines()) if file.exists() else 0 for file in files]


def test_each_run_is_made_once(tmp_path):
    assert runner(tmp_path, {}).run() == {}
    assert calls(tmp_path) == [1, 1, 1, 1]
    assert runner(tmp_path, {}).run() == {}
    assert calls(tmp_path) == [1, 1, 1, 1]


def test_a_run_that_fails_does_not_stop_the_others_and_is_tried_again(tmp_path):
    failed = runner(tmp_path, {"fault": "A"}, jobs=2).run()
    assert {(experiment.setup, experiment.seed): reason for experiment, reason in failed.items()} == {
        ("A", 1): "no such sampler",
        ("A", 2): "no such sampler",
    }
    assert calls(tmp_path) == [1, 1, 1, 1]
    runner(tmp_path, {"fault": "A"}).run()
    assert calls(tmp_path) == [2, 1, 2, 1]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_runs_and_the_same_command_goes_on(tmp_path, signum):
    def interrupt() -> None:
        while not (tmp_path / "free" / "B" / "seed_1" / "waiting").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signum)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(JobsStopped, match=f"1 of 4 runs are finished, .* goes on with {tmp_path}") as stopped:
        runner(tmp_path, {"slow": "B"}).run()
    thread.join()
    assert stopped.value.exit_code == 128 + signum
    assert calls(tmp_path) == [1, 1, 0, 0]


def test_runs_of_another_preset_or_with_other_overrides_stay(tmp_path):
    runner(tmp_path, {}).run()
    with pytest.raises(UserError, match=r'A/seed_1: a run with another preset \("fast"\); choose another --output'):
        runner(tmp_path, {}, preset="paper").run()
    with pytest.raises(UserError, match="a run with another overrides"):
        runner(tmp_path, {"trainer.num_epochs": 3}).run()
    assert calls(tmp_path) == [1, 1, 1, 1]
