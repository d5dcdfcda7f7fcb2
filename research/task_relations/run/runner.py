"""Runs what is missing of a study, in several processes at once where asked to."""

import json
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Deque, Dict, List

from tqdm import tqdm

from hmtl.common.stop_signals import StopSignals, TrainingStopped
from hmtl.common.terminal import is_terminal
from hmtl.jobs.executor import Executor, TrialProcess, failure_reason
from research.task_relations.run.plan import Plan, write_tables

SECONDS_BETWEEN_LOOKS = 0.5
# So many runs at most share a process; towards the end fewer, so that all processes end at about the same time.
MOST_RUNS = 6
LOGS = "logs"


class StudyStopped(TrainingStopped):
    """The runs ended early because of a signal; the same command goes on."""

    def __init__(self, signum: int, finished: int, wanted: int, directory: Path) -> None:
        self.exit_code = 128 + signum
        verb = "interrupted" if signum == signal.SIGINT else "terminated"
        Exception.__init__(
            self, f"{verb}; {finished} of {wanted} runs are finished, and the same command goes on with {directory}"
        )


@dataclass
class _Worker:
    """A process and the runs that it has not finished yet, in its order."""

    process: TrialProcess
    log: Path
    left: List[str]


class StudyRunner:
    """Runs a study; each process has several runs, one after the other.

    # Parameters

    plan : `Plan`
        It is written already.
    executor : `Executor`
        Of `research.task_relations.run.worker`.
    jobs : `int`
        How many processes there are at once.
    """

    def __init__(self, plan: Plan, executor: Executor, jobs: int) -> None:
        self._plan = plan
        self._executor = executor
        self._jobs = jobs
        self._missing: Deque[str] = deque(run for run in plan.runs() if not plan.is_finished(run))
        self._workers: List[_Worker] = []
        self._failed: Dict[str, str] = {}
        self._num_started = 0
        self._shown = ""

    def run(self) -> Dict[str, str]:
        """Runs all that is not finished; returns the reasons of those that failed.

        # Raises

        StudyStopped
            After a SIGINT or SIGTERM; the processes have saved their checkpoints.
        """
        for run in self._missing:
            self._plan.failure(run).unlink(missing_ok=True)
        write_tables(self._plan.directory)
        wanted = len(self._plan.runs())
        signals = StopSignals()
        with signals.noted(), self._bar(wanted) as bar:
            try:
                while self._missing or self._workers:
                    if signals.received is not None:
                        self._stop_all()
                        finished = sum(map(self._plan.is_finished, self._plan.runs()))
                        raise StudyStopped(signals.received, finished, wanted, self._plan.directory)
                    while self._missing and len(self._workers) < self._jobs:
                        self._start()
                    for worker in list(self._workers):
                        self._look_at(worker, bar)
                    self._show(bar)
                    time.sleep(SECONDS_BETWEEN_LOOKS)
            finally:
                self._stop_all()
                write_tables(self._plan.directory)
        return self._failed

    def _bar(self, wanted: int) -> tqdm:
        return tqdm(total=wanted, initial=wanted - len(self._missing), unit="run", desc="runs")

    def _start(self) -> None:
        share = len(self._missing) if self._jobs == 1 else -(-len(self._missing) // (2 * self._jobs))
        runs = [self._missing.popleft() for _ in range(min(share, MOST_RUNS))]
        log = self._plan.directory / LOGS / f"{self._num_started}_{runs[0]}.log"
        self._num_started += 1
        log.parent.mkdir(exist_ok=True)
        log.write_bytes(b"")
        job = json.dumps({"directory": str(self._plan.directory), "runs": runs})
        self._workers.append(_Worker(self._executor.start([job], log), log, runs))

    def _look_at(self, worker: _Worker, bar: tqdm) -> None:
        code = worker.process.poll()  # before its files: a process that has ended writes none
        for run in list(worker.left):
            if self._plan.is_finished(run):
                self._note(worker, run, bar)
            elif self._plan.failure(run).is_file():
                self._fail(worker, run, self._plan.failure(run).read_text(encoding="utf-8").strip(), bar)
        if code is None:
            return
        self._workers.remove(worker)
        if worker.left:
            # It died at the first that it has not finished; the others get another process.
            self._fail(worker, worker.left[0], failure_reason(code, worker.log, 0), bar)
            self._missing.extendleft(reversed(worker.left))

    def _fail(self, worker: _Worker, run: str, reason: str, bar: tqdm) -> None:
        self._failed[run] = f"{reason} (all of it in {worker.log})"
        bar.write(f"{run}: failed: {self._failed[run]}", file=sys.stderr)
        self._note(worker, run, bar)

    def _note(self, worker: _Worker, run: str, bar: tqdm) -> None:
        worker.left.remove(run)
        write_tables(self._plan.directory)
        bar.update()

    def _show(self, bar: tqdm) -> None:
        names = ", ".join(worker.left[0] for worker in self._workers if worker.left)
        if is_terminal() or names != self._shown:  # a log gets a line only where something is new
            bar.set_postfix_str(names)
            self._shown = names

    def _stop_all(self) -> None:
        """Ends the processes, which save what they have: the same runs are gone on with."""
        for worker in self._workers:
            worker.process.stop()
        while any(worker.process.poll() is None for worker in self._workers):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self._workers.clear()
