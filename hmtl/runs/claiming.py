"""The claim on the directory of a run: it has one writer at a time, and loses no run to one that fails.

What `--force` replaces is kept in `.replaced`, within the directory, until the new run has its first checkpoint. A link
to the directory, and a mount point, stay what they are: only their content moves.
"""

import os
import shutil
import socket
import sys
import time
from contextlib import contextmanager, suppress
from multiprocessing import reduction
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple, Union

from hmtl.common.explain import explain
from hmtl.common.files import remove_left_partials
from hmtl.common.locks import SECONDS_FOR_THE_OTHERS, is_running, take
from hmtl.errors import UserError
from hmtl.runs.run_directory import RunDirectory

Directory = Union[str, os.PathLike]


class RunLock:
    """The lock of a run's directory. Given to a process that is spawned, it is held by that process, too."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __reduce__(self) -> Tuple[Any, ...]:
        return _inherited, (reduction.DupFd(self.descriptor),)


def _inherited(descriptor: Any) -> RunLock:
    return RunLock(descriptor.detach())


@contextmanager
def claimed(directory: Directory) -> Iterator[RunLock]:
    """Holds the lock of a run's directory, which it makes where it is missing, as long as the block runs.

    First it puts in order what processes that were killed left there: files that were half written, and a run that was
    to be replaced, which comes back unless the new one has a checkpoint. Where the block raises before that, the same
    is done. Else, after a mistake of the user's, what it wrote into an empty directory is removed, so that the mended
    command can run as it stands.

    # Raises

    UserError
        Where another process has the lock.
    """
    run = RunDirectory(directory)
    if run.path.exists() and not run.path.is_dir():
        raise UserError(f"{run.path}: expected a directory, found a file")
    existed = run.path.exists()
    lock = _locked(run)
    try:
        _put_in_order(run)
        remove_left_partials(run.path)
        was_empty = not run.entries()
        try:
            yield lock
        except BaseException as error:
            mistake = isinstance(error, Exception) and explain(error) is not None
            if run.replaced.exists() and not run.is_trained():
                bring_back(run.path)
            elif was_empty and mistake and not run.holds_training():
                _empty(run)
            elif run.is_trained():
                forget(run.path)
            raise
        forget(run.path)
    finally:
        _release(run, lock)
        if not existed:
            with suppress(OSError):  # not empty: a run
                run.path.rmdir()


def set_aside(directory: Directory) -> None:
    """Moves the run out of the way of a new one.

    # Raises

    OSError
        Where a part of it cannot be moved; all of it is then in its place.
    """
    run = RunDirectory(directory)
    if not run.entries():
        return
    run.leaving.mkdir()
    try:
        _move(run.entries(), run.leaving)
    except OSError:
        _take_back(run, run.leaving)
        raise
    run.leaving.rename(run.replaced)


def bring_back(directory: Directory) -> None:
    """Puts the run that was set aside back into its place, instead of what is there."""
    run = RunDirectory(directory)
    if not run.replaced.exists():
        return
    try:
        _empty(run)
        run.replaced.rename(run.returning)
        _take_back(run, run.returning)
    except OSError as error:
        print(f"{run.path}: the run before is in {run.replaced}* and could not be moved back: {error}", file=sys.stderr)
        raise
    print(f"{run.path}: the run that was to be replaced is back", file=sys.stderr)


def forget(directory: Directory) -> None:
    """Removes the run that was set aside."""
    run = RunDirectory(directory)
    if run.replaced.exists():
        # Renamed first: half of a run must never come back.
        run.replaced.rename(run.forgotten)
        shutil.rmtree(run.forgotten, ignore_errors=True)


def _put_in_order(run: RunDirectory) -> None:
    """Finishes what a kill left undone."""
    shutil.rmtree(run.forgotten, ignore_errors=True)
    for unfinished in (run.leaving, run.returning):
        if unfinished.exists():
            _take_back(run, unfinished)
            print(f"{run.path}: the run that was to be replaced is back", file=sys.stderr)
    if run.is_trained():
        forget(run.path)
    else:
        bring_back(run.path)


def _take_back(run: RunDirectory, folder: Path) -> None:
    _move(list(folder.iterdir()), run.path)
    folder.rmdir()


def _move(paths: List[Path], directory: Path) -> None:
    for path in paths:
        path.rename(directory / path.name)


def _empty(run: RunDirectory) -> None:
    for path in run.entries():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _locked(run: RunDirectory) -> RunLock:
    deadline = time.monotonic() + SECONDS_FOR_THE_OTHERS
    told = False
    while True:
        # A link may lead to a directory that is still to be made.
        os.makedirs(os.path.realpath(run.path), exist_ok=True)
        try:
            descriptor = os.open(run.lock, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # the process before has removed the directory meanwhile
            continue
        if take(descriptor, run.path):
            # The process that held the lock may have removed the file since it was opened.
            if run.lock.exists() and os.path.samestat(os.fstat(descriptor), run.lock.stat()):
                os.truncate(run.lock, 0)
                os.write(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode())
                return RunLock(descriptor)
            os.close(descriptor)
            continue
        pid, host = _holder(descriptor)
        os.close(descriptor)
        # Where the holder was killed, the workers that it had started may still be saving a checkpoint.
        if time.monotonic() > deadline or (pid is not None and host == socket.gethostname() and is_running(pid)):
            who = "another process" if pid is None else f"another process, {pid} on {host},"
            raise UserError(f"{run.path}: {who} is training in it; wait for its end, or name another directory by -s")
        if not told:
            print(f"{run.path}: waiting for what trains in it", file=sys.stderr)
            told = True
        time.sleep(0.2)


def _holder(descriptor: int) -> Tuple[Optional[int], str]:
    pid, _, host = os.pread(descriptor, 400, 0).decode("utf-8", errors="replace").strip().partition(" ")
    return (int(pid), host) if pid.isdecimal() else (None, "")


def _release(run: RunDirectory, lock: RunLock) -> None:
    with suppress(OSError):
        run.lock.unlink()
    os.close(lock.descriptor)
