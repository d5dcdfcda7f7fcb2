"""Two processes and one directory, `--force` that goes wrong, links and mounts: a finished run is never lost."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
import torch
from _pytest.logging import LogCaptureHandler

from hmtl.cli import main

FAULTS = """
    import os, signal
    from allennlp.data import DatasetReader
    from hmtl.tasks.spans.tagging_reader import TaggingReader

    @DatasetReader.register("faulty", exist_ok=True)
    class Faulty(TaggingReader):
        def __init__(self, fault: str, **kwargs) -> None:
            super().__init__(**kwargs)
            self.fault = fault

        def _read(self, path):
            if self.fault == "memory":
                raise MemoryError
            if self.fault == "bug":
                raise RuntimeError("a fault of the program")
            os.kill(os.getpid(), getattr(signal, self.fault))
            yield from super()._read(path)
    """


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run_faults`, whose reader `faulty` ends in the way that its configuration says."""
    (tmp_path / "run_faults.py").write_text(textwrap.dedent(FAULTS))
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture(autouse=True)
def logging_as_found(package: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A fault of the program leaves the log of its run open, for its traceback."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    yield
    close_logs()


def close_logs() -> None:
    for logger in (logging.getLogger(), logging.getLogger("tqdm")):
        for handler in [handler for handler in logger.handlers if type(handler) is not LogCaptureHandler]:
            logger.removeHandler(handler)
            handler.close()


def read(run: Path) -> Dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.fixture(params=["plain", "link", "mount"])
def run(request: Any, tmp_path: Path, tiny_run: Path) -> Iterator[Path]:
    """A finished run: in a directory, behind a link, and in the root of a file system of its own."""
    place = tmp_path / "run"
    if request.param == "link":
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.mkdir()
    if request.param == "mount":
        command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("may mount no file system here")
    try:
        shutil.copytree(tiny_run, place, dirs_exist_ok=True)
        yield place
        assert place.is_symlink() == (request.param == "link")
    finally:
        if request.param == "mount":
            close_logs()
            subprocess.run(["umount", str(place)], check=True)


def command(fixtures: Path, run: Path, *options: str) -> List[str]:
    return ["train", str(fixtures / "tiny.jsonnet"), "-s", str(run), *options]


# Some show before any data are read, some when the model or the trainer is made, some in training.
MISTAKES = {
    "-o trainer.num_epoch=3": "trainer.num_epoch: MultiTaskTrainer has no such key",
    "-o trainer.optimizer.lr=-1": "trainer.optimizer: Invalid learning rate: -1",
    "-o model.levels.ner.encoder.hidden_size=0": "model.levels.ner.encoder: hidden_size must be greater than zero",
    f"-o trainer.cuda_device={torch.cuda.device_count()}": "trainer.cuda_device: no GPU",
    "-o no.such.key=1": "-o no.such.key: 'no' is not there",
    "-o train_data_path.ner=missing.jsonl": "missing.jsonl: no such file or directory",
    "-o data_loader.batch_size.ner=0": "batch_size of 'ner' must be at least 1, not 0",
    "-o model.levels.ner.head.dropout=3": "model.levels.ner.head.dropout is 3; it must be at least 0 and below 1",
    "-o model.levels.ner.head={type:'hmtl_coref',feature_size:2}": "model.levels.ner: its head, CorefHead, learns from "
    "mentions, and the dataset reader of the task gives spans",
    "-o trainer.patience_rule=none": "trainer.patience_rule must be",
    "-o trainer.optimizer.lr=1e30 -o ~trainer.grad_norm": "the loss of task",
    "--include-package no_such_package": "there is no module 'no_such_package'",
    "--dry-run": "holds a trained run, which --force would replace",
    "--recover": "--recover goes on with a run and --force replaces it; give one of them",
}


def line_of_mistake(capsys: pytest.CaptureFixture, arguments: List[str]) -> str:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    errors = capsys.readouterr().err
    assert end.value.code == 2
    assert "Traceback" not in errors and errors.count("hmtl: error: ") == 1
    return errors.strip().splitlines()[-1].removeprefix("hmtl: error: ")


def test_a_mistake_with_force_leaves_the_finished_run(run, fixtures, capsys):
    before = read(run)
    some = MISTAKES if not run.is_symlink() and not run.is_mount() else list(MISTAKES)[4:6]
    for options in some:
        line = line_of_mistake(capsys, command(fixtures, run, "--force", *options.split()))
        assert MISTAKES[options] in line, options
        assert read(run) == before, options


def test_a_fault_or_a_signal_with_force_leaves_the_finished_run(run, fixtures, capsys):
    before = read(run)
    ends = {"memory": MemoryError, "bug": RuntimeError, "SIGINT": SystemExit, "SIGTERM": SystemExit}
    for fault, end in ends.items() if run.name == "run" and not run.is_symlink() else [("bug", RuntimeError)]:
        reader = f"dataset_reader.readers.ner={{type: 'faulty', fault: '{fault}', corpus: 'jsonl', layer: 'ner'}}"
        with pytest.raises(end):
            main(command(fixtures, run, "--force", "-o", reader, "--include-package", "run_faults"))
        assert read(run) == before, fault
        assert f"{run}: the run that was to be replaced is back" in capsys.readouterr().err


def start(arguments: List[str], output: Path) -> BaseProcess:
    """The command line in a process of its own."""

    def live() -> None:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        main(arguments)

    process = get_context("fork").Process(target=live)
    process.start()
    return process


def test_a_run_that_a_killed_force_replaced_comes_back(run, fixtures, tmp_path, capsys):
    before = read(run)
    reader = "dataset_reader.readers.ner={type: 'faulty', fault: 'SIGKILL', corpus: 'jsonl', layer: 'ner'}"
    options = ["--force", "-o", reader, "--include-package", "run_faults"]
    process = start(command(fixtures, run, *options), tmp_path / "output.txt")
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (run / ".replaced").is_dir() and not (run / "model.tar.gz").exists()
    # What one would try first.
    with pytest.raises(SystemExit):
        main(command(fixtures, run, "--force", "-o", "trainer.optimizer.lr=-1"))
    assert read(run) == before
    assert f"{run}: the run that was to be replaced is back" in capsys.readouterr().err


@pytest.mark.slow
def test_force_replaces_a_run_and_nothing_is_kept(run, fixtures):
    inode = run.stat().st_ino
    main(command(fixtures, run, "--force", "-o", "trainer.num_epochs=1", "-o", "pytorch_seed=99"))
    config = json.loads((run / "config.json").read_text())
    assert (config["trainer"]["num_epochs"], config["pytorch_seed"]) == (1, 99)
    assert not (run / "metrics_epoch_1.json").exists() and (run / "model.tar.gz").is_file()
    assert not list(run.glob(".replaced*")) and not (run / "run.lock").exists()
    assert run.stat().st_ino == inode


@pytest.mark.slow
def test_a_run_that_trains_has_its_directory_for_itself(fixtures, tmp_path, capsys):
    run = tmp_path / "run"
    long = ["-o", "trainer.num_epochs=5000", "-o", "trainer.patience=5000"]
    process = start(command(fixtures, run, *long), tmp_path / "output.txt")
    deadline = time.monotonic() + 240
    while not list(run.glob("checkpoint_e*.json")):
        assert process.is_alive() and time.monotonic() < deadline, (tmp_path / "output.txt").read_text()
        time.sleep(0.05)
    try:
        for options in ([], ["--recover", *long], ["--force", "-o", "pytorch_seed=99"]):
            line = line_of_mistake(capsys, command(fixtures, run, *options))
            assert line.startswith(f"{run}: another process, {process.pid} on ")
            assert process.is_alive()
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.join()
    assert process.exitcode == 143, (tmp_path / "output.txt").read_text()
    # Nothing of the others is in it, and it goes on.
    assert json.loads((run / "config.json").read_text())["trainer"]["num_epochs"] == 5000
    done = len(list(run.glob("metrics_epoch_*.json")))
    main(command(fixtures, run, "--recover", "-o", f"trainer.num_epochs={done + 1}", "-o", "trainer.patience=5000"))
    assert json.loads((run / "metrics.json").read_text())["epoch"] == done
