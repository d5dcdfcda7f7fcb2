"""The processes of distributed training on this machine: starts them, waits for them, and says what ended them."""

import os
import signal
import threading
import time
import traceback
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Callable, Iterator, List, Mapping, NamedTuple, Optional

from allennlp.common import Tqdm, util
from torch import multiprocessing

from hmtl.common.explain import explain
from hmtl.common.stop_signals import TrainingStopped
from hmtl.errors import UserError

# The seconds that the other workers may take to end by themselves once one has failed.
GRACE_SECONDS = 10.0


class LostWorker(UserError):
    """Another worker no longer answers."""


def how_to_go_on(serialization_dir: str) -> str:
    """What the user can do where training did not come to its end."""
    return f"the same command with --recover goes on with {serialization_dir} from its last checkpoint"


class Outcome(NamedTuple):
    """How a worker ended: `signum` where a signal stopped it, else the `error` for the user and the `traceback`."""

    signum: Optional[int] = None
    error: Optional[str] = None
    traceback: str = ""
    lost_another: bool = False


def run_workers(works: Mapping[str, Callable[[], None]], serialization_dir: str) -> None:
    """Runs each function in a process of its own, by whose name errors speak of it, until all have returned.

    Where one fails, or SIGTERM or SIGINT comes, the others end, too.

    # Raises

    UserError
        Where a worker is killed, no longer answers, or fails through a mistake of the user's.
    TrainingStopped
        Where the workers have answered a signal by saving.
    """
    # A process that has used a GPU, or several threads, must not be forked.
    context = multiprocessing.get_context("spawn")
    workers = []
    for name, work in works.items():
        ours, theirs = context.Pipe()
        process = context.Process(target=_live, args=(work, theirs), name=name)
        process.start()
        theirs.close()
        workers.append(Worker(process, ours))
    _supervise(workers, serialization_dir)


def _live(work: Callable[[], None], supervisor: Connection) -> None:
    """The whole life of a worker process."""
    # Ctrl-C reaches the supervisor alone, which passes it on.
    os.setpgrp()
    # The default is a lock between processes, which a worker that is killed would leave locked.
    Tqdm.set_lock(threading.RLock())
    threading.Thread(target=_end_with_supervisor, args=(supervisor,), daemon=True).start()
    outcome = Outcome()
    try:
        work()
    except TrainingStopped as stopped:
        outcome = Outcome(signum=stopped.signum)
    except KeyboardInterrupt:
        outcome = Outcome(signum=signal.SIGINT)
    except Exception as error:
        outcome = Outcome(
            error=explain(error), traceback=traceback.format_exc(), lost_another=isinstance(error, LostWorker)
        )
    supervisor.send(outcome)
    if outcome != Outcome():
        # The usual exit of a process may wait for the other workers.
        os._exit(1)


def _end_with_supervisor(supervisor: Connection) -> None:
    """Waits for the supervisor to be killed, and then has this worker save a checkpoint and end."""
    try:
        supervisor.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


class Worker(NamedTuple):
    """A worker process, as its supervisor sees it."""

    process: BaseProcess
    connection: Connection

    def outcome(self) -> Outcome:
        """The outcome that the process, which has ended, has sent, or else what its exit code tells."""
        try:
            if self.connection.poll():
                return self.connection.recv()
        except (EOFError, OSError):
            pass
        code = self.process.exitcode
        how = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"
        return Outcome(error=f"{self.process.name} {how}")


def _supervise(workers: List[Worker], serialization_dir: str) -> None:
    """Waits for the workers; where one fails, ends the others and raises the reason."""
    with _signals_passed_on(workers) as received:
        failed = False
        running = list(workers)
        while running and not failed:
            wait([worker.process.sentinel for worker in running])
            ended = [worker for worker in running if not worker.process.is_alive()]
            running = [worker for worker in running if worker not in ended]
            failed = any(worker.process.exitcode != 0 for worker in ended)
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in running:
            worker.process.join(max(0.0, deadline - time.monotonic()))
        overdue = [worker for worker in running if worker.process.is_alive()]
        for worker in overdue:
            worker.process.kill()
            worker.process.join()
    outcomes = [worker.outcome() for worker in workers if worker not in overdue]
    failures = [outcome for outcome in outcomes if outcome != Outcome()]
    if failures:
        _raise(failures, received, serialization_dir)


def _raise(failures: List[Outcome], received: List[int], serialization_dir: str) -> None:
    """Raises the failure that caused the others."""
    for failure in failures:
        if failure.signum is not None:
            raise TrainingStopped(failure.signum, serialization_dir)
    errors = [failure for failure in failures if failure.error is None or failure.traceback or not received]
    # A signal that comes before training has begun ends workers without an error: there is nothing to save.
    if not errors:
        raise KeyboardInterrupt if received[0] == signal.SIGINT else util.SigTermReceived
    first = min(errors, key=lambda failure: failure.lost_another)
    if first.error is None:
        raise RuntimeError(f"a worker of distributed training failed:\n{first.traceback}")
    if not first.traceback:
        raise UserError(f"{first.error}, and training has ended; {how_to_go_on(serialization_dir)}")
    raise UserError(first.error) from RuntimeError(first.traceback)


@contextmanager
def _signals_passed_on(workers: List[Worker]) -> Iterator[List[int]]:
    """Within it SIGTERM and SIGINT are passed on to the workers, which save and end, and with them the supervisor.
    Yields the list of the signals so far."""
    received: List[int] = []

    def pass_on(signum: int, frame: Optional[FrameType]) -> None:
        received.append(signum)
        for worker in workers:
            if worker.process.is_alive() and worker.process.pid is not None:
                os.kill(worker.process.pid, signum)

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {signum: signal.signal(signum, pass_on) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
