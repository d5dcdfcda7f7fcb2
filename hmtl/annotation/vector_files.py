"""How vectors of texts are written: NumPy's files, and JSON lines."""

import json
import os
import struct
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List, Optional, cast

import numpy

from hmtl.common.files import INCOMPLETE_SUFFIX, atomic_path, record_file, say_what_is_kept
from hmtl.errors import UserError
from hmtl.predictors.level_encoder import SENTENCE, TextVectors

FORMATS = JSONL, NPY, NPZ = "jsonl", "npy", "npz"
# The arrays of an .npz: a row, the `doc_key` and, of sentences, the number in the text of each vector.
VECTORS, KEYS, SENTENCES = "vectors", "doc_keys", "sentences"


def format_of(path: Optional[Path], name: Optional[str] = None) -> str:
    """The format that is named, or that of a file by its suffix; JSON lines for standard output.

    # Raises

    UserError
        Where the suffix says nothing, or the format cannot go to standard output.
    """
    if path is None:
        if name in (NPY, NPZ):
            raise UserError(f"the format {name} is for files; name one by --output")
        return JSONL
    found = name or path.suffix.removeprefix(".")
    if found not in FORMATS:
        raise UserError(f"{path}: the name says no format; expected *.npy, *.npz or *.jsonl, or --format")
    return found


def write_vectors(vectors: Iterable[TextVectors], unit: str, format: str, path: Optional[Path] = None) -> None:
    """Writes vectors as they come: to a file, which appears only once it is complete, or JSON lines to standard output.

    Where the vectors end in an error, those before it stay in a file of another name; see `record_file`.

    # Parameters

    vectors : `Iterable[TextVectors]`
    unit : `str`
        What they are of, `"text"` or `"sentence"`.
    format : `str`
        `"jsonl"`: a line a vector, with `doc_key`, of sentences also `sentence`, its number in the text from 0,
        `char_start` and `char_end`, and `vector`. `"npy"`: one array, (num_vectors, dim), float32. `"npz"`: it as
        `vectors`, beside `doc_keys` and, of sentences, `sentences`, both (num_vectors,).
    path : `Path`, optional (default = standard output, for JSON lines)

    # Raises

    UserError
        Where the file cannot be written.
    """
    if format == JSONL:
        if path is None:
            _write_lines(sys.stdout, vectors, unit)
            return
        with record_file(path) as file:
            _write_lines(cast(IO[str], file), vectors, unit)
        return
    assert path is not None
    with _array_file(path, format, unit) as append:
        for each in vectors:
            append(each)


def _write_lines(file: IO[str], vectors: Iterable[TextVectors], unit: str) -> None:
    for each in vectors:
        for number, vector in enumerate(each.vectors):
            record: Dict[str, Any] = {"doc_key": each.doc_key}
            if unit == SENTENCE:
                first = each.text.sentence_starts[number]
                last = first + len(each.text.sentences[number]) - 1
                start, end = each.text.token_offsets[first][0], each.text.token_offsets[last][1]
                record.update(sentence=number, char_start=start, char_end=end)
            # As few digits as give the same float32 again.
            record["vector"] = [float(value) for value in vector.astype(str)]
            file.write(json.dumps(record) + "\n")
        file.flush()


@contextmanager
def _array_file(path: Path, format: str, unit: str) -> Iterator[Callable[[TextVectors], None]]:
    """What to call for the vectors of each text; they are in the file once the block ends."""
    # Through a link to the file itself: the link stays one.
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: is no file; {format} needs one, for it is written from both ends")
    incomplete = path.with_name(path.name + INCOMPLETE_SUFFIX)
    keys: List[str] = []
    sentences: List[int] = []
    kept = False
    try:
        with atomic_path(path) as partial:
            # An .npz is a zip archive of arrays, whose sums it holds: it is made of the array once this is complete.
            array = partial if format == NPY else partial.with_name(partial.name + ".npy")
            try:
                with open(array, "wb") as file:
                    rows = _Rows(file)

                    def append(each: TextVectors) -> None:
                        rows.append(each.vectors)
                        if format == NPZ:
                            keys.extend([each.doc_key] * len(each.vectors))
                            sentences.extend(range(len(each.vectors)))

                    def finish() -> None:
                        rows.finish()
                        if format == NPZ:
                            others = {KEYS: numpy.array(keys, numpy.str_)}
                            if unit == SENTENCE:
                                others[SENTENCES] = numpy.array(sentences, numpy.int64)
                            _zip(partial, array, others)

                    try:
                        yield append
                    except BaseException:
                        if rows.num_rows:
                            finish()
                            os.replace(partial, incomplete)
                            kept = True
                        raise
                    finish()
            finally:
                if format == NPZ:
                    array.unlink(missing_ok=True)
        incomplete.unlink(missing_ok=True)
    except BaseException as error:
        if kept:
            say_what_is_kept(error, incomplete)
        raise


class _Rows:
    """An array of NumPy's format 1.0, whose rows are written as they come, and how many they are at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self.num_rows = 0
        self._file = file
        self._dim = 0
        file.write(self._header())

    def append(self, rows: numpy.ndarray) -> None:
        self._file.write(numpy.ascontiguousarray(rows, "<f4").tobytes())
        self.num_rows += len(rows)
        self._dim = rows.shape[1]

    def finish(self) -> None:
        self._file.seek(0)
        self._file.write(self._header())
        self._file.flush()

    def _header(self) -> bytes:
        """128 bytes, whatever the numbers: spaces before the line break fill it."""
        described = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({self.num_rows}, {self._dim}), }}"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + described.ljust(117).encode("latin-1") + b"\n"


def _zip(path: Path, array: Path, others: Dict[str, numpy.ndarray]) -> None:
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        archive.write(array, f"{VECTORS}.npy")
        for name, values in others.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                numpy.lib.format.write_array(file, values, allow_pickle=False)
