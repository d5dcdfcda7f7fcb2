"""Where vectors are kept."""

import logging
import os
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator

import numpy

from hmtl.errors import UserError
from hmtl.modules.embedding_cache.directory import DESCRIPTION_KEY, describe, size_of
from hmtl.modules.embedding_cache.environments import DATA_NAME, opened

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
