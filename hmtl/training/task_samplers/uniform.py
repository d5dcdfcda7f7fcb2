"""Draws every task equally often."""

from typing import Dict

from hmtl.training.task_samplers.task_sampler import TaskSampler


@TaskSampler.register("uniform")
class UniformSampler(TaskSampler):
    """p_i = 1 / number of tasks."""

    def probabilities(self, num_batches: Dict[str, int], epoch: int) -> Dict[str, float]:
        return dict.fromkeys(num_batches, 1 / len(num_batches))
