"""Draws tasks in proportion to their data."""

from typing import Dict

from hmtl.training.task_samplers.task_sampler import TaskSampler


@TaskSampler.register("proportional")
class ProportionalSampler(TaskSampler):
    """p_i = batches_i / sum of all batches (HMTL section 2.6, the default there)."""

    def probabilities(self, num_batches: Dict[str, int], epoch: int) -> Dict[str, float]:
        total = sum(num_batches.values())
        return {task: number / total for task, number in num_batches.items()}
