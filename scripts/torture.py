#!/usr/bin/env python
"""Kills a tiny four-task run at random moments, recovers it each time, and compares it with one left in peace.

    python scripts/torture.py
    python scripts/torture.py --kills 100 --seed 7

SIGKILL falls on updates, validation and the writing of files alike, and now and then on the start. What must be equal
to the last bit: the weights of the last checkpoint, the best weights of each task and overall, and the metrics. Once
with an optimizer a task and once with a shared one, with so many kills each. Exit code 1: something differs.
"""

import argparse
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

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = ROOT / "tests" / "fixtures" / "tiny.jsonnet"
# The progress bars that tell what a process is at.
PHASES = {"update": r"epoch \d+:", "validation": r"evaluating \w+:"}
SHARE_AT_START = 0.2


class Run:
    """A run in its directory, started and recovered in processes of its own."""

    def __init__(self, directory: Path, overrides: Dict[str, Any]) -> None:
        self.directory = directory
        self.output = directory.with_suffix(".log")
        self._arguments = ["train", str(CONFIGURATION), "-s", str(directory), "-o", json.dumps(overrides)]

    def start(self) -> ForkServerProcess:
        """A process that trains, from the last checkpoint where there is one."""
        recover = ["--recover"] if (self.directory / "config.json").exists() else ["--force"]
        self.output.write_text("")
        process = _processes().Process(target=_train, args=(self._arguments + recover, str(self.output)))
        process.start()
        return process

    def finish(self) -> None:
        process = self.start()
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"training failed with exit code {process.exitcode}:\n{self.output.read_text()}")

    def wait_for_training(self, process: ForkServerProcess) -> None:
        """Returns when the first update is near, or the process has ended."""
        while process.is_alive() and not re.search(PHASES["update"], self.output.read_text()):
            time.sleep(0.002)

    def phase(self) -> str:
        """What the process was at when it was killed."""
        if any(self.directory.glob("*.partial")):
            return "writing"
        places = {name: list(re.finditer(pattern, self.output.read_text())) for name, pattern in PHASES.items()}
        last = {name: found[-1].start() for name, found in places.items() if found}
        return max(last, key=last.__getitem__, default="start")

    def results(self) -> Dict[str, Any]:
        """All that must not differ, by file and key."""
        last = max(self.directory.glob("model_state_e*"), key=lambda path: int(path.name.split("_e")[1].split("_b")[0]))
        results: Dict[str, Any] = {}
        for name, path in {
            "model_state": last,
            **{path.name: path for path in self.directory.glob("best*.th")},
        }.items():
            results.update({f"{name}: {key}": tensor for key, tensor in torch.load(path).items()})
        for path in self.directory.glob("metrics*.json"):
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


def _train(arguments: List[str], output: str) -> None:
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


def torture(directory: Path, kills: int, epochs: int, seed: int, shared_optimizer: bool) -> "Counter[str]":
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
    }
    reference = Run(directory / "reference", overrides)
    begin = time.monotonic()
    process = reference.start()
    reference.wait_for_training(process)
    first_update = time.monotonic()
    process.join()
    starting, training = first_update - begin, time.monotonic() - first_update
    reference.finish()  # recovers a finished run, which changes nothing

    delays = random.Random(seed)
    phases: "Counter[str]" = Counter()
    attempt = 0
    while sum(phases.values()) < kills:
        attempt += 1
        run = Run(directory / f"killed_{attempt}", overrides)
        finished = False
        while not finished and sum(phases.values()) < kills:
            process = run.start()
            if delays.random() < SHARE_AT_START:
                process.join(delays.uniform(0, starting))
            else:
                run.wait_for_training(process)
                process.join(delays.uniform(0, 2 * training / kills))
            process.kill()
            process.join()
            finished = process.exitcode != -signal.SIGKILL
            if not finished:
                phases[run.phase()] += 1
            elif process.exitcode != 0:
                raise RuntimeError(f"training failed with exit code {process.exitcode}:\n{run.output.read_text()}")
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
    for shared_optimizer in (False, True):
        kind = "one shared optimizer" if shared_optimizer else "an optimizer a task"
        with tempfile.TemporaryDirectory() as directory:
            try:
                phases = torture(Path(directory), arguments.kills, arguments.epochs, arguments.seed, shared_optimizer)
            except AssertionError as error:
                sys.exit(f"{kind}: {error}")
        spread = ", ".join(f"{count} {phase}" for phase, count in phases.most_common())
        print(f"{kind}: {sum(phases.values())} kills ({spread}), each recovered; nothing differs", flush=True)


if __name__ == "__main__":
    main()
