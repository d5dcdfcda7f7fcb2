"""The sum of the losses."""

from typing import Dict

import torch

from hmtl.training.objectives.objective import Objective


@Objective.register("sum")
class SumObjective(Objective):
    """sum of L_t: every task with weight 1 (HMTL section 2.6)."""

    def forward(self, losses: Dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.stack(list(losses.values())).sum()
