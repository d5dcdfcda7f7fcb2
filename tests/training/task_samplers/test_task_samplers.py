import math
from collections import Counter

import pytest

from hmtl.training.task_samplers import ProportionalSampler, TaskSampler, UniformSampler


def share_of(tasks, task):
    return Counter(tasks)[task] / len(tasks)


@pytest.mark.parametrize(
    "sampler, expected",
    [(ProportionalSampler(), {"ner": 0.25, "emd": 0.75}), (UniformSampler(), {"ner": 0.5, "emd": 0.5})],
)
def test_shares_over_20000_draws_match_the_probabilities(sampler, expected):
    tasks = sampler.draw({"ner": 5_000, "emd": 15_000}, epoch=0, seed=1)
    assert len(tasks) == 20_000
    for task, probability in expected.items():
        standard_error = math.sqrt(probability * (1 - probability) / 20_000)
        assert abs(share_of(tasks, task) - probability) < 3 * standard_error


def test_draws_are_independent_of_one_another():
    tasks = ProportionalSampler().draw({"ner": 5_000, "emd": 15_000}, epoch=3, seed=7)
    pairs = Counter(zip(tasks, tasks[1:]))
    expected = 0.25 * 0.25
    standard_error = math.sqrt(expected * (1 - expected) / 20_000)
    assert abs(pairs["ner", "ner"] / 19_999 - expected) < 4 * standard_error


def test_draws_are_a_function_of_seed_and_epoch():
    num_batches = {"ner": 40, "emd": 60, "coref": 7}
    sampler = TaskSampler.by_name("proportional")()
    first = sampler.draw(num_batches, epoch=2, seed=5)
    assert first == sampler.draw(dict(reversed(num_batches.items())), epoch=2, seed=5)
    assert first != sampler.draw(num_batches, epoch=3, seed=5)
    assert first != sampler.draw(num_batches, epoch=2, seed=6)


def test_probabilities_sum_to_one():
    for name in ("proportional", "uniform"):
        probabilities = TaskSampler.by_name(name)().probabilities({"a": 3, "b": 11, "c": 1}, epoch=0)
        assert math.isclose(sum(probabilities.values()), 1.0)
        assert min(probabilities.values()) > 0
