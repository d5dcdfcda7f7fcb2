#!/usr/bin/env python
"""Kills a tiny four-task run at random moments, recovers it each time, and compares it with one left in peace.

    python scripts/torture.py
    python scripts/torture.py --kills 100 --seed 7

SIGKILL falls on updates, validation and the writing of files alike, and now and then on the start. What must be equal
to the last bit: the weights of the last checkpoint, the best weights of each task and overall, and the metrics. With
an optimizer a task and with a shared one, in one process and on two distributed workers, with so many kills each; half
of those of the workers fall on one of them alone, which must end the other. Exit code 1: something differs.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
from allennlp.common.util import find_open_port

from hmtl.common.file_names import BEST, PARTIAL_SUFFIX
from hmtl.common.weights import all_weights, load_weights
from hmtl.runs.run_directory import MODEL_STATE, RunDirectory

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = ROOT / "tests" / "fixtures" / "tiny.jsonnet"
# The progress bars that tell what a process is at.
PHASES = {"update": r"epoch \d+:", "validation": r"evaluating \w+:"}
SHARE_AT_START = 0.2
# So long a worker may take to end after another was killed.
SECONDS_TO_NOTICE = 60


class Training:
    """The processes of a run that has been started: one, or distributed workers."""

    def __init__(self, processes: List[ForkServerProcess]) -> None:
        self.processes = processes

    def is_alive(self) -> bool:
        return any(process.is_alive() for process in self.processes)

    def join(self, timeout: Optional[float] = None) -> None:
        """Waits for the end, or so many seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        for process in self.processes:
            process.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def kill(self, victims: List[ForkServerProcess]) -> bool:
        """Kills some of the processes, and waits until none is left; whether there was still one to kill."""
        for process in victims:
            process.kill()
        self.join(SECONDS_TO_NOTICE)
        for process in self.processes:
            if process.is_alive():
                raise RuntimeError("a worker goes on without the other")
        return any(process.exitcode == -signal.SIGKILL for process in self.processes)

    @property
    def exit_codes(self) -> List[Optional[int]]:
        return [process.exitcode for process in self.processes]


class Run:
    """A run in its directory, started and recovered in processes of its own."""

    def __init__(self, directory: Path, overrides: Dict[str, Any], num_workers: int = 1) -> None:
        self.directory = directory
        self.output = directory.with_suffix(".log")
        self._num_workers = num_workers
        self._arguments = ["train", str(CONFIGURATION), "-s", str(directory), "-o", json.dumps(overrides)]

    def start(self) -> Training:
        """Trains, from the last checkpoint where there is one."""
        recover = ["--recover"] if RunDirectory(self.directory).config.exists() else ["--force"]
        self.output.write_text("")
        processes = [
            _processes().Process(target=_train, args=(self._arguments + recover, str(self.output), environment))
            for environment in _environments(self._num_workers)
        ]
        for process in processes:
            process.start()
        return Training(processes)

    def finish(self) -> None:
        training = self.start()
        training.join()
        self.check(training)

    def check(self, training: Training) -> None:
        if any(training.exit_codes):
            raise RuntimeError(f"training failed with exit codes {training.exit_codes}:\n{self.output.read_text()}")

    def wait_for_training(self, training: Training) -> None:
        """Returns when the first update is near, or the processes have ended."""
        while training.is_alive() and not re.search(PHASES["update"], self.output.read_text()):
            time.sleep(0.002)

    def phase(self) -> str:
        """What the process was at when it was killed."""
        if any(self.directory.glob(f"*{PARTIAL_SUFFIX}")):
            return "writing"
        places = {name: list(re.finditer(pattern, self.output.read_text())) for name, pattern in PHASES.items()}
        last = {name: found[-1].start() for name, found in places.items() if found}
        return max(last, key=last.__getitem__, default="start")

    def results(self) -> Dict[str, Any]:
        """All that must not differ, by file and key."""
        run = RunDirectory(self.directory)
        results: Dict[str, Any] = {}
        for name, path in {
            MODEL_STATE: run.checkpoint_file(MODEL_STATE, max(run.points(MODEL_STATE))),
            **{path.name: path for path in all_weights(self.directory, f"{BEST}*").values()},
        }.items():
            results.update({f"{name}: {key}": tensor for key, tensor in load_weights(path).items()})
        for path in (run.metrics, *map(run.epoch_metrics, run.epochs())):
            metrics = json.loads(path.read_text())
            results.update({f"{path.name}: {key}": metrics[key] for key in metrics if key != "training_duration"})
        return results


def _processes() -> ForkServerContext:
    """Each process is forked from one that has imported everything: a start costs a tenth of a second, not six."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hmtl.cli"])
    # Killed processes cannot give back the semaphores of their progress bars.
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning:multiprocessing.resource_tracker"
    return context


def _environments(num_workers: int) -> List[Dict[str, str]]:
    """What `torchrun` would tell each worker."""
    if num_workers == 1:
        return [{}]
    world = {"WORLD_SIZE": str(num_workers), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_open_port())}
    return [{"RANK": str(rank), "LOCAL_RANK": str(rank), **world} for rank in range(num_workers)]


def _train(arguments: List[str], output: str, environment: Dict[str, str]) -> None:
    os.environ.update(environment)
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from hmtl.cli import main

    torch.set_num_threads(1)
    main(arguments)


def differences(run: Run, reference: Run) -> List[str]:
    """The names of what is not the same in two finished runs."""
    ours, theirs = run.results(), reference.results()
    different = sorted(ours.keys() ^ theirs.keys())
    for name in sorted(ours.keys() & theirs.keys()):
        tensors = isinstance(ours[name], torch.Tensor)
        if not (torch.equal(ours[name], theirs[name]) if tensors else ours[name] == theirs[name]):
            different.append(name)
    return different


def torture(
    directory: Path, kills: int, epochs: int, seed: int, shared_optimizer: bool, num_workers: int = 1
) -> "Counter[str]":
    """Kills and recovers a run until the kills are used up; returns how many fell on what.

    # Raises

    AssertionError
        Where a run that was killed differs from the one that was not.
    """
    overrides = {
        "trainer.num_epochs": epochs,
        "trainer.patience": epochs,
        "trainer.shared_optimizer": shared_optimizer,
        "trainer.checkpointer": {"save_every_num_batches": 2},
        "data_loader.batch_size": 1,
    }
    reference = Run(directory / "reference", overrides, num_workers)
    begin = time.monotonic()
    training = reference.start()
    reference.wait_for_training(training)
    first_update = time.monotonic()
    training.join()
    reference.check(training)
    starting, lasting = first_update - begin, time.monotonic() - first_update
    reference.finish()  # recovers a finished run, which changes nothing

    chance = random.Random(seed)
    phases: "Counter[str]" = Counter()
    attempt = 0
    while sum(phases.values()) < kills:
        attempt += 1
        run = Run(directory / f"killed_{attempt}", overrides, num_workers)
        finished = False
        while not finished and sum(phases.values()) < kills:
            training = run.start()
            victims = training.processes
            if chance.random() < SHARE_AT_START:
                # Without its launcher a worker would wait for one that never came.
                training.join(chance.uniform(0, starting))
            else:
                run.wait_for_training(training)
                training.join(chance.uniform(0, 2 * lasting / kills))
                if chance.random() < 0.5:
                    victims = [chance.choice(training.processes)]
            finished = not training.kill(victims)
            if finished:
                run.check(training)
            else:
                phases[run.phase()] += 1
        run.finish()
        different = differences(run, reference)
        assert not different, f"{run.directory} differs from {reference.directory} in {', '.join(different)}"
    return phases


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="of each kind of run (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=12, metavar="N", help="of the run (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=13370, help="of the delays (default: %(default)s)")
    arguments = parser.parse_args(argv)
    for num_workers, shared_optimizer in itertools.product((1, 2), (False, True)):
        kind = "one shared optimizer" if shared_optimizer else "an optimizer a task"
        kind += f", {num_workers} workers" * (num_workers > 1)
        with tempfile.TemporaryDirectory() as directory:
            try:
                phases = torture(
                    Path(directory), arguments.kills, arguments.epochs, arguments.seed, shared_optimizer, num_workers
                )
            except AssertionError as error:
                sys.exit(f"{kind}: {error}")
        spread = ", ".join(f"{count} {phase}" for phase, count in phases.most_common())
        print(f"{kind}: {sum(phases.values())} kills ({spread}), each recovered; nothing differs", flush=True)


if __name__ == "__main__":
    main()
