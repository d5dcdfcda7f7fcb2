"""Where everything that is kept between runs lies."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$HMTL_CACHE`, or `hmtl` in the user's folder for caches."""
    chosen = os.environ.get("HMTL_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hmtl"


def instances_folder() -> Path:
    """That of indexed instances."""
    return cache_folder() / "instances"


def probing_folder() -> Path:
    """That of the pooled vectors of probing."""
    return cache_folder() / "probing"
