"""The multi-task training loop: draw a task, take its next batch, make one update."""

import datetime
import inspect
import logging
import os
import time
from collections import Counter
from contextlib import nullcontext
from typing import Any, Dict, List, Optional, Tuple, Union

import torch
from allennlp.common import Lazy
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import int_to_device
from allennlp.data import DataLoader
from allennlp.models import Model
from allennlp.training.callbacks import TrainerCallback
from allennlp.training.gradient_descent_trainer import GradientDescentTrainer
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.optimizers import Optimizer
from allennlp.training.trainer import Trainer, TrainerCheckpoint
from allennlp.training.util import get_batch_size

from hmtl.common.distributed import (
    copy_from_primary,
    from_primary,
    largest,
    leave,
    num_workers,
    rank,
    wait_for_all,
)
from hmtl.common.file_names import BEST
from hmtl.common.files import write_json
from hmtl.common.stop_signals import StopSignals, TrainingStopped
from hmtl.common.weights import find_weights, load_into, save_weights
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL
from hmtl.runs.run_directory import BEST_OVERALL, RunDirectory, best_weights_name
from hmtl.tasks.task_head import TaskHead
from hmtl.training.callbacks import LearningCurves
from hmtl.training.callbacks.embedding_cache import FillEmbeddingCaches
from hmtl.training.checkpointer import VerifiedCheckpointer
from hmtl.training.epoch_losses import EpochLosses, LazyMetrics
from hmtl.training.evaluate_task import evaluate_task
from hmtl.training.findable_gold import findable_gold
from hmtl.training.gradient_aggregators import GradientAggregator
from hmtl.training.objectives import Objective
from hmtl.training.optimizers import use_fused_kernels
from hmtl.training.precision import Precision
from hmtl.training.progress import TrainingProgress
from hmtl.training.successive_regularization import SuccessiveRegularization
from hmtl.training.task_samplers import ProportionalSampler, TaskSampler, number_of_updates
from hmtl.training.task_state import OptimizerState, ScoreTracker, tracker_for
from hmtl.training.update import Updater

logger = logging.getLogger(__name__)

SHARED = "shared"
# So often distributed workers ask one another for a signal, which waits for the device.
UPDATES_BETWEEN_AGREEMENTS = 10


@Trainer.register("multi_task", constructor="from_partial_objects")
class MultiTaskTrainer(GradientDescentTrainer):
    """Trains an `HMTL` model on several tasks (HMTL section 2.6).

    Each update draws a task, takes the next batch of that task's endless shuffled stream, and steps that task's
    optimizer, which holds the parameters that the task reaches and no others. An epoch has as many updates as all
    tasks have batches (fewer, where an update takes several tasks). After each epoch every task is validated on its
    own; training stops when every task is out of patience, when every learning rate has fallen below
    `min_learning_rate`, or after `num_epochs`.

    The serialization directory gets `best_{task}.safetensors`, the weights that were best for each task, and
    `best.safetensors`, those with the best sum of the tasks' scores. What is random is a function of `seed`, the epoch
    and the update, so that a run that is killed at any moment and recovered ends as if it had not been. On SIGTERM or
    SIGINT the trainer finishes the update, writes a checkpoint and raises `TrainingStopped`.

    In distributed training every worker draws the same tasks and takes its share of each batch, so that a batch has
    `batch_size` instances a worker. The gradients and the metrics' counts are summed over the workers, and the one of
    rank 0 writes the files.
    See `from_partial_objects` for the parameters.
    """

    def __init__(
        self,
        model: HMTL,
        optimizer_states: Dict[str, OptimizerState],
        updater: Updater,
        sampler: TaskSampler,
        data_loader: PerTaskDataLoader,
        validation_data_loader: Optional[PerTaskDataLoader] = None,
        validation_metric: Union[str, Dict[str, str]] = "+f1",
        patience: Optional[int] = None,
        patience_rule: str = "no_improvement",
        num_epochs: int = 100,
        min_learning_rate: float = 1e-7,
        seed: int = 13370,
        tasks_per_update: int = 1,
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
        # AllenNLP's notion of it needs its wrapper of the model, and counts ranks on each node.
        self._rank = rank()
        self._primary = self._rank == 0
        self._optimizer_states = optimizer_states
        self._sampler = sampler
        self._tasks_per_update = tasks_per_update
        self._updater = updater
        self._min_learning_rate = min_learning_rate
        self._seed = seed
        self._tasks = list(model.tasks)
        self._trained = _trained_tasks(model)
        if isinstance(validation_metric, str):
            validation_metric = dict.fromkeys(self._tasks, validation_metric)
        if set(validation_metric) != set(self._tasks):
            raise ConfigurationError(f"trainer.validation_metric must name a metric for each of {self._tasks}")
        self._trackers = {task: tracker_for(patience_rule, validation_metric[task], patience) for task in self._tasks}
        # The sum over tasks decides on `best.safetensors` alone.
        self._metric_tracker = ScoreTracker("+score")
        self._num_consumed: Counter = Counter()
        self._epoch_losses = EpochLosses(self._tasks, self.cuda_device)
        self._metrics: Dict[str, Any] = {}
        names = {task: metric.lstrip("+-") for task, metric in validation_metric.items()}
        self._progress = TrainingProgress(self._tasks, names, num_epochs, enabled=self._primary)
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
        tasks_per_update: int = 1,
        optimizer: Lazy[Optimizer] = Lazy(Optimizer.default),
        shared_optimizer: bool = False,
        objective: Objective = None,
        gradient_aggregator: GradientAggregator = None,
        successive_regularization: SuccessiveRegularization = None,
        learning_rate_scheduler: Lazy[LearningRateScheduler] = None,
        min_learning_rate: float = 1e-7,
        validation_metric: Union[str, Dict[str, str]] = "+f1",
        patience: int = None,
        patience_rule: str = "no_improvement",
        num_epochs: int = 100,
        grad_norm: float = None,
        grad_clipping: float = None,
        gradient_accumulation_steps: int = 1,
        precision: str = "fp32",
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
        tasks_per_update : `int`, optional (default = `1`)
            So many tasks take part in each update; needs `shared_optimizer` where it is above 1.
        optimizer : `Lazy[Optimizer]`, optional (default = Adam)
            Built once a task, over the parameters that the task reaches. Adam and AdamW run in fused kernels, unless
            a parameter group says `fused: false`.
        shared_optimizer : `bool`, optional (default = `False`)
            One optimizer, and one schedule, for all tasks instead.
        objective : `Objective`, optional (default = `sum`)
            Weighs the tasks' losses.
        gradient_aggregator : `GradientAggregator`, optional (default = `sum`)
            Makes one gradient of those of an update's tasks, where several share a parameter.
        successive_regularization : `SuccessiveRegularization`, optional
            Holds shared parameters near those of the previous task or epoch.
        learning_rate_scheduler : `Lazy[LearningRateScheduler]`, optional
            Built once an optimizer. It steps after each validation, with its task's score (higher is better).
        min_learning_rate : `float`, optional (default = `1e-7`)
            Training stops when every learning rate is below it.
        validation_metric : `Union[str, Dict[str, str]]`, optional (default = `"+f1"`)
            A sign, `+` where higher is better, and the name of a metric of the head; one for all tasks or one each.
        patience : `int`, optional
            Validations without improvement after which a task wants to stop.
        patience_rule : `str`, optional (default = `"no_improvement"`)
            `"lowest_score"` instead gives a task up, for good, once its score is the lowest of the last `patience + 1`
            of at least `patience + 2`, as in 2018.
        num_epochs : `int`, optional (default = `100`)
        grad_clipping : `float`, optional
            The values of the gradient are clipped to this size, as the first of both limits.
        grad_norm : `float`, optional
            The gradient, its values clipped already, is scaled down to this norm.
        gradient_accumulation_steps : `int`, optional (default = `1`)
            A batch is so many times as large as the data loader's `batch_size`, and computed in so many parts: the
            gradient is that of the whole.
        precision : `str`, optional (default = `"fp32"`)
            `"bf16"` or `"fp16"` computes most of the model in 16 bits.
        cuda_device : `int`, optional
            The GPU, -1 for the CPU. By default the first GPU where there is one.
        seed : `int`, optional (default = `13370`)
            Seeds the draws of tasks, and dropout.
        checkpointer : `Lazy[VerifiedCheckpointer]`, optional
            `None` writes no checkpoints; a signal then ends training at once.
        """
        if not isinstance(model, HMTL):
            raise ConfigurationError(f"the multi_task trainer trains models of type 'hmtl', not {type(model).__name__}")
        for loader in (data_loader, validation_data_loader):
            if loader is not None:
                _check_data(model, loader)
        assert isinstance(data_loader, PerTaskDataLoader)
        _check_targets(model, data_loader)
        assert validation_data_loader is None or isinstance(validation_data_loader, PerTaskDataLoader)
        _check_settings(tasks_per_update, shared_optimizer, gradient_aggregator, gradient_accumulation_steps)
        if ddp_accelerator is not None or (distributed and num_workers() == 1):
            raise ConfigurationError(
                "the multi_task trainer sums gradients over workers by itself; give 'distributed' at the top of the "
                "configuration, without a ddp_accelerator, not in the trainer"
            )
        data_loader.share_out(num_workers(), rank(), gradient_accumulation_steps)
        if validation_data_loader is not None:
            validation_data_loader.share_out(num_workers(), rank())
        if cuda_device is None:
            cuda_device = 0 if torch.cuda.is_available() else -1
        device = int_to_device(cuda_device)
        model = model.to(device)
        copy_from_primary([*model.parameters(), *model.buffers()])
        updater = Updater(
            model,
            Precision(precision, device),
            in_parts=num_workers() * gradient_accumulation_steps > 1,
            objective=objective,
            aggregator=gradient_aggregator,
            successive_regularization=successive_regularization,
            grad_norm=grad_norm,
            grad_clipping=grad_clipping,
        )
        trained = _trained_tasks(model)
        parameters = {task: updater.parameters_of(task) for task in trained}
        num_steps = {task: data_loader.num_batches[task] for task in trained}
        if shared_optimizer:
            parameters = {SHARED: list(dict.fromkeys(pair for pairs in parameters.values() for pair in pairs))}
            num_steps = {SHARED: number_of_updates(num_steps, tasks_per_update)}
        optimizer_states = {}
        for name, named_parameters in parameters.items():
            built = optimizer.construct(model_parameters=[list(pair) for pair in named_parameters])
            use_fused_kernels(built)
            scheduler: Optional[LearningRateScheduler] = None
            if learning_rate_scheduler is not None:
                scheduler = learning_rate_scheduler.construct(
                    optimizer=built, num_epochs=num_epochs, num_steps_per_epoch=num_steps[name]
                )
            optimizer_states[name] = OptimizerState(built, scheduler, updater.precision.new_scaler())
        return cls(
            model=model,
            optimizer_states=optimizer_states,
            updater=updater,
            sampler=sampler or ProportionalSampler(),
            data_loader=data_loader,
            validation_data_loader=validation_data_loader,
            validation_metric=validation_metric,
            patience=patience,
            patience_rule=patience_rule,
            num_epochs=num_epochs,
            min_learning_rate=min_learning_rate,
            seed=seed,
            tasks_per_update=tasks_per_update,
            serialization_dir=serialization_dir,
            checkpointer=checkpointer and checkpointer.construct(serialization_dir=serialization_dir),
            cuda_device=device,
            callbacks=[callback.construct(serialization_dir=serialization_dir) for callback in callbacks or []]
            + [LearningCurves(serialization_dir), FillEmbeddingCaches(serialization_dir)] * enable_default_callbacks,
            enable_default_callbacks=enable_default_callbacks,
            run_confidence_checks=False,
            local_rank=local_rank,
        )

    def _try_train(self) -> Tuple[Dict[str, Any], int]:
        with self._stop_signals.noted() if self._checkpointer is not None else nullcontext():
            self._run_epochs()
        # What the primary worker does from here on, such as an evaluation on the test data, it does alone.
        leave()
        # A run of an older release that is trained further may have its best weights in their format.
        best = find_weights(self._serialization_dir, BEST)
        if not self._primary:
            pass
        elif best is not None:
            load_into(self._pytorch_model, best)
        else:
            self._save_model_state(os.path.join(self._serialization_dir, BEST_OVERALL))
        return {**self._metrics, **self._best_metrics()}, self._epochs_completed - 1

    def _run_epochs(self) -> None:
        if self._validation_data_loader is not None and self._primary:
            self._warn_of_unfindable_gold()
        start = time.time()
        epoch = self._epochs_completed = self._start_after_epochs_completed
        while epoch < self._num_epochs and not self._should_stop():
            metrics: Dict[str, Any] = {"epoch": epoch}
            metrics.update({f"training_{name}": value for name, value in self._train_epoch(epoch).items()})
            improved, scores = self._validate(metrics) if self._validation_data_loader is not None else ([], {})
            for name, state in self._optimizer_states.items():
                state.end_epoch(scores.get(name))
            self._sampler.end_epoch({task: scores[task] for task in self._trained if task in scores})
            metrics["training_duration"] = str(datetime.timedelta(seconds=time.time() - start))
            epoch += 1
            self._epochs_completed, self._batches_in_epoch_completed, self._metrics = epoch, 0, metrics
            self._end_epoch(improved)

    def _warn_of_unfindable_gold(self) -> None:
        for task in self._tasks:
            found = findable_gold(self.model, self._validation_data_loader, task)  # type: ignore[arg-type]
            if found is not None and found.findable < found.gold:
                why = f": they {found.why_not}" if found.why_not else ""
                logger.warning(
                    "task '%s': %d of %d gold %s of the validation data can never be found%s",
                    *(task, found.gold - found.findable, found.gold, found.items, why),
                )

    def _end_epoch(self, improved: List[str]) -> None:
        """Tells the callbacks, and writes what the epoch brought."""
        metrics, epoch = self._metrics, self._metrics["epoch"]
        self._progress.end_epoch(metrics, self._patience_left())
        for callback in self._callbacks:
            callback.on_epoch(self, metrics=metrics, epoch=epoch, is_primary=self._primary)
        # The checkpoint goes last: killed before it, the recovered run writes the same weights and metrics again.
        if self._primary:
            for name in improved:
                self._save_model_state(os.path.join(self._serialization_dir, name))
            write_json(RunDirectory(self._serialization_dir).epoch_metrics(epoch), metrics)
        self._maybe_save_checkpoint()
        self._stop_if_asked()

    def _maybe_save_checkpoint(self) -> None:
        if self._checkpointer is not None and self._primary:
            self._checkpointer.maybe_save_checkpoint(self, self._epochs_completed, self._batches_in_epoch_completed)

    def _stop_if_asked(self) -> None:
        """Where a signal came, to whichever worker: writes a checkpoint and raises `TrainingStopped`.

        Called between updates alone, and by all workers or by none.
        """
        if self._checkpointer is None:
            return
        received = largest(self._stop_signals.received or 0)
        if received:
            if self._primary:
                self._checkpointer.save_checkpoint(self)
            wait_for_all()
            raise TrainingStopped(received, self._serialization_dir)

    def _train_epoch(self, epoch: int) -> Dict[str, float]:
        """One epoch of updates; returns `{task}_loss` (the mean), `{task}_updates` and `{task}_share` of each task."""
        logger.info("Epoch %d/%d", epoch, self._num_epochs - 1)
        self._pytorch_model.train()
        loader: PerTaskDataLoader = self.data_loader  # type: ignore[assignment]
        num_batches = {task: loader.num_batches[task] for task in self._trained}
        schedule = self._sampler.draw(num_batches, epoch, self._seed, self._tasks_per_update)
        first = self._start_after_batches_in_epoch_completed if epoch == self._start_after_epochs_completed else 0
        self._batches_in_epoch_completed = first
        if first == 0:
            self._epoch_losses.clear()
            self._updater.start_epoch()
        streams = {task: loader.stream(task, self._num_consumed[task]) for task in self._tasks}
        with self._progress.epoch(epoch, len(schedule), first):
            for step, tasks in enumerate(schedule[first:], start=first):
                # Dropout depends on the update (and the worker) alone, so that a resumed run repeats it.
                torch.manual_seed(_fold(self._seed, epoch, step, *[self._rank] * (self._rank > 0)))
                batches = {task: next(streams[task]) for task in tasks}
                self._update(batches, epoch, step)
                self._progress.update({task: self._num_examples(parts) for task, parts in batches.items()})
                if self._progress.is_due():
                    self._progress.show(self._epoch_losses.summary())
                    self._epoch_losses.check(epoch)
                self._maybe_save_checkpoint()
                if num_workers() == 1 or step % UPDATES_BETWEEN_AGREEMENTS == 0 or step + 1 == len(schedule):
                    self._stop_if_asked()
        return self._epoch_losses.summary()

    def _update(self, batches: Dict[str, List[Dict[str, Any]]], epoch: int, step: int) -> None:
        """One update from this worker's parts of a batch of each of its tasks."""
        state = self._optimizer_states.get(next(iter(batches))) or self._optimizer_states[SHARED]
        # Callbacks that write learning rates look here.
        self.optimizer = state.optimizer
        update = self._updater(state, batches)
        for task, loss in update.losses.items():
            self._num_consumed[task] += 1
            self._epoch_losses.add(task, loss)
        self._batches_in_epoch_completed = step + 1
        self._total_batches_completed += 1
        for callback in self._callbacks:
            callback.on_batch(
                self,
                [part for parts in batches.values() for part in parts],
                update.outputs,
                LazyMetrics({f"{task}_loss": loss for task, loss in update.losses.items()}),
                epoch,
                step + 1,
                is_training=True,
                is_primary=self._primary,
                batch_grad_norm=update.gradient_norm,  # type: ignore[arg-type]
            )

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
        with self._updater.precision.autocast():
            alone = num_workers() == 1
            metrics = evaluate_task(model, loader, task, before_batch=self._stop_if_asked if alone else None)
        self._stop_if_asked()
        return metrics

    def _should_stop(self) -> bool:
        if self._epochs_completed == 0:
            return False
        if all(self._trackers[task].should_stop_early() for task in self._trained):
            logger.info("Every task is out of patience.")
            return True
        if all(state.learning_rate < self._min_learning_rate for state in self._optimizer_states.values()):
            logger.info("Every learning rate is below %g.", self._min_learning_rate)
            return True
        return False

    def _patience_left(self) -> Dict[str, Optional[int]]:
        return {task: tracker.patience_left for task, tracker in self._trackers.items()}

    def _num_examples(self, parts: List[Dict[str, Any]]) -> int:
        """About how many instances a batch has, of which this worker has some parts."""
        return num_workers() * sum(get_batch_size(part) for part in parts)

    def _best_metrics(self) -> Dict[str, Any]:
        metrics: Dict[str, Any] = {"best_epoch": self._metric_tracker.best_epoch}
        for task, tracker in self._trackers.items():
            metrics[f"best_epoch_{task}"] = tracker.best_epoch
            metrics.update({f"best_validation_{task}_{n}": v for n, v in tracker.best_epoch_metrics.items()})
        return metrics

    def _save_model_state(self, path: str) -> None:
        save_weights(path, self.model.state_dict())

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
                "sampler": self._sampler.state_dict(),
                "updater": self._updater.state_dict(),
            },
        )

    def _maybe_restore_checkpoint(self) -> None:
        checkpoint = None
        # Only the primary worker's disk is sure to hold the checkpoints.
        if self._checkpointer is not None and self._primary:
            checkpoint = self._checkpointer.load_checkpoint()
        checkpoint = from_primary(checkpoint)
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
        self._sampler.load_state_dict(state["sampler"])
        self._updater.load_state_dict(state["updater"])
        self._num_consumed = Counter(state["num_consumed"])
        self._epoch_losses.load_state_dict(state["epoch_losses"])
        self._metrics = state["metrics"]
        self._progress.note_scores(self._metrics, self._patience_left())
        self._total_batches_completed = state["total_batches_completed"]
        self._start_after_epochs_completed = state["epochs_completed"]
        self._start_after_batches_in_epoch_completed = state["batches_in_epoch_completed"]


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


def _check_targets(model: HMTL, loader: PerTaskDataLoader) -> None:
    """Each head must get a target that it knows: without one it only predicts, and has no loss."""
    others = set(inspect.signature(TaskHead.forward).parameters)
    for task in model.tasks:
        head = model.heads[task]
        known = [name for name in inspect.signature(head.forward).parameters if name not in others | {"unused"}]
        batch = next(loader.batches_of(task), None)
        if known and batch is not None and not set(known) & set(batch):
            given = sorted(set(batch) - others - {"text", "task_name"})
            raise ConfigurationError(
                f"model.levels.{task}: its head, {type(head).__name__}, learns from {' or '.join(known)}, and the "
                f"dataset reader of the task gives {', '.join(given) or 'no targets'}; the two must be of one kind"
            )


def _trained_tasks(model: HMTL) -> List[str]:
    """The tasks that take part in updates: those that reach a parameter that is not frozen. All are validated."""
    trained = [task for task in model.tasks if model.parameters_of(task)]
    if not trained:
        raise ConfigurationError("every parameter of the model is frozen, so that there is nothing to train")
    return trained


def _check_settings(
    tasks_per_update: int, shared_optimizer: bool, aggregator: Optional[GradientAggregator], accumulation_steps: int
) -> None:
    if accumulation_steps < 1:
        raise ConfigurationError("trainer.gradient_accumulation_steps must be at least 1")
    if tasks_per_update > 1 and not shared_optimizer:
        raise ConfigurationError(
            "trainer.tasks_per_update: the tasks of an update share one step, and hence one optimizer; "
            "set trainer.shared_optimizer to true"
        )
    if tasks_per_update == 1 and aggregator is not None:
        raise ConfigurationError(
            "trainer.gradient_aggregator: the gradient of one task has nothing to be combined with; "
            "set trainer.tasks_per_update to 2 or more"
        )


def _fold(*numbers: int) -> int:
    """One seed from several numbers, the same in every process."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % (2**63 - 1)
    return seed
