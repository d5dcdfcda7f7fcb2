"""How often each task is drawn."""

import random
from typing import Dict, List

from allennlp.common import Registrable


class TaskSampler(Registrable):
    """Gives the probability of each task; a new one is one subclass in one file that implements `probabilities`."""

    default_implementation = "proportional"

    def probabilities(self, num_batches: Dict[str, int], epoch: int) -> Dict[str, float]:
        """The probability of drawing each task in an epoch (from 0), given the batches in one pass over each.

        The probabilities are all above 0 and sum to 1.
        """
        raise NotImplementedError

    def draw(self, num_batches: Dict[str, int], epoch: int, seed: int) -> List[str]:
        """The tasks of an epoch's updates, as many as all tasks have batches: a function of the arguments alone."""
        probabilities = self.probabilities(num_batches, epoch)
        tasks = sorted(probabilities)
        # A string is hashed by SHA-512 here, not by `hash`, which differs from process to process.
        generator = random.Random(f"{seed} {epoch}")
        weights = [probabilities[task] for task in tasks]
        return generator.choices(tasks, weights, k=sum(num_batches.values()))
