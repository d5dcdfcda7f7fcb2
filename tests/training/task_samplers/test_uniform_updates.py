import pytest
from allennlp.common.checks import ConfigurationError

from hmtl.training.task_samplers import TaskSampler, UniformSampler, UniformUpdatesSampler, WeightsSampler

BATCHES = {"a": 3, "b": 900}


@pytest.mark.parametrize("tasks_per_update", [1, 2])
@pytest.mark.parametrize("num_updates", [1, 7, 400])
def test_epochs_have_the_given_length(num_updates, tasks_per_update):
    drawn = UniformUpdatesSampler(num_updates).draw(BATCHES, 2, 5, tasks_per_update)
    assert len(drawn) == num_updates
    assert all(len(tasks) == tasks_per_update for tasks in drawn)


def test_draws_are_those_of_the_uniform_sampler():
    assert UniformUpdatesSampler(50).draw(BATCHES, 1, 3) == UniformSampler().draw(BATCHES, 1, 3)[:50]
    drawn = UniformUpdatesSampler(4000).draw(BATCHES, 0, 3)
    assert sum(tasks == ("a",) for tasks in drawn) == pytest.approx(2000, abs=4 * 31.6)


def test_a_length_below_one_is_refused():
    with pytest.raises(ConfigurationError, match="num_updates must be at least 1, not 0"):
        UniformUpdatesSampler(0)
    assert TaskSampler.by_name("uniform_updates") is UniformUpdatesSampler


def test_weights_have_the_given_length_and_their_shares():
    sampler = WeightsSampler({"large": 3.0, "small": 1.0}, num_updates=4000)
    draws = sampler.draw({"large": 2, "small": 50}, epoch=0, seed=1)
    assert len(draws) == 4000
    assert sum(task == ("large",) for task in draws) == pytest.approx(3000, abs=120)


def test_a_length_of_weights_below_one_is_refused():
    with pytest.raises(ConfigurationError, match="num_updates must be at least 1, not 0"):
        WeightsSampler({"large": 1.0}, num_updates=0)
