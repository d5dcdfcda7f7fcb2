"""The losses of an epoch, by task."""

from typing import Any, Dict, List

import torch

from hmtl.errors import UserError


class EpochLosses:
    """Sums of losses by task, kept on the device so that an update need not wait for them."""

    def __init__(self, tasks: List[str], device: torch.device) -> None:
        self._tasks = tasks
        self._device = device
        self.clear()

    def clear(self) -> None:
        self._sums = {task: torch.zeros((), dtype=torch.double, device=self._device) for task in self._tasks}
        self._counts = dict.fromkeys(self._tasks, 0)

    def add(self, task: str, loss: torch.Tensor) -> None:
        self._sums[task] += loss
        self._counts[task] += 1

    def summary(self) -> Dict[str, float]:
        total = max(1, sum(self._counts.values()))
        summary: Dict[str, float] = {}
        for task, count in self._counts.items():
            if count:
                summary[f"{task}_loss"] = float(self._sums[task]) / count
            summary[f"{task}_updates"] = count
            summary[f"{task}_share"] = count / total
        return summary

    def describe(self, task: str) -> str:
        """The task of the last update, the mean losses, and the shares drawn so far."""
        total = max(1, sum(self._counts.values()))
        parts = [
            f"{name} {float(self._sums[name]) / count:.4g} ({count / total:.0%})"
            for name, count in self._counts.items()
            if count
        ]
        return f"now {task} | mean loss (share): {', '.join(parts)}"

    def check(self, epoch: int) -> None:
        """Raises `UserError` where a loss was not a number."""
        for task, total in self._sums.items():
            if not torch.isfinite(total):
                raise UserError(
                    f"the loss of task '{task}' became {float(total)} in epoch {epoch}; "
                    "lower the learning rate, or set trainer.grad_norm"
                )

    def state_dict(self) -> Dict[str, Any]:
        return {"sums": {task: total.item() for task, total in self._sums.items()}, "counts": dict(self._counts)}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        self.clear()
        for task in self._tasks:
            self._sums[task] += state["sums"][task]
            self._counts[task] = state["counts"][task]


class LazyMetrics(Dict[str, Any]):
    """Metrics of an update for callbacks: tensors become numbers when they are read, which most callbacks do rarely."""

    def __getitem__(self, key: str) -> Any:
        return _number(super().__getitem__(key))

    def items(self) -> Any:
        return [(key, _number(value)) for key, value in super().items()]


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) else value
