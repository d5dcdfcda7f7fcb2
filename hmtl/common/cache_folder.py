"""Where everything that is kept between runs lies."""

import os
from pathlib import Path

from hmtl.errors import UserError


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
