"""A run in TensorBoard."""

import time
from typing import Any, Dict, Optional

from allennlp.common.optional import OptionalPackage
from allennlp.training.callbacks import TrainerCallback

from hmtl.runs.run_directory import RunDirectory
from hmtl.training.callbacks.task_log_writer import TRAIN, VALIDATION, TaskLogWriter, full_name

tensorboard = OptionalPackage("tensorboardX")


@TrainerCallback.register("hmtl_tensorboard")
class TensorBoard(TaskLogWriter):
    """Writes `log/train` and `log/validation` in the directory of the run; `tensorboard --logdir runs` shows them.

    What an epoch brought stands at the number of the epoch, from 0; what an update brought at the number of updates.
    See `TaskLogWriter` for what there is, and for the parameters.
    """

    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary=is_primary, **kwargs)
        if is_primary:
            directory = RunDirectory(self.serialization_dir).tensorboard
            # The name that the library gives would write over a file that was begun in the same second.
            suffix = f".{time.time_ns()}"
            self._writers = {
                name: tensorboard.SummaryWriter(str(directory / name), filename_suffix=suffix)
                for name in (TRAIN, VALIDATION)
            }

    def log_scalars(self, scalars: Dict[str, Any], log_prefix: str = "", epoch: Optional[int] = None) -> None:
        writer = self._writers[VALIDATION if log_prefix == VALIDATION else TRAIN]
        step = self.trainer.updates_completed if epoch is None else epoch
        for name, value in scalars.items():
            writer.add_scalar(full_name(log_prefix, name), value, step)

    def log_epoch(self, train_metrics: Dict[str, float], val_metrics: Dict[str, float], epoch: int) -> None:
        super().log_epoch(train_metrics, val_metrics, epoch)
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        super().close()
        for writer in self._writers.values():
            writer.close()
