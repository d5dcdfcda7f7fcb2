import random

import pytest
from allennlp.data import Instance
from allennlp.data.fields import LabelField, ListField
from allennlp.data.samplers import BucketBatchSampler

from hmtl.data.data_loaders.buckets import in_order, shuffled


@pytest.mark.parametrize("size", [1, 3, 8, 40])
@pytest.mark.parametrize("noise", [0.0, 0.1, 2.0])
def test_batches_are_those_of_allennlps_sampler(size: int, noise: float) -> None:
    generator = random.Random(size)
    lengths = [generator.randint(1, 9) for _ in range(29)]
    instances = [Instance({"text": ListField([LabelField(0, skip_indexing=True)] * length)}) for length in lengths]
    sampler = BucketBatchSampler(size, sorting_keys=["text"], padding_noise=noise)
    for key in ((1, "ner", 0), (1, "ner", 1), (2, "ner", 0)):
        random.seed(repr(key))
        assert shuffled(lengths, size, noise, *key) == list(sampler.get_batch_indices(instances))
    unshuffled = BucketBatchSampler(size, sorting_keys=["text"], shuffle=False)
    assert in_order(lengths, size) == list(unshuffled.get_batch_indices(instances))
