"""Environment variables: those that configurations read, and those that are set while a command of hmtl's runs."""

import os
from contextlib import contextmanager
from typing import Iterator

# What the shipped configurations read: Jsonnet cannot ask whether a variable exists, so that each is '' where unset.
VARIABLES = ("HMTL_DATA", "HMTL_TRANSFORMER", "HMTL_GLOVE", "HMTL_ELMO", "HMTL_PRESET", "HMTL_ARCHIVE")
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
