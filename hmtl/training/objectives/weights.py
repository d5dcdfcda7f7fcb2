"""The sum of the losses, by weights that the user gives."""

import math
from typing import Dict, List

import torch
from allennlp.common.checks import ConfigurationError

from hmtl.training.objectives.objective import Objective


@Objective.register("weights")
class WeightsObjective(Objective):
    """sum of w_t L_t.

    # Parameters

    weights : `Dict[str, float]`
        One for each task, above 0; they need not sum to 1.

    # Raises

    `ConfigurationError`
        Where a weight is not a number above 0; from `set_tasks`, where the weights are not those of the tasks.
    """

    def __init__(self, weights: Dict[str, float]) -> None:
        super().__init__()
        for task, weight in weights.items():
            if not 0 < weight < math.inf:
                raise ConfigurationError(f"objective 'weights': the weight of '{task}' is {weight}; it must be above 0")
        self._weights = weights

    def set_tasks(self, tasks: List[str]) -> None:
        if set(self._weights) != set(tasks):
            raise ConfigurationError(
                f"objective 'weights' must weigh each of {sorted(tasks)}, and weighs {sorted(self._weights)}"
            )

    def forward(self, losses: Dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.stack([self._weights[task] * loss for task, loss in losses.items()]).sum()
