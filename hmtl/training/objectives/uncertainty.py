"""The sum of the losses, weighed by uncertainties that are learned."""

import math
from typing import Dict, List, Tuple

import torch
from allennlp.common.checks import ConfigurationError

from hmtl.training.objectives.objective import Objective


@Objective.register("uncertainty")
class UncertaintyObjective(Objective):
    """sum of exp(-s_t) L_t + s_t / 2, with one learned s_t = log sigma_t^2 a task.

    The weighting by homoscedastic uncertainty of Kendall, Gal and Cipolla 2018, in the form that their equation 10 has
    for classification: L_t / sigma_t^2 + log sigma_t. For regression their equation 7 halves the first term, since the
    likelihood is Gaussian there; all tasks here classify. For a loss that stays the same, s_t comes to log(2 L_t), and
    the task's term to (1 + log(2 L_t)) / 2, which is below 0 for a small loss.

    # Parameters

    initial_log_variance : `float`, optional (default = `0.0`)
        s_t before training; at 0 every task begins with weight 1.
    """

    def __init__(self, initial_log_variance: float = 0.0) -> None:
        super().__init__()
        if not math.isfinite(initial_log_variance):
            raise ConfigurationError(
                f"objective 'uncertainty': initial_log_variance is {initial_log_variance}; it must be finite"
            )
        self._initial_log_variance = initial_log_variance
        self.log_variances = torch.nn.ParameterDict()

    def set_tasks(self, tasks: List[str]) -> None:
        for task in tasks:
            self.log_variances[task] = torch.nn.Parameter(torch.tensor(float(self._initial_log_variance)))

    def parameters_of(self, task: str) -> List[Tuple[str, torch.nn.Parameter]]:
        return [(f"log_variances.{task}", self.log_variances[task])]

    def forward(self, losses: Dict[str, torch.Tensor]) -> torch.Tensor:
        terms = []
        for task, loss in losses.items():
            log_variance = self.log_variances[task]
            terms.append(torch.exp(-log_variance) * loss + log_variance / 2)
        return torch.stack(terms).sum()
