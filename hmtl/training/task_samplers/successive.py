"""Trains one task after the other, in the order of the hierarchy."""

from typing import Dict, List, Tuple

from allennlp.common.checks import ConfigurationError

from hmtl.training.task_samplers.proportional import ProportionalSampler
from hmtl.training.task_samplers.task_sampler import TaskSampler


@TaskSampler.register("successive")
class SuccessiveSampler(ProportionalSampler):
    """Each epoch makes one pass over the first task, then over the second, and so on (Hashimoto et al. 2017).

    # Parameters

    order : `List[str]`
        All tasks, lower levels first.
    """

    def __init__(self, order: List[str]) -> None:
        self._order = order

    def draw(
        self, num_batches: Dict[str, int], epoch: int, seed: int, tasks_per_update: int = 1
    ) -> List[Tuple[str, ...]]:
        if tasks_per_update != 1:
            raise ConfigurationError(
                f"tasks_per_update is {tasks_per_update}; it must be 1 with sampler 'successive', "
                "which trains one task after the other"
            )
        if sorted(self._order) != sorted(num_batches):
            raise ConfigurationError(
                f"sampler 'successive' must order each of {sorted(num_batches)} once, and orders {self._order}"
            )
        return [(task,) for task in self._order for _ in range(num_batches[task])]
