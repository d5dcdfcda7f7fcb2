import random

import pytest
from allennlp.data import Instance
from allennlp.data.fields import LabelField, ListField
from allennlp.data.samplers import BucketBatchSampler

from hmtl.data.data_loaders.batching import sequential_batches, shuffled_batches, sorted_batches


@pytest.mark.parametrize("size", [1, 3, 8, 40])
@pytest.mark.parametrize("noise", [0.0, 0.1, 2.0])
# Of 1000 more random numbers are drawn than the generator makes at a time.
@pytest.mark.parametrize("num_instances", [29, 1000])
def test_batches_are_those_of_allennlps_sampler(size: int, noise: float, num_instances: int) -> None:
    generator = random.Random(size)
    lengths = [generator.randint(1, 9) for _ in range(num_instances)]
    instances = [Instance({"text": ListField([LabelField(0, skip_indexing=True)] * length)}) for length in lengths]
    sampler = BucketBatchSampler(size, sorting_keys=["text"], padding_noise=noise)
    for key in ((1, "ner", 0), (1, "ner", 1), (2, "ner", 0)):
        random.seed(repr(key))
        expected = list(sampler.get_batch_indices(instances))
        batches = shuffled_batches(lengths, size, noise, *key)
        assert list(batches) == expected and len(batches) == len(expected)
        assert [list(batches.since(start)) for start in (1, len(expected))] == [expected[1:], []]
    unshuffled = BucketBatchSampler(size, sorting_keys=["text"], shuffle=False)
    assert list(sorted_batches(lengths, size)) == list(unshuffled.get_batch_indices(instances))


def test_without_padding_noise_lengths_do_not_matter() -> None:
    """Each instance is as likely to share a batch with any other."""
    num_instances, num_passes = 6, 3000
    together = [0] * num_instances
    for number in range(num_passes):
        batches = list(shuffled_batches([1, 2, 30, 40, 500, 600], 2, None, 1, "ner", number))
        assert sorted(sum(batches, [])) == list(range(num_instances)) and [len(batch) for batch in batches] == [2, 2, 2]
        assert batches == list(shuffled_batches([7] * num_instances, 2, None, 1, "ner", number))
        (partner,) = {index for batch in batches if 0 in batch for index in batch} - {0}
        together[partner] += 1
    # Each of five with probability 1/5: within five standard deviations, 22 of 600.
    assert together[0] == 0 and all(abs(count - num_passes / 5) < 110 for count in together[1:])
    assert [len(batch) for batch in shuffled_batches([1] * 7, 3, None, 1)] == [3, 3, 1]


def test_batches_as_they_stand() -> None:
    assert list(sequential_batches(5, 2)) == [[0, 1], [2, 3], [4]]
