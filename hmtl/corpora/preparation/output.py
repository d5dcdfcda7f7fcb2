"""A directory that appears whole or not at all, and takes the place of an older one only once it is complete."""

import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

from hmtl.common.locks import take
from hmtl.errors import UserError

REPORT_FILE = "report.json"
_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def is_prepared(name: str) -> bool:
    """Whether `hmtl prepare` writes files of this name beside its report."""
    return name.endswith(".jsonl")


@contextmanager
def whole_directory(
    output: Path, force: bool = False, is_data: Callable[[str], bool] = is_prepared, report: str = REPORT_FILE
) -> Iterator[Path]:
    """An empty directory beside `output`, which is brought to disk and renamed to it when the block ends well.

    Where the block raises, nothing stays behind and an older `output` is as it was. What a killed process left is
    cleared by the next one.

    # Parameters

    output : `Path`
        The directory to be written; its parents are made.
    force : `bool`, optional (default = `False`)
        Whether an older `output` is replaced, provided that it is one that was prepared: it has a report, and beside it
        nothing but data.
    is_data : `Callable[[str], bool]`, optional
        Whether a file or folder of this name may be data.
    report : `str`, optional (default = `REPORT_FILE`)
        The file by which an older `output` is known to be prepared.

    # Raises

    UserError
        Where `output` exists and may not be replaced, or another process is writing it.
    """
    output = Path(os.path.realpath(output))
    partial = output.with_name(f".{output.name}.partial")
    replaced = output.with_name(f".{output.name}.replaced")
    output.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _locked(partial, output)
    try:
        _undo_interrupted_swap(output, replaced)
        _check_replaceable(output, force, is_data, report)
        for left_over in partial.iterdir():
            if left_over.is_dir():
                shutil.rmtree(left_over)
            else:
                left_over.unlink()
        yield partial
        os.fsync(descriptor)
        _swap(partial, output, replaced)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        os.close(descriptor)
    shutil.rmtree(replaced, ignore_errors=True)


def _locked(partial: Path, output: Path) -> int:
    """Makes the directory and locks it for as long as the returned descriptor is open."""
    while True:
        partial.mkdir(exist_ok=True)
        descriptor = os.open(partial, os.O_RDONLY)
        if not take(descriptor, output):
            os.close(descriptor)
            raise UserError(f"{output}: another process is writing it; wait for it, or write elsewhere")
        # Another process may have renamed it in the meantime.
        if partial.exists() and os.path.samestat(os.fstat(descriptor), partial.stat()):
            return descriptor
        os.close(descriptor)


def _check_replaceable(output: Path, force: bool, is_data: Callable[[str], bool], report: str) -> None:
    if not output.exists():
        return
    if not force:
        raise UserError(f"{output}: exists already; write elsewhere, or replace it with --force")
    if not output.is_dir():
        raise UserError(f"{output}: expected a directory, found a file")
    names = {path.name for path in output.iterdir()}
    foreign = sorted(name for name in names if name != report and not is_data(name))
    if names and report not in names:
        foreign.append(f"no {report}")
    if foreign:
        raise UserError(f"{output}: --force replaces prepared data only, and this holds {foreign[0]}; write elsewhere")


def _swap(partial: Path, output: Path, replaced: Path) -> None:
    """Both renames, or none of them: no signal comes in between, and a kill there is mended by the next process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        if output.exists():
            os.rename(output, replaced)
        try:
            os.rename(partial, output)
        except OSError:
            _undo_interrupted_swap(output, replaced)
            raise
        _sync(output.parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _undo_interrupted_swap(output: Path, replaced: Path) -> None:
    if not replaced.exists():
        return
    if output.exists():
        shutil.rmtree(replaced)
    else:
        os.rename(replaced, output)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
