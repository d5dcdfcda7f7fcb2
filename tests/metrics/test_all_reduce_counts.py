from workers import run_workers

from hmtl.common.distributed import get_rank
from hmtl.metrics.counts import all_reduce_counts

# One more than the integers that a float32 holds one by one.
MANY = 2.0**24 + 1


def sums():
    return all_reduce_counts([MANY + get_rank(), 0.5])


def test_large_counts_are_summed_exactly():
    assert all_reduce_counts([MANY, 2.0**53 - 1, 0.0]) == [16_777_217.0, 9_007_199_254_740_991.0, 0.0]


def test_large_counts_of_workers_are_summed_exactly():
    assert run_workers(sums) == [[33_554_435.0, 1.0]] * 2
