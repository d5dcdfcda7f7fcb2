import random

import numpy
import pytest

from hmtl.inspection.measures import Distribution


def test_figures_worked_by_hand():
    assert Distribution([4, 1, 1, 2]).to_json() == {
        "mean": 2.0,
        "median": 1,
        "p90": 4,
        "max": 4,
        "histogram": {"1": 2, "2": 1, "3-4": 1},
    }


def test_without_numbers():
    assert Distribution().to_json() == {"mean": None, "median": None, "p90": None, "max": None, "histogram": {}}


def test_histogram_has_a_place_for_each_length_between_the_first_and_the_last():
    assert Distribution([0, 9, 16, 17]).histogram() == {
        "0": 1,
        "1": 0,
        "2": 0,
        "3-4": 0,
        "5-8": 0,
        "9-16": 2,
        "17-32": 1,
    }


@pytest.mark.parametrize("number", [1, 2, 7, 10, 100])
def test_quantiles_are_those_of_numpy(number):
    values = [random.randrange(20) for _ in range(number)]
    distribution = Distribution(values[:3])
    distribution.add(values[3:])
    for share in (0.1, 0.5, 0.9, 1):
        assert distribution.quantile(share) == numpy.quantile(values, share, method="inverted_cdf")
    assert distribution.mean() == pytest.approx(numpy.mean(values))
