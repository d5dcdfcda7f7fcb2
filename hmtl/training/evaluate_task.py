"""The metrics of models on the data of tasks."""

import time
from contextlib import ExitStack, nullcontext
from typing import Any, Callable, ContextManager, Dict, Iterator, List, NamedTuple, Sequence

import torch
from allennlp.common import Tqdm

from hmtl.common.distributed import all_reduce_sum
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.models.hmtl import HMTL
from hmtl.modules.frozen import computed_once, frozen_encoders, is_stateful
from hmtl.tasks.kind import Kind


def evaluate_task(model: HMTL, loader: PerTaskDataLoader, task: str) -> Dict[str, float]:
    """The task's metrics over all its batches in `loader`, with the mean `loss` a batch.

    The model must be in evaluation mode.
    """
    evaluation = TaskEvaluation(model, loader, task)
    for _ in evaluated([evaluation], loader):
        pass
    return evaluation.metrics()


class TaskEvaluation:
    """One model on one task: `add` every batch of this worker's; then come the metrics.

    Each batch is computed within `autocast` and without gradients. Between batches both are as the caller has them.

    # Attributes

    model : `HMTL`
    task : `str`
    seconds : `float`
        The time that all batches so far took.
    """

    def __init__(
        self,
        model: HMTL,
        loader: PerTaskDataLoader,
        task: str,
        autocast: Callable[[], ContextManager[None]] = nullcontext,
    ) -> None:
        self.model = model
        self.task = task
        self.seconds = 0.0
        self._num_batches = loader.num_batches[task]
        self._autocast = autocast
        self._sums: List[torch.Tensor] = []
        model.get_task_metrics(task, reset=True)

    @property
    def kind(self) -> Kind:
        """That of the predictions."""
        return self.model.head(self.task).kind

    def add(self, batch: Dict[str, Any]) -> Dict[str, Any]:
        """Evaluates a batch of the task, and returns the output of the task's head."""
        start = time.monotonic()
        with torch.no_grad(), self._autocast():
            output = self.model(**batch)
            self._sums.append(_sum_of_losses(output))
        self.seconds += time.monotonic() - start
        return output

    def metrics(self) -> Dict[str, float]:
        """The metrics of all batches; all workers must ask together."""
        metrics = self.model.get_task_metrics(self.task, reset=True)
        metrics["loss"] = _mean_loss(self._sums, self._num_batches, self.model)
        return metrics


class Evaluated(NamedTuple):
    """A batch has been evaluated; `output` is that of the task's head."""

    evaluation: TaskEvaluation
    batch: Dict[str, Any]
    output: Dict[str, Any]


def evaluated(
    evaluations: Sequence[TaskEvaluation], loader: PerTaskDataLoader, has_bar: bool = True
) -> Iterator[Evaluated]:
    """Evaluates all batches in `loader` of each model's task, and computes as little as possible twice.

    Tasks with batches of the same sentences go through them in step, so that the embedding and the levels below are
    computed once for all of them. Models that share a frozen encoder, see `frozen_encoders`, take turns at each batch,
    so that it is computed once for all models. No more than one batch is ever kept, and all is computed as by a model
    and a task alone, to the last bit. Models whose state goes on from batch to batch get task after task.

    The models must be in evaluation mode, and their weights must stay as they are.
    """
    models = list(dict.fromkeys(each.model for each in evaluations))
    tasks = list(dict.fromkeys(each.task for each in evaluations))
    in_step = [[task] for task in tasks] if any(map(is_stateful, models)) else loader.tasks_in_step(tasks)
    frozen = dict.fromkeys(part for model in models for part in frozen_encoders(model)) if len(models) > 1 else []
    with ExitStack() as stack:
        for encoder in frozen:
            stack.enter_context(computed_once(encoder))
        for group in in_step:
            steps = zip(*map(loader.batches_of, group))
            if has_bar:
                steps = Tqdm.tqdm(steps, desc=f"evaluating {', '.join(group)}", total=loader.num_batches[group[0]])
            for batches in steps:
                batch_of = dict(zip(group, batches))
                for model in models:
                    with model.rows_shared():
                        for each in evaluations:
                            if each.model is model and each.task in batch_of:
                                yield Evaluated(each, batch_of[each.task], each.add(batch_of[each.task]))


def _sum_of_losses(output: Dict[str, Any]) -> torch.Tensor:
    """The sum of a batch's losses and the number of items where its loss is their mean, 0 where it is a sum."""
    loss = output["loss"].double()
    count = output.get("loss_count")
    # Shape: (2,)
    return torch.stack([loss, torch.zeros_like(loss)] if count is None else [loss * count, count.double()])


def _mean_loss(sums: List[torch.Tensor], num_batches: int, model: HMTL) -> float:
    """The mean over batches of each batch's loss, whose parts may lie on several workers."""
    # Shape: (num_batches, 2); of a last, small batch this worker may have had no part
    totals = torch.zeros(num_batches, 2, dtype=torch.double, device=next(model.parameters()).device)
    if sums:
        totals[: len(sums)] = torch.stack(sums)
    all_reduce_sum([totals])
    total, count = totals.unbind(-1)
    return float(torch.where(count > 0, total / count, total).mean())
