"""A schedule for fine-tuning: up to the full rate, then down, a step an update."""

import math

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

SHAPES = ("linear", "cosine", "constant")


@LearningRateScheduler.register("warmup_and_decay")
class WarmupAndDecay(LearningRateScheduler):
    """The learning rates of an update, as a function of its number: with a warm-up of W of N updates, update t (from 1)
    has t / W of the full rate while t <= W, and then falls to `final_share` of it in update N (Devlin et al. 2019,
    appendix A.2; Mosbach et al. 2021, "On the Stability of Fine-tuning BERT", who recommend W = N / 10).

    N is the number of epochs times the updates that an epoch has of the optimizer: all updates where tasks share one,
    the batches of the task where each has its own. Where more are made, the rate stays where it ended. Groups of
    parameters keep the ratios of their rates.

    # Parameters

    warmup : `float`, optional (default = `0.1`)
        W as a share of N.
    shape : `str`, optional (default = `"linear"`)
        How the rate falls: `linear`, `cosine` (half a period), or `constant`, not at all.
    final_share : `float`, optional (default = `0.0`)
        What is left of the rate at the end.

    # Raises

    ConfigurationError
        Where a share does not lie between 0 and 1, or the shape is unknown.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        num_epochs: int,
        num_steps_per_epoch: int,
        warmup: float = 0.1,
        shape: str = "linear",
        final_share: float = 0.0,
    ) -> None:
        for name, share in (("warmup", warmup), ("final_share", final_share)):
            if not 0 <= share <= 1:
                raise ConfigurationError(f"warmup_and_decay: {name} is {share}; it is a share, from 0 to 1")
        if shape not in SHAPES:
            raise ConfigurationError(f"warmup_and_decay: shape must be {' or '.join(SHAPES)}, not '{shape}'")
        super().__init__(optimizer)
        self.num_updates = num_epochs * num_steps_per_epoch
        self.num_warmup = round(warmup * self.num_updates)
        self.shape = shape
        self.final_share = final_share
        self.step_batch(1)

    def share(self, update: int) -> float:
        """What the update, counted from 1, has of the full rate."""
        if update < self.num_warmup:
            return update / self.num_warmup
        if self.shape == "constant":
            return 1.0
        done = min(1.0, (update - self.num_warmup) / max(1, self.num_updates - self.num_warmup))
        left = 1.0 - done if self.shape == "linear" else (1.0 + math.cos(math.pi * done)) / 2
        return self.final_share + (1.0 - self.final_share) * left

    def step(self, metric: float = None) -> None:
        """Scores do not matter."""

    def step_batch(self, batch_num_total: int = None) -> None:
        """Sets the rates of the update of that number. The trainer, which keeps the number in its checkpoints, calls it
        right before the update."""
        share = self.share(batch_num_total or 1)
        for group, rate in zip(self.optimizer.param_groups, self.base_values):
            group[self.param_group_field] = share * rate
