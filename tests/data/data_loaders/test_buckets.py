import random

import pytest
from allennlp.data import Instance
from allennlp.data.fields import LabelField, ListField
from allennlp.data.samplers import BucketBatchSampler

from hmtl.data.data_loaders.batching import sequential_batches, shuffled_batches, sorted_batches


@pytest.mark.parametrize("size", [1, 3, 8, 40])
@pytest.mark.parametrize("noise", [0.0, 0.1, 2.0])
def test_batches_are_those_of_allennlps_sampler(size: int, noise: float) -> None:
    generator = random.Random(size)
    lengths = [generator.randint(1, 9) for _ in range(29)]
    instances = [Instance({"text": ListField([LabelField(0, skip_indexing=True)] * length)}) for length in lengths]
    sampler = BucketBatchSampler(size, sorting_keys=["text"], padding_noise=noise)
    for key in ((1, "ner", 0), (1, "ner", 1), (2, "ner", 0)):
        random.seed(repr(key))
        assert shuffled_batches(lengths, size, noise, *key) == list(sampler.get_batch_indices(instances))
    unshuffled = BucketBatchSampler(size, sorting_keys=["text"], shuffle=False)
    assert sorted_batches(lengths, size) == list(unshuffled.get_batch_indices(instances))


def test_without_padding_noise_lengths_do_not_matter() -> None:
    """Each instance is as likely to share a batch with any other."""
    num_instances, num_passes = 6, 3000
    together = [0] * num_instances
    for number in range(num_passes):
        batches = shuffled_batches([1, 2, 30, 40, 500, 600], 2, None, 1, "ner", number)
        assert sorted(sum(batches, [])) == list(range(num_instances)) and [len(batch) for batch in batches] == [2, 2, 2]
        assert batches == shuffled_batches([7] * num_instances, 2, None, 1, "ner", number)
        (partner,) = {index for batch in batches if 0 in batch for index in batch} - {0}
        together[partner] += 1
    # Each of five with probability 1/5: within five standard deviations, 22 of 600.
    assert together[0] == 0 and all(abs(count - num_passes / 5) < 110 for count in together[1:])
    assert [len(batch) for batch in shuffled_batches([1] * 7, 3, None, 1)] == [3, 3, 1]


def test_batches_as_they_stand() -> None:
    assert sequential_batches(5, 2) == [[0, 1], [2, 3], [4]]
