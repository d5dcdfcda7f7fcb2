"""What can be said of a training once its model and data are there: whether they fit, and what there is to train."""

import inspect
from typing import Iterable, List, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader

from hmtl.common.checks import did_you_mean
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.models.hmtl import HMTL
from hmtl.tasks.task_head import TaskHead
from hmtl.training.gradient_aggregators import GradientAggregator


def check_data(model: HMTL, loader: DataLoader) -> None:
    """Raises `ConfigurationError` where the loader is of another type, or a task lacks its data or its level."""
    if not isinstance(loader, PerTaskDataLoader):
        raise ConfigurationError("the multi_task trainer needs data_loader.type 'per_task'")
    check_tasks(loader.tasks, model.tasks)


def check_tasks(with_data: Iterable[str], levels: Iterable[str]) -> None:
    """Raises `ConfigurationError` where not each task has data, as its dataset reader has, and a level."""
    with_data, levels = list(with_data), list(levels)
    without_data, without_level = sorted(set(levels) - set(with_data)), sorted(set(with_data) - set(levels))
    if without_data or without_level:
        near = {task: did_you_mean(task, levels, "") for task in without_level}
        parts = [f"no data for {', '.join(without_data)}"] * bool(without_data)
        parts += [f"no level for {', '.join(without_level)}"] * bool(without_level)
        parts += [f"for '{task}', {advice}" for task, advice in near.items() if advice]
        raise ConfigurationError(f"each task needs data and a level of the model: {'; '.join(parts)}")


def check_targets(model: HMTL, loader: PerTaskDataLoader) -> None:
    """Raises `ConfigurationError` where a head gets no target that it knows: it would only predict, without a loss."""
    others = set(inspect.signature(TaskHead.forward).parameters)
    for task in model.tasks:
        head = model.heads[task]
        known = [name for name in inspect.signature(head.forward).parameters if name not in others | {"unused"}]
        batch = next(loader.batches_of(task), None)
        if known and batch is not None and not set(known) & set(batch):
            given = sorted(set(batch) - others - {"text", "task_name"})
            raise ConfigurationError(
                f"model.levels.{task}: its head, {type(head).__name__}, learns from {' or '.join(known)}, and the "
                f"dataset reader of the task gives {', '.join(given) or 'no targets'}; the two must be of one kind"
            )


def trained_tasks(model: HMTL) -> List[str]:
    """The tasks that take part in updates: those that reach a parameter that is not frozen. All are validated.

    # Raises

    ConfigurationError
        Where there is none.
    """
    trained = [task for task in model.tasks if model.parameters_of(task)]
    if not trained:
        raise ConfigurationError("every parameter of the model is frozen, so that there is nothing to train")
    return trained


def check_settings(
    tasks_per_update: int, shared_optimizer: bool, aggregator: Optional[GradientAggregator], accumulation_steps: int
) -> None:
    """Raises `ConfigurationError` where settings of the trainer's do not go together."""
    if accumulation_steps < 1:
        raise ConfigurationError("trainer.gradient_accumulation_steps must be at least 1")
    if tasks_per_update > 1 and not shared_optimizer:
        raise ConfigurationError(
            "trainer.tasks_per_update: the tasks of an update share one step, and hence one optimizer; "
            "set trainer.shared_optimizer to true"
        )
    if tasks_per_update == 1 and aggregator is not None:
        raise ConfigurationError(
            "trainer.gradient_aggregator: the gradient of one task has nothing to be combined with; "
            "set trainer.tasks_per_update to 2 or more"
        )
