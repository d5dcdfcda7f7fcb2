"""One update: from the batches of its tasks to the gradient that their optimizer steps along."""

from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import torch
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm

from hmtl.common import distributed
from hmtl.models.hmtl import HMTL
from hmtl.training.gradient_aggregators import GradientAggregator
from hmtl.training.objectives import Objective
from hmtl.training.precision import Precision
from hmtl.training.successive_regularization import SuccessiveRegularization
from hmtl.training.task_state import OptimizerState

Batch = Dict[str, Any]
Gradients = Dict[torch.nn.Parameter, torch.Tensor]


class Update(NamedTuple):
    """What an update brought.

    # Attributes

    losses : `Dict[str, torch.Tensor]`
        The loss of each task, shape (): over its whole batch, all parts and all workers together.
    outputs : `List[Dict[str, Any]]`
        What the model returned for each part of this worker.
    gradient_norm : `Optional[torch.Tensor]`
        Before it was limited, but of clipped values; shape (). `None` where it is not limited.
    """

    losses: Dict[str, torch.Tensor]
    outputs: List[Dict[str, Any]]
    gradient_norm: Optional[torch.Tensor]


class Updater:
    """Makes updates.

    The gradient of each task is that of its whole batch: the parts of a batch are computed one after the other and on
    several workers, and summed. The objective then gives each task's gradient a weight, the aggregator makes one
    gradient of those of several tasks, penalties are added, and the sum is clipped: its values first, then its norm, as
    AllenNLP's own trainer does.

    # Parameters

    model : `HMTL`
        On its device.
    precision : `Precision`
    in_parts : `bool`
        Whether batches are split, over workers or one after the other.
    objective : `Optional[Objective]`
        `None`: the sum of the losses.
    aggregator : `Optional[GradientAggregator]`
        Combines the tasks' gradients of the parameters that they share; `None`: their sum.
    successive_regularization : `Optional[SuccessiveRegularization]`
    grad_norm, grad_clipping : `Optional[float]`
        The values of the gradient are clipped to the size `grad_clipping`; then all of it is scaled down to the norm
        `grad_norm`. Both concern the gradient of the whole batch, at its true size.
    """

    def __init__(
        self,
        model: HMTL,
        precision: Precision,
        in_parts: bool = False,
        objective: Optional[Objective] = None,
        aggregator: Optional[GradientAggregator] = None,
        successive_regularization: Optional[SuccessiveRegularization] = None,
        grad_norm: Optional[float] = None,
        grad_clipping: Optional[float] = None,
    ) -> None:
        self.precision = precision
        self._model = model
        self._in_parts = in_parts
        self._objective = objective
        self._aggregator = aggregator
        self._successive_regularization = successive_regularization
        self._grad_norm = grad_norm
        self._grad_clipping = grad_clipping
        if objective is not None:
            objective.set_tasks(model.tasks)
            objective.to(next(model.parameters()).device)
        named = {task: model.parameters_of(task) for task in model.tasks}
        self._parameters = {task: [parameter for _, parameter in pairs] for task, pairs in named.items()}
        own: Dict[str, Tuple[str, ...]] = {task: (f"encoders.{task}.", f"heads.{task}.") for task in model.tasks}
        for lower in model.label_embeddings:
            # They belong to the lowest level that reads them: those of POS are in theta_chk of Hashimoto et al. 2017
            # (section 3.3), and dependencies are the first that are penalised for them.
            reader = next(task for task in model.tasks if lower in model.reads_label_embeddings[task])
            own[reader] = (*own[reader], f"label_embeddings.{lower}.")
        self._below = {
            task: [(name, parameter) for name, parameter in pairs if not name.startswith(own[task])]
            for task, pairs in named.items()
        }

    @property
    def shared_parameters(self) -> Dict[str, torch.nn.Parameter]:
        """The parameters that some task reaches below its own level, by name."""
        return {name: parameter for pairs in self._below.values() for name, parameter in pairs}

    def parameters_of(self, task: str) -> List[Tuple[str, torch.nn.Parameter]]:
        """What an optimizer of the task holds, by name: what the task reaches, and the objective's own parameters."""
        of_objective = [] if self._objective is None else self._objective.parameters_of(task)
        return self._model.parameters_of(task) + of_objective

    def state_dict(self) -> Dict[str, Any]:
        return {name: part.state_dict() for name, part in self._stateful().items()}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        for name, part in self._stateful().items():
            part.load_state_dict(state[name])

    def _stateful(self) -> Dict[str, Any]:
        parts = {
            "objective": self._objective,
            "aggregator": self._aggregator,
            "successive_regularization": self._successive_regularization,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def start_epoch(self) -> None:
        """To be called before the first update of each epoch, not where one is resumed."""
        if self._successive_regularization is not None:
            self._successive_regularization.start_epoch(self.shared_parameters)

    def __call__(self, state: OptimizerState, batches: Dict[str, List[Batch]]) -> Update:
        """Makes an update of `state` from this worker's parts of the batch of each task."""
        # An optimizer leaves parameters without a gradient alone: those of other tasks do not move by their momentum.
        state.optimizer.zero_grad(set_to_none=True)
        if self._successive_regularization is not None:
            self._successive_regularization.before_update(tuple(batches), self.shared_parameters)
        losses: Dict[str, torch.Tensor] = {}
        gradients: Dict[str, Gradients] = {}
        outputs: List[Dict[str, Any]] = []
        for task, parts in batches.items():
            losses[task], of_parts = self._backward(state, task, parts)
            outputs += of_parts
            if len(batches) > 1:
                gradients[task] = _take(self._parameters[task])
        self._combine(state, losses, gradients)
        penalty = self._model.get_regularization_penalty()
        if penalty is not None and penalty.requires_grad:
            state.scaled(penalty).backward()
        state.unscale()
        parameters = list(dict.fromkeys(parameter for task in batches for parameter in self._parameters[task]))
        if self._successive_regularization is not None:
            below = dict(pair for task in batches for pair in self._below[task])
            self._successive_regularization.add_gradients(list(below.items()))
        norm = self._clip(parameters)
        state.step()
        return Update(losses, outputs, norm)

    def _clip(self, parameters: List[torch.nn.Parameter]) -> Optional[torch.Tensor]:
        """Limits the values of the gradient, then its norm; returns the norm between both, `None` without a limit."""
        gradients = _gradients_of(parameters)
        if not self._grad_norm:
            if self._grad_clipping:
                clip_grad_value_(parameters, self._grad_clipping)
            return None
        norm = get_total_norm(gradients)
        # No single value of the gradient is larger than its norm.
        if self._grad_clipping and _may_exceed(norm, self._grad_clipping):
            clip_grad_value_(parameters, self._grad_clipping)
            norm = get_total_norm(gradients)
        if _may_exceed(norm, self._grad_norm):
            clip_grads_with_norm_(parameters, self._grad_norm, norm)
        return norm

    def _backward(
        self, state: OptimizerState, task: str, parts: List[Batch]
    ) -> Tuple[torch.Tensor, List[Dict[str, Any]]]:
        """Leaves the gradient of the task's loss in `.grad` of what the task reaches; returns the loss and outputs."""
        if not self._in_parts:
            outputs = self._forward(parts[0])
            state.scaled(outputs["loss"]).backward()
            return outputs["loss"].detach(), [outputs]
        parameters = self._parameters[task]
        # Shape: (2,): the sum of the losses, and the number of items that they are a mean over, 0 for sums
        total = parameters[0].new_zeros(2)
        all_outputs = []
        for part in parts:
            outputs = self._forward(part)
            count = outputs.get("loss_count")
            loss = outputs["loss"] if count is None else outputs["loss"] * count
            state.scaled(loss).backward()
            total += torch.stack([loss.detach(), loss.new_zeros(()) if count is None else count])
            all_outputs.append(outputs)
        for parameter in parameters:
            if parameter.grad is None:
                # This worker has no part of the batch, or the parameter has no influence on the loss.
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        distributed.all_reduce_sum([*gradients, total])
        share = torch.where(total[1] > 0, 1 / total[1], 1.0)
        torch._foreach_mul_(gradients, share)
        return total[0] * share, all_outputs

    def _forward(self, batch: Batch) -> Dict[str, Any]:
        with self.precision.autocast():
            return self._model(**batch)

    def _combine(self, state: OptimizerState, losses: Dict[str, torch.Tensor], gradients: Dict[str, Gradients]) -> None:
        """Weighs the gradients of the tasks, and makes one of them in `.grad`."""
        weights = None if self._objective is None else self._objective_gradient(self._objective, state, losses)
        if not gradients:
            if weights is not None:
                (task,) = losses
                torch._foreach_mul_(_gradients_of(self._parameters[task]), weights[task])
            return
        if weights is not None:
            for task, of_task in gradients.items():
                torch._foreach_mul_(list(of_task.values()), weights[task])
        for of_task in gradients.values():
            for parameter, gradient in of_task.items():
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        if self._aggregator is not None:
            self._aggregate(self._aggregator, state, list(gradients.values()))

    def _aggregate(self, aggregator: GradientAggregator, state: OptimizerState, gradients: List[Gradients]) -> None:
        """Replaces the summed gradients of the parameters that several tasks reach."""
        num_tasks = Counter(parameter for of_task in gradients for parameter in of_task)
        shared = [parameter for parameter, number in num_tasks.items() if number > 1]
        if not shared:
            return
        # Shape: (num_tasks, num_shared_parameters)
        matrix = torch.stack(
            [
                torch.cat([of_task.get(parameter, torch.zeros_like(parameter)).reshape(-1) for parameter in shared])
                for of_task in gradients
            ]
        )
        scale = state.loss_scale
        # Aggregators cannot combine infinite gradients, along which no step is taken anyway: the scaler skips it.
        if not matrix.isfinite().all():
            return
        # Shape: (num_shared_parameters,)
        combined = aggregator(matrix / scale) * scale
        for parameter, part in zip(shared, combined.split([parameter.numel() for parameter in shared])):
            parameter.grad = part.view_as(parameter)

    def _objective_gradient(
        self, objective: Objective, state: OptimizerState, losses: Dict[str, torch.Tensor]
    ) -> Dict[str, torch.Tensor]:
        """The objective's derivative by each loss; leaves that by its own parameters in their `.grad`."""
        leaves = {task: loss.clone().requires_grad_() for task, loss in losses.items()}
        own = [parameter for task in losses for _, parameter in objective.parameters_of(task)]
        found = torch.autograd.grad(objective(leaves), [*leaves.values(), *own])
        for parameter, gradient in zip(own, found[len(leaves) :]):
            parameter.grad = state.scaled(gradient)
        return dict(zip(leaves, found))


def _take(parameters: List[torch.nn.Parameter]) -> Gradients:
    """Returns the gradients and sets `.grad` to `None`, so that the next task's can take their place."""
    taken = {parameter: parameter.grad for parameter in parameters if parameter.grad is not None}
    for parameter in taken:
        parameter.grad = None
    return taken


def _gradients_of(parameters: List[torch.nn.Parameter]) -> List[torch.Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _may_exceed(norm: torch.Tensor, limit: float) -> bool:
    """Whether a norm, shape (), is larger than the limit: a CPU need not wait for the answer, and saves a pass over the
    gradient where it is no. Where one would have to wait it is yes."""
    return norm.device.type != "cpu" or not norm <= limit
