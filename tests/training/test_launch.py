"""Distributed training as a user starts it, and what ends it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from allennlp.common import Params
from allennlp.common import logging as allennlp_logging

from hmtl.errors import ConfigurationError, UserError
from hmtl.training.launch import TIMEOUT_SECONDS, _spec_of_launched, _worker_specs, train_model

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 240
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


class Run:
    """`hmtl train` in a process of its own, for as many epochs as it is left to."""

    def __init__(self, fixtures, directory, *options, num_epochs=5000, **distributed):
        overrides = {
            "distributed": {"cuda_devices": [-1, -1], **distributed},
            "data_loader.batch_size": 1,
            "trainer.num_epochs": num_epochs,
            "trainer.patience": num_epochs,
            "trainer.checkpointer": {"save_every_num_batches": 2},
        }
        command = [sys.executable, "-m", "hmtl", "train", str(fixtures / "tiny.jsonnet"), "-s", str(directory)]
        self.directory = directory
        self.output = directory.with_suffix(".log")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*command, "-o", json.dumps(overrides), *options],
                cwd=ROOT,
                env=ENVIRONMENT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_for_checkpoint(self):
        deadline = time.monotonic() + SECONDS_TO_START
        while not list(self.directory.glob("checkpoint_e*.json")):
            assert self.process.poll() is None and time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)

    def workers(self):
        """The process numbers of the workers, in the order of their ranks."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def end(self, seconds=60):
        """The exit code, and the last line that was printed."""
        self.process.wait(seconds)
        return self.process.returncode, self.output.read_text().strip().splitlines()[-1]

    def last_checkpoint(self):
        return max(tuple(map(int, path.stem[12:].split("_b"))) for path in self.directory.glob("checkpoint_e*.json"))


linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers by /proc")


@linux
@pytest.mark.slow
def test_a_killed_worker_ends_training_and_recovery_goes_on(fixtures, tmp_path):
    run = Run(fixtures, tmp_path / "run")
    run.wait_for_checkpoint()
    os.kill(run.workers()[1], signal.SIGKILL)
    code, line = run.end()
    assert code == 2
    assert line.startswith("hmtl: error: worker 1 was killed by SIGKILL, and training has ended; the same command")
    epochs, _ = run.last_checkpoint()
    again = Run(fixtures, tmp_path / "run", "--recover", num_epochs=epochs + 2)
    code, line = again.end(SECONDS_TO_START)
    assert code == 0, line
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["epoch"] == epochs + 1


@linux
@pytest.mark.slow
def test_a_worker_that_no_longer_answers_counts_as_lost(fixtures, tmp_path):
    run = Run(fixtures, tmp_path / "run", timeout=4)
    run.wait_for_checkpoint()
    os.kill(run.workers()[1], signal.SIGSTOP)
    code, line = run.end()
    assert code == 2
    assert line.startswith("hmtl: error: worker 0 no longer hears from another worker, and training has ended (")
    run.last_checkpoint()


@linux
@pytest.mark.slow
@pytest.mark.parametrize(
    "signum, code, verb", [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")]
)
def test_a_signal_makes_all_workers_save_and_end(fixtures, tmp_path, signum, code, verb):
    run = Run(fixtures, tmp_path / "run")
    run.wait_for_checkpoint()
    workers = run.workers()
    run.process.send_signal(signum)
    code, line = run.end()
    assert (code, line.startswith(f"hmtl: {verb}; a checkpoint is saved")) == (128 + signum, True), line
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


@linux
@pytest.mark.slow
def test_workers_end_when_their_supervisor_is_killed(fixtures, tmp_path):
    run = Run(fixtures, tmp_path / "run")
    run.wait_for_checkpoint()
    workers = run.workers()
    assert len(workers) == 2
    run.process.kill()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert torch.load(max(run.directory.glob("model_state_e*"), key=lambda path: path.stat().st_mtime_ns))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["torchrun", "allennlp"])
def test_other_ways_to_start(fixtures, tmp_path, how):
    overrides = {"data_loader.batch_size": 1, "evaluate_on_test": True}
    command = [sys.executable, "-m", "allennlp"]
    if how == "torchrun":
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "hmtl"]
    else:
        overrides["distributed"] = {"cuda_devices": [-1, -1]}
    arguments = ["train", str(fixtures / "tiny.jsonnet"), "-s", str(tmp_path / "run"), "-o", json.dumps(overrides)]
    arguments += ["--include-package", "hmtl"]
    done = subprocess.run([*command, *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model.tar.gz").is_file()
    assert {"out_worker0.log", "out_worker1.log"} <= {path.name for path in (tmp_path / "run").iterdir()}
    # The primary worker alone evaluates on the test data.
    assert "test_relation_f1" in json.loads((tmp_path / "run" / "metrics.json").read_text())


def test_how_progress_is_shown_is_a_matter_of_the_run_alone(fixtures, tmp_path):
    params = Params.from_file(fixtures / "tiny.jsonnet")
    train_model(params, str(tmp_path / "run"), dry_run=True, file_friendly_logging=True)
    assert not allennlp_logging.FILE_FRIENDLY_LOGGING


@pytest.mark.parametrize("devices", [None, 0, [0], [-1]])
def test_one_device_is_not_distributed(devices):
    with pytest.raises(ConfigurationError, match="distributed.cuda_devices: expected a list of two GPUs or more"):
        _worker_specs(Params({} if devices is None else {"cuda_devices": devices}), node_rank=0)


def test_unknown_settings_are_refused():
    with pytest.raises(ConfigurationError, match="timeoot"):
        _worker_specs(Params({"cuda_devices": [-1, -1], "timeoot": 3}), node_rank=0)


def test_nodes_need_a_common_port():
    settings = {"cuda_devices": [-1], "num_nodes": 2, "primary_address": "10.0.0.1"}
    with pytest.raises(ConfigurationError, match="distributed.primary_port"):
        _worker_specs(Params(dict(settings)), node_rank=0)
    (spec,) = _worker_specs(Params({**settings, "primary_port": 29500, "timeout": 9}), node_rank=1)
    assert spec == (1, 2, -1, "tcp://10.0.0.1:29500", 9.0)


def test_the_place_that_a_launcher_gives(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(UserError, match="RANK and WORLD_SIZE .* lacks MASTER_ADDR and MASTER_PORT; start it"):
        _spec_of_launched(Params({}))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "1")
    spec = _spec_of_launched(Params({"cuda_devices": [-1]}))
    assert spec == (3, 4, -1, "env://", TIMEOUT_SECONDS)
