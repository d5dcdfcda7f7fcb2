"""The losses of an epoch, by task."""

import math
from typing import Any, Dict, List

import torch

from hmtl.errors import UserError


class EpochLosses:
    """Sums of losses by task, kept on the device so that an update need not wait for them."""

    def __init__(self, tasks: List[str], device: torch.device) -> None:
        self._index = {task: index for index, task in enumerate(tasks)}
        self._device = device
        self.clear()

    def clear(self) -> None:
        # Shape: (num_tasks,)
        self._sums = torch.zeros(len(self._index), dtype=torch.double, device=self._device)
        self._counts = dict.fromkeys(self._index, 0)

    def add(self, task: str, loss: torch.Tensor) -> None:
        self._sums[self._index[task]] += loss
        self._counts[task] += 1

    def summary(self) -> Dict[str, float]:
        """`{task}_loss` (the mean), `{task}_updates` and `{task}_share` of each task. It waits for the device, once."""
        total = max(1, sum(self._counts.values()))
        summary: Dict[str, float] = {}
        for (task, count), loss in zip(self._counts.items(), self._sums.tolist()):
            if count:
                summary[f"{task}_loss"] = loss / count
            summary[f"{task}_updates"] = count
            summary[f"{task}_share"] = count / total
        return summary

    def check(self, epoch: int) -> None:
        """Raises `UserError` where a loss was not a number."""
        for task, total in zip(self._index, self._sums.tolist()):
            if not math.isfinite(total):
                raise UserError(
                    f"the loss of task '{task}' became {total} in epoch {epoch}; "
                    "lower the learning rate, or set trainer.grad_norm"
                )

    def state_dict(self) -> Dict[str, Any]:
        return {"sums": dict(zip(self._index, self._sums.tolist())), "counts": dict(self._counts)}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        self.clear()
        self._sums += torch.tensor([state["sums"][task] for task in self._index], dtype=torch.double).to(self._device)
        self._counts = {task: state["counts"][task] for task in self._index}


class LazyMetrics(Dict[str, Any]):
    """Metrics of an update for callbacks: tensors become numbers when they are read, which most callbacks do rarely."""

    def __getitem__(self, key: str) -> Any:
        return _number(super().__getitem__(key))

    def items(self) -> Any:
        return [(key, _number(value)) for key, value in super().items()]


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) else value
