"""Several processes that serve at one address, and the one that starts them.

All wait at one socket, and whichever is free first takes the next connection. Each has the models, limits and counters
of its own.
"""

import logging
import logging.config
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from hmtl.server.watch import LOG_CONFIG

# Tells a process which worker it is: its number, and the file descriptors of its two sockets.
_VARIABLE = "HMTL_SERVE_WORKER"
_UP = b"1"
_LOOK_SECONDS = 0.1
# A worker that cannot start while others serve is tried again after this time.
_RETRY_SECONDS = 10.0

_LOGGER = logging.getLogger("hmtl.server")


@dataclass(frozen=True)
class Worker:
    """This process as one of several.

    # Parameters

    number : `int`
        From 0 on.
    listening : `socket.socket`
        That of all workers.
    supervisor : `socket.socket`
        To the process that started it; when that ends, so does the worker, as on SIGTERM.
    """

    number: int
    listening: socket.socket
    supervisor: socket.socket

    @classmethod
    def of_this_process(cls) -> Optional["Worker"]:
        """Which worker this process was started as, if any; to be asked once."""
        given = os.environ.pop(_VARIABLE, None)
        if given is None:
            return None
        number, *descriptors = map(int, given.split(","))
        worker = cls(number, *(socket.socket(fileno=descriptor) for descriptor in descriptors))
        threading.Thread(target=worker._end_with_supervisor, daemon=True).start()
        return worker

    def tell_up(self) -> None:
        """Says that it answers requests."""
        with suppress(OSError):
            self.supervisor.send(_UP)

    def _end_with_supervisor(self) -> None:
        with suppress(OSError):
            self.supervisor.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)


class _Started:
    """A worker as its supervisor has it."""

    def __init__(self, number: int, listening: socket.socket) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        descriptors = (listening.fileno(), theirs.fileno())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hmtl", *sys.argv[1:]],
            env={**os.environ, _VARIABLE: ",".join(map(str, (number, *descriptors)))},
            pass_fds=descriptors,
        )
        theirs.close()
        self._is_up = False

    @property
    def is_up(self) -> bool:
        """Whether it has said that it answers requests."""
        if not self._is_up:
            with suppress(OSError):
                self._is_up = self._ours.recv(1) == _UP
        return self._is_up

    def close(self) -> None:
        self._ours.close()


def supervise(number: int, listening: socket.socket) -> int:
    """Starts so many workers by the command line of this process, and starts one that ends anew, until SIGTERM or
    Ctrl-C; passes on these and SIGHUP. Returns the exit code, which is that of a first worker that does not start.

    The second worker starts when the first answers, and so on: what is wrong is said once.
    """
    logging.config.dictConfig(LOG_CONFIG)
    workers: Dict[int, _Started] = {}
    stopping: List[int] = []

    def stop(signum: int, _: Any) -> None:
        stopping.append(signum)
        tell(signal.SIGTERM)

    def tell(signum: int) -> None:
        for worker in workers.values():
            worker.process.send_signal(signum)

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    if not sys.stderr.isatty() and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda signum, _: tell(signum))
    ever_up = False
    not_before = dict.fromkeys(range(number), 0.0)
    while not stopping:
        ever_up = ever_up or any(worker.is_up for worker in workers.values())
        for which, worker in list(workers.items()):
            code = worker.process.poll()
            if code is None or stopping:
                continue
            was_up = worker.is_up
            worker.close()
            del workers[which]
            if not ever_up:
                return code or 1
            _LOGGER.error("a worker has ended", extra={"fields": {"worker": which, "exit_code": code}})
            not_before[which] = time.monotonic() + (0.0 if was_up else _RETRY_SECONDS)
        missing = [which for which in range(number) if which not in workers and time.monotonic() >= not_before[which]]
        if missing and not stopping and all(worker.is_up for worker in workers.values()):
            workers[missing[0]] = _Started(missing[0], listening)
        time.sleep(_LOOK_SECONDS)
    # Where the signal came between, the last one was not told.
    tell(signal.SIGTERM)
    for worker in workers.values():
        worker.process.wait()
    return 0
