"""The multi-task training loop: draw a task, take its next batch, make one update."""

import datetime
import logging
import os
import time
from collections import Counter
from contextlib import nullcontext
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union

import torch
from allennlp.common import Lazy, Tqdm
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader
from allennlp.models import Model
from allennlp.training.callbacks import TrainerCallback
from allennlp.training.gradient_descent_trainer import GradientDescentTrainer
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.optimizers import Optimizer
from allennlp.training.trainer import Trainer, TrainerCheckpoint
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.errors import UserError
from hmtl.files import save_state, write_json
from hmtl.models.hmtl import HMTL
from hmtl.training.checkpointer import VerifiedCheckpointer
from hmtl.training.epoch_losses import EpochLosses, LazyMetrics
from hmtl.training.learning_curves import LearningCurves
from hmtl.training.stop_signals import StopSignals, TrainingStopped
from hmtl.training.task_samplers import ProportionalSampler, TaskSampler
from hmtl.training.task_state import OptimizerState, ScoreTracker

logger = logging.getLogger(__name__)

SHARED = "shared"
BEST_OVERALL = "best.th"
# The loss is read from the device so rarely, to show it and to look for values that are not numbers.
SECONDS_BETWEEN_READINGS = 1.0


def best_weights_name(task: str) -> str:
    """The file of the weights that were best for a task."""
    return f"best_{task}.th"


@Trainer.register("multi_task", constructor="from_partial_objects")
class MultiTaskTrainer(GradientDescentTrainer):
    """Trains an `HMTL` model on several tasks (HMTL section 2.6).

    Each update draws a task, takes the next batch of that task's endless shuffled stream, and steps that task's
    optimizer, which holds the parameters that the task reaches and no others. An epoch has as many updates as all
    tasks have batches. After each epoch every task is validated on its own; training stops when every task is out of
    patience, when every learning rate has fallen below `min_learning_rate`, or after `num_epochs`.

    The serialization directory gets `best_{task}.th`, the weights that were best for each task, and `best.th`, those
    with the best sum of the tasks' scores. What is random is a function of `seed`, the epoch and the update, so that a
    run that is killed at any moment and recovered ends as if it had not been. On SIGTERM or SIGINT the trainer finishes
    the update, writes a checkpoint and raises `TrainingStopped`.
    See `from_partial_objects` for the parameters.
    """

    def __init__(
        self,
        model: HMTL,
        optimizer_states: Dict[str, OptimizerState],
        sampler: TaskSampler,
        data_loader: PerTaskDataLoader,
        validation_data_loader: Optional[PerTaskDataLoader] = None,
        validation_metric: Union[str, Dict[str, str]] = "+f1",
        patience: Optional[int] = None,
        num_epochs: int = 100,
        min_learning_rate: float = 1e-7,
        seed: int = 13370,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            model=model,
            optimizer=next(iter(optimizer_states.values())).optimizer,
            data_loader=data_loader,
            validation_data_loader=validation_data_loader,
            patience=patience,
            num_epochs=num_epochs,
            **kwargs,
        )
        self._optimizer_states = optimizer_states
        self._sampler = sampler
        self._min_learning_rate = min_learning_rate
        self._seed = seed
        self._tasks = list(model.tasks)
        if isinstance(validation_metric, str):
            validation_metric = dict.fromkeys(self._tasks, validation_metric)
        if set(validation_metric) != set(self._tasks):
            raise ConfigurationError(f"trainer.validation_metric must name a metric for each of {self._tasks}")
        self._trackers = {task: ScoreTracker(validation_metric[task], patience) for task in self._tasks}
        # The sum over tasks decides on `best.th` alone.
        self._metric_tracker = ScoreTracker("+score")
        self._num_consumed: Counter = Counter()
        self._epoch_losses = EpochLosses(self._tasks, self.cuda_device)
        self._metrics: Dict[str, Any] = {}
        self._stop_signals = StopSignals()

    @classmethod
    def from_partial_objects(  # type: ignore[override]
        cls,
        model: Model,
        serialization_dir: str,
        data_loader: DataLoader,
        validation_data_loader: DataLoader = None,
        local_rank: int = 0,
        sampler: TaskSampler = None,
        optimizer: Lazy[Optimizer] = Lazy(Optimizer.default),
        shared_optimizer: bool = False,
        learning_rate_scheduler: Lazy[LearningRateScheduler] = None,
        min_learning_rate: float = 1e-7,
        validation_metric: Union[str, Dict[str, str]] = "+f1",
        patience: int = None,
        num_epochs: int = 100,
        grad_norm: float = None,
        grad_clipping: float = None,
        cuda_device: Optional[Union[int, torch.device]] = None,
        seed: int = 13370,
        checkpointer: Optional[Lazy[VerifiedCheckpointer]] = Lazy(VerifiedCheckpointer),
        callbacks: List[Lazy[TrainerCallback]] = None,
        enable_default_callbacks: bool = True,
        distributed: bool = False,
        world_size: int = 1,
        ddp_accelerator: Any = None,
    ) -> "MultiTaskTrainer":
        """Builds the trainer from the `trainer` section of a configuration; unknown keys are refused.

        # Parameters

        sampler : `TaskSampler`, optional (default = `proportional`)
            Gives the probability of each task.
        optimizer : `Lazy[Optimizer]`, optional (default = Adam)
            Built once a task, over the parameters that the task reaches.
        shared_optimizer : `bool`, optional (default = `False`)
            One optimizer, and one schedule, for all tasks instead.
        learning_rate_scheduler : `Lazy[LearningRateScheduler]`, optional
            Built once an optimizer. It steps after each validation, with its task's score (higher is better).
        min_learning_rate : `float`, optional (default = `1e-7`)
            Training stops when every learning rate is below it.
        validation_metric : `Union[str, Dict[str, str]]`, optional (default = `"+f1"`)
            A sign, `+` where higher is better, and the name of a metric of the head; one for all tasks or one each.
        patience : `int`, optional
            Validations without improvement after which a task wants to stop.
        num_epochs : `int`, optional (default = `100`)
        grad_norm : `float`, optional
            The gradient is scaled down to this norm.
        grad_clipping : `float`, optional
            Its values are then clipped to this size.
        cuda_device : `int`, optional
            The GPU, -1 for the CPU. By default the first GPU where there is one.
        seed : `int`, optional (default = `13370`)
            Seeds the draws of tasks, and dropout.
        checkpointer : `Lazy[VerifiedCheckpointer]`, optional
            `None` writes no checkpoints; a signal then ends training at once.
        """
        if distributed:
            raise ConfigurationError("the multi_task trainer runs in one process; remove 'distributed'")
        if not isinstance(model, HMTL):
            raise ConfigurationError(f"the multi_task trainer trains models of type 'hmtl', not {type(model).__name__}")
        for loader in (data_loader, validation_data_loader):
            if loader is not None:
                _check_data(model, loader)
        assert isinstance(data_loader, PerTaskDataLoader)
        assert validation_data_loader is None or isinstance(validation_data_loader, PerTaskDataLoader)
        if cuda_device is None:
            cuda_device = 0 if torch.cuda.is_available() else -1
        if isinstance(cuda_device, int) and cuda_device >= 0:
            model = model.cuda(cuda_device)

        if shared_optimizer:
            reached = {name: p for task in model.tasks for name, p in model.parameters_of(task)}
            parameters = {SHARED: list(reached.items())}
            num_batches = {SHARED: len(data_loader)}
        else:
            parameters = {task: model.parameters_of(task) for task in model.tasks}
            num_batches = data_loader.num_batches
        optimizer_states = {}
        for name, named_parameters in parameters.items():
            built = optimizer.construct(model_parameters=[list(pair) for pair in named_parameters])
            scheduler: Optional[LearningRateScheduler] = None
            if learning_rate_scheduler is not None:
                scheduler = learning_rate_scheduler.construct(
                    optimizer=built, num_epochs=num_epochs, num_steps_per_epoch=num_batches[name]
                )
            optimizer_states[name] = OptimizerState(built, scheduler)
        return cls(
            model=model,
            optimizer_states=optimizer_states,
            sampler=sampler or ProportionalSampler(),
            data_loader=data_loader,
            validation_data_loader=validation_data_loader,
            validation_metric=validation_metric,
            patience=patience,
            num_epochs=num_epochs,
            min_learning_rate=min_learning_rate,
            seed=seed,
            serialization_dir=serialization_dir,
            checkpointer=checkpointer and checkpointer.construct(serialization_dir=serialization_dir),
            cuda_device=cuda_device,
            grad_norm=grad_norm or False,
            grad_clipping=grad_clipping,
            callbacks=[callback.construct(serialization_dir=serialization_dir) for callback in callbacks or []]
            + [LearningCurves(serialization_dir)] * enable_default_callbacks,
            enable_default_callbacks=enable_default_callbacks,
            run_confidence_checks=False,
            local_rank=local_rank,
        )

    def _try_train(self) -> Tuple[Dict[str, Any], int]:
        with self._stop_signals.noted() if self._checkpointer is not None else nullcontext():
            self._run_epochs()
        best = os.path.join(self._serialization_dir, BEST_OVERALL)
        if os.path.exists(best):
            self._load_model_state(best)
        else:
            self._save_model_state(best)
        return {**self._metrics, **self._best_metrics()}, self._epochs_completed - 1

    def _run_epochs(self) -> None:
        start = time.time()
        epoch = self._epochs_completed = self._start_after_epochs_completed
        while epoch < self._num_epochs and not self._should_stop():
            metrics: Dict[str, Any] = {"epoch": epoch}
            metrics.update({f"training_{name}": value for name, value in self._train_epoch(epoch).items()})
            improved, scores = self._validate(metrics) if self._validation_data_loader is not None else ([], {})
            for name, state in self._optimizer_states.items():
                state.end_epoch(scores.get(name))
            metrics["training_duration"] = str(datetime.timedelta(seconds=time.time() - start))
            epoch += 1
            self._epochs_completed, self._batches_in_epoch_completed, self._metrics = epoch, 0, metrics
            self._end_epoch(improved)

    def _end_epoch(self, improved: List[str]) -> None:
        """Tells the callbacks, and writes what the epoch brought."""
        metrics, epoch = self._metrics, self._metrics["epoch"]
        for callback in self._callbacks:
            callback.on_epoch(self, metrics=metrics, epoch=epoch, is_primary=self._primary)
        # The checkpoint goes last: killed before it, the recovered run writes the same weights and metrics again.
        for name in improved:
            self._save_model_state(os.path.join(self._serialization_dir, name))
        write_json(os.path.join(self._serialization_dir, f"metrics_epoch_{epoch}.json"), metrics)
        if self._checkpointer is not None:
            self._checkpointer.maybe_save_checkpoint(self, self._epochs_completed, 0)
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        """Where a signal came: writes a checkpoint and raises `TrainingStopped`. Called between updates alone."""
        if self._stop_signals.received is not None and self._checkpointer is not None:
            self._checkpointer.save_checkpoint(self)
            raise TrainingStopped(self._stop_signals.received, self._serialization_dir)

    def _train_epoch(self, epoch: int) -> Dict[str, float]:
        """One epoch of updates; returns `{task}_loss` (the mean), `{task}_updates` and `{task}_share` of each task."""
        logger.info("Epoch %d/%d", epoch, self._num_epochs - 1)
        self._pytorch_model.train()
        loader: PerTaskDataLoader = self.data_loader  # type: ignore[assignment]
        schedule = self._sampler.draw(loader.num_batches, epoch, self._seed)
        first = self._start_after_batches_in_epoch_completed if epoch == self._start_after_epochs_completed else 0
        self._batches_in_epoch_completed = first
        if first == 0:
            self._epoch_losses.clear()
        streams = {task: loader.stream(task, self._num_consumed[task]) for task in self._tasks}
        progress = Tqdm.tqdm(schedule[first:], desc=f"epoch {epoch}", initial=first, total=len(schedule))
        last_reading = time.monotonic()
        for step, task in enumerate(progress, start=first):
            # Dropout depends on the update alone, so that a resumed run repeats it.
            torch.manual_seed(_fold(self._seed, epoch, step))
            outputs = self._update(task, next(streams[task]), epoch, step)
            self._epoch_losses.add(task, outputs["loss"].detach())
            if time.monotonic() - last_reading > SECONDS_BETWEEN_READINGS or step + 1 == len(schedule):
                last_reading = time.monotonic()
                progress.set_postfix_str(self._epoch_losses.describe(task), refresh=False)
                self._epoch_losses.check(epoch)
            if self._checkpointer is not None:
                self._checkpointer.maybe_save_checkpoint(self, self._epochs_completed, self._batches_in_epoch_completed)
            self._stop_if_asked()
        return self._epoch_losses.summary()

    def _update(self, task: str, batch: Dict[str, Any], epoch: int, step: int) -> Dict[str, Any]:
        state = self._optimizer_states.get(task) or self._optimizer_states[SHARED]
        # Callbacks that write learning rates look here.
        self.optimizer = state.optimizer
        # Without a gradient, an optimizer leaves a parameter of another task alone, its momentum included.
        state.optimizer.zero_grad(set_to_none=True)
        outputs = self.batch_outputs(batch, for_training=True)
        outputs["loss"].backward()
        norm: Optional[torch.Tensor] = None
        if self._grad_norm:
            norm = clip_grad_norm_(state.parameters, self._grad_norm)
        if self._grad_clipping:
            clip_grad_value_(state.parameters, self._grad_clipping)
        state.step()
        self._num_consumed[task] += 1
        self._batches_in_epoch_completed = step + 1
        self._total_batches_completed += 1
        for callback in self._callbacks:
            callback.on_batch(
                self,
                [batch],
                [outputs],
                LazyMetrics({f"{task}_loss": outputs["loss"]}),
                epoch,
                step + 1,
                is_training=True,
                is_primary=self._primary,
                batch_grad_norm=norm,  # type: ignore[arg-type]
            )
        return outputs

    def _validate(self, metrics: Dict[str, Any]) -> Tuple[List[str], Dict[str, float]]:
        """Validates every task, updates the trackers and `metrics`.

        Returns the weight files that are due, and the scores, higher is better, of each task and (`SHARED`) of all.
        """
        # No tracker changes before all tasks are done: a checkpoint on the way is one of the updates.
        metrics_of = {task: self.validate_task(task) for task in self._tasks}
        improved = []
        scores: Dict[str, float] = {}
        for task, found in metrics_of.items():
            tracker = self._trackers[task]
            tracker.add_metrics(found)
            scores[task] = tracker.combined_score(found)
            if tracker.is_best_so_far():
                improved.append(best_weights_name(task))
                tracker.best_epoch_metrics = found
            metrics.update({f"validation_{task}_{name}": value for name, value in found.items()})
        total = sum(scores.values())
        self._metric_tracker.add_metrics({"score": total})
        metrics["validation_score"] = scores[SHARED] = total
        if self._metric_tracker.is_best_so_far():
            improved.append(BEST_OVERALL)
        metrics.update(self._best_metrics())
        return improved, scores

    def validate_task(self, task: str) -> Dict[str, float]:
        """The metrics of one task on its validation data, with its mean `loss`; nothing is trained."""
        self._pytorch_model.eval()
        loader: PerTaskDataLoader = self._validation_data_loader  # type: ignore[assignment]
        model: HMTL = self.model  # type: ignore[assignment]
        return evaluate_task(model, loader, task, before_batch=self._stop_if_asked)

    def _should_stop(self) -> bool:
        if self._epochs_completed == 0:
            return False
        if all(tracker.should_stop_early() for tracker in self._trackers.values()):
            logger.info("Every task is out of patience.")
            return True
        if all(state.learning_rate < self._min_learning_rate for state in self._optimizer_states.values()):
            logger.info("Every learning rate is below %g.", self._min_learning_rate)
            return True
        return False

    def _best_metrics(self) -> Dict[str, Any]:
        metrics: Dict[str, Any] = {"best_epoch": self._metric_tracker.best_epoch}
        for task, tracker in self._trackers.items():
            metrics[f"best_epoch_{task}"] = tracker.best_epoch
            metrics.update({f"best_validation_{task}_{n}": v for n, v in tracker.best_epoch_metrics.items()})
        return metrics

    def _save_model_state(self, path: str) -> None:
        save_state(path, self.model.state_dict())

    def get_checkpoint_state(self) -> TrainerCheckpoint:
        return TrainerCheckpoint(
            self.model.state_dict(),
            {
                "version": 1,
                "epochs_completed": self._epochs_completed,
                "batches_in_epoch_completed": self._batches_in_epoch_completed,
                "total_batches_completed": self._total_batches_completed,
                "num_consumed": dict(self._num_consumed),
                "epoch_losses": self._epoch_losses.state_dict(),
                "metrics": self._metrics,
                "trackers": {task: tracker.state_dict() for task, tracker in self._trackers.items()},
                "metric_tracker": self._metric_tracker.state_dict(),
                "optimizers": {name: state.state_dict() for name, state in self._optimizer_states.items()},
                "callbacks": [callback.state_dict() for callback in self._callbacks],
            },
        )

    def _maybe_restore_checkpoint(self) -> None:
        checkpoint = self._checkpointer.load_checkpoint() if self._checkpointer is not None else None
        if checkpoint is None:
            return
        model_state, state = checkpoint
        if set(state["optimizers"]) != set(self._optimizer_states) or set(state["trackers"]) != set(self._trackers):
            raise UserError(
                f"{self._serialization_dir}: the checkpoint was written with other tasks or optimizers; "
                "recover with the configuration of that run, or start another directory"
            )
        self.model.load_state_dict(model_state)
        for name, optimizer_state in self._optimizer_states.items():
            optimizer_state.load_state_dict(state["optimizers"][name])
        for task, tracker in self._trackers.items():
            tracker.load_state_dict(state["trackers"][task])
        self._metric_tracker.load_state_dict(state["metric_tracker"])
        for callback, callback_state in zip(self._callbacks, state["callbacks"]):
            callback.load_state_dict(callback_state)
        self._num_consumed = Counter(state["num_consumed"])
        self._epoch_losses.load_state_dict(state["epoch_losses"])
        self._metrics = state["metrics"]
        self._total_batches_completed = state["total_batches_completed"]
        self._start_after_epochs_completed = state["epochs_completed"]
        self._start_after_batches_in_epoch_completed = state["batches_in_epoch_completed"]


def evaluate_task(
    model: HMTL, loader: PerTaskDataLoader, task: str, before_batch: Optional[Callable[[], None]] = None
) -> Dict[str, float]:
    """The task's metrics over all its batches in `loader`, with the mean `loss` a batch.

    The model must be in evaluation mode. `before_batch` is called before each batch.
    """
    model.get_task_metrics(task, reset=True)
    losses: List[torch.Tensor] = []
    batches: Iterator[Dict[str, Any]] = loader.batches_of(task)
    with torch.no_grad():
        for batch in Tqdm.tqdm(batches, desc=f"evaluating {task}", total=loader.num_batches[task]):
            if before_batch is not None:
                before_batch()
            losses.append(model(**batch)["loss"])
    metrics = model.get_task_metrics(task, reset=True)
    metrics["loss"] = float(torch.stack(losses).double().mean())
    return metrics


def _check_data(model: HMTL, loader: DataLoader) -> None:
    if not isinstance(loader, PerTaskDataLoader):
        raise ConfigurationError("the multi_task trainer needs data_loader.type 'per_task'")
    if set(loader.tasks) != set(model.tasks):
        without_data = sorted(set(model.tasks) - set(loader.tasks))
        without_level = sorted(set(loader.tasks) - set(model.tasks))
        raise ConfigurationError(
            "each task needs data and a level of the model: "
            + "; ".join(
                [f"no data for {', '.join(without_data)}"] * bool(without_data)
                + [f"no level for {', '.join(without_level)}"] * bool(without_level)
            )
        )


def _fold(*numbers: int) -> int:
    """One seed from several numbers, the same in every process."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % (2**63 - 1)
    return seed
