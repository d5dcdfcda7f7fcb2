"""One gradient of those of several tasks."""

from typing import Any, Dict

import torch
from allennlp.common import Registrable


class GradientAggregator(Registrable):
    """Combines the gradients of an update's tasks; a new one is one subclass that implements `__call__`.

    The matrix of gradients takes num_tasks x num_parameters numbers beside the model's own gradient: 4 tasks that share
    10 million parameters need 160 MB in 32 bits.

    A learning rate means the same whichever aggregator is used: where the tasks' gradients are equal, each returns
    their sum, as `sum` does. (`nash_mtl` alone has a scale of its own.) What is random is drawn from torch's global
    generator.
    """

    default_implementation = "sum"

    def __call__(self, gradients: torch.Tensor) -> torch.Tensor:
        """The direction, up to its sign, of an update of several tasks.

        # Parameters

        gradients : `torch.Tensor`
            Of shape (num_tasks, num_parameters), finite: the gradient of each task's weighed loss by the parameters
            that the tasks share, with zeros where a task does not reach one.

        # Returns

        `torch.Tensor`
            Of shape (num_parameters,).
        """
        raise NotImplementedError

    def state_dict(self) -> Dict[str, Any]:
        """What the next call depends on beside its argument."""
        return {}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """Takes up what `state_dict` returned."""
