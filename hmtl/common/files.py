"""Files that appear whole or not at all, whatever ends the process or fills the disk."""

import csv
import errno
import hashlib
import json
import logging
import os
import re
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Union,
    cast,
)

from hmtl.common.file_names import PARTIAL_SUFFIX
from hmtl.common.locks import is_running
from hmtl.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PathLike = Union[str, os.PathLike]
# The records that were written before an error.
INCOMPLETE_SUFFIX = ".incomplete"

logger = logging.getLogger(__name__)

_NUMPY_KINDS = ("bool", "float16", "float32", "float64", "int32", "int64")


@contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """The place for what is to be at `path`: it is brought to disk and renamed when the block ends well.

    At any moment `path` holds the old content or the new. Of several writers each has a place of its own, and the last
    to end well wins.

    # Raises

    UserError
        Where the file cannot be written (a full disk, a missing permission); `path` is as it was.
    """
    path = Path(path)
    # The name may be as long as names can be.
    partial = path.with_name(f"{path.name[:200]}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL_SUFFIX}")
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    except OSError as error:
        # The block may read other files, whose errors name them.
        if error.filename not in (None, str(partial), str(path.parent)):
            raise
        raise cannot_be_written(path, error) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def remove_left_partials(directory: PathLike) -> None:
    """Removes what `atomic_path` left half written in a directory, of processes that no longer run."""
    for partial in Path(directory).glob(f"*{PARTIAL_SUFFIX}"):
        writer = re.search(rf"\.(\d+)-[0-9a-f]+\{PARTIAL_SUFFIX}$", partial.name)
        if writer is None or not is_running(int(writer[1])):
            partial.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: PathLike, mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a file (`"w"`: UTF-8 text, `"wb"`: bytes) that takes its place at `path` when the block ends well.

    # Raises

    UserError
        As `atomic_path` does.
    """
    with atomic_path(path) as partial, open(partial, mode, encoding=None if "b" in mode else "utf-8") as file:
        yield file


class RecordWriter:
    """Writes records, each of them whole or not at all, with no buffer in between."""

    def __init__(self, file: IO[bytes]) -> None:
        self.num_bytes = 0
        self._file = file

    def write(self, record: str) -> None:
        data = record.encode("utf-8")
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.num_bytes += len(data)

    def flush(self) -> None:
        """There is nothing to do."""


@contextmanager
def record_file(path: PathLike) -> Iterator[RecordWriter]:
    """A file of records, which takes its place at `path` when the block ends well, as `atomic_write` has it.

    Where it does not, the records that were written until then stay, in a file of the same name with
    `INCOMPLETE_SUFFIX`; a `UserError` says so, for others it is logged. The next run replaces that file or removes it.
    What is no file, such as `/dev/null` or a pipe, is written to as it is.

    # Raises

    UserError
        As `atomic_path` does.
    """
    # Through a link to the file itself: the link stays one.
    path = Path(os.path.realpath(path) if os.path.islink(path) else path)
    if path.exists() and not path.is_file():
        with open(path, "wb", buffering=0) as stream:
            yield RecordWriter(stream)
        return
    incomplete = path.with_name(path.name + INCOMPLETE_SUFFIX)
    kept = False
    try:
        with atomic_path(path) as partial, open(partial, "wb", buffering=0) as file:
            writer = RecordWriter(file)
            try:
                yield writer
            except BaseException:
                if writer.num_bytes:
                    os.truncate(partial, writer.num_bytes)
                    os.replace(partial, incomplete)
                    kept = True
                raise
        incomplete.unlink(missing_ok=True)
    except BaseException as error:
        if kept:
            say_what_is_kept(error, incomplete)
        raise


def say_what_is_kept(error: BaseException, incomplete: Path) -> None:
    """Adds to a user's error where the output before it is; of another error it is logged."""
    message = f"what was written before is in {incomplete}"
    if isinstance(error, UserError):
        error.args = (f"{error}; {message}",)
    else:
        logger.warning(message)


def cannot_be_written(path: PathLike, error: OSError) -> UserError:
    """The error that names the file: the system's own may not, as where a disk is full."""
    reason = error.strerror or str(error)
    return UserError(f"{path}: cannot be written: {reason[0].lower()}{reason[1:]}")


def write_json(path: PathLike, value: Any) -> None:
    """Writes a value as indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2) + "\n"
    with atomic_write(path) as file:
        file.write(text)


def write_csv(path: PathLike, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows of values by column as CSV, whole or not at all."""
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_png(path: PathLike, figure: "Figure") -> None:
    """Writes a figure of matplotlib's, whole or not at all."""
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png", dpi=120)


def save_state(path: PathLike, state: Dict[str, Any]) -> Dict[str, Any]:
    """`torch.save`, whole or not at all; returns the `fingerprint` of what was to be written."""
    import torch  # which commands that write text need not wait for

    with atomic_write(path, "wb") as file:
        writer = _FingerprintingWriter(file)
        try:
            torch.save(state, cast(IO[bytes], writer))
        except RuntimeError:
            # torch reports a failed write as a fault of its own.
            if writer.error is not None:
                raise writer.error from None
            raise
    return writer.fingerprint()


def load_state(path: PathLike) -> Any:
    """What `save_state` wrote, with its tensors on the CPU.

    Besides what torch's `weights_only` lets in, numpy's numbers may be in it, as those of coreference metrics and
    cosine schedules are; code is refused.
    """
    import torch

    with torch.serialization.safe_globals(_numpy_scalars()):
        return torch.load(path, map_location="cpu", weights_only=True)


def _numpy_scalars() -> List[Any]:
    import numpy

    try:  # numpy 2
        from numpy._core.multiarray import scalar
    except ImportError:  # numpy 1
        from numpy.core.multiarray import scalar  # type: ignore[no-redef]
    return [
        # A file names the function by where the numpy that wrote it kept it: numpy 1, numpy 2.
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        numpy.dtype,
        *(type(numpy.dtype(kind)) for kind in _NUMPY_KINDS),
    ]


def fingerprint(path: PathLike) -> Dict[str, Any]:
    """The `length` in bytes of a file, and the `sha256` of its content."""
    digest, length = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            length += len(chunk)
    return {"length": length, "sha256": digest.hexdigest()}


class _FingerprintingWriter:
    """Passes bytes on to a file, counts and hashes them, and remembers why the file refused any."""

    def __init__(self, file: IO[bytes]) -> None:
        self.error: Optional[OSError] = None
        self._file = file
        self._digest = hashlib.sha256()
        self._length = 0

    def write(self, data: Any) -> int:
        try:
            self._file.write(data)
        except OSError as error:
            self.error = error
            raise
        self._digest.update(data)
        self._length += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def fingerprint(self) -> Dict[str, Any]:
        return {"length": self._length, "sha256": self._digest.hexdigest()}


def _sync(path: Path) -> None:
    """Brings a file to disk, or a directory, whose renaming a loss of power may else undo."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems have nothing to do here, and say so
            raise
    finally:
        os.close(descriptor)
