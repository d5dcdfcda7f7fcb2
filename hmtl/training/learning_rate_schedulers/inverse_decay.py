"""A schedule that divides the learning rate by a number that grows with the epochs."""

from typing import List

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.training.learning_rate_schedulers import LearningRateScheduler


@LearningRateScheduler.register("inverse_decay")
class InverseDecay(LearningRateScheduler):
    """In epoch k, from 1, the learning rate is its first value divided by 1 + decay * (k - 1) (Hashimoto et al. 2017,
    appendix A, where the first rate of gradient descent is 1.0 and the decay 0.3).

    # Parameters

    decay : `float`, optional (default = `0.3`)

    # Raises

    ConfigurationError
        Where `decay` is below 0.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, decay: float = 0.3) -> None:
        if decay < 0:
            raise ConfigurationError(f"inverse_decay: decay is {decay}; it must be at least 0")
        super().__init__(optimizer)
        self.decay = decay

    def get_values(self) -> List[float]:
        # The number of the last epoch that has ended, from 0, and -1 before that.
        return [value / (1.0 + self.decay * (self.last_epoch + 1)) for value in self.base_values]
