"""The base of log writers: metrics and losses of a multi-task trainer as scalars named `{task}/{metric}`."""

from collections import Counter
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Sequence, Tuple

import torch
from allennlp.training.callbacks.log_writer import LogWriterCallback
from torch.nn.utils import get_total_norm

if TYPE_CHECKING:
    from hmtl.training.trainer import MultiTaskTrainer

TRAIN, VALIDATION = "train", "validation"


class TaskLogWriter(LogWriterCallback):
    """AllenNLP's base of log writers, for a multi-task trainer. Subclasses define `log_scalars` and `close`.

    After an epoch the numbers of `metrics_epoch_*.json` are logged: in training `{task}/loss`, `{task}/updates` and
    `{task}/share`; in validation `{task}/{metric}`, `{task}/best_{metric}`, `{task}/best_epoch` and `score`, the sum.
    While it trains, of some updates: `{task}/batch_loss`, `{task}/learning_rate` and `{task}/gradient_norm`.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    summary_interval : `int`, optional (default = `100`)
        So many updates of a task are between two that are logged.
    should_log_learning_rate : `bool`, optional (default = `True`)
    should_log_parameter_statistics : `bool`, optional (default = `False`)
        The mean and the standard deviation of every parameter and its gradient. It takes its time.
    """

    trainer: "MultiTaskTrainer"

    def __init__(
        self,
        serialization_dir: str,
        summary_interval: int = 100,
        should_log_learning_rate: bool = True,
        should_log_parameter_statistics: bool = False,
    ) -> None:
        super().__init__(
            serialization_dir,
            summary_interval=summary_interval,
            should_log_learning_rate=should_log_learning_rate,
            should_log_parameter_statistics=should_log_parameter_statistics,
        )
        # The updates of each task. Of all updates, every hundredth would be of the same task where tasks take turns.
        self._num_updates: Counter = Counter()

    def log_batch(  # type: ignore[override]
        self,
        batch_grad_norm: Optional[torch.Tensor],
        metrics: Dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        trained = [task for task in self.trainer.tasks if f"{task}_loss" in metrics]
        self._num_updates.update(trained)
        due = [task for task in trained if self._num_updates[task] % self._summary_interval == 0]
        if not due:
            return
        # Nothing is read from the device before it is due, because reading waits for it.
        norm = float(self._gradient_norm(trained) if batch_grad_norm is None else batch_grad_norm)
        scalars: Dict[str, float] = {}
        for task in due:
            scalars[f"{task}/batch_loss"] = metrics[f"{task}_loss"]
            scalars[f"{task}/gradient_norm"] = norm
            if self._should_log_learning_rate:
                scalars[f"{task}/learning_rate"] = self.trainer.learning_rate(task)
        self.log_scalars(scalars, log_prefix=TRAIN)
        if self._should_log_parameter_statistics:
            self._log_parameter_and_gradient_statistics()

    def on_epoch(  # type: ignore[override]
        self, trainer: "MultiTaskTrainer", metrics: Dict[str, Any], epoch: int, is_primary: bool = True, **kwargs: Any
    ) -> None:
        if is_primary:
            self.log_epoch(*by_task(metrics, trainer.tasks), epoch)

    def log_epoch(self, train_metrics: Dict[str, float], val_metrics: Dict[str, float], epoch: int) -> None:
        self.log_scalars(train_metrics, log_prefix=TRAIN, epoch=epoch)
        self.log_scalars(val_metrics, log_prefix=VALIDATION, epoch=epoch)

    def state_dict(self) -> Dict[str, Any]:
        return {"num_updates": dict(self._num_updates)}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        self._num_updates = Counter(state_dict["num_updates"])

    def _gradient_norm(self, tasks: Sequence[str]) -> torch.Tensor:
        """The norm of the gradient of the last update, which trained these tasks, shape (). The trainer computes it
        only where it limits the norm."""
        parameters = {parameter: None for task in tasks for _, parameter in self.trainer.model.parameters_of(task)}
        return get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])


def by_task(metrics: Mapping[str, Any], tasks: Sequence[str]) -> Tuple[Dict[str, float], Dict[str, float]]:
    """The numbers among an epoch's metrics, of training and of validation, under the names `{task}/{metric}`.

    `best_validation_ner_f1` becomes `ner/best_f1`, `best_epoch_ner` becomes `ner/best_epoch`. What is of no task keeps
    its name.
    """
    train: Dict[str, float] = {}
    validation: Dict[str, float] = {}
    for key, value in metrics.items():
        if key == "epoch" or isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if key.startswith("training_"):
            train[_name(key[len("training_") :], tasks)] = value
        elif key.startswith("validation_"):
            validation[_name(key[len("validation_") :], tasks)] = value
        elif key.startswith("best_validation_"):
            validation[_name(key[len("best_validation_") :], tasks, prefix="best_")] = value
        elif key.startswith("best_epoch_"):
            validation[f"{key[len('best_epoch_') :]}/best_epoch"] = value
        else:
            validation[key] = value
    return train, validation


def full_name(log_prefix: str, name: str) -> str:
    """The name of a scalar with its prefix, unless that is `train` or `validation`."""
    return name if log_prefix in ("", TRAIN, VALIDATION) else f"{log_prefix}/{name}"


def _name(key: str, tasks: Sequence[str], prefix: str = "") -> str:
    # The longest name is tried first, because the name of a task may begin with that of another.
    for task in sorted(tasks, key=len, reverse=True):
        if key.startswith(f"{task}_"):
            return f"{task}/{prefix}{key[len(task) + 1 :]}"
    return prefix + key
