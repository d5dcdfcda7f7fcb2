"""Locks on files: one process, and those that it starts, at a time."""

import fcntl
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from hmtl.errors import UserError

# What a process that was killed had started saves a checkpoint before it ends.
SECONDS_FOR_THE_OTHERS = 30


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
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UserError(f"{directory}: {others}, still runs") from None
        if not told:
            print(f"{directory}: waiting for {others}", file=sys.stderr)
            told = True
        time.sleep(0.2)
