import math
from collections import Counter

import pytest
from allennlp.common.checks import ConfigurationError

from hmtl.training.task_samplers import (
    PowerSampler,
    ProportionalSampler,
    RoundRobinSampler,
    SuccessiveSampler,
    TaskSampler,
    UniformSampler,
    WeightsSampler,
)


def share_of(tasks, task):
    return Counter(tasks)[task,] / len(tasks)


@pytest.mark.parametrize(
    "sampler, expected",
    [
        (ProportionalSampler(), {"ner": 0.25, "emd": 0.75}),
        (UniformSampler(), {"ner": 0.5, "emd": 0.5}),
        # sqrt(1) : sqrt(3)
        (PowerSampler(0.5), {"ner": 1 / (1 + math.sqrt(3)), "emd": math.sqrt(3) / (1 + math.sqrt(3))}),
        (WeightsSampler({"ner": 4.0, "emd": 1.0}), {"ner": 0.8, "emd": 0.2}),
    ],
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
    assert abs(pairs[("ner",), ("ner",)] / 19_999 - expected) < 4 * standard_error


def test_draws_are_a_function_of_seed_and_epoch():
    num_batches = {"ner": 40, "emd": 60, "coref": 7}
    sampler = TaskSampler.by_name("proportional")()
    first = sampler.draw(num_batches, epoch=2, seed=5)
    assert first == sampler.draw(dict(reversed(num_batches.items())), epoch=2, seed=5)
    assert first != sampler.draw(num_batches, epoch=3, seed=5)
    assert first != sampler.draw(num_batches, epoch=2, seed=6)


def test_probabilities_sum_to_one():
    for name in ("proportional", "uniform", "power"):
        probabilities = TaskSampler.by_name(name)().probabilities({"a": 3, "b": 11, "c": 1}, epoch=0)
        assert math.isclose(sum(probabilities.values()), 1.0)
        assert min(probabilities.values()) > 0


def test_the_power_is_annealed():
    num_batches = {"small": 1, "large": 16}
    sampler = PowerSampler(alpha=1.0, final_alpha=0.0, num_epochs=4)
    shares = [sampler.probabilities(num_batches, epoch)["small"] for epoch in range(6)]
    # 16 ** 1, 16 ** 0.75, 16 ** 0.5, 16 ** 0.25, then 1
    assert shares == pytest.approx([1 / 17, 1 / 9, 1 / 5, 1 / 3, 1 / 2, 1 / 2])


def test_round_robin_goes_on_over_epochs():
    sampler, num_batches = RoundRobinSampler(), {"b": 1, "a": 2, "c": 1}
    assert sampler.draw(num_batches, epoch=0, seed=1) == [("a",), ("b",), ("c",), ("a",)]
    assert sampler.draw(num_batches, epoch=1, seed=1) == [("b",), ("c",), ("a",), ("b",)]


def test_successive_tasks_follow_the_order():
    sampler = SuccessiveSampler(["ner", "emd", "coref"])
    tasks = sampler.draw({"coref": 2, "emd": 1, "ner": 2}, epoch=3, seed=1)
    assert tasks == [("ner",), ("ner",), ("emd",), ("coref",), ("coref",)]


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: WeightsSampler({"ner": 0.0}), "must be above 0"),
        (lambda: WeightsSampler({"ner": 1.0}).probabilities({"emd": 1}, 0), "must weigh each of"),
        (lambda: PowerSampler(final_alpha=0.0), "needs num_epochs"),
        (lambda: SuccessiveSampler(["ner"]).draw({"emd": 1}, 0, 0), "must order each of"),
    ],
)
def test_what_cannot_be_sampled_is_refused(use, message):
    with pytest.raises(ConfigurationError, match=message):
        use()
