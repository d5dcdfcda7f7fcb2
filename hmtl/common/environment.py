"""Environment variables: those that configurations read, those that are set while a command of hmtl's runs,
and the folder that they name for what is kept between runs.
"""

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from hmtl.errors import UserError

# What the shipped configurations read: Jsonnet cannot ask whether a variable exists, so that each is '' where unset.
VARIABLES = ("HMTL_DATA", "HMTL_TRANSFORMER", "HMTL_GLOVE", "HMTL_ELMO", "HMTL_PRESET", "HMTL_ARCHIVE", "HMTL_SICK")
_ONEDNN_CACHE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


@contextmanager
def onednn_cache_limited() -> Iterator[None]:
    """Within it, and for processes that are started there, oneDNN keeps compiled code for few shapes.

    By default it keeps that of 1024 shapes of an LSTM's input: in sentences of all lengths 600 MB more after an hour of
    training, for no time saved. It reads the variable when it is first used. A value of the user's stays.
    """
    if _ONEDNN_CACHE in os.environ:
        yield
        return
    os.environ[_ONEDNN_CACHE] = "64"
    try:
        yield
    finally:
        os.environ.pop(_ONEDNN_CACHE, None)


def cache_folder() -> Path:
    """`$HMTL_CACHE`, or `hmtl` in the user's folder for caches.

    # Raises

    UserError
        Where nothing tells which folder is the user's: a container without HOME, for one.
    """
    chosen = os.environ.get("HMTL_CACHE")
    if chosen:
        return Path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hmtl"
    except RuntimeError:
        raise UserError("HOME is not set, so there is no folder for caches; set HMTL_CACHE to one") from None


def instances_folder() -> Path:
    """That of indexed instances."""
    return cache_folder() / "instances"


def probing_folder() -> Path:
    """That of the pooled vectors of probing."""
    return cache_folder() / "probing"
