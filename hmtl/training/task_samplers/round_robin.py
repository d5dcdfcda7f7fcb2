"""Takes the tasks in turn."""

from itertools import cycle, islice
from typing import Dict, List, Tuple

from hmtl.training.task_samplers.task_sampler import TaskSampler, number_of_updates
from hmtl.training.task_samplers.uniform import UniformSampler


@TaskSampler.register("round_robin")
class RoundRobinSampler(UniformSampler):
    """The tasks by name, one after the other; an epoch begins where the one before ended.

    With several tasks an update, each takes the next ones in turn.
    """

    def draw(
        self, num_batches: Dict[str, int], epoch: int, seed: int, tasks_per_update: int = 1
    ) -> List[Tuple[str, ...]]:
        num_updates = number_of_updates(num_batches, tasks_per_update)
        first = epoch * num_updates * tasks_per_update % len(num_batches)
        turns = islice(cycle(sorted(num_batches)), first, None)
        return [tuple(sorted(islice(turns, tasks_per_update))) for _ in range(num_updates)]
