"""The metrics of one task on its data."""

from contextlib import nullcontext
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Optional

import torch
from allennlp.common import Tqdm

from hmtl.common.distributed import all_reduce_sum
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.models.hmtl import HMTL


def evaluate_task(
    model: HMTL, loader: PerTaskDataLoader, task: str, on_batch: Optional[Callable[[], Any]] = None
) -> Dict[str, float]:
    """The task's metrics over all its batches in `loader`, with the mean `loss` a batch.

    The model must be in evaluation mode. `on_batch` is called after each batch, in place of a bar.
    """
    evaluation = TaskEvaluation(model, loader, task, has_bar=on_batch is None)
    for _ in evaluation:
        if on_batch is not None:
            on_batch()
    return evaluation.metrics()


class TaskEvaluation:
    """`evaluate_task` in steps: iterating over it evaluates a batch of this worker's each time; then come the metrics.

    Each batch is computed within `autocast` and without gradients. Between batches both are as the caller has them.
    """

    def __init__(
        self,
        model: HMTL,
        loader: PerTaskDataLoader,
        task: str,
        autocast: Callable[[], ContextManager[None]] = nullcontext,
        has_bar: bool = True,
    ) -> None:
        self._model = model
        self._loader = loader
        self._task = task
        self._autocast = autocast
        self._has_bar = has_bar
        self._sums: List[torch.Tensor] = []

    def __iter__(self) -> Iterator[None]:
        self._model.get_task_metrics(self._task, reset=True)
        self._sums.clear()
        batches = self._loader.batches_of(self._task)
        if self._has_bar:
            num_batches = self._loader.num_batches[self._task]
            batches = Tqdm.tqdm(batches, desc=f"evaluating {self._task}", total=num_batches)
        for batch in batches:
            with torch.no_grad(), self._autocast():
                self._sums.append(_sum_of_losses(self._model(**batch)))
            yield

    def metrics(self) -> Dict[str, float]:
        """The metrics of all batches; all workers must ask together."""
        metrics = self._model.get_task_metrics(self._task, reset=True)
        metrics["loss"] = _mean_loss(self._sums, self._loader.num_batches[self._task], self._model)
        return metrics


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
