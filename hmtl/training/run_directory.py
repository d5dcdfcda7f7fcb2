"""The directory of a run: it has one writer at a time, and loses no run to one that fails.

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

Directory = Union[str, os.PathLike]

LOCK = "run.lock"
# The run that is replaced, and its states on the way: moved out, brought back, no longer needed. A kill may leave each.
REPLACED = ".replaced"
_LEAVING, _RETURNING, _FORGOTTEN = f"{REPLACED}.leaving", f"{REPLACED}.returning", f"{REPLACED}.forgotten"
_OURS = {LOCK, REPLACED, _LEAVING, _RETURNING, _FORGOTTEN}

# What training writes before its first step.
_BEFORE_TRAINING = {
    "command.json",
    "config.json",
    "finetuning.json",
    "meta.json",
    "out.log",
    "log",
    "vocabulary",
    "wandb",
}


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
    run = Path(directory)
    if run.exists() and not run.is_dir():
        raise UserError(f"{run}: expected a directory, found a file")
    existed = run.exists()
    lock = _locked(run)
    try:
        _put_in_order(run)
        remove_left_partials(run)
        was_empty = not entries(run)
        try:
            yield lock
        except BaseException as error:
            mistake = isinstance(error, Exception) and explain(error) is not None
            if (run / REPLACED).exists() and not is_trained(run):
                bring_back(run)
            elif was_empty and mistake and _holds_no_training(run):
                _empty(run)
            elif is_trained(run):
                forget(run)
            raise
        forget(run)
    finally:
        _release(run, lock)
        if not existed:
            with suppress(OSError):  # not empty: a run
                run.rmdir()


def entries(directory: Directory) -> List[Path]:
    """What is in a directory, without what this module keeps there."""
    return sorted(path for path in Path(directory).iterdir() if path.name not in _OURS)


def is_trained(directory: Directory) -> bool:
    """Whether a run can be gone on with, or is finished: it has a checkpoint, or its archive."""
    run = Path(directory)
    return any(run.glob("checkpoint_e*_b*.json")) or (run / "model.tar.gz").exists()


def set_aside(directory: Directory) -> None:
    """Moves the run out of the way of a new one.

    # Raises

    OSError
        Where a part of it cannot be moved; all of it is then in its place.
    """
    run = Path(directory)
    if not entries(run):
        return
    (run / _LEAVING).mkdir()
    try:
        _move(entries(run), run / _LEAVING)
    except OSError:
        _take_back(run, _LEAVING)
        raise
    (run / _LEAVING).rename(run / REPLACED)


def bring_back(directory: Directory) -> None:
    """Puts the run that was set aside back into its place, instead of what is there."""
    run = Path(directory)
    if not (run / REPLACED).exists():
        return
    try:
        _empty(run)
        (run / REPLACED).rename(run / _RETURNING)
        _take_back(run, _RETURNING)
    except OSError as error:
        print(f"{run}: the run before is in {run / REPLACED}* and could not be moved back: {error}", file=sys.stderr)
        raise
    print(f"{run}: the run that was to be replaced is back", file=sys.stderr)


def forget(directory: Directory) -> None:
    """Removes the run that was set aside."""
    run = Path(directory)
    if (run / REPLACED).exists():
        # Renamed first: half of a run must never come back.
        (run / REPLACED).rename(run / _FORGOTTEN)
        shutil.rmtree(run / _FORGOTTEN, ignore_errors=True)


def _put_in_order(run: Path) -> None:
    """Finishes what a kill left undone."""
    shutil.rmtree(run / _FORGOTTEN, ignore_errors=True)
    for unfinished in (_LEAVING, _RETURNING):
        if (run / unfinished).exists():
            _take_back(run, unfinished)
            print(f"{run}: the run that was to be replaced is back", file=sys.stderr)
    if is_trained(run):
        forget(run)
    else:
        bring_back(run)


def _take_back(run: Path, name: str) -> None:
    _move(list((run / name).iterdir()), run)
    (run / name).rmdir()


def _move(paths: List[Path], directory: Path) -> None:
    for path in paths:
        path.rename(directory / path.name)


def _holds_no_training(run: Path) -> bool:
    return all(path.name in _BEFORE_TRAINING or path.name.startswith("out_worker") for path in entries(run))


def _empty(run: Path) -> None:
    for path in entries(run):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _locked(run: Path) -> RunLock:
    deadline = time.monotonic() + SECONDS_FOR_THE_OTHERS
    told = False
    while True:
        # A link may lead to a directory that is still to be made.
        os.makedirs(os.path.realpath(run), exist_ok=True)
        path = run / LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # the process before has removed the directory meanwhile
            continue
        if take(descriptor, run):
            # The process before has removed the file perhaps.
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                os.truncate(path, 0)
                os.write(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode())
                return RunLock(descriptor)
            os.close(descriptor)
            continue
        pid, host = _holder(descriptor)
        os.close(descriptor)
        # Of a process that was killed, those that it had started still save a checkpoint.
        if time.monotonic() > deadline or (pid is not None and host == socket.gethostname() and is_running(pid)):
            who = "another process" if pid is None else f"another process, {pid} on {host},"
            raise UserError(f"{run}: {who} is training in it; wait for its end, or name another directory by -s")
        if not told:
            print(f"{run}: waiting for what trains in it", file=sys.stderr)
            told = True
        time.sleep(0.2)


def _holder(descriptor: int) -> Tuple[Optional[int], str]:
    pid, _, host = os.pread(descriptor, 400, 0).decode("utf-8", errors="replace").strip().partition(" ")
    return (int(pid), host) if pid.isdecimal() else (None, "")


def _release(run: Path, lock: RunLock) -> None:
    with suppress(OSError):
        (run / LOCK).unlink()
    os.close(lock.descriptor)
