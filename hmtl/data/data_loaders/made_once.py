"""Data that one worker of each machine makes, and all of its workers map into their memory.

Any instance may come to any worker in some epoch, since batches are made anew for each and every worker gets a part of
every batch. So no worker could do with fewer of them; but all workers of a machine can read the same memory.
"""

import logging
import mmap
import pickle
import socket
import tempfile
import uuid
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Tuple, TypeVar

from hmtl.common.distributed import all_gather_object, barrier, get_rank, get_world_size

logger = logging.getLogger(__name__)

Made = TypeVar("Made")

# What `pickle.dumps` and the objects that it meets raise: a pointer a ValueError, deep nesting a RecursionError.
PICKLING_ERRORS = (pickle.PicklingError, AttributeError, TypeError, ValueError, RuntimeError)

_is_shared: ContextVar[bool] = ContextVar("is_shared", default=False)
# Arrays begin at multiples of so many bytes.
_ALIGNMENT = 64


@contextmanager
def data_shared_by_workers() -> Iterator[None]:
    """Within it, which all workers have to enter, `made_once` shares. All must call it equally often."""
    token = _is_shared.set(get_world_size() > 1)
    try:
        yield
    finally:
        _is_shared.reset(token)


def made_once(make: Callable[[], Made]) -> Made:
    """What a function makes: within `data_shared_by_workers`, called by the first worker of each machine alone.

    It is written into a temporary file, which every worker of the machine maps into its memory, read-only, and which
    has no name any more when this ends. What cannot be pickled, or has no room there, each worker makes itself, as does
    one that does not find the file: containers on one machine may have temporary folders of their own.

    # Raises

    SystemExit
        Where it cannot be made, on the other workers; the one that makes it raises why.
    """
    if not _is_shared.get():
        return make()
    machines = all_gather_object((socket.gethostname(), uuid.getnode()))
    maker = machines.index(machines[get_rank()])
    made: Optional[Made] = None
    outcome, failure = _Outcome(), None
    with ExitStack() as stack:
        if maker == get_rank():
            try:
                made = make()
            except Exception as error:
                outcome, failure = _Outcome(has_failed=True), error
            else:
                try:
                    outcome = _Outcome(written=_write(made, stack))
                except (*PICKLING_ERRORS, OSError) as error:
                    logger.warning("each worker reads for itself, since one cannot hand on its data: %s", error)
        outcomes = all_gather_object(outcome)
        if failure is not None:
            raise failure
        if any(outcome.has_failed for outcome in outcomes):
            raise SystemExit(2)
        written = outcomes[maker].written
        is_found = False
        if written is not None:
            try:
                made, is_found = _mapped(written), True
            except OSError as error:
                logger.warning("this worker reads for itself, since it cannot see what another has read: %s", error)
        barrier()
    return made if is_found or maker == get_rank() else make()  # type: ignore[return-value]


class _Written(NamedTuple):
    """A pickle and the buffers that belong to it: where each begins and ends in a file."""

    path: str
    pickle: Tuple[int, int]
    buffers: List[Tuple[int, int]]


class _Outcome(NamedTuple):
    """What became of the making: of a worker that makes nothing, nothing."""

    has_failed: bool = False
    written: Optional[_Written] = None


def _write(value: Any, stack: ExitStack) -> _Written:
    """Writes a file, which is removed when the stack closes."""
    buffers: List[Any] = []
    pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    # Its owner alone can open it.
    descriptor, path = tempfile.mkstemp(prefix="hmtl-instances-")
    stack.callback(Path(path).unlink, missing_ok=True)
    places: List[Tuple[int, int]] = []
    with open(descriptor, "wb") as file:
        contents: List[Any] = [pickled, *(buffer.raw() for buffer in buffers)]
        for content in contents:
            file.write(bytes(-file.tell() % _ALIGNMENT))
            start = file.tell()
            file.write(content)
            places.append((start, file.tell()))
    return _Written(path, places[0], places[1:])


def _mapped(written: _Written) -> Any:
    with open(written.path, "rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    begin, end = written.pickle
    return pickle.loads(content[begin:end], buffers=[content[start:stop] for start, stop in written.buffers])
