import random

import pytest

from hmtl.inspection.measures import covered_tokens, nesting_depth


@pytest.mark.parametrize(
    "bounds, depth, covered",
    [
        ([], 0, 0),
        ([(3, 4)], 1, 2),
        ([(0, 1), (2, 3)], 1, 4),
        ([(0, 5), (0, 2), (0, 2)], 2, 6),
        ([(0, 5), (1, 4), (2, 2)], 3, 6),
        ([(0, 2), (1, 3), (2, 4)], 1, 5),
        ([(0, 9), (1, 2), (4, 8), (5, 6), (6, 6)], 4, 10),
    ],
)
def test_depth_and_cover(bounds, depth, covered):
    assert nesting_depth(bounds) == depth
    assert nesting_depth(bounds[::-1]) == depth
    assert covered_tokens(bounds) == covered


def test_depth_of_random_spans_is_their_longest_chain():
    def chain(outer, bounds):
        inner = [each for each in bounds if each != outer and outer[0] <= each[0] and each[1] <= outer[1]]
        return 1 + max((chain(each, inner) for each in inner), default=0)

    for _ in range(200):
        starts = [random.randrange(10) for _ in range(8)]
        bounds = {(start, start + random.randrange(6)) for start in starts}
        assert nesting_depth(bounds) == max(chain(each, bounds) for each in bounds)
