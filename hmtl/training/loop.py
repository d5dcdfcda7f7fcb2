"""The main loop of training, as a generator: it computes, and yields what has happened.

Whoever consumes it, `MultiTaskTrainer.train` above all, does the rest between two events: shows progress, calls
callbacks, writes weights, metrics and checkpoints, stops on signals. With a restored `TrainingState` it goes on.
"""

import datetime
import time
from dataclasses import dataclass
from typing import Any, Dict, Generator, Iterator, List, NamedTuple, Optional, Union

import torch

from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.models.hmtl import HMTL
from hmtl.training.evaluate_task import TaskEvaluation, evaluated
from hmtl.training.training_state import SHARED, TrainingState, seed_of_update
from hmtl.training.update import Batch, Update


class EpochStarted(NamedTuple):
    """The tasks of all updates are drawn; those from `first` on are still to be made."""

    epoch: int  # from 0, like all numbers here
    num_updates: int
    first: int


class UpdateMade(NamedTuple):
    """The parameters have moved along the gradient of a batch of each of some tasks."""

    epoch: int
    step: int  # the number of the update in its epoch
    is_last: bool  # of its epoch
    batches: Dict[str, List[Batch]]  # of each task of the update, this worker's parts
    update: Update


class UpdatesEnded(NamedTuple):
    """All updates of the epoch are made, and validation begins."""

    epoch: int


class BatchValidated(NamedTuple):
    """One more batch is evaluated; a worker without a part of it has no such event."""

    task: str


class TaskValidated(NamedTuple):
    """The task has its validation metrics."""

    task: str


class EpochEnded(NamedTuple):
    """Schedules and the sampler have heard the scores."""

    epoch: int
    metrics: Dict[str, Any]
    improved: List[str]  # the tasks whose score is their best so far
    is_best: bool  # whether the sum of the tasks' scores is


Event = Union[EpochStarted, UpdateMade, UpdatesEnded, BatchValidated, TaskValidated, EpochEnded]


@dataclass
class TrainingLoop:
    """What the loop works with; `MultiTaskTrainer.from_partial_objects` says what the settings mean."""

    model: HMTL
    state: TrainingState
    data_loader: PerTaskDataLoader
    validation_data_loader: Optional[PerTaskDataLoader]
    num_epochs: int
    min_learning_rate: float
    seed: int
    tasks_per_update: int

    def run(self) -> Generator[Event, None, None]:
        """Epochs until the last one, or until nothing is left to be gained."""
        state, start = self.state, time.time()
        while state.epochs_completed < self.num_epochs and not state.should_stop(self.min_learning_rate):
            epoch = state.epochs_completed
            yield from self.train_epoch()
            metrics: Dict[str, Any] = {"epoch": epoch}
            metrics.update({f"training_{name}": value for name, value in state.losses.summary().items()})
            scores: Dict[str, float] = {}
            if self.validation_data_loader is not None:
                # Scores are noted once all tasks have one: a checkpoint on the way resumes before validation.
                validation = yield from self._validate(self.validation_data_loader)
                scores = state.add_scores(validation)
                for task, found in validation.items():
                    metrics.update({f"validation_{task}_{name}": value for name, value in found.items()})
                metrics["validation_score"] = scores[SHARED]
                metrics.update(state.best_metrics())
            for name, optimizer in state.optimizers.items():
                optimizer.end_epoch(scores.get(name))
            state.sampler.end_epoch({task: scores[task] for task in state.trained if task in scores})
            metrics["training_duration"] = str(datetime.timedelta(seconds=time.time() - start))
            state.epochs_completed, state.updates_in_epoch, state.metrics = epoch + 1, 0, metrics
            improved = [task for task, tracker in state.trackers.items() if scores and tracker.is_best_so_far()]
            yield EpochEnded(epoch, metrics, improved, is_best=bool(scores) and state.overall.is_best_so_far())

    def train_epoch(self) -> Iterator[Event]:
        """The updates of an epoch that are still to be made: draw tasks, take a batch of each, make an update."""
        state, epoch, first = self.state, self.state.epochs_completed, self.state.updates_in_epoch
        num_batches = {task: self.data_loader.num_batches[task] for task in state.trained}
        schedule = state.sampler.draw(num_batches, epoch, self.seed, self.tasks_per_update)
        if first == 0:
            state.losses.clear()
            state.updater.start_epoch()
        streams = {task: self.data_loader.stream(task, state.num_consumed[task]) for task in state.trained}
        self.model.train()
        yield EpochStarted(epoch, len(schedule), first)
        for step, tasks in enumerate(schedule[first:], start=first):
            # Dropout depends on the update and the worker alone, so that a resumed run repeats it.
            torch.manual_seed(seed_of_update(self.seed, epoch, step))
            batches = {task: next(streams[task]) for task in tasks}
            yield UpdateMade(epoch, step, step + 1 == len(schedule), batches, self.update(batches))
        yield UpdatesEnded(epoch)

    def update(self, batches: Dict[str, List[Batch]]) -> Update:
        """One update from this worker's parts of a batch of each of its tasks."""
        state = self.state
        update = state.updater(state.optimizer_of(next(iter(batches))), batches)
        for task, loss in update.losses.items():
            state.num_consumed[task] += 1
            state.losses.add(task, loss)
        state.updates_in_epoch += 1
        state.updates_completed += 1
        return update

    def _validate(self, loader: PerTaskDataLoader) -> Generator[Event, None, Dict[str, Dict[str, float]]]:
        """Validates every task, those included that have nothing to train; returns the metrics of each."""
        metrics: Dict[str, Dict[str, float]] = {}
        autocast = self.state.updater.precision.autocast
        for tasks in loader.tasks_in_step(self.state.tasks):
            self.model.eval()
            evaluations = [TaskEvaluation(self.model, loader, task, autocast) for task in tasks]
            for made in evaluated(evaluations, loader):
                yield BatchValidated(made.evaluation.task)
            for evaluation in evaluations:
                metrics[evaluation.task] = evaluation.metrics()
                yield TaskValidated(evaluation.task)
        # Scores are summed in the order of the tasks.
        return {task: metrics[task] for task in self.state.tasks}
