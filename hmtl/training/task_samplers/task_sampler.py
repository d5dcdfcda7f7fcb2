"""How often each task is drawn."""

import random
from typing import Any, Dict, List, Optional, Tuple

from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError


class TaskSampler(Registrable):
    """Gives the probability of each task; a new one is one subclass in one file that implements `probabilities`."""

    default_implementation = "proportional"

    # The updates of an epoch, however many batches there are; `None` for as many as there are batches.
    num_updates: Optional[int] = None

    def probabilities(self, num_batches: Dict[str, int], epoch: int) -> Dict[str, float]:
        """The probability of drawing each task in an epoch (from 0), given the batches in one pass over each.

        The probabilities are all above 0 and sum to 1.
        """
        raise NotImplementedError

    def draw(
        self, num_batches: Dict[str, int], epoch: int, seed: int, tasks_per_update: int = 1
    ) -> List[Tuple[str, ...]]:
        """The tasks of each update of an epoch: a function of the arguments and of the scores heard, and no other.

        An update's tasks are distinct and sorted by name. They are drawn one after the other without replacement:
        each in proportion to the probabilities of the tasks that the update does not have yet (Yates and Grundy 1953).
        With more than one, a task's share of the updates is therefore closer to the others' than its probability; with
        `tasks_per_update` the number of tasks, every update has all.

        # Parameters

        num_batches : `Dict[str, int]`
            The batches in one pass over each task's data.
        epoch : `int`
            From 0.
        seed : `int`
        tasks_per_update : `int`, optional (default = `1`)

        # Returns

        `List[Tuple[str, ...]]`
            ceil(sum of `num_batches` / `tasks_per_update`) tuples of `tasks_per_update` tasks, or the sampler's own
            `num_updates`.

        # Raises

        `ConfigurationError`
            Where `tasks_per_update` is below 1 or above the number of tasks.
        """
        num_updates = number_of_updates(num_batches, tasks_per_update)
        if self.num_updates is not None:
            num_updates = self.num_updates
        probabilities = self.probabilities(num_batches, epoch)
        # A string is hashed by SHA-512 here, not by `hash`, which differs from process to process.
        generator = random.Random(f"{seed} {epoch}")
        return [_draw_distinct(probabilities, tasks_per_update, generator) for _ in range(num_updates)]

    def end_epoch(self, scores: Dict[str, float]) -> None:
        """Hears the validation score of each task, higher is better."""

    def state_dict(self) -> Dict[str, Any]:
        """What draws depend on beside the arguments of `draw`: the scores heard, where they matter."""
        return {}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """Takes up what `state_dict` returned."""


def checked_num_updates(num_updates: int) -> int:
    """The same number.

    # Raises

    `ConfigurationError`
        Where it is below 1.
    """
    if num_updates < 1:
        raise ConfigurationError(f"sampler.num_updates must be at least 1, not {num_updates}")
    return num_updates


def number_of_updates(num_batches: Dict[str, int], tasks_per_update: int) -> int:
    """The updates of an epoch, in which as many batches are drawn as all tasks have, or just above."""
    if not 1 <= tasks_per_update <= len(num_batches):
        raise ConfigurationError(
            f"tasks_per_update is {tasks_per_update}; it must be from 1 to {len(num_batches)}, the number of tasks"
        )
    return -(-sum(num_batches.values()) // tasks_per_update)


def _draw_distinct(probabilities: Dict[str, float], number: int, generator: random.Random) -> Tuple[str, ...]:
    left = sorted(probabilities)
    drawn = []
    for _ in range(number):
        [task] = generator.choices(left, [probabilities[task] for task in left])
        left.remove(task)
        drawn.append(task)
    return tuple(sorted(drawn))
