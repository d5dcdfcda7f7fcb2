"""Which instances make a batch, and which sentences of a long document are read: functions of a seed alone."""

import random
from itertools import accumulate
from typing import Any, List, Optional, Sequence, Tuple


def sorted_batches(lengths: Sequence[int], batch_size: int) -> List[List[int]]:
    """The indices of all instances in batches, the shortest first; of equal length, in their order."""
    return _grouped(sorted(range(len(lengths)), key=lengths.__getitem__), batch_size)


def sequential_batches(num_instances: int, batch_size: int) -> List[List[int]]:
    """The indices of all instances in batches, in their order."""
    return _grouped(list(range(num_instances)), batch_size)


def shuffled_batches(
    lengths: Sequence[int], batch_size: int, padding_noise: Optional[float], *key: Any
) -> List[List[int]]:
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
        order = list(range(len(lengths)))
        generator.shuffle(order)
        return _grouped(order, batch_size)
    noisy = [length + generator.uniform(-(length * padding_noise), length * padding_noise) for length in lengths]
    batches = _grouped(sorted(range(len(lengths)), key=noisy.__getitem__), batch_size)
    generator.shuffle(batches)
    return batches


def _grouped(order: List[int], batch_size: int) -> List[List[int]]:
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


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
