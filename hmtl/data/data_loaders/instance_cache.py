"""Instances that an earlier run read, counted and indexed, on disk.

For GUM and Re-DocRED with four tasks, reading, counting and indexing take 2.2 CPU seconds, and 0.3 from the cache,
whose two files have 4 MB: what they hold is compact already (see `Ragged`). Those of pyarrow, mapped into memory and
not read, would save a millisecond and share those 4 MB among processes, but cannot hold fields of any kind, metadata
and counts, and know nothing of readers, corpora and the code that a key has to cover.
"""

import hashlib
import inspect
import json
import logging
import os
import pickle
import shutil
import stat
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set

from allennlp.data import DatasetReader, Instance, Vocabulary

import hmtl.corpora
import hmtl.data
import hmtl.document
from hmtl.common.environment import instances_folder
from hmtl.common.files import atomic_write
from hmtl.data.data_loaders.instance_columns import Counts, IndexedInstances
from hmtl.data.dataset_readers import DocumentReader

logger = logging.getLogger(__name__)

_COUNTS, _INDEXED = "counts.pickle", "indexed_{}.pickle"


class Summary(NamedTuple):
    """What is known of instances before there is a vocabulary.

    # Attributes

    lengths : `Dict[str, Sequence[int]]`
        For each task the length of each instance's text, in tokens or, for documents, in sentences.
    counts : `Counts`
        What all instances count for a vocabulary, in the order of the instances.
    """

    lengths: Dict[str, Sequence[int]]
    counts: Counts


class CountedInstance(Instance):
    """Stands for all instances where a vocabulary is made of them: it counts what they counted."""

    def __init__(self, counts: Counts) -> None:
        super().__init__({})
        self._counts = counts

    def count_vocab_items(self, counter: Dict[str, Dict[str, int]]) -> None:
        for namespace, items in self._counts.items():
            for item, count in items.items():
                counter[namespace][item] += count


class InstanceCache:
    """The instances of some tasks, by all that they depend on: the readers with their options, the content of the files
    that `Corpus.files` names, and the code that reads and indexes them.

    An entry never changes, so that any number of processes may read and write; what cannot be read is made anew. Clear
    the folder by `hmtl cache clear --instances`.

    Entries are pickles, and to open one is to run what it says. Hence none is opened that another user may have
    written: the folder is the user's alone (mode 0700), and folder and file have to belong to the user and be writable
    by nobody else.

    # Parameters

    readers : `Mapping[str, DatasetReader]`
        The reader of each task.
    paths : `Mapping[str, str]`
        What each reads.
    directory : `Path`, optional (default = `$HMTL_CACHE/instances`)
    """

    def __init__(
        self, readers: Mapping[str, DatasetReader], paths: Mapping[str, str], directory: Optional[Path] = None
    ) -> None:
        self._directory: Optional[Path] = None
        self._tasks = set(paths)
        try:
            key = _key(readers, paths)
        except (pickle.PicklingError, TypeError, AttributeError, OSError) as error:
            logger.warning("the instances of %s are not kept: %s", ", ".join(paths), error)
        else:
            self._directory = (directory or instances_folder()) / key

    def summary(self) -> Optional[Summary]:
        """What an earlier run kept before it had a vocabulary."""
        return self._load(_COUNTS, Summary)

    def indexed(self, vocab: Vocabulary) -> Optional[Dict[str, IndexedInstances]]:
        """The instances of each task, if an earlier run indexed them with an equal vocabulary."""
        return self._load(_INDEXED.format(_fingerprint(vocab)), dict)

    def keep(self, summary: Summary, indexed: Dict[str, IndexedInstances], vocab: Vocabulary) -> None:
        """Writes both for later runs; where that fails, they read again, with a warning."""
        self._save(_COUNTS, summary)
        self._save(_INDEXED.format(_fingerprint(vocab)), indexed)

    def _load(self, name: str, kind: type) -> Any:
        path = None if self._directory is None else self._directory / name
        if path is None or not path.is_file():
            return None
        try:
            value = pickle.loads(_read_own(path))
        except Exception as error:  # whatever a damaged file makes of itself
            logger.warning("%s cannot be used (%s); the files are read anew", path, error)
            return None
        lengths = value.lengths if isinstance(value, Summary) else value
        if not (isinstance(value, kind) and isinstance(lengths, dict) and set(lengths) == self._tasks):
            logger.warning("%s holds something else (a %s); the files are read anew", path, type(value).__name__)
            return None
        logger.info("instances of an earlier run: %s", path)
        return value

    def _save(self, name: str, value: Any) -> None:
        if self._directory is None:
            return
        path = self._directory / name
        if path.exists() and all(map(_is_own, (self._directory.parent, self._directory, path))):
            return
        # Another process may be writing the same.
        own = path.with_name(f"{name}.{os.getpid()}")
        try:
            for folder in (self._directory.parent, self._directory):
                if folder.exists() and not _is_own(folder):
                    # What is in it may be another's, whoever it belongs to now.
                    shutil.rmtree(folder)
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with atomic_write(own, "wb") as file:
                pickle.dump(value, file, protocol=5)
            own.replace(path)
        except Exception as error:
            logger.warning("%s: the instances are not kept (%s)", path, error)


def _is_own(path: Path) -> bool:
    try:
        _check_own(path)
    except PermissionError:
        return False
    return True


def _read_own(path: Path) -> bytes:
    """The content of a file that nobody but the user can have written.

    # Raises

    PermissionError
        Where the file, its folder or the folder of all entries belongs to another user, or another may write to it.
    """
    # The folders first: who may write to them could put another file there in between.
    for folder in (path.parent.parent, path.parent):
        _check_own(folder)
    with open(path, "rb") as file:
        _check_own(path, os.fstat(file.fileno()))
        return file.read()


def _check_own(path: Path, status: Optional[os.stat_result] = None) -> None:
    status = status or path.lstat()
    if not hasattr(os, "getuid"):  # Windows, where a user's folders are the user's
        return
    if status.st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user")
    if stat.S_ISLNK(status.st_mode) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"others can write to {path}")


def _key(readers: Mapping[str, DatasetReader], paths: Mapping[str, str]) -> str:
    for task, reader in readers.items():
        if task in paths and not isinstance(reader, DocumentReader):
            raise TypeError(f"nothing tells which files {type(reader).__name__} of task '{task}' reads")
    digest = hashlib.blake2b(digest_size=16)
    for task in sorted(paths):
        reader = readers[task]
        assert isinstance(reader, DocumentReader)
        files = reader.corpus.files(paths[task])
        # What it left out of other files plays no part.
        options = {**vars(reader), "counts": None}
        digest.update(pickle.dumps((task, str(paths[task]), type(reader), options, list(map(str, files))), protocol=5))
        _add(digest, files)
    _add(digest, _sources([readers[task] for task in sorted(paths)]))
    return digest.hexdigest()


def _add(digest: "hashlib.blake2b", files: Iterable[Path]) -> None:
    """Each file's own digest, so that bytes that move from one to the next count."""
    for file in files:
        digest.update(hashlib.blake2b(file.read_bytes()).digest())


def _sources(readers: List[Any]) -> List[Path]:
    """The code that makes instances: hmtl's, and that of readers and corpora from elsewhere."""
    found: Set[Path] = {path for room in (hmtl.corpora, hmtl.data) for path in Path(room.__path__[0]).rglob("*.py")}
    found.add(Path(hmtl.document.__file__))
    for reader in readers:
        for part in (reader, reader.corpus, *reader.token_indexers.values()):
            for kind in type(part).__mro__:
                module: Optional[ModuleType] = inspect.getmodule(kind)
                if getattr(module, "__file__", None):
                    found.add(Path(str(module.__file__)))  # type: ignore[union-attr]
    return sorted(found)


def _fingerprint(vocab: Vocabulary) -> str:
    content = {name: vocab.get_token_to_index_vocabulary(name) for name in sorted(vocab.get_namespaces())}
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()
