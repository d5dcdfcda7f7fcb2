"""The losses of single updates, for the shape of a learning curve at its beginning."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List

from allennlp.training.callbacks import TrainerCallback

from hmtl.common.files import atomic_write
from hmtl.errors import ConfigurationError
from hmtl.training.callbacks.callback import MultiTaskCallback

if TYPE_CHECKING:
    from hmtl.training.trainer import MultiTaskTrainer

BATCH_LOSSES = "batch_losses.csv"


@TrainerCallback.register("batch_losses")
class BatchLosses(MultiTaskCallback):
    """Writes `batch_losses.csv` after each epoch: the training loss of every n-th update, with its task.

    Updates are counted over all tasks, from 1. A recovered run has those of before the interruption, too.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    every : `int`, optional (default = `10`)
    """

    def __init__(self, serialization_dir: str, every: int = 10) -> None:
        super().__init__(serialization_dir)
        if every < 1:
            raise ConfigurationError(f"batch_losses.every must be at least 1, not {every}")
        self._every = every
        self._rows: List[List[Any]] = []

    def on_batch(  # type: ignore[override]
        self,
        trainer: "MultiTaskTrainer",
        batch_inputs: Any,
        batch_outputs: Any,
        batch_metrics: Dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        update = trainer.updates_completed
        if update % self._every == 0:
            # Other updates' losses are not read: reading a number from the device waits for it.
            self._rows += [[key.removesuffix("_loss"), update, batch_metrics[key]] for key in batch_metrics]

    def on_epoch(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:  # type: ignore[override]
        if is_primary:
            with atomic_write(Path(self.serialization_dir) / BATCH_LOSSES) as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(["task", "iteration", "loss"])
                writer.writerows(self._rows)

    def state_dict(self) -> Dict[str, Any]:
        return {"rows": list(self._rows)}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        self._rows = list(state_dict["rows"])
