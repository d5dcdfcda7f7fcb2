"""The metrics of one task on its data."""

from typing import Any, Callable, Dict, Iterator, List, Optional

import torch
from allennlp.common import Tqdm

from hmtl.common.distributed import sum_over_workers
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.models.hmtl import HMTL


def evaluate_task(
    model: HMTL, loader: PerTaskDataLoader, task: str, before_batch: Optional[Callable[[], None]] = None
) -> Dict[str, float]:
    """The task's metrics over all its batches in `loader`, with the mean `loss` a batch.

    The model must be in evaluation mode. `before_batch` is called before each batch.
    """
    model.get_task_metrics(task, reset=True)
    sums: List[torch.Tensor] = []
    batches: Iterator[Dict[str, Any]] = loader.batches_of(task)
    with torch.no_grad():
        for batch in Tqdm.tqdm(batches, desc=f"evaluating {task}", total=loader.num_batches[task]):
            if before_batch is not None:
                before_batch()
            output = model(**batch)
            loss = output["loss"].double()
            count = output.get("loss_count")
            # Shape: (2,): a sum, and the number of items where the loss is their mean
            sums.append(
                torch.stack([loss, torch.zeros_like(loss)] if count is None else [loss * count, count.double()])
            )
    metrics = model.get_task_metrics(task, reset=True)
    metrics["loss"] = _mean_loss(sums, loader.num_batches[task], model)
    return metrics


def _mean_loss(sums: List[torch.Tensor], num_batches: int, model: HMTL) -> float:
    """The mean over batches of each batch's loss, whose parts may lie on several workers."""
    # Shape: (num_batches, 2); of a last, small batch this worker may have had no part
    totals = torch.zeros(num_batches, 2, dtype=torch.double, device=next(model.parameters()).device)
    if sums:
        totals[: len(sums)] = torch.stack(sums)
    sum_over_workers([totals])
    total, count = totals.unbind(-1)
    return float(torch.where(count > 0, total / count, total).mean())
