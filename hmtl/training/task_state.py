"""What the trainer keeps for one task: its optimizer with its schedule, and its scores with its patience."""

import math
from typing import Any, Dict, List, Optional, Type

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.metric_tracker import MetricTracker

from hmtl.training.learning_rate_schedulers import ReduceUnlessScoreFalls


class ScoreTracker(MetricTracker):
    """AllenNLP's tracker, for which a score that is not a number is no improvement, and which spends no patience while
    the score has never left 0: a task that has found nothing yet has not stopped to improve."""

    def add_metrics(self, metrics: Dict[str, float]) -> None:
        if math.isnan(self.combined_score(metrics)):
            self._epochs_with_no_improvement += 1
            self._is_best_so_far = False
            self._epoch_number += 1
        else:
            super().add_metrics(metrics)
            if self._best_so_far == 0:
                self._epochs_with_no_improvement = 0

    @property
    def best_score(self) -> Optional[float]:
        """The best score so far; higher is better whatever the metric's sign."""
        return self._best_so_far

    @property
    def patience_left(self) -> Optional[int]:
        """How many more validations without improvement are borne; `None` where there is no limit."""
        return None if self._patience is None else max(0, self._patience - self._epochs_with_no_improvement)


class LowestScoreTracker(ScoreTracker):
    """Out of patience once a score is the lowest of the last `patience + 1` of at least `patience + 2`, and from then
    on for good, whatever the scores that follow: the rule of the 2018 implementation, which with a patience of 10 acts
    from the 12th validation on. A task that improves from a late dip is given up; one that stands still above its first
    scores never is."""

    def __init__(self, metric_name: str, patience: Optional[int] = None) -> None:
        super().__init__(metric_name, patience)
        self._last_scores: List[float] = []
        self._gave_up = False

    def add_metrics(self, metrics: Dict[str, float]) -> None:
        super().add_metrics(metrics)
        if self._patience is None:
            return
        score = self.combined_score(metrics)
        # The rule compares the last `patience + 1` scores, but not before there is one more.
        self._last_scores = [*self._last_scores, score][-self._patience - 2 :]
        acts = len(self._last_scores) == self._patience + 2
        # A comparison with a score that is not a number is false, so that such a score is never the lowest.
        self._gave_up = self._gave_up or (acts and all(score <= other for other in self._last_scores[1:]))

    def should_stop_early(self) -> bool:
        return self._gave_up

    @property
    def patience_left(self) -> Optional[int]:
        """0 where the task is given up. Before, a dip may do that in any validation in which the rule acts: so many
        validations until then, at least 1."""
        if self._patience is None:
            return None
        return 0 if self._gave_up else max(1, self._patience + 2 - len(self._last_scores))

    def state_dict(self) -> Dict[str, Any]:
        return {**super().state_dict(), "last_scores": self._last_scores, "gave_up": self._gave_up}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._last_scores, self._gave_up = state_dict["last_scores"], state_dict["gave_up"]


# The trackers by the values of the option `patience_rule`.
PATIENCE_RULES: Dict[str, Type[ScoreTracker]] = {"no_improvement": ScoreTracker, "lowest_score": LowestScoreTracker}


def tracker_for(patience_rule: str, metric_name: str, patience: Optional[int]) -> ScoreTracker:
    """A task's tracker.

    # Raises

    ConfigurationError
        Where there is no such rule.
    """
    if patience_rule not in PATIENCE_RULES:
        raise ConfigurationError(
            f"trainer.patience_rule must be {' or '.join(map(repr, PATIENCE_RULES))}, not '{patience_rule}'"
        )
    return PATIENCE_RULES[patience_rule](metric_name, patience)


class OptimizerState:
    """An optimizer, its learning rate schedule, how often it has stepped, and the scaler of its losses (for fp16).

    # Raises

    ConfigurationError
        Where a `reduce_on_plateau` schedule waits for its score to fall: the trainer's scores rise with quality. The
        schedule that means it is `reduce_unless_score_falls`.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        scheduler: Optional[LearningRateScheduler] = None,
        scaler: Optional[torch.amp.GradScaler] = None,
    ) -> None:
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.scaler = scaler
        self.num_steps = 0
        means_it = isinstance(scheduler, ReduceUnlessScoreFalls)
        if not means_it and getattr(getattr(scheduler, "lr_scheduler", None), "mode", "max") != "max":
            raise ConfigurationError(
                "trainer.learning_rate_scheduler: set mode to 'max'; the score that it gets rises as the task improves"
            )

    @property
    def learning_rate(self) -> float:
        """The largest learning rate of the groups that hold parameters: of those that `parameter_groups` names, a task
        may reach none."""
        return max(group["lr"] for group in self.optimizer.param_groups if group["params"])

    @property
    def loss_scale(self) -> float:
        """The factor of `scaled`. With a scaler, reading it waits for the device."""
        return 1.0 if self.scaler is None else self.scaler.get_scale()

    def scaled(self, loss: torch.Tensor) -> torch.Tensor:
        """The loss, or a gradient, at the size at which its gradients are computed."""
        return loss if self.scaler is None else self.scaler.scale(loss)

    def unscale(self) -> None:
        """Brings the gradients back to their true size."""
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)

    def step(self) -> None:
        """One update with the gradients at hand; with a scaler it is left out where they are not finite."""
        self.num_steps += 1
        if self.scheduler is not None:
            self.scheduler.step_batch(self.num_steps)
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()

    def end_epoch(self, score: Optional[float]) -> None:
        """Tells the schedule the score, but for one that waits for it to rise where it has never left 0: like patience,
        a rate is not spent before there is anything to improve."""
        if self.scheduler is None:
            return
        plateau = getattr(self.scheduler, "lr_scheduler", None)
        waits = isinstance(plateau, torch.optim.lr_scheduler.ReduceLROnPlateau) and plateau.mode == "max"
        if plateau is None or not waits or score != 0 or plateau.best > 0:
            self.scheduler.step(score)

    def state_dict(self) -> Dict[str, Any]:
        return {
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
            "num_steps": self.num_steps,
        }

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        if self.scaler is not None:
            self.scaler.load_state_dict(state["scaler"])
        self.num_steps = state["num_steps"]
