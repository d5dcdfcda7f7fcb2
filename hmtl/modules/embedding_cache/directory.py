"""The folder of the caches: where it is, what it holds, and how that is removed."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from hmtl.common.cache_folder import cache_folder
from hmtl.errors import UserError
from hmtl.modules.embedding_cache.environments import DATA_NAME, looked_into

# Longer than the keys of sentences.
DESCRIPTION_KEY = b"description of the encoder"
_REMOVED = ".removed"


class CacheEntry(NamedTuple):
    """What is kept of one encoder.

    # Attributes

    fingerprint : `str`
        The name of its folder.
    description : `Dict[str, Any]`
        `embedder`, `model` and `dtype`; empty where the folder cannot be read.
    num_sentences, num_bytes : `int`
    last_used : `float`
        Seconds since 1970.
    """

    fingerprint: str
    description: Dict[str, Any]
    num_sentences: int
    num_bytes: int
    last_used: float


def default_directory() -> Path:
    """`$HMTL_CACHE/embeddings`, or `hmtl/embeddings` in the user's folder for caches."""
    return cache_folder() / "embeddings"


def describe(description: Dict[str, Any]) -> bytes:
    return json.dumps(description).encode()


def size_of(directory: Path) -> int:
    """The bytes of all caches in the folder."""
    return sum(_bytes_of(path) for path in directory.glob(f"*/{DATA_NAME}"))


def entries(directory: Path) -> List[CacheEntry]:
    """What the folder holds, by fingerprint. Reads only, while others may write."""
    return [_entry(path.parent) for path in sorted(directory.glob(f"*/{DATA_NAME}")) if not _is_removed(path.parent)]


def clear(directory: Path, fingerprint: Optional[str] = None) -> List[CacheEntry]:
    """Removes one encoder's cache, or all, and returns what they held.

    `fingerprint` may be shortened. Runs that use them go on, and what they add is lost.

    # Raises

    UserError
        Where no cache, or more than one, has such a fingerprint.
    """
    chosen = [entry for entry in entries(directory) if entry.fingerprint.startswith(fingerprint or "")]
    if fingerprint is not None and len(chosen) != 1:
        held = ", ".join(entry.fingerprint for entry in entries(directory)) or "nothing"
        raise UserError(f"{directory}: expected one cache whose fingerprint begins with {fingerprint}; it holds {held}")
    for entry in chosen:
        # Renamed first: another process finds all of it or nothing.
        removed = directory / f"{entry.fingerprint}{_REMOVED}.{os.getpid()}.{time.time_ns()}"
        (directory / entry.fingerprint).rename(removed)
    # Those, too, that a killed process left.
    for path in directory.glob(f"*{_REMOVED}.*"):
        shutil.rmtree(path, ignore_errors=True)
    return chosen


def _entry(path: Path) -> CacheEntry:
    import lmdb

    description, num_sentences = {}, 0
    try:
        with looked_into(path) as environment, environment.begin() as transaction:
            num_sentences = max(0, environment.stat()["entries"] - 1)
            description = json.loads(transaction.get(DESCRIPTION_KEY, b"{}"))
    except lmdb.Error:
        pass  # being made, or no cache at all
    data = path / DATA_NAME
    last_used = data.stat().st_mtime if data.exists() else 0.0
    return CacheEntry(path.name, description, num_sentences, _bytes_of(data), last_used)


def _bytes_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_removed(path: Path) -> bool:
    return _REMOVED in path.name
