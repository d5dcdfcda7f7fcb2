"""Tasks in turn."""

from itertools import cycle, islice
from typing import Dict, List

from hmtl.training.task_samplers.task_sampler import TaskSampler
from hmtl.training.task_samplers.uniform import UniformSampler


@TaskSampler.register("round_robin")
class RoundRobinSampler(UniformSampler):
    """The tasks by name, one after the other; an epoch begins where the one before ended."""

    def draw(self, num_batches: Dict[str, int], epoch: int, seed: int) -> List[str]:
        total = sum(num_batches.values())
        first = epoch * total % len(num_batches)
        return list(islice(cycle(sorted(num_batches)), first, first + total))
