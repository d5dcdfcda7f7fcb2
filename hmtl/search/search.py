"""The search itself: begins trials, follows their epochs, ends the hopeless ones."""

import json
import math
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from optuna.trial import Trial, TrialState
from tqdm import tqdm

from hmtl.errors import UserError
from hmtl.jobs.executor import Executor
from hmtl.jobs.job_pool import JobPool, JobsStopped, RunningJob
from hmtl.runs.run_directory import RunDirectory
from hmtl.search.directory import CONFIGURATION, LOGS
from hmtl.search.metric import Metric
from hmtl.search.report import Report, name_of
from hmtl.search.space import SearchSpace
from hmtl.search.study import Trials, best_trial

# So many trials that fail alike before they train, and none before them that does better, end the search.
MISTAKES = 3
USER_ERROR = 2


@dataclass
class TrialRun:
    """A trial, and the run that it is.

    # Attributes

    scores : `Dict[int, float]`
        Of the epochs that Optuna has been told of.
    pruned : `bool`
        Whether the pruner has ended it.
    """

    trial: Trial
    directory: Path
    scores: Dict[int, float] = field(default_factory=dict)
    pruned: bool = False


class Search:
    """Runs the trials of a directory.

    # Parameters

    directory : `Path`
        Holds the configuration of all trials; each gets a directory of its own in it, an ordinary run.
    trials : `Trials`
    space : `SearchSpace`
    metric : `Metric`
    executor : `Executor`
    report : `Report`
    wanted : `int`
        How many trials there should be in the end, those of earlier calls included.
    jobs : `int`
        How many run at once.
    num_epochs : `Optional[int]`
        Of the configuration; a trial is not pruned after its last epoch.
    timeout : `Optional[float]`
        Seconds after which no trial is begun.
    packages : `Sequence[str]`
        For `--include-package`.
    """

    def __init__(
        self,
        directory: Path,
        trials: Trials,
        space: SearchSpace,
        metric: Metric,
        executor: Executor,
        report: Report,
        wanted: int,
        jobs: int = 1,
        num_epochs: Optional[int] = None,
        timeout: Optional[float] = None,
        packages: Sequence[str] = (),
    ) -> None:
        self._directory = directory
        self._trials = trials
        self._space = space
        self._metric = metric
        self._report = report
        self._wanted = trials.limit(wanted)
        self._num_epochs = num_epochs
        self._timeout = timeout
        self._packages = packages
        self._pool: JobPool[TrialRun] = JobPool(executor, jobs)
        self._interrupted: List[Trial] = []
        self._begin_until = math.inf
        # What the first trials of this call failed with; `None` once one has trained.
        self._mistakes: Optional[Counter] = Counter()

    def run(self) -> None:
        """Runs all trials that are wanted and not finished.

        # Raises

        UserError
            Where the first trials show a mistake in the configuration, the space or the metric.
        JobsStopped
            After a SIGINT or SIGTERM; the running trials have saved their checkpoints.
        """
        if self._timeout is not None:
            self._begin_until = time.monotonic() + self._timeout
        self._interrupted = self._trials.interrupted()
        finished = len(self._trials.all()) - len(self._interrupted)
        with self._pool, tqdm(total=self._wanted, initial=finished, unit="trial", desc="search") as bar:
            self._show_best(bar)
            for running, code in self._pool.run(self._start_next):
                self._look_at(running, code, bar)
            if self._pool.received is not None:
                raise JobsStopped(self._pool.received, bar.n, self._wanted, "trials", self._directory)

    def _start_next(self) -> bool:
        if self._interrupted:
            self._start(self._interrupted.pop(0), recover=True)
        elif time.monotonic() <= self._begin_until and len(self._trials.all()) < self._wanted:
            self._start(self._trials.begin())
        else:
            return False
        return True

    def _start(self, trial: Trial, recover: bool = False) -> None:
        name = name_of(trial.number)
        directory = self._directory / name
        values = self._space.suggest(trial)
        command = ["train", str(self._directory / CONFIGURATION), "-s", str(directory), "-o", json.dumps(values)]
        command += ["--file-friendly-logging"]
        for package in self._packages:
            command += ["--include-package", package]
        if recover:
            command += RunDirectory(directory).resume_options()
        elif directory.exists():  # of an abandoned search
            command += ["--force"]
        [known] = [known for known in self._trials.all() if known.number == trial.number]
        job = TrialRun(trial, directory, dict(known.intermediate_values))
        self._pool.start(job, command, self._directory / LOGS / f"{name}.log")

    def _look_at(self, running: RunningJob[TrialRun], code: Optional[int], bar: tqdm) -> None:
        """Tells Optuna of what is new about a trial: its epochs, its end."""
        job = running.job
        try:
            self._report_epochs(running)
        except UserError as error:
            self._finish(job, bar, TrialState.FAIL, reason=str(error))
            raise
        if code is None:
            return
        best = self._metric.best(job.scores.values())
        if job.pruned:
            self._finish(job, bar, TrialState.PRUNED)
        elif code != 0:
            reason = running.failure_reason(code)
            self._finish(job, bar, TrialState.FAIL, reason=reason)
            self._note_mistake(running, code, reason)
        elif best is None:
            what = "is not a number in any epoch" if job.scores else "is nowhere, for no epoch was done"
            self._finish(job, bar, TrialState.FAIL, reason=f"{self._metric.name} {what}")
        else:
            self._finish(job, bar, TrialState.COMPLETE, value=best)

    def _report_epochs(self, running: RunningJob[TrialRun]) -> None:
        """Reports the new epochs one by one, as if each had been seen at once: what is pruned is no matter of time."""
        job = running.job
        while not job.pruned:
            epoch = len(job.scores)
            score = self._metric.of_epoch(job.directory, epoch)
            if score is None:
                return
            job.trial.report(score, epoch)
            job.scores[epoch] = score
            if not self._is_last(epoch, job.trial) and job.trial.should_prune():
                job.pruned = True
                running.stop()

    def _is_last(self, epoch: int, trial: Trial) -> bool:
        """Whether nothing would be saved by ending the trial after this epoch."""
        num_epochs: Any = self._space.decode(trial.params).get("trainer.num_epochs", self._num_epochs)
        return isinstance(num_epochs, int) and epoch + 1 >= num_epochs

    def _finish(self, job: TrialRun, bar: tqdm, state: TrialState, value: float = None, reason: str = None) -> None:
        trial = job.trial
        if reason is not None:
            trial.set_user_attr("reason", reason)
        self._trials.study.tell(trial, value, state)
        if state != TrialState.FAIL or job.directory.exists():
            self._mistakes = None
        self._report.write_trials(self._trials.study)
        bar.update()
        self._show_best(bar)
        bar.write(f"{job.directory}: {self._report.outcome(self._trials.study, trial.number)}", file=sys.stderr)

    def _note_mistake(self, running: RunningJob[TrialRun], code: int, reason: str) -> None:
        """A mistake that ends a run before it trains leaves no directory, so that a diverging trial is none."""
        if self._mistakes is None or code != USER_ERROR:
            return
        message = reason.replace(running.job.directory.name, "trial")
        self._mistakes[message] += 1
        if self._mistakes[message] >= MISTAKES:
            raise UserError(f"the first {MISTAKES} trials failed alike: {message} (all of it in {running.log})")

    def _show_best(self, bar: tqdm) -> None:
        best = best_trial(self._trials.study)
        if best is not None:
            bar.set_postfix_str(f"best {best.value:.5g} ({name_of(best.number)})")
