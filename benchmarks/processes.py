"""Work in a process of its own, and the memory that a process takes."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Callable


def in_fresh_process(phase: Callable[..., Any], *args: Any) -> Any:
    """What the phase returns, run in a new process, which has its own peak of memory."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(phase, *args).result()


def gigabytes(max_resident: int) -> float:
    """`ru_maxrss`, kilobytes on Linux and bytes on macOS, in GB (10^9 bytes)."""
    return max_resident / 1e9 if sys.platform == "darwin" else max_resident * 1024 / 1e9
