"""Pooled vectors on disk, each sentence computed once for all tasks and runs."""

import hashlib
import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy
from allennlp.common import Tqdm

from hmtl.common.environment import probing_folder
from hmtl.common.files import atomic_write
from hmtl.errors import UserError
from hmtl.probing.vectors import LevelVectors, Sentences

# Sentences that are computed, and written, together: so many are lost when the process is killed.
SEGMENT_SIZE = 2**14
# What follows the name of a segment.
_VECTORS, _KEYS = ".npy", ".keys.npy"


@contextmanager
def chosen_directory(directory: Optional[Path], keep: bool) -> Iterator[Path]:
    """The folder of the vectors: the one named, the default one, or, where nothing is to be kept, one that goes."""
    if keep:
        yield directory or probing_folder()
        return
    with TemporaryDirectory(prefix="hmtl_probing_") as folder:
        yield Path(folder)


class VectorStore:
    """The pooled vectors of a model's levels, by the content of the sentences.

    A level and pooling of a model has a folder of segments: `NAME.npy`, the vectors, which are read through the memory
    map, and `NAME.keys.npy`, a number for each sentence, which is written last and makes the segment count. Nothing is
    changed once it is there, so that several processes may add to one folder.

    # Parameters

    vectors : `LevelVectors`
    directory : `Path`
        What another model left in it is neither read nor touched.

    # Raises

    UserError
        Where the folder cannot be made.
    """

    def __init__(self, vectors: LevelVectors, directory: Path) -> None:
        self._vectors = vectors
        self._directory = directory / vectors.fingerprint
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{directory}: cannot be used as a cache ({error.strerror}); choose another by --cache, or --no-cache"
            ) from error

    def fill(self, sentences: Sentences, levels: Sequence[str], poolings: Sequence[str]) -> int:
        """Computes what is missing, each sentence in one pass for all levels; returns the number of these sentences."""
        sentence_of = dict(zip(_keys(sentences).tolist(), sentences))
        keys = numpy.fromiter(sentence_of, numpy.uint64, len(sentence_of))
        # Shape (each): (num_sentences,)
        missing = {
            pair: ~numpy.isin(keys, self._known(*pair).keys) for pair in self._vectors.known_pairs(levels, poolings)
        }
        wanted = numpy.flatnonzero(numpy.any(list(missing.values()), axis=0))
        with Tqdm.tqdm(total=len(wanted), desc="vectors", unit=" sentences", disable=not len(wanted)) as bar:
            for first in range(0, len(wanted), SEGMENT_SIZE):
                rows = wanted[first : first + SEGMENT_SIZE]
                chosen = [sentence_of[key] for key in keys[rows].tolist()]
                segments: Dict[Tuple[str, str], numpy.ndarray] = {
                    (level, pooling): numpy.empty((len(rows), self._vectors.dim(level)), numpy.float32)
                    for level, pooling in missing
                }
                for numbers, vectors in self._vectors.pooled_batches(chosen, levels, poolings):
                    for pair, matrix in vectors.items():
                        segments[pair][numbers] = matrix
                    bar.update(len(numbers))
                for pair, matrix in segments.items():
                    lacking = missing[pair][rows]
                    self._add(pair, keys[rows][lacking], matrix[lacking])
        return len(wanted)

    def matrix(self, sentences: Sentences, level: str, pooling: str) -> numpy.ndarray:
        """Vectors that `fill` has computed, (num_sentences, dim), float32."""
        wanted = _keys(sentences)
        known = self._known(level, pooling)
        places = numpy.searchsorted(known.keys, wanted)
        segment_of, row_of = known.segment_of[places], known.row_of[places]
        found = numpy.empty((len(wanted), self._vectors.dim(level)), numpy.float32)
        for number, path in enumerate(known.files):
            rows = numpy.flatnonzero(segment_of == number)
            if len(rows):
                found[rows] = numpy.load(path, mmap_mode="r")[row_of[rows]]
        return found

    def _add(self, pair: Tuple[str, str], keys: numpy.ndarray, vectors: numpy.ndarray) -> None:
        if not len(keys):
            return
        folder = self._directory.joinpath(*pair)
        folder.mkdir(parents=True, exist_ok=True)
        # Of this process alone: another may write the same sentences at the same time.
        name = f"{hashlib.blake2b(keys.tobytes(), digest_size=8).hexdigest()}_{os.getpid()}"
        for suffix, array in ((_VECTORS, vectors), (_KEYS, keys)):
            with atomic_write(folder / (name + suffix), "wb") as file:
                numpy.save(file, array)

    def _known(self, level: str, pooling: str) -> "_Index":
        files = sorted((self._directory / level / pooling).glob(f"*{_KEYS}"))
        parts = [numpy.load(path) for path in files]
        keys = numpy.concatenate([numpy.empty(0, numpy.uint64), *parts])
        segment_of = numpy.repeat(numpy.arange(len(parts)), list(map(len, parts)))
        row_of = numpy.concatenate([numpy.empty(0, int), *(numpy.arange(len(part)) for part in parts)])
        order = numpy.argsort(keys, kind="stable")
        vectors = [path.with_name(path.name[: -len(_KEYS)] + _VECTORS) for path in files]
        return _Index(keys[order], segment_of[order], row_of[order], vectors)


class _Index(NamedTuple):
    """Where the vectors of a level and pooling are: the keys, sorted, and of each its segment and its row there.

    Shape of the arrays: (num_stored,)
    """

    keys: numpy.ndarray
    segment_of: numpy.ndarray
    row_of: numpy.ndarray
    files: List[Path]


def _keys(sentences: Sentences) -> numpy.ndarray:
    """A number for the content of each sentence. Two of a million share one once in 37 million times."""
    digests = (hashlib.blake2b("\n".join(sentence).encode(), digest_size=8).digest() for sentence in sentences)
    return numpy.frombuffer(b"".join(digests), numpy.uint64)
