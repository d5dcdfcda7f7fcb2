"""Draws tasks in proportion to a power of their size."""

from typing import Dict, Optional

from allennlp.common.checks import ConfigurationError

from hmtl.training.task_samplers.task_sampler import TaskSampler


@TaskSampler.register("power")
class PowerSampler(TaskSampler):
    """p_i is proportional to batches_i ** alpha: 1 is `proportional`, 0 is `uniform`; small tasks gain below 1.

    # Parameters

    alpha : `float`, optional (default = `0.5`)
        In the first epoch.
    final_alpha : `float`, optional (default = `alpha`)
        From epoch `num_epochs` on; in between it is interpolated (Stickland and Murray 2019 anneal towards uniform).
    num_epochs : `int`, optional
        Needed with `final_alpha`.
    """

    def __init__(self, alpha: float = 0.5, final_alpha: float = None, num_epochs: int = None) -> None:
        if final_alpha is not None and (num_epochs is None or num_epochs < 1):
            raise ConfigurationError("sampler 'power': final_alpha needs num_epochs, at least 1, to get there")
        self._alpha = alpha
        self._final_alpha = alpha if final_alpha is None else final_alpha
        self._num_epochs: Optional[int] = num_epochs

    def probabilities(self, num_batches: Dict[str, int], epoch: int) -> Dict[str, float]:
        progress = min(1.0, epoch / self._num_epochs) if self._num_epochs else 0.0
        alpha = self._alpha + progress * (self._final_alpha - self._alpha)
        # Sizes are divided by the largest, so that no power overflows.
        largest = max(num_batches.values())
        powers = {task: (number / largest) ** alpha for task, number in num_batches.items()}
        total = sum(powers.values())
        return {task: power / total for task, power in powers.items()}
