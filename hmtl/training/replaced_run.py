"""An older run that `--force` replaces: it is kept until the new one has a checkpoint."""

import os
import shutil
from pathlib import Path
from typing import Union

Directory = Union[str, os.PathLike]


def set_aside(directory: Directory) -> None:
    """Moves the run out of the way, beside its place; one that stands there already was never brought back."""
    run = Path(directory)
    if run.is_dir() and any(run.iterdir()):
        forget(run)
        run.rename(_kept(run))


def bring_back(directory: Directory) -> None:
    """Puts a run that was set aside back into its place, which is empty or missing."""
    run = Path(directory)
    if _kept(run).exists():
        if run.exists():
            run.rmdir()
        _kept(run).rename(run)


def forget(directory: Directory) -> None:
    """Removes the run that was set aside."""
    shutil.rmtree(_kept(Path(directory)), ignore_errors=True)


def _kept(run: Path) -> Path:
    run = run.absolute()
    return run.with_name(f".{run.name}.replaced")
