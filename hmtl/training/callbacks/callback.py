"""The base class of callbacks for a multi-task trainer."""

from typing import TYPE_CHECKING, Any, Dict, List, Optional

import torch
from allennlp.training.callbacks import TrainerCallback

if TYPE_CHECKING:
    from hmtl.training.trainer import MultiTaskTrainer


class MultiTaskCallback(TrainerCallback):
    """The hooks that a `MultiTaskTrainer` calls while it trains: AllenNLP's, with what they get from that trainer.

    A subclass overrides the hooks that it needs, and is registered: `@TrainerCallback.register("my_callback")`. Of the
    trainer it reads the attributes that `MultiTaskTrainer` documents. In distributed training each worker has a
    callback of its own, and the one with `is_primary` writes files. A hook that raises ends training.

    # Parameters

    serialization_dir : `str`
        The directory of the run, given by the trainer.
    """

    def on_start(  # type: ignore[override]
        self, trainer: "MultiTaskTrainer", is_primary: bool = True, **kwargs: Any
    ) -> None:
        """Before the first update, and once more where a run is recovered, whose state has been taken up by then."""

    def on_batch(  # type: ignore[override]
        self,
        trainer: "MultiTaskTrainer",
        batch_inputs: List[Dict[str, Any]],
        batch_outputs: List[Dict[str, Any]],
        batch_metrics: Dict[str, Any],
        epoch: int,
        batch_number: int,
        is_training: bool = True,
        is_primary: bool = True,
        batch_grad_norm: Optional[torch.Tensor] = None,
        **kwargs: Any,
    ) -> None:
        """After each update.

        # Parameters

        batch_inputs : `List[Dict[str, Any]]`
            This worker's parts of the batches of the update's tasks, the task of each as `task_name`.
        batch_outputs : `List[Dict[str, Any]]`
            What the model returned for each of them.
        batch_metrics : `Dict[str, Any]`
            `{task}_loss` of each task of the update, over all parts and workers. Reading one waits for the device.
        epoch : `int`
            From 0.
        batch_number : `int`
            The number of the update in its epoch, from 1.
        batch_grad_norm : `Optional[torch.Tensor]`
            The norm of the gradient before it was limited, shape (); `None` where no `trainer.grad_norm` limits it.
        """

    def on_epoch(  # type: ignore[override]
        self, trainer: "MultiTaskTrainer", metrics: Dict[str, Any], epoch: int, is_primary: bool = True, **kwargs: Any
    ) -> None:
        """After each epoch, when all tasks are validated; `metrics` is the content of its `metrics_epoch_*.json`. The
        weights and the checkpoint of the epoch are written afterwards."""

    def on_end(  # type: ignore[override]
        self,
        trainer: "MultiTaskTrainer",
        metrics: Optional[Dict[str, Any]] = None,
        epoch: Optional[int] = None,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        """When training has ended, however it did; without `metrics` it was interrupted or failed. The model has its
        best weights by then. Each worker is alone: collective operations are over."""

    def state_dict(self) -> Dict[str, Any]:
        """What a checkpoint keeps of it: tensors, numbers, strings, and lists and dictionaries of these."""
        return {}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Takes up what `state_dict` returned, where a run is recovered; called before `on_start`."""
