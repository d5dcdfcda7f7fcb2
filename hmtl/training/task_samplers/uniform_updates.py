"""Draws every task equally often, in epochs of a given length."""

from hmtl.training.task_samplers.task_sampler import TaskSampler, checked_num_updates
from hmtl.training.task_samplers.uniform import UniformSampler


@TaskSampler.register("uniform_updates")
class UniformUpdatesSampler(UniformSampler):
    """p_i = 1 / number of tasks, with so many updates in an epoch, however much data there is: a schedule in updates.

    # Parameters

    num_updates : `int`
        The updates in an epoch, and hence between two validations.
    """

    def __init__(self, num_updates: int) -> None:
        self.num_updates = checked_num_updates(num_updates)
