"""Where jobs run, such as the trials of a search or the runs of an experiment: as processes of this machine."""

import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Dict, List, Optional, Sequence

TRAIN = (sys.executable, "-m", "hmtl.jobs.child_process")


class JobProcess(ABC):
    """A command that runs somewhere."""

    @abstractmethod
    def poll(self) -> Optional[int]:
        """Its exit code, negative for the signal that killed it; `None` while it runs."""

    @abstractmethod
    def stop(self) -> None:
        """Asks it to save what it has and end (SIGTERM); once it has ended, does nothing."""

    @abstractmethod
    def kill(self) -> None:
        """Ends it at once."""


class Executor(ABC):
    """Starts commands. They see the working directory of this process, and its file system."""

    @abstractmethod
    def start(self, command: List[str], log: Path) -> JobProcess:
        """Starts a command whose output is appended to `log`."""

    def close(self) -> None:  # noqa: B027  (most have nothing to do)
        """Gives back what the executor holds."""


class LocalExecutor(Executor):
    """Processes of this machine.

    # Parameters

    jobs : `int`
        How many run at once: they share the cores, unless OMP_NUM_THREADS is set, which each then has.
    devices : `Sequence[str]`
        GPUs, as CUDA_VISIBLE_DEVICES names them, to deal out, one to a process; where there is none, each sees all.
    lock : `int`, optional
        A file descriptor that the processes inherit, so that a lock on it lasts until all have ended.
    program : `Sequence[str]`
        What goes before a command.
    """

    def __init__(
        self, jobs: int, devices: Sequence[str] = (), lock: int = None, program: Sequence[str] = TRAIN
    ) -> None:
        self._slots: List[Optional["LocalProcess"]] = [None] * jobs
        self._devices = devices
        self._lock = lock
        self._program = program

    def start(self, command: List[str], log: Path) -> JobProcess:
        slot = next(index for index, process in enumerate(self._slots) if process is None or process.poll() is not None)
        with open(log, "ab") as output:
            popen = subprocess.Popen(
                [*self._program, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment(slot)},
                # Ctrl-C is for this process alone, which stops its jobs itself.
                start_new_session=True,
                pass_fds=() if self._lock is None else (self._lock,),
            )
        process = LocalProcess(popen)
        self._slots[slot] = process
        return process

    def _environment(self, slot: int) -> Dict[str, str]:
        environment: Dict[str, str] = {}
        if len(self._slots) > 1 and "OMP_NUM_THREADS" not in os.environ:
            environment["OMP_NUM_THREADS"] = str(max(1, num_cores() // len(self._slots)))
        if self._devices:
            environment["CUDA_VISIBLE_DEVICES"] = self._devices[slot % len(self._devices)]
        return environment


class LocalProcess(JobProcess):
    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def poll(self) -> Optional[int]:
        return self._process.poll()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._process.kill()


def num_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def devices_to_deal_out(jobs: int) -> List[str]:
    """The GPUs for processes that run at once, as CUDA_VISIBLE_DEVICES names them; none where there is no choice."""
    from torch import cuda

    if jobs == 1 or cuda.device_count() < 2:
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",") if visible else [str(device) for device in range(cuda.device_count())]
