"""What training changes beside the weights: where it stands, its optimizers and schedules, its scores and losses."""

import logging
from collections import Counter
from typing import Any, Dict, List, Optional, Sequence

import torch
from allennlp.training.callbacks import TrainerCallback

from hmtl.common.distributed import get_rank
from hmtl.training.epoch_losses import EpochLosses
from hmtl.training.task_samplers import TaskSampler
from hmtl.training.task_state import OptimizerState, ScoreTracker
from hmtl.training.update import Updater

logger = logging.getLogger(__name__)

# The name of the one optimizer that all tasks may share, and of the sum of their scores.
SHARED = "shared"


class TrainingState:
    """All that a checkpoint holds beside the weights of the model, but for what the callbacks keep.

    # Parameters

    optimizers : `Dict[str, OptimizerState]`
        One a task, or one for all, named `SHARED`.
    trackers : `Dict[str, ScoreTracker]`
        The scores and the patience of every task, those included that have nothing to train.
    trained : `List[str]`
        The tasks that take part in updates.
    sampler : `TaskSampler`
    updater : `Updater`
    device : `torch.device`
        Where losses are summed.

    # Attributes

    epochs_completed : `int`
    updates_in_epoch : `int`
        The updates so far of the epoch that is under way.
    updates_completed : `int`
        The updates of all epochs so far.
    num_consumed : `Counter`
        The batches of each task so far, which is its place in its stream of batches.
    losses : `EpochLosses`
        The training losses of the epoch that is under way.
    metrics : `Dict[str, Any]`
        What the last epoch that was completed brought: the content of its `metrics_epoch_*.json`.
    overall : `ScoreTracker`
        The sum of the tasks' scores.
    """

    def __init__(
        self,
        optimizers: Dict[str, OptimizerState],
        trackers: Dict[str, ScoreTracker],
        trained: List[str],
        sampler: TaskSampler,
        updater: Updater,
        device: torch.device,
    ) -> None:
        self.optimizers = optimizers
        self.trackers = trackers
        self.trained = trained
        self.sampler = sampler
        self.updater = updater
        self.epochs_completed = 0
        self.updates_in_epoch = 0
        self.updates_completed = 0
        self.num_consumed: Counter = Counter()
        self.losses = EpochLosses(list(trackers), device)
        self.metrics: Dict[str, Any] = {}
        self.overall = ScoreTracker("+score")

    @property
    def tasks(self) -> List[str]:
        """All tasks."""
        return list(self.trackers)

    def optimizer_of(self, task: str) -> OptimizerState:
        """The optimizer that steps in the task's updates. Raises `KeyError` where the task is not trained."""
        return self.optimizers[task if task in self.optimizers else SHARED]

    def patience_left(self) -> Dict[str, Optional[int]]:
        """For each task, how many more validations without improvement are borne; `None` where there is no limit."""
        return {task: tracker.patience_left for task, tracker in self.trackers.items()}

    def should_stop(self, min_learning_rate: float) -> bool:
        """Whether every task that is trained is out of patience, or every learning rate is below the smallest."""
        if self.epochs_completed == 0:
            return False
        if all(self.trackers[task].should_stop_early() for task in self.trained):
            logger.info("Every task is out of patience.")
            return True
        if all(optimizer.learning_rate < min_learning_rate for optimizer in self.optimizers.values()):
            logger.info("Every learning rate is below %g.", min_learning_rate)
            return True
        return False

    def add_scores(self, metrics: Dict[str, Dict[str, float]]) -> Dict[str, float]:
        """Takes the validation metrics of every task; returns the score, higher is better, of each task and, named
        `SHARED`, the sum of all. Which are the best so far, the trackers say."""
        scores: Dict[str, float] = {}
        for task, found in metrics.items():
            tracker = self.trackers[task]
            tracker.add_metrics(found)
            scores[task] = tracker.combined_score(found)
            if tracker.is_best_so_far():
                tracker.best_epoch_metrics = found
        scores[SHARED] = sum(scores.values())
        self.overall.add_metrics({"score": scores[SHARED]})
        return scores

    def best_metrics(self) -> Dict[str, Any]:
        """`best_epoch`, and of each task `best_epoch_{task}` and `best_validation_{task}_{metric}`."""
        metrics: Dict[str, Any] = {"best_epoch": self.overall.best_epoch}
        for task, tracker in self.trackers.items():
            metrics[f"best_epoch_{task}"] = tracker.best_epoch
            metrics.update(
                {f"best_validation_{task}_{name}": value for name, value in tracker.best_epoch_metrics.items()}
            )
        return metrics

    def state_dict(self, callbacks: Sequence[TrainerCallback]) -> Dict[str, Any]:
        """The content of the file `training_state_*.th` of a checkpoint."""
        return {
            "version": 1,
            "epochs_completed": self.epochs_completed,
            "batches_in_epoch_completed": self.updates_in_epoch,
            "total_batches_completed": self.updates_completed,
            "num_consumed": dict(self.num_consumed),
            "epoch_losses": self.losses.state_dict(),
            "metrics": self.metrics,
            "trackers": {task: tracker.state_dict() for task, tracker in self.trackers.items()},
            "metric_tracker": self.overall.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "callbacks": [callback.state_dict() for callback in callbacks],
            "sampler": self.sampler.state_dict(),
            "updater": self.updater.state_dict(),
        }

    def load_state_dict(self, state: Dict[str, Any], callbacks: Sequence[TrainerCallback]) -> None:
        """Takes up what `state_dict` returned; the tasks and optimizers must be the same."""
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        for task, tracker in self.trackers.items():
            tracker.load_state_dict(state["trackers"][task])
        self.overall.load_state_dict(state["metric_tracker"])
        for callback, callback_state in zip(callbacks, state["callbacks"]):
            callback.load_state_dict(callback_state)
        self.sampler.load_state_dict(state["sampler"])
        self.updater.load_state_dict(state["updater"])
        self.num_consumed = Counter(state["num_consumed"])
        self.losses.load_state_dict(state["epoch_losses"])
        self.metrics = state["metrics"]
        self.updates_completed = state["total_batches_completed"]
        self.epochs_completed = state["epochs_completed"]
        self.updates_in_epoch = state["batches_in_epoch_completed"]


def seed_of_update(seed: int, epoch: int, step: int) -> int:
    """A seed of its own for each update of each worker: the same in every process of its rank, and in every run."""
    folded = 0
    for number in (seed, epoch, step, get_rank()) if get_rank() > 0 else (seed, epoch, step):
        folded = (folded * 1_000_003 + number + 1) % (2**63 - 1)
    return folded
