"""Draws every task equally often, in epochs of a given length."""

from typing import Dict, List, Tuple

from allennlp.common.checks import ConfigurationError

from hmtl.training.task_samplers.task_sampler import TaskSampler
from hmtl.training.task_samplers.uniform import UniformSampler


@TaskSampler.register("uniform_updates")
class UniformUpdatesSampler(UniformSampler):
    """p_i = 1 / number of tasks, with so many updates in an epoch, however much data there is: a schedule in updates.

    # Parameters

    num_updates : `int`
        The updates in an epoch, and hence between two validations.
    """

    def __init__(self, num_updates: int) -> None:
        if num_updates < 1:
            raise ConfigurationError(f"sampler.num_updates must be at least 1, not {num_updates}")
        self._num_updates = num_updates

    def draw(
        self, num_batches: Dict[str, int], epoch: int, seed: int, tasks_per_update: int = 1
    ) -> List[Tuple[str, ...]]:
        """As `TaskSampler.draw`, but `num_updates` tuples."""
        # More updates are drawn than needed. The draws are one sequence, whose beginning does not depend on its length.
        batches = dict.fromkeys(num_batches, self._num_updates * tasks_per_update)
        return super().draw(batches, epoch, seed, tasks_per_update)[: self._num_updates]
