"""The base class of objectives, which make one number of several losses."""

from typing import Dict, List, Tuple

import torch
from allennlp.common import Registrable


class Objective(torch.nn.Module, Registrable):
    """Makes one number of the losses of an update's tasks; a new one is one subclass that implements `forward`.

    Its derivative by a task's loss weighs that task's gradient. It may have parameters of its own, trained with the
    model's by the tasks that they belong to.
    """

    default_implementation = "sum"

    def set_tasks(self, tasks: List[str]) -> None:
        """Hears all tasks, once, before optimizers are built: here parameters are made and the options checked."""

    def parameters_of(self, task: str) -> List[Tuple[str, torch.nn.Parameter]]:
        """The objective's own parameters that the task trains, by name."""
        return []

    def forward(self, losses: Dict[str, torch.Tensor]) -> torch.Tensor:
        """The number that an update minimises.

        # Parameters

        losses : `Dict[str, torch.Tensor]`
            The loss of each task in the update, of shape (); usually of one task.

        # Returns

        `torch.Tensor`
            Of shape (), differentiable in the losses and in the objective's own parameters.
        """
        raise NotImplementedError
