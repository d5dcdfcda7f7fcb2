"""Several tasks an update, of every sampler."""

import random
from collections import Counter
from itertools import permutations

import pytest
from allennlp.common.checks import ConfigurationError
from scipy.stats import chisquare

from hmtl.training.task_samplers import (
    ByValidationSampler,
    PowerSampler,
    ProportionalSampler,
    RoundRobinSampler,
    SuccessiveSampler,
    UniformSampler,
    WeightsSampler,
)

NUM_BATCHES = {"ner": 1_000, "emd": 5_000, "re": 2_000, "coref": 4_000}


def by_validation():
    sampler = ByValidationSampler()
    sampler.end_epoch({"ner": 0.8, "emd": 0.7, "re": 0.5, "coref": 0.6})
    sampler.end_epoch({"ner": 0.2, "emd": 0.7, "re": 0.4, "coref": 0.1})
    return sampler


RANDOM_SAMPLERS = [
    pytest.param(ProportionalSampler(), id="proportional"),
    pytest.param(UniformSampler(), id="uniform"),
    pytest.param(PowerSampler(alpha=0.5), id="power"),
    pytest.param(PowerSampler(alpha=1.0, final_alpha=0.0, num_epochs=4), id="annealed power"),
    pytest.param(WeightsSampler({"ner": 5.0, "emd": 1.0, "re": 1.0, "coref": 3.0}), id="weights"),
    pytest.param(by_validation(), id="by_validation"),
]


def probabilities_of_sets(probabilities, size):
    """By enumeration of every order in which tasks may be drawn without replacement."""
    found = Counter()
    for order in permutations(probabilities, size):
        left, probability = 1.0, 1.0
        for task in order:
            probability *= probabilities[task] / left
            left -= probabilities[task]
        found[tuple(sorted(order))] += probability
    return found


@pytest.mark.parametrize("sampler", RANDOM_SAMPLERS)
@pytest.mark.parametrize("tasks_per_update", [1, 2, 3])
def test_sets_of_tasks_are_as_frequent_as_by_enumeration(sampler, tasks_per_update):
    drawn = Counter(sampler.draw(NUM_BATCHES, epoch=3, seed=11, tasks_per_update=tasks_per_update))
    num_updates = 12_000 // tasks_per_update
    assert sum(drawn.values()) == num_updates
    expected = probabilities_of_sets(sampler.probabilities(NUM_BATCHES, epoch=3), tasks_per_update)
    assert set(drawn) <= set(expected)
    counts = [(drawn[tasks], probability * num_updates) for tasks, probability in expected.items()]
    assert chisquare(*zip(*counts)).pvalue > 0.001


@pytest.mark.parametrize("sampler", RANDOM_SAMPLERS)
def test_with_as_many_as_there_are_tasks_every_update_has_all(sampler):
    updates = sampler.draw(NUM_BATCHES, epoch=0, seed=1, tasks_per_update=4)
    assert updates == [("coref", "emd", "ner", "re")] * 3_000


@pytest.mark.parametrize("sampler", RANDOM_SAMPLERS)
def test_draws_are_a_function_of_seed_and_epoch(sampler):
    def drawn(epoch, seed):
        return sampler.draw(NUM_BATCHES, epoch, seed, tasks_per_update=2)

    assert drawn(1, 5) == drawn(1, 5)
    assert drawn(1, 5) != drawn(2, 5)
    assert drawn(1, 5) != drawn(1, 6)


def test_one_task_an_update_is_the_sequence_of_independent_choices():
    # Results that were published hang on it.
    sampler = WeightsSampler({"b": 1.0, "a": 2.0, "c": 7.0})
    expected = random.Random("13370 2").choices(["a", "b", "c"], [0.2, 0.1, 0.7], k=90)
    assert sampler.draw({"a": 20, "b": 30, "c": 40}, epoch=2, seed=13370) == [(task,) for task in expected]


@pytest.mark.parametrize("tasks_per_update, num_updates", [(1, 7), (2, 4), (3, 3)])
def test_an_epoch_has_at_least_as_many_batches_as_all_tasks(tasks_per_update, num_updates):
    for sampler in (UniformSampler(), RoundRobinSampler()):
        assert len(sampler.draw({"a": 4, "b": 2, "c": 1}, 0, 0, tasks_per_update)) == num_updates


def test_round_robin_takes_the_next_in_turn_over_epochs():
    sampler, num_batches = RoundRobinSampler(), {"b": 2, "a": 1, "d": 1, "c": 1}
    # a b c, d a b and c d a, b c d
    assert sampler.draw(num_batches, epoch=0, seed=1, tasks_per_update=3) == [("a", "b", "c"), ("a", "b", "d")]
    assert sampler.draw(num_batches, epoch=1, seed=1, tasks_per_update=3) == [("a", "c", "d"), ("b", "c", "d")]


@pytest.mark.parametrize("tasks_per_update", [1, 2, 3, 5])
def test_round_robin_leaves_no_task_behind(tasks_per_update):
    num_batches = {"a": 3, "b": 1, "c": 4, "d": 1, "e": 2}
    counts = Counter()
    for epoch in range(7):
        for tasks in RoundRobinSampler().draw(num_batches, epoch, 0, tasks_per_update):
            counts.update(tasks)
            assert max(counts[task] for task in num_batches) - min(counts[task] for task in num_batches) <= 1


@pytest.mark.parametrize(
    "sampler",
    [UniformSampler(), RoundRobinSampler(), ProportionalSampler()],
    ids=lambda sampler: type(sampler).__name__,
)
@pytest.mark.parametrize("tasks_per_update", [0, -1, 3])
def test_too_few_or_too_many_are_refused(sampler, tasks_per_update):
    with pytest.raises(ConfigurationError, match=f"tasks_per_update is {tasks_per_update}; it must be from 1 to 2"):
        sampler.draw({"a": 3, "b": 2}, 0, 0, tasks_per_update)


def test_successive_tasks_come_alone():
    with pytest.raises(ConfigurationError, match="tasks_per_update is 2.*one task after the other"):
        SuccessiveSampler(["a", "b"]).draw({"a": 3, "b": 2}, 0, 0, tasks_per_update=2)


@pytest.mark.parametrize("sampler", [UniformSampler(), RoundRobinSampler(), SuccessiveSampler(["a", "b"])])
def test_samplers_that_draw_by_the_epoch_alone_do_not_heed_scores(sampler):
    before = sampler.draw({"a": 30, "b": 20}, 1, 0)
    sampler.end_epoch({"a": -3.0, "b": 0.5})
    assert sampler.state_dict() == {}
    sampler.load_state_dict({})
    assert sampler.draw({"a": 30, "b": 20}, 1, 0) == before
