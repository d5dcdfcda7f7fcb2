"""Batches of instances of similar length, or of any."""

import random
from typing import Any, List, Optional, Sequence


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
