"""What the trainer keeps for one task: its optimizer, its schedule, its best score."""

import math
from typing import Any, Dict, List, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.metric_tracker import MetricTracker


class ScoreTracker(MetricTracker):
    """AllenNLP's tracker, for which a score that is not a number is no improvement."""

    def add_metrics(self, metrics: Dict[str, float]) -> None:
        if math.isnan(self.combined_score(metrics)):
            self._epochs_with_no_improvement += 1
            self._is_best_so_far = False
            self._epoch_number += 1
        else:
            super().add_metrics(metrics)

    @property
    def best_score(self) -> Optional[float]:
        """The best score so far; higher is better whatever the metric's sign."""
        return self._best_so_far

    @property
    def patience_left(self) -> Optional[int]:
        """How many more validations without improvement are borne."""
        return None if self._patience is None else max(0, self._patience - self._epochs_with_no_improvement)


class OptimizerState:
    """An optimizer, its learning rate schedule, and how often it has stepped.

    # Raises

    ConfigurationError
        Where a `reduce_on_plateau` schedule waits for its score to fall: the trainer's scores rise with quality.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, scheduler: Optional[LearningRateScheduler] = None) -> None:
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.num_steps = 0
        if getattr(getattr(scheduler, "lr_scheduler", None), "mode", "max") != "max":
            raise ConfigurationError(
                "trainer.learning_rate_scheduler: set mode to 'max'; the score that it gets rises as the task improves"
            )

    @property
    def parameters(self) -> List[torch.nn.Parameter]:
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    @property
    def learning_rate(self) -> float:
        """The largest of the parameter groups' learning rates."""
        return max(group["lr"] for group in self.optimizer.param_groups)

    def step(self) -> None:
        """One update with the gradients at hand."""
        self.num_steps += 1
        if self.scheduler is not None:
            self.scheduler.step_batch(self.num_steps)
        self.optimizer.step()

    def end_epoch(self, score: Optional[float]) -> None:
        if self.scheduler is not None:
            self.scheduler.step(score)

    def state_dict(self) -> Dict[str, Any]:
        return {
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "num_steps": self.num_steps,
        }

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.num_steps = state["num_steps"]
