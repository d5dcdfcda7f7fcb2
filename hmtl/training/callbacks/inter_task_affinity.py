"""How much an update along one task's gradient helps another task, measured while all of them are trained."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, DefaultDict, Dict, List, Mapping, Sequence, Tuple

import torch
from allennlp.training.callbacks import TrainerCallback

from hmtl.common.distributed import all_reduce_sum
from hmtl.common.files import atomic_write
from hmtl.errors import ConfigurationError
from hmtl.training.callbacks.callback import MultiTaskCallback

if TYPE_CHECKING:
    from hmtl.training.trainer import MultiTaskTrainer

INTER_TASK_AFFINITY = "inter_task_affinity.csv"
# The affinity of each pair of a source task and a target task.
Affinities = Dict[Tuple[str, str], float]
# Batches for measuring are taken from epochs of such numbers, which training never reaches.
_FIRST_EPOCH = 1_000_000


def affinities(
    loss_of: Callable[[str], torch.Tensor],
    tasks: Sequence[str],
    shared: Sequence[torch.nn.Parameter],
    learning_rate: float,
) -> Affinities:
    """Inter-task affinity (Fifty et al. 2021, "Efficiently Identifying Task Groupings for Multi-Task Learning",
    section 3): `1 - L_j(after) / L_j(before)` for each source `i` and target `j`.

    "After" is a step of gradient descent on the loss of `i` with the shared parameters alone. Above 0 it helps `j`. The
    parameters end bit by bit as they were, and no `.grad` changes. Distributed workers must call this together, and get
    the same.

    # Parameters

    loss_of : `Callable[[str], torch.Tensor]`
        This worker's share of the loss of a task, shape (), the same at each call but for the parameters. The loss is
        the sum over all workers.
    tasks : `Sequence[str]`
    shared : `Sequence[torch.nn.Parameter]`
    learning_rate : `float`
        Of the step. Affinities of one target are in proportion to it where it is small.
    """
    before: Dict[str, float] = {}
    gradients: Dict[str, Tuple[torch.Tensor, ...]] = {}
    for task in tasks:
        loss = loss_of(task)
        # The gradient is 0 for parameters that the task does not reach.
        gradients[task] = torch.autograd.grad(loss, list(shared), materialize_grads=True)
        loss = loss.detach()
        all_reduce_sum([*gradients[task], loss])
        before[task] = loss.item()
    return affinities_of_steps(loss_of, before, gradients, shared, learning_rate)


def affinities_of_steps(
    loss_of: Callable[[str], torch.Tensor],
    before: Mapping[str, float],
    gradients: Mapping[str, Sequence[torch.Tensor]],
    shared: Sequence[torch.nn.Parameter],
    learning_rate: float,
) -> Affinities:
    """`affinities` of given steps: the gradients of the sources need not be of the texts that `loss_of` is of.

    # Parameters

    loss_of : `Callable[[str], torch.Tensor]`
        As of `affinities`, of the targets.
    before : `Mapping[str, float]`
        The loss of each target with the parameters as they are.
    gradients : `Mapping[str, Sequence[torch.Tensor]]`
        Of each source, shaped as `shared`.
    shared, learning_rate
        As of `affinities`.
    """
    found: Affinities = {}
    with torch.no_grad():
        saved = [parameter.clone() for parameter in shared]
        try:
            for source, of_source in gradients.items():
                for parameter, start, gradient in zip(shared, saved, of_source):
                    parameter.copy_(start - learning_rate * gradient)
                # Shape: (num_targets,)
                after = torch.stack([loss_of(target) for target in before])
                all_reduce_sum([after])
                for target, loss_after in zip(before, after.tolist()):
                    # A loss of 0 cannot become smaller, and has no affinity.
                    found[source, target] = 1 - loss_after / before[target] if before[target] else float("nan")
        finally:
            for parameter, start in zip(shared, saved):
                parameter.copy_(start)
    return found


@TrainerCallback.register("inter_task_affinity")
class InterTaskAffinity(MultiTaskCallback):
    """Measures `affinities` of all tasks after every n-th update of a multi-task trainer, on a batch of each task that
    is not taken from training, and writes `inter_task_affinity.csv`, a row for each measurement, source and target,
    after each epoch.

    A batch is as large as in training: all its parts are measured, those of other workers too. Training goes on as if
    nothing had been measured. A measurement takes a pass over one batch for each pair of tasks, in float32.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    every : `int`, optional (default = `100`)
    learning_rate : `float`, optional (default = `1.0`)
        Of the step whose effect is measured, by plain gradient descent whatever the optimizer.
    """

    def __init__(self, serialization_dir: str, every: int = 100, learning_rate: float = 1.0) -> None:
        super().__init__(serialization_dir)
        if every < 1:
            raise ConfigurationError(f"inter_task_affinity.every must be at least 1, not {every}")
        if learning_rate <= 0:
            raise ConfigurationError(f"inter_task_affinity.learning_rate must be above 0, not {learning_rate}")
        self._every = every
        self._learning_rate = learning_rate
        self._rows: List[List[Any]] = []

    def on_batch(  # type: ignore[override]
        self, trainer: "MultiTaskTrainer", *args: Any, is_training: bool = True, **kwargs: Any
    ) -> None:
        update = trainer.updates_completed
        if update % self._every > 0:
            return
        model, loader = trainer.model, trainer.data_loader
        batches = {
            task: next(loader.stream(task, _FIRST_EPOCH * loader.num_batches[task] + update // self._every))
            for task in model.tasks
        }

        def loss_of(task: str) -> torch.Tensor:
            # Each call begins with the same state: dropout is drawn alike before and after the step, and the trainer's
            # own draws are left alone.
            with torch.random.fork_rng(devices=_devices(model)):
                return _share_of_loss(model, batches[task])

        shared = list(trainer.shared_parameters.values())
        found = affinities(loss_of, model.tasks, shared, self._learning_rate)
        self._rows += [[update, source, target, value] for (source, target), value in found.items()]

    def on_epoch(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:  # type: ignore[override]
        if is_primary:
            with atomic_write(Path(self.serialization_dir) / INTER_TASK_AFFINITY) as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(["iteration", "source", "target", "affinity"])
                writer.writerows(self._rows)

    def state_dict(self) -> Dict[str, Any]:
        return {"rows": list(self._rows)}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        self._rows = list(state_dict["rows"])


def mean_affinities(path: Path) -> Affinities:
    """The mean over the measurements in a file of `InterTaskAffinity`, without those that are not a number."""
    values: DefaultDict[Tuple[str, str], List[float]] = defaultdict(list)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            value = float(row["affinity"])
            values[row["source"], row["target"]] += [value] if value == value else []
    return {pair: sum(found) / len(found) if found else float("nan") for pair, found in values.items()}


def _share_of_loss(model: torch.nn.Module, parts: List[Dict[str, Any]]) -> torch.Tensor:
    """What this worker's parts of a batch add to the loss of the whole, shape (); 0 where it has no part."""
    parameter = next(model.parameters())
    # Where the worker has no part its loss is 0, which still has to have a gradient.
    total, count = parameter.new_zeros((), requires_grad=True), parameter.new_zeros(())
    for part in parts:
        output = model(**part)
        # Heads whose loss is a sum and not a mean return no count.
        num_items = output.get("loss_count")
        total = total + (output["loss"] if num_items is None else output["loss"] * num_items)
        count += 0 if num_items is None else num_items
    all_reduce_sum([count])
    return total * torch.where(count > 0, 1 / count, 1.0)


def _devices(model: torch.nn.Module) -> List[torch.device]:
    device = next(model.parameters()).device
    return [] if device.type == "cpu" else [device]
