"""Keeps a task from undoing what the tasks below it have learned."""

from typing import Any, Dict, List, Optional, Tuple

import torch
from allennlp.common import FromParams
from allennlp.common.checks import ConfigurationError
from torch.nn import Parameter

SINCE = ("task", "epoch")
# What the names of the parameters of heads begin with.
_HEADS = "heads."


class SuccessiveRegularization(FromParams):
    """The penalty strength * ||theta - theta'||^2 on what a task shares with the levels below it.

    theta are the embedding, the encoders of the lower levels and, where their labels are read, what of their heads
    gives these, and the embeddings of labels that a lower level reads, too; theta' are their values at an earlier
    moment (successive regularization, Hashimoto et al. 2017, section 3, equations 6 to 10). The embeddings of labels
    that no level below reads are the task's own: those of parts of speech are in the paper's theta_chk, not in
    theta_POS.
    The penalty is added to the gradients and not to the losses that are reported.

    # Parameters

    strength : `float`, optional (default = `0.01`)
    head_strength : `float`, optional (default = that of `strength`)
        The strength for what belongs to the heads of lower levels: their classifiers, for which the paper has 0.01, and
        0.001 for all else (appendix A).
    since : `str`, optional (default = `"task"`)
        The moment of theta'. `"task"`: when the task last changed, as in the paper, where each task is trained for an
        epoch before the next (sampler `successive`). With tasks drawn at random that is hardly ever more than a few
        updates ago, and the penalty does next to nothing; `"epoch"`, the start of the epoch, suits them.

    # Raises

    `ConfigurationError`
        Where a strength is not above 0 or `since` is another word.
    """

    def __init__(self, strength: float = 1e-2, since: str = "task", head_strength: Optional[float] = None) -> None:
        head_strength = strength if head_strength is None else head_strength
        for key, value in (("strength", strength), ("head_strength", head_strength)):
            if not value > 0:
                raise ConfigurationError(f"successive_regularization.{key} is {value}; it must be above 0")
        if since not in SINCE:
            raise ConfigurationError(f"successive_regularization.since is '{since}'; it must be 'task' or 'epoch'")
        self._strength = strength
        self._head_strength = head_strength
        self._since = since
        self._task: Optional[str] = None
        # The values theta' of the parameters, by name.
        self._snapshot: Dict[str, torch.Tensor] = {}

    def start_epoch(self, parameters: Dict[str, Parameter]) -> None:
        """Called before the first update of an epoch, and not where an epoch is resumed.

        `parameters` are all that any task may be penalised for, by name.
        """
        if self._since == "epoch":
            self._take_snapshot(parameters)

    def before_update(self, tasks: Tuple[str, ...], parameters: Dict[str, Parameter]) -> None:
        """Called before each update, with its tasks and the parameters of `start_epoch`.

        # Raises

        `ConfigurationError`
            Where there are several tasks and `since` is `"task"`.
        """
        if self._since != "task":
            return
        if len(tasks) > 1:
            raise ConfigurationError(
                "successive_regularization.since 'task' needs updates of one task, since with several there is no task "
                "before; set it to 'epoch', or tasks_per_update to 1"
            )
        if tasks[0] != self._task:
            self._task = tasks[0]
            self._take_snapshot(parameters)

    @torch.no_grad()
    def add_gradients(self, named_parameters: List[Tuple[str, Parameter]]) -> None:
        """Adds 2 * strength * (theta - theta') to the gradients of these parameters; one without stays without.

        Called after the backward pass and before gradients are clipped, with what the update's tasks share with the
        levels below them.
        """
        for of_heads, strength in ((False, self._strength), (True, self._head_strength)):
            theta: List[torch.Tensor] = []
            theta_before: List[torch.Tensor] = []
            gradients: List[torch.Tensor] = []
            for name, parameter in named_parameters:
                if parameter.grad is not None and name.startswith(_HEADS) == of_heads:
                    # A snapshot that was loaded from a checkpoint lies on the CPU.
                    self._snapshot[name] = self._snapshot[name].to(parameter.device)
                    theta.append(parameter)
                    theta_before.append(self._snapshot[name])
                    gradients.append(parameter.grad)
            if theta:
                # Torch has no public name for operations on lists of tensors, which its optimizers consist of.
                differences = torch._foreach_sub(theta, theta_before)  # noqa: SLF001
                torch._foreach_add_(gradients, differences, alpha=2 * strength)

    def state_dict(self) -> Dict[str, Any]:
        return {"task": self._task, "snapshot": dict(self._snapshot)}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        self._task = state["task"]
        self._snapshot = dict(state["snapshot"])

    def _take_snapshot(self, parameters: Dict[str, Parameter]) -> None:
        self._snapshot = {name: parameter.detach().clone() for name, parameter in parameters.items()}
