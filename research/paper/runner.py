"""Runs what is missing of an experiment, several runs at once where asked to."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

from tqdm import tqdm

from hmtl.common.overrides import joined
from hmtl.errors import UserError
from hmtl.jobs.executor import Executor
from hmtl.jobs.job_pool import JobPool, JobsStopped, RunningJob
from research.paper.experiment import Experiment, seed_overrides
from research.paper.run import Job


class Runner:
    """Runs experiments, each in a process of its own.

    # Parameters

    experiments : `Sequence[Experiment]`
    configs : `Path`
        The folder of the configurations, `{corpora}/{setup}.jsonnet`.
    executor : `Executor`
    jobs : `int`
        How many run at once.
    preset : `str`
        What HMTL_PRESET is, for the record.
    overrides : `Dict[str, Any]`
        Of all configurations.
    command : `Sequence[str]`
        What the user called, for the record.
    packages : `Sequence[str]`
        For `--include-package`.
    """

    def __init__(
        self,
        experiments: Sequence[Experiment],
        configs: Path,
        executor: Executor,
        jobs: int,
        preset: str,
        overrides: Dict[str, Any],
        command: Sequence[str] = (),
        packages: Sequence[str] = (),
    ) -> None:
        self._experiments = experiments
        self._configs = configs
        self._preset = preset
        self._overrides = overrides
        self._command = list(command)
        self._packages = list(packages)
        self._pool: JobPool[Experiment] = JobPool(executor, jobs)
        self._failed: Dict[Experiment, str] = {}

    def run(self) -> Dict[Experiment, str]:
        """Runs all that is not finished; returns the reasons of those that failed.

        # Raises

        UserError
            Where a finished run was made with another preset or other overrides.
        JobsStopped
            After a SIGINT or SIGTERM; the processes have saved their checkpoints.
        """
        missing = [experiment for experiment in self._experiments if not self._is_finished(experiment)]
        wanted = len(self._experiments)

        def start_next() -> bool:
            if missing:
                self._start(missing.pop(0))
                return True
            return False

        with self._pool, tqdm(total=wanted, initial=wanted - len(missing), unit="run", desc="runs") as bar:
            for running, code in self._pool.run(start_next):
                self._look_at(running, code, bar)
                self._pool.show(bar, ", ".join(each.job.name for each in self._pool.running))
            if self._pool.received is not None:
                finished, output = bar.n - len(self._failed), self._experiments[0].output
                raise JobsStopped(self._pool.received, finished, wanted, "runs", output)
        return self._failed

    def _is_finished(self, experiment: Experiment) -> bool:
        record = experiment.record()
        if record is None:
            return False
        job = asdict(self._job(experiment))
        for key in ("preset", "overrides"):
            if record.get(key) != json.loads(json.dumps(job[key])):
                raise UserError(
                    f"{experiment.directory}: a run with another {key} ({json.dumps(record.get(key))}); "
                    "choose another --output, or remove this one"
                )
        return bool(record["finished"])

    def _job(self, experiment: Experiment) -> Job:
        return Job(
            corpora=experiment.corpora,
            setup=experiment.setup,
            seed=experiment.seed,
            preset=self._preset,
            configuration=str(self._configs / experiment.corpora / f"{experiment.setup}.jsonnet"),
            directory=str(experiment.directory),
            overrides=joined([self._overrides, seed_overrides(experiment.seed)]),
            command=self._command,
            packages=self._packages,
        )

    def _start(self, experiment: Experiment) -> None:
        self._pool.start(experiment, [json.dumps(asdict(self._job(experiment)))], experiment.log)

    def _look_at(self, running: RunningJob[Experiment], code: Optional[int], bar: tqdm) -> None:
        if code is None:
            return
        experiment, outcome = running.job, "finished"
        if code != 0:
            self._failed[experiment] = running.failure_reason(code)
            outcome = f"failed: {self._failed[experiment]} (all of it in {experiment.log})"
        bar.update()
        bar.write(f"{experiment.directory}: {outcome}", file=sys.stderr)
