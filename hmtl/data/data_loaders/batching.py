"""Which instances make a batch, and which sentences of a long document are read: functions of a seed alone."""

import random
from array import array
from itertools import accumulate
from typing import Any, Iterator, List, Optional, Sequence, Tuple

import numpy as np


class Batches:
    """The indices of the instances in each batch, made when it is asked for.

    # Parameters

    order : `numpy.ndarray`
        All instances, batch by batch, shape (num_instances,).
    batch_size : `int`
        Instances in a batch; the last one may have fewer.
    sequence : `Sequence[int]`, optional (default = that of `order`)
        The numbers of the batches, in the order in which they come.
    """

    def __init__(self, order: np.ndarray, batch_size: int, sequence: Optional[Sequence[int]] = None) -> None:
        self._order = order.astype(np.int32)
        self._batch_size = batch_size
        self._sequence = range(-(-len(order) // batch_size)) if sequence is None else sequence

    def __len__(self) -> int:
        return len(self._sequence)

    def __iter__(self) -> Iterator[List[int]]:
        return self.since(0)

    def since(self, start: int) -> Iterator[List[int]]:
        """The batches from `start` on."""
        for number in self._sequence[start:]:
            yield self._order[number * self._batch_size : (number + 1) * self._batch_size].tolist()


def sorted_batches(lengths: Sequence[int], batch_size: int) -> Batches:
    """The indices of all instances in batches, the shortest first; of equal length, in their order."""
    return Batches(np.argsort(np.asarray(lengths), kind="stable"), batch_size)


def sequential_batches(num_instances: int, batch_size: int) -> Batches:
    """The indices of all instances in batches, in their order."""
    return Batches(np.arange(num_instances), batch_size)


def shuffled_batches(lengths: Sequence[int], batch_size: int, padding_noise: Optional[float], *key: Any) -> Batches:
    """The indices of all instances in batches of similar length; the batches are shuffled.

    These are the batches of AllenNLP's `BucketBatchSampler`, but their random numbers are a function of `key` alone.
    Without a `padding_noise` it is the instances that are shuffled, whatever their lengths.

    # Parameters

    lengths : `Sequence[int]`
        The length of each instance.
    batch_size : `int`
        Instances in a batch; the batch of the longest, or the last one that is filled, may have fewer.
    padding_noise : `Optional[float]`
        Lengths are changed by a random part of up to so much of them, up or down, before they are compared.
    """
    # A string is hashed by SHA-512 here, not by `hash`, which differs from process to process.
    generator = random.Random(repr(key))
    if padding_noise is None:
        order = array("i", range(len(lengths)))
        generator.shuffle(order)
        return Batches(np.array(order), batch_size)
    # Shape of each: (num_instances,)
    exact = np.asarray(lengths, dtype=np.float64)
    spread = exact * padding_noise
    # What `generator.uniform(-spread, spread)` does, to the last bit.
    noisy = exact + (-spread + (spread - -spread) * _uniform(generator, len(exact)))
    sequence = array("i", range(-(-len(exact) // batch_size)))
    generator.shuffle(sequence)
    return Batches(np.argsort(noisy, kind="stable"), batch_size, sequence)


def _uniform(generator: random.Random, number: int) -> np.ndarray:
    """The next so many numbers of `generator.random()`. Shape: (number,)"""
    version, state, gauss = generator.getstate()
    # Both are the same Mersenne Twister, and make a number of the same 53 bits.
    numpy_generator = np.random.RandomState()
    twister = {"key": np.array(state[:-1], dtype=np.uint32), "pos": state[-1]}
    numpy_generator.set_state({"bit_generator": "MT19937", "state": twister})
    numbers = numpy_generator.random_sample(number)
    after: Any = numpy_generator.get_state(legacy=False)
    generator.setstate((version, (*after["state"]["key"].tolist(), after["state"]["pos"]), gauss))
    return numbers


def sample_segment(lengths: Sequence[int], max_tokens: int, *key: Any) -> Tuple[int, int]:
    """A random run of a document's sentences that has at most `max_tokens` tokens, as a function of `key`.

    Each sentence is as likely to begin it as another, but for those near the end, from which it would be shorter than
    from an earlier one. The run goes on for as long as sentences fit; a first one that is too long stands alone.

    # Returns

    `Tuple[int, int]`
        The run's first sentence and the one behind its last.
    """
    ends = list(accumulate(lengths))
    # The first sentence from which all that follow fit; the last sentence where none does.
    last = next((n for n in range(len(ends)) if ends[-1] - ends[n] + lengths[n] <= max_tokens), len(ends) - 1)
    first = random.Random(repr(key)).randint(0, last)
    begin = ends[first] - lengths[first]
    stop = next((n for n in range(first + 1, len(ends)) if ends[n] - begin > max_tokens), len(ends))
    return first, stop
