import random

import numpy as np
import pytest

from hmtl.data.data_loaders.indexed_words import Ragged, downcast, ragged


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(), (2,)])
def test_padding(seed: int, shape: tuple) -> None:
    generator = random.Random(seed)

    def item() -> object:
        return tuple(generator.randint(-300, 70000) for _ in range(2)) if shape else generator.randint(-9, 300)

    rows = [[item() for _ in range(generator.choice([0, 1, 3, 6]))] for _ in range(7)]
    kept = ragged(rows, np.int64, shape)
    assert len(kept) == 7
    assert [list(map(tuple, row)) if shape else row.tolist() for row in kept] == rows
    chosen = [generator.randint(-1, 6) for _ in range(6)]
    for length in (None, 7):
        expected_length = length or max(0 if n < 0 else len(rows[n]) for n in chosen)
        padding = (-1, -1) if shape else -1
        expected = [
            ([] if n < 0 else rows[n]) + [padding] * (expected_length - (0 if n < 0 else len(rows[n]))) for n in chosen
        ]
        found = kept.padded(np.array(chosen), -1, np.int64, length)
        assert found.dtype == np.int64
        assert np.array_equal(found, np.array(expected).reshape(6, expected_length, *shape))
        by_two = kept.padded(np.array(chosen).reshape(3, 2), -1, np.int64, length)
        assert np.array_equal(by_two, found.reshape(3, 2, expected_length, *shape))


def test_no_values_at_all() -> None:
    kept = ragged([[], []], np.int64, (3,))
    assert kept.padded(np.array([0, 1, -1]), 0, np.int64).shape == (3, 0, 3)


@pytest.mark.parametrize(
    "values, kind", [([0, 127], "int8"), ([-129], "int16"), ([2**15], "int32"), ([-(2**40)], "int64"), ([], "int8")]
)
def test_the_smallest_type(values: list, kind: str) -> None:
    made = downcast(np.array(values, dtype=np.int64))
    assert made.dtype == kind
    assert made.tolist() == values


def test_memory_grows_with_the_values() -> None:
    small, large = (Ragged(np.zeros(10 * n, dtype=np.int64), [10] * n) for n in (100, 1000))
    assert 9 < large.nbytes / small.nbytes < 10.5
