"""Jobs in several processes at once, here or on a cluster: started, looked at, stopped with what they have.

The trials of a search, the runs of an experiment and those of a study are jobs. A pool knows how to run them; what is
to be run, what a job has done so far and how an interrupted one is resumed, whoever has the jobs knows.
"""

import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Callable, Generic, Iterator, List, Optional, Tuple, Type, TypeVar

from tqdm import tqdm

from hmtl.common.stop_signals import Stopped, StopSignals
from hmtl.common.terminal import is_terminal
from hmtl.jobs.executor import Executor, JobProcess

SECONDS_BETWEEN_LOOKS = 0.5
# For a job to finish its update and write a checkpoint; then it is killed.
SECONDS_TO_STOP = 120.0

# The key by which the caller knows a job.
Job = TypeVar("Job")


class JobsStopped(Stopped):
    """The jobs were stopped; `unit` says what they are, such as "trials"."""

    def __init__(self, signum: int, finished: int, wanted: int, unit: str, directory: Path) -> None:
        super().__init__(
            signum, f"{finished} of {wanted} {unit} are finished, and the same command goes on with {directory}"
        )


@dataclass
class RunningJob(Generic[Job]):
    """A job and its process.

    # Attributes

    job : `Job`
        What it was started as.
    log : `Path`
        Its output.
    log_start : `int`
        Where the output of this process begins in the log, which may hold that of one before.
    stop_by : `Optional[float]`
        When it is killed, where it has been asked to stop; by `time.monotonic()`.
    """

    job: Job
    process: JobProcess
    log: Path
    log_start: int
    stop_by: Optional[float] = None

    def poll(self) -> Optional[int]:
        """Its exit code, negative for the signal that killed it; `None` while it runs."""
        code = self.process.poll()
        if code is None and self.stop_by is not None and time.monotonic() > self.stop_by:
            self.process.kill()
        return code

    def stop(self) -> None:
        """Asks it to save what it has and end."""
        if self.stop_by is None:
            self.stop_by = time.monotonic() + SECONDS_TO_STOP
            self.process.stop()

    def failure_reason(self, code: int) -> str:
        """Why it failed, in one line, from its exit code and its output."""
        if code < 0:
            name = signal.Signals(-code).name
            return f"killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"
        with open(self.log, "rb") as file:
            file.seek(self.log_start)
            lines = [line.strip() for line in file.read().decode("utf-8", errors="replace").splitlines()]
        lines = [line for line in lines if line]
        said = [line.removeprefix("hmtl: ").removeprefix("error: ") for line in lines if line.startswith("hmtl: ")]
        return (said or lines or [f"exit code {code}"])[-1][:500]


class JobPool(Generic[Job]):
    """Runs jobs, so many at once. Used as a context: whatever ends its block, no job outlives it.

    SIGINT and SIGTERM are noted meanwhile; the jobs are then asked to save what they have, and `received` is the
    signal, which whoever has the jobs raises `JobsStopped` for.

    # Parameters

    executor : `Executor`
    size : `int`
        How many run at once.
    """

    def __init__(self, executor: Executor, size: int) -> None:
        self._executor = executor
        self._size = size
        self._signals = StopSignals()
        self._stack = ExitStack()
        self._shown = ""
        self.running: List[RunningJob[Job]] = []

    def __enter__(self) -> "JobPool[Job]":
        self._stack.enter_context(self._signals.noted())
        self._stack.callback(self.stop)
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> Optional[bool]:
        return self._stack.__exit__(kind, error, trace)

    @property
    def received(self) -> Optional[int]:
        """The signal that has stopped the jobs."""
        return self._signals.received

    def start(self, job: Job, command: List[str], log: Path) -> None:
        """Starts a job, whose output is appended to a log."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log_start = log.stat().st_size if log.exists() else 0
        self.running.append(RunningJob(job, self._executor.start(command, log), log, log_start))

    def run(self, start_next: Callable[[], bool]) -> Iterator[Tuple[RunningJob[Job], Optional[int]]]:
        """Keeps the pool full, and yields each job at each look, with its exit code once it has ended.

        Ends when there is nothing left to run, or a signal has come and all jobs have ended.

        # Parameters

        start_next : `Callable[[], bool]`
            Starts the next job; whether there was one. It is asked whenever there is room.
        """
        while self.received is None:
            while len(self.running) < self._size and start_next():
                pass
            if not self.running:
                return
            for running in list(self.running):
                # The exit code is asked for before the output is read: once a job has ended, its output is complete.
                code = running.poll()
                if code is not None:
                    self.running.remove(running)
                yield running, code
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self.stop()

    def stop(self) -> None:
        """Ends all jobs, which save what they have, to be gone on with."""
        for running in self.running:
            running.stop()
        while any(running.poll() is None for running in self.running):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self.running.clear()

    def show(self, bar: tqdm, names: str) -> None:
        """Shows beside a progress bar what runs; where nothing is redrawn, only when it has changed."""
        if is_terminal() or names != self._shown:
            bar.set_postfix_str(names)
            self._shown = names
