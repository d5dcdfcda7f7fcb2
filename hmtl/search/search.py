"""The search itself: begins trials, follows their epochs, ends the hopeless ones."""

import json
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from optuna.trial import Trial, TrialState
from tqdm import tqdm

from hmtl.common.stop_signals import StopSignals, TrainingStopped
from hmtl.errors import UserError
from hmtl.jobs.executor import Executor, TrialProcess, failure_reason
from hmtl.search.directory import CONFIGURATION, LOGS
from hmtl.search.metric import Metric
from hmtl.search.report import Report, name_of
from hmtl.search.space import SearchSpace
from hmtl.search.study import Trials, best_trial

SECONDS_BETWEEN_LOOKS = 0.5
# For a trial to finish its update and write a checkpoint.
SECONDS_TO_STOP = 120.0
# So many trials that fail alike before they train, and none before them that does better, end the search.
MISTAKES = 3
USER_ERROR = 2


class SearchStopped(TrainingStopped):
    """The search ended early because of a signal; the same command goes on."""

    def __init__(self, signum: int, finished: int, wanted: int, directory: Path) -> None:
        self.exit_code = 128 + signum
        verb = "interrupted" if signum == signal.SIGINT else "terminated"
        Exception.__init__(
            self, f"{verb}; {finished} of {wanted} trials are finished, and the same command goes on with {directory}"
        )


@dataclass
class RunningTrial:
    """A trial and its process.

    # Attributes

    log_start : `int`
        Where the output of this process begins in its log, which may hold that of one before.
    scores : `Dict[int, float]`
        Of the epochs that Optuna has been told of.
    pruned : `bool`
        Whether the pruner has ended it.
    stop_by : `Optional[float]`
        When it is killed, where it has been asked to stop.
    """

    trial: Trial
    directory: Path
    log: Path
    process: TrialProcess
    log_start: int
    scores: Dict[int, float] = field(default_factory=dict)
    pruned: bool = False
    stop_by: Optional[float] = None

    def stop(self) -> None:
        if self.stop_by is None:
            self.stop_by = time.monotonic() + SECONDS_TO_STOP
            self.process.stop()

    def poll(self) -> Optional[int]:
        code = self.process.poll()
        if code is None and self.stop_by is not None and time.monotonic() > self.stop_by:
            self.process.kill()
        return code


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
        self._executor = executor
        self._report = report
        self._wanted = trials.limit(wanted)
        self._jobs = jobs
        self._num_epochs = num_epochs
        self._timeout = timeout
        self._packages = packages
        self._running: List[RunningTrial] = []
        # What the first trials of this call failed with; `None` once one has trained.
        self._mistakes: Optional[Counter] = Counter()

    def run(self) -> None:
        """Runs all trials that are wanted and not finished.

        # Raises

        UserError
            Where the first trials show a mistake in the configuration, the space or the metric.
        SearchStopped
            After a SIGINT or SIGTERM; the running trials have saved their checkpoints.
        """
        signals = StopSignals()
        begun = time.monotonic()
        interrupted = self._trials.interrupted()
        finished = len(self._trials.all()) - len(interrupted)
        with signals.noted(), tqdm(total=self._wanted, initial=finished, unit="trial", desc="search") as bar:
            self._show_best(bar)
            try:
                while True:
                    if signals.received is not None:
                        self._stop_all()
                        raise SearchStopped(signals.received, bar.n, self._wanted, self._directory)
                    while len(self._running) < self._jobs:
                        late = self._timeout is not None and time.monotonic() - begun > self._timeout
                        if interrupted:
                            self._start(interrupted.pop(0), recover=True)
                        elif not late and len(self._trials.all()) < self._wanted:
                            self._start(self._trials.begin())
                        else:
                            break
                    if not self._running:
                        break
                    for running in list(self._running):
                        self._look_at(running, bar)
                    time.sleep(SECONDS_BETWEEN_LOOKS)
            finally:
                self._stop_all()

    def _start(self, trial: Trial, recover: bool = False) -> None:
        name = name_of(trial.number)
        directory, log = self._directory / name, self._directory / LOGS / f"{name}.log"
        values = self._space.suggest(trial)
        command = ["train", str(self._directory / CONFIGURATION), "-s", str(directory), "-o", json.dumps(values)]
        command += ["--file-friendly-logging"]
        for package in self._packages:
            command += ["--include-package", package]
        if recover and any(directory.glob("checkpoint_e*_b*.json")):
            command += ["--recover"]
        elif directory.exists():  # of a trial that was killed before its first checkpoint, or of an abandoned search
            command += ["--force"]
        log_start = log.stat().st_size if log.exists() else 0
        process = self._executor.start(command, log)
        [known] = [known for known in self._trials.all() if known.number == trial.number]
        self._running.append(RunningTrial(trial, directory, log, process, log_start, dict(known.intermediate_values)))

    def _look_at(self, running: RunningTrial, bar: tqdm) -> None:
        """Tells Optuna of what is new about a trial: its epochs, its end."""
        code = running.poll()  # first: once it has ended, all its epochs are there
        try:
            self._report_epochs(running)
        except UserError as error:
            self._finish(running, bar, TrialState.FAIL, reason=str(error))
            raise
        if code is None:
            return
        self._running.remove(running)
        best = self._metric.best(running.scores.values())
        if running.pruned:
            self._finish(running, bar, TrialState.PRUNED)
        elif code != 0:
            reason = failure_reason(code, running.log, running.log_start)
            self._finish(running, bar, TrialState.FAIL, reason=reason)
            self._note_mistake(running, code, reason)
        elif best is None:
            what = "is not a number in any epoch" if running.scores else "is nowhere, for no epoch was done"
            self._finish(running, bar, TrialState.FAIL, reason=f"{self._metric.name} {what}")
        else:
            self._finish(running, bar, TrialState.COMPLETE, value=best)

    def _report_epochs(self, running: RunningTrial) -> None:
        """Reports the new epochs one by one, as if each had been seen at once: what is pruned is no matter of time."""
        while not running.pruned:
            epoch = len(running.scores)
            score = self._metric.of_epoch(running.directory, epoch)
            if score is None:
                return
            running.trial.report(score, epoch)
            running.scores[epoch] = score
            if not self._is_last(epoch, running.trial) and running.trial.should_prune():
                running.pruned = True
                running.stop()

    def _is_last(self, epoch: int, trial: Trial) -> bool:
        """Whether nothing would be saved by ending the trial after this epoch."""
        num_epochs: Any = self._space.decode(trial.params).get("trainer.num_epochs", self._num_epochs)
        return isinstance(num_epochs, int) and epoch + 1 >= num_epochs

    def _finish(
        self, running: RunningTrial, bar: tqdm, state: TrialState, value: float = None, reason: str = None
    ) -> None:
        trial = running.trial
        if reason is not None:
            trial.set_user_attr("reason", reason)
        self._trials.study.tell(trial, value, state)
        if state != TrialState.FAIL or running.directory.exists():
            self._mistakes = None
        self._report.write_trials(self._trials.study)
        bar.update()
        self._show_best(bar)
        bar.write(f"{running.directory}: {self._report.outcome(self._trials.study, trial.number)}", file=sys.stderr)

    def _note_mistake(self, running: RunningTrial, code: int, reason: str) -> None:
        """A mistake that ends a run before it trains leaves no directory, so that a diverging trial is none."""
        if self._mistakes is None or code != USER_ERROR:
            return
        message = reason.replace(running.directory.name, "trial")
        self._mistakes[message] += 1
        if self._mistakes[message] >= MISTAKES:
            raise UserError(f"the first {MISTAKES} trials failed alike: {message} (all of it in {running.log})")

    def _show_best(self, bar: tqdm) -> None:
        best = best_trial(self._trials.study)
        if best is not None:
            bar.set_postfix_str(f"best {best.value:.5g} ({name_of(best.number)})")

    def _stop_all(self) -> None:
        """Ends the running trials, which stay to be gone on with."""
        for running in self._running:
            running.stop()
        while any(running.poll() is None for running in self._running):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self._running.clear()
