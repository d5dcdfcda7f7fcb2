"""The LMDB environments that this process has open."""

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

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
