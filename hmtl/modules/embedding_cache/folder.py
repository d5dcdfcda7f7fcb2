"""Where vectors are kept: the LMDB environments of the folder of caches, what they hold, and how that is removed."""

import json
import logging
import os
import shutil
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy

from hmtl.common.environment import cache_folder
from hmtl.errors import UserError

# LMDB's own name for its file.
DATA_NAME = "data.mdb"
# Of addresses, not of memory or disk: more than any folder may hold, so that no process need map it anew.
_MAP_BYTES = 2**40

# A process may have an environment open but once, and not beyond a fork.
_environments: Dict[Tuple[int, Path], Tuple[int, Any]] = {}


def opened(path: Path, environment: Any = None) -> Any:
    """The environment of a folder, which this process opens once; that of a folder removed since is opened anew.

    A store that has one goes on with it after a removal: its sentences stay where they are until the process ends.
    """
    import lmdb

    place = os.getpid(), path.resolve()
    inode, known = _environments.get(place, (0, None))
    if known is not None and environment is known:
        return known
    data = path / DATA_NAME
    if known is None or environment is None and (not data.exists() or data.stat().st_ino != inode):
        path.mkdir(parents=True, exist_ok=True)
        # Without read-ahead: sentences are read in random order.
        known = lmdb.open(str(path), map_size=_MAP_BYTES, readahead=False, max_readers=1024)
        known.reader_check()
        _environments[place] = data.stat().st_ino, known
    return known


@contextmanager
def looked_into(path: Path) -> Iterator[Any]:
    """The environment of a folder that exists, for a moment and without its locks, unless this process has it open.

    # Raises

    lmdb.Error
        Where it is none.
    """
    import lmdb

    inode, known = _environments.get((os.getpid(), path.resolve()), (0, None))
    if known is not None and (path / DATA_NAME).stat().st_ino == inode:
        yield known
        return
    with lmdb.open(str(path), readonly=True, lock=False, create=False, map_size=_MAP_BYTES) as environment:
        yield environment


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


logger = logging.getLogger(__name__)

Rows = Dict[bytes, numpy.ndarray]

# What LMDB needs for a value beside its bytes, at most.
_OVERHEAD_BYTES = 2 * 4096


class VectorStore(ABC):
    """Arrays of integers (the bits of vectors) by keys of 16 bytes. What is stored stays as it is."""

    @abstractmethod
    def reading(self, keys: Iterable[bytes]) -> Any:
        """A context that yields the arrays of those keys that are stored; they are valid inside it alone."""

    @abstractmethod
    def add(self, rows: Rows) -> None:
        """Stores what is new and fits."""

    def missing(self, keys: Iterable[bytes]) -> Iterator[bytes]:
        """Those of the keys that are not stored, each once."""
        wanted = list(dict.fromkeys(keys))
        with self.reading(wanted) as found:
            return iter([key for key in wanted if key not in found])


class MemoryStore(VectorStore):
    """In this process, up to `num_bytes`."""

    def __init__(self, num_bytes: int) -> None:
        self._free = num_bytes
        self._rows: Rows = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def free_bytes(self) -> int:
        return self._free

    @contextmanager
    def reading(self, keys: Iterable[bytes]) -> Iterator[Rows]:
        yield {key: self._rows[key] for key in keys if key in self._rows}

    def add(self, rows: Rows) -> None:
        for key, row in rows.items():
            if key not in self._rows and row.nbytes <= self._free:
                self._free -= row.nbytes
                self._rows[key] = row


class DiskStore(VectorStore):
    """An LMDB environment in the folder `directory / fingerprint`.

    # Parameters

    directory : `Path`
        Holds those of all encoders, which share its bound.
    fingerprint : `str`
    description : `Dict[str, Any]`
        What `hmtl cache info` shows of it.
    num_bytes : `int`
        Nothing is added to a directory of this size. Processes that write at the same time may each exceed it by what
        they write at once.

    # Raises

    UserError
        Where the folder cannot be made or written to.
    """

    def __init__(self, directory: Path, fingerprint: str, description: Dict[str, Any], num_bytes: int) -> None:
        self._directory = directory
        self._path = directory / fingerprint
        self._num_bytes = num_bytes
        self._is_full = False
        import lmdb

        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._environment = opened(self._path)
            if self._environment.stat()["entries"] == 0:
                with self._environment.begin(write=True) as transaction:
                    transaction.put(DESCRIPTION_KEY, describe(description), overwrite=False)
            os.utime(self._path / DATA_NAME)
        except (OSError, lmdb.Error) as error:
            raise UserError(
                f"{directory}: cannot be used as a cache of embeddings ({error}); name another folder by HMTL_CACHE or "
                "cache.directory, or turn the embedder's cache off"
            ) from error

    @contextmanager
    def reading(self, keys: Iterable[bytes]) -> Iterator[Rows]:
        with opened(self._path, self._environment).begin(buffers=True) as transaction:
            found = {key: transaction.get(key) for key in keys}
            yield {key: numpy.frombuffer(value, "u1") for key, value in found.items() if value is not None}

    def add(self, rows: Rows) -> None:
        if self._is_full or not rows:
            return
        import lmdb

        free = self._num_bytes - size_of(self._directory)
        try:
            with opened(self._path, self._environment).begin(write=True) as transaction:
                for key, row in rows.items():
                    free -= row.nbytes + _OVERHEAD_BYTES
                    if free < 0:
                        self._stop_adding(f"it has reached its bound of {self._num_bytes / 2**30:g} GiB")
                        break
                    transaction.put(key, row.view("u1").reshape(-1).data, overwrite=False)
        except lmdb.Error as error:  # a full disk; what was stored before is as it was
            self._stop_adding(f"{error}; is the disk full?")

    def _stop_adding(self, reason: str) -> None:
        self._is_full = True
        logger.warning(
            "%s: the cache of embeddings takes no more (%s); sentences beyond it are computed each time. "
            "'hmtl cache clear' makes room, a larger cache.gib gives it more.",
            self._directory,
            reason,
        )
