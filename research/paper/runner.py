"""Runs what is missing of an experiment, several runs at once where asked to."""

import json
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence

from tqdm import tqdm

from hmtl.common.overrides import joined
from hmtl.common.stop_signals import StopSignals, TrainingStopped
from hmtl.common.terminal import is_terminal
from hmtl.errors import UserError
from hmtl.jobs.executor import Executor, TrialProcess, failure_reason
from research.paper.experiment import Experiment, seed_overrides
from research.paper.run import Job

SECONDS_BETWEEN_LOOKS = 0.5


class ReproductionStopped(TrainingStopped):
    """The runs ended early because of a signal; the same command goes on."""

    def __init__(self, signum: int, finished: int, wanted: int, output: Path) -> None:
        self.exit_code = 128 + signum
        verb = "interrupted" if signum == signal.SIGINT else "terminated"
        Exception.__init__(
            self, f"{verb}; {finished} of {wanted} runs are finished, and the same command goes on with {output}"
        )


@dataclass
class _Running:
    experiment: Experiment
    process: TrialProcess
    # Where the output of this process begins in its log, which may hold that of one before.
    log_start: int


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
        self._executor = executor
        self._jobs = jobs
        self._preset = preset
        self._overrides = overrides
        self._command = list(command)
        self._packages = list(packages)
        self._running: List[_Running] = []
        self._shown = ""

    def run(self) -> Dict[Experiment, str]:
        """Runs all that is not finished; returns the reasons of those that failed.

        # Raises

        UserError
            Where a finished run was made with another preset or other overrides.
        ReproductionStopped
            After a SIGINT or SIGTERM; the processes have saved their checkpoints.
        """
        missing = [experiment for experiment in self._experiments if not self._is_finished(experiment)]
        failed: Dict[Experiment, str] = {}
        signals, wanted = StopSignals(), len(self._experiments)
        with signals.noted(), tqdm(total=wanted, initial=wanted - len(missing), unit="run", desc="runs") as bar:
            try:
                while missing or self._running:
                    if signals.received is not None:
                        self._stop_all()
                        raise ReproductionStopped(
                            signals.received, bar.n - len(failed), wanted, self._experiments[0].output
                        )
                    while missing and len(self._running) < self._jobs:
                        self._start(missing.pop(0))
                    for running in list(self._running):
                        self._look_at(running, failed, bar)
                    self._show(bar)
                    time.sleep(SECONDS_BETWEEN_LOOKS)
            finally:
                self._stop_all()
        return failed

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
        experiment.log.parent.mkdir(parents=True, exist_ok=True)
        log_start = experiment.log.stat().st_size if experiment.log.exists() else 0
        process = self._executor.start([json.dumps(asdict(self._job(experiment)))], experiment.log)
        self._running.append(_Running(experiment, process, log_start))

    def _look_at(self, running: _Running, failed: Dict[Experiment, str], bar: tqdm) -> None:
        code = running.process.poll()
        if code is None:
            return
        self._running.remove(running)
        experiment, outcome = running.experiment, "finished"
        if code != 0:
            failed[experiment] = failure_reason(code, experiment.log, running.log_start)
            outcome = f"failed: {failed[experiment]} (all of it in {experiment.log})"
        bar.update()
        bar.write(f"{experiment.directory}: {outcome}", file=sys.stderr)

    def _show(self, bar: tqdm) -> None:
        names = ", ".join(running.experiment.name for running in self._running)
        if is_terminal() or names != self._shown:  # a log gets a line only where something is new
            bar.set_postfix_str(names)
            self._shown = names

    def _stop_all(self) -> None:
        """Ends the processes, which save what they have: the same runs are gone on with."""
        for running in self._running:
            running.process.stop()
        while any(running.process.poll() is None for running in self._running):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self._running.clear()
