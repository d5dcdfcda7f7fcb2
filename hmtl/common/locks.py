"""Locks on files: one process, and those that it starts, at a time."""

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from hmtl.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# What a process that was killed had started saves a checkpoint before it ends.
SECONDS_FOR_THE_OTHERS = 30


def take(descriptor: int, path: Path) -> bool:
    """Takes the lock of an open file or directory; `False` where another process has it.

    Closing the descriptor, in this process and in those that inherited it, gives the lock back. Where the system, or
    the file system, has no locks, a line on stderr says so, and the work goes on without.
    """
    reason = "this system has none"
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError as error:  # NFS without its lock service, for one
            reason = error.strerror or str(error)
    print(f"{path}: no lock can be had ({reason}); see to it that no other process writes there", file=sys.stderr)
    return True


def is_running(pid: int) -> bool:
    """Whether this machine runs a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user's
        return True
    return True


@contextmanager
def locked(path: Path, others: str) -> Iterator[int]:
    """Holds the lock of a file, whose descriptor it yields: processes that inherit it hold the lock, too.

    `others` says who may have it instead, as in "another search".

    # Raises

    UserError
        Where they keep it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _wait_for(descriptor, path.parent, others)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, directory: Path, others: str) -> None:
    deadline = time.monotonic() + SECONDS_FOR_THE_OTHERS
    told = False
    while not take(descriptor, directory):
        if time.monotonic() > deadline:
            raise UserError(f"{directory}: {others}, still runs")
        if not told:
            print(f"{directory}: waiting for {others}", file=sys.stderr)
            told = True
        time.sleep(0.2)
