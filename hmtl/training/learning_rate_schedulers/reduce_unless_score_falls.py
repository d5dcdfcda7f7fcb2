"""A plateau schedule that takes scores for losses, as the 2018 implementation's did."""

import torch
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.learning_rate_schedulers.pytorch_lr_schedulers import (
    _PyTorchLearningRateSchedulerWithMetricsWrapper,
)


@LearningRateScheduler.register("reduce_unless_score_falls")
class ReduceUnlessScoreFalls(_PyTorchLearningRateSchedulerWithMetricsWrapper):
    """Multiplies the learning rate by `factor` once the score has not fallen to a new low in more than `patience`
    validations: `ReduceLROnPlateau` in mode `min`, fed an F1. A new low is one by more than `threshold`.

    A score that rises thus costs as much as one that stands still, about every `patience + 1` validations. It is there
    to repeat the runs of 2018; `reduce_on_plateau` with mode `max` is what was meant.

    # Parameters

    factor : `float`, optional (default = `0.5`)
    patience : `int`, optional (default = `5`)
    threshold : `float`, optional (default = `1e-4`)
        Absolute, of a score from 0 to 1.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, factor: float = 0.5, patience: int = 5, threshold: float = 1e-4
    ) -> None:
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode="min", factor=factor, patience=patience, threshold=threshold, threshold_mode="abs"
        )
        super().__init__(plateau)  # type: ignore[arg-type]
