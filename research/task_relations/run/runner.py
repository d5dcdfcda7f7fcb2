"""Runs what is missing of a study, in several processes at once where asked to."""

import json
import sys
from collections import deque
from typing import Deque, Dict, List, Optional

from tqdm import tqdm

from hmtl.jobs.executor import Executor
from hmtl.jobs.job_pool import JobPool, JobsStopped, RunningJob
from research.task_relations.run.plan import Plan, write_tables

# So many runs at most share a process; towards the end fewer, so that all processes end at about the same time.
MOST_RUNS = 6
LOGS = "logs"


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
        self._jobs = jobs
        # Of a process, its runs that are not finished yet, in its order.
        self._pool: JobPool[List[str]] = JobPool(executor, jobs)
        self._missing: Deque[str] = deque(run for run in plan.runs() if not plan.is_finished(run))
        self._failed: Dict[str, str] = {}
        self._num_started = 0

    def run(self) -> Dict[str, str]:
        """Runs all that is not finished; returns the reasons of those that failed.

        # Raises

        JobsStopped
            After a SIGINT or SIGTERM; the processes have saved their checkpoints.
        """
        for run in self._missing:
            self._plan.failure(run).unlink(missing_ok=True)
        write_tables(self._plan.directory)
        wanted = len(self._plan.runs())
        try:
            with self._pool, self._bar(wanted) as bar:
                for running, code in self._pool.run(self._start_next):
                    self._look_at(running, code, bar)
                    self._pool.show(bar, ", ".join(each.job[0] for each in self._pool.running if each.job))
                if self._pool.received is not None:
                    finished = sum(map(self._plan.is_finished, self._plan.runs()))
                    raise JobsStopped(self._pool.received, finished, wanted, "runs", self._plan.directory)
        finally:
            write_tables(self._plan.directory)
        return self._failed

    def _bar(self, wanted: int) -> tqdm:
        return tqdm(total=wanted, initial=wanted - len(self._missing), unit="run", desc="runs")

    def _start_next(self) -> bool:
        if not self._missing:
            return False
        share = len(self._missing) if self._jobs == 1 else -(-len(self._missing) // (2 * self._jobs))
        runs = [self._missing.popleft() for _ in range(min(share, MOST_RUNS))]
        log = self._plan.directory / LOGS / f"{self._num_started}_{runs[0]}.log"
        self._num_started += 1
        log.unlink(missing_ok=True)
        self._pool.start(runs, [json.dumps({"directory": str(self._plan.directory), "runs": runs})], log)
        return True

    def _look_at(self, running: RunningJob[List[str]], code: Optional[int], bar: tqdm) -> None:
        left = running.job
        for run in list(left):
            if self._plan.is_finished(run):
                self._note(running, run, bar)
            elif self._plan.failure(run).is_file():
                self._fail(running, run, self._plan.failure(run).read_text(encoding="utf-8").strip(), bar)
        if code is not None and left:
            # It died at the first that it has not finished; the others get another process.
            self._fail(running, left[0], running.failure_reason(code), bar)
            self._missing.extendleft(reversed(left))

    def _fail(self, running: RunningJob[List[str]], run: str, reason: str, bar: tqdm) -> None:
        self._failed[run] = f"{reason} (all of it in {running.log})"
        bar.write(f"{run}: failed: {self._failed[run]}", file=sys.stderr)
        self._note(running, run, bar)

    def _note(self, running: RunningJob[List[str]], run: str, bar: tqdm) -> None:
        running.job.remove(run)
        write_tables(self._plan.directory)
        bar.update()
