"""The multi-task trainer: how a configuration builds it, and what follows from each event of the main loop.

The loop itself is in hmtl/training/loop.py.
"""

import logging
import os
from contextlib import ExitStack, closing, nullcontext
from typing import Any, Dict, Generator, List, Optional, Sequence, Union

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

from hmtl.common.devices import deterministic_algorithms
from hmtl.common.distributed import (
    all_reduce_max,
    barrier,
    broadcast,
    broadcast_object,
    destroy_process_group,
    get_rank,
    get_world_size,
)
from hmtl.common.file_names import BEST
from hmtl.common.files import write_json
from hmtl.common.stop_signals import StopSignals, TrainingStopped
from hmtl.common.weights import find_weights, load_into, save_weights
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.errors import UserError
from hmtl.models.hmtl import HMTL
from hmtl.runs.run_directory import BEST_OVERALL, RunDirectory, best_weights_name
from hmtl.training.baselines import validation_baselines
from hmtl.training.callbacks import LearningCurves
from hmtl.training.callbacks.embedding_cache import FillEmbeddingCaches
from hmtl.training.checkpointer import VerifiedCheckpointer
from hmtl.training.epoch_losses import LazyMetrics
from hmtl.training.evaluate_task import evaluate_task
from hmtl.training.findable_gold import findable_gold
from hmtl.training.gradient_aggregators import GradientAggregator
from hmtl.training.loop import (
    EpochEnded,
    EpochStarted,
    Event,
    TaskValidated,
    TrainingLoop,
    UpdateMade,
    UpdatesEnded,
)
from hmtl.training.objectives import Objective
from hmtl.training.optimizers import use_fused_kernels
from hmtl.training.precision import Precision
from hmtl.training.progress import TrainingProgress
from hmtl.training.screen import opening_lines
from hmtl.training.successive_regularization import SuccessiveRegularization
from hmtl.training.task_samplers import ProportionalSampler, TaskSampler, number_of_updates
from hmtl.training.task_state import OptimizerState, tracker_for
from hmtl.training.trainable import check_data, check_settings, check_targets, trained_tasks
from hmtl.training.training_state import SHARED, TrainingState
from hmtl.training.update import Batch, Updater

logger = logging.getLogger(__name__)

# Distributed workers ask one another whether a signal came after so many updates: the answer waits for the device.
UPDATES_BETWEEN_STOP_CHECKS = 10


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

    See `from_partial_objects` for the parameters. Callbacks may read the attributes and properties, and ask
    `learning_rate` and `patience_left`. What they change in the trainer, a run that is recovered does not repeat.

    # Attributes

    model : `HMTL`
    tasks : `List[str]`
        The tasks of the model, from the bottom up.
    data_loader : `PerTaskDataLoader`
    validation_data_loader : `Optional[PerTaskDataLoader]`
    serialization_dir : `str`
        The directory of the run.
    is_primary : `bool`
        Whether this worker is the one that writes files; it is `True` without other workers.
    """

    model: HMTL
    data_loader: PerTaskDataLoader

    def __init__(
        self,
        model: HMTL,
        optimizer_states: Dict[str, OptimizerState],
        updater: Updater,
        sampler: TaskSampler,
        data_loader: PerTaskDataLoader,
        serialization_dir: str,
        validation_data_loader: Optional[PerTaskDataLoader] = None,
        validation_metric: Union[str, Dict[str, str]] = "+f1",
        patience: Optional[int] = None,
        patience_rule: str = "no_improvement",
        num_epochs: int = 100,
        min_learning_rate: float = 1e-7,
        seed: int = 13370,
        tasks_per_update: int = 1,
        checkpointer: Optional[VerifiedCheckpointer] = None,
        callbacks: Sequence[TrainerCallback] = (),
        deterministic: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            model=model,
            optimizer=next(iter(optimizer_states.values())).optimizer,
            data_loader=data_loader,
            validation_data_loader=validation_data_loader,
            patience=patience,
            serialization_dir=serialization_dir,
            callbacks=list(callbacks),
            **kwargs,
        )
        self.tasks = list(model.tasks)
        self.validation_data_loader = validation_data_loader
        self.serialization_dir = serialization_dir
        # AllenNLP's `_primary` would be that of each node, and needs AllenNLP's wrapper of the model.
        self.is_primary = get_rank() == 0
        self.checkpointer = checkpointer
        self.deterministic = deterministic
        # AllenNLP has appended the callbacks that every trainer of its has, and keeps the list by this name alone.
        self.callbacks: List[TrainerCallback] = self._callbacks
        if isinstance(validation_metric, str):
            validation_metric = dict.fromkeys(self.tasks, validation_metric)
        if set(validation_metric) != set(self.tasks):
            raise ConfigurationError(f"trainer.validation_metric must name a metric for each of {self.tasks}")
        trackers = {task: tracker_for(patience_rule, validation_metric[task], patience) for task in self.tasks}
        self.state = TrainingState(optimizer_states, trackers, trained_tasks(model), sampler, updater, self.cuda_device)
        self.loop = TrainingLoop(
            model,
            self.state,
            data_loader,
            validation_data_loader,
            num_epochs=num_epochs,
            min_learning_rate=min_learning_rate,
            seed=seed,
            tasks_per_update=tasks_per_update,
        )
        self._metric_names = {task: metric.lstrip("+-") for task, metric in validation_metric.items()}
        self._progress = TrainingProgress(self.tasks, self._metric_names, num_epochs, enabled=self.is_primary)
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
        deterministic: bool = False,
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
            Built once an optimizer. It steps before each update with the number of the optimizer's updates, and after
            each validation with its task's score (higher is better); `reduce_on_plateau` not while that has never left
            0.
        min_learning_rate : `float`, optional (default = `1e-7`)
            Training stops when every learning rate is below it.
        validation_metric : `Union[str, Dict[str, str]]`, optional (default = `"+f1"`)
            A sign, `+` where higher is better, and the name of a metric of the head; one for all tasks or one each.
        patience : `int`, optional
            Validations without improvement after which a task wants to stop. None is counted while the score has never
            left 0.
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
        deterministic : `bool`, optional (default = `False`)
            Whether a GPU is to compute the same numbers each time, which is slower (see `deterministic_algorithms`). A
            CPU does so anyway.
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
                check_data(model, loader)
        assert isinstance(data_loader, PerTaskDataLoader)
        check_targets(model, data_loader)
        assert validation_data_loader is None or isinstance(validation_data_loader, PerTaskDataLoader)
        check_settings(tasks_per_update, shared_optimizer, gradient_aggregator, gradient_accumulation_steps)
        if ddp_accelerator is not None or (distributed and get_world_size() == 1):
            raise ConfigurationError(
                "the multi_task trainer sums gradients over workers by itself; give 'distributed' at the top of the "
                "configuration, without a ddp_accelerator, not in the trainer"
            )
        data_loader.shard(get_world_size(), get_rank(), gradient_accumulation_steps)
        if validation_data_loader is not None:
            validation_data_loader.shard(get_world_size(), get_rank())
        if cuda_device is None:
            cuda_device = 0 if torch.cuda.is_available() else -1
        device = int_to_device(cuda_device)
        for task in model.tasks:
            if model.head(task).starts_from_data:
                model.head(task).start_from_data(data_loader.metadata_of(task))
        model = model.to(device)
        broadcast([*model.parameters(), *model.buffers()])
        updater = Updater(
            model,
            Precision(precision, device),
            in_parts=get_world_size() * gradient_accumulation_steps > 1,
            objective=objective,
            aggregator=gradient_aggregator,
            successive_regularization=successive_regularization,
            grad_norm=grad_norm,
            grad_clipping=grad_clipping,
        )
        trained = trained_tasks(model)
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
            checkpointer=None if checkpointer is None else checkpointer.construct(serialization_dir=serialization_dir),
            deterministic=deterministic,
            cuda_device=device,
            callbacks=[callback.construct(serialization_dir=serialization_dir) for callback in callbacks or []]
            + [LearningCurves(serialization_dir), FillEmbeddingCaches(serialization_dir)] * enable_default_callbacks,
            enable_default_callbacks=enable_default_callbacks,
            run_confidence_checks=False,
            local_rank=local_rank,
        )

    @property
    def epochs_completed(self) -> int:
        """The epochs that were trained and validated so far."""
        return self.state.epochs_completed

    @property
    def updates_completed(self) -> int:
        """The updates so far, of all tasks and epochs."""
        return self.state.updates_completed

    @property
    def shared_parameters(self) -> Dict[str, torch.nn.Parameter]:
        """What some task reaches below its own level, by name."""
        return self.state.updater.shared_parameters

    def learning_rate(self, task: str) -> float:
        """The largest learning rate in the optimizer that steps in the task's updates."""
        return self.state.optimizer_of(task).learning_rate

    def patience_left(self) -> Dict[str, Optional[int]]:
        """For each task, how many more validations without improvement are borne; `None` where there is no limit."""
        return self.state.patience_left()

    def validate_task(self, task: str) -> Dict[str, float]:
        """The metrics of one task on its validation data, with its mean `loss`; nothing is trained."""
        assert self.validation_data_loader is not None
        self.model.eval()
        with self.state.updater.precision.autocast():
            return evaluate_task(self.model, self.validation_data_loader, task)

    def train(self) -> Dict[str, Any]:
        """Trains from the last checkpoint, or from the start where there is none; returns the metrics of the last epoch
        and those of the best ones."""
        with deterministic_algorithms(self.deterministic):
            self._restore_checkpoint()
            for callback in self.callbacks:
                callback.on_start(self, is_primary=self.is_primary)
            metrics: Optional[Dict[str, Any]] = None
            epoch: Optional[int] = None
            try:
                with self._stop_signals.noted() if self.checkpointer is not None else nullcontext():
                    self._progress.begin(opening_lines(self))
                    self._warn_of_unfindable_gold()
                    self._consume(self.loop.run())
                # The primary worker may go on alone from here, as with an evaluation on the test data.
                destroy_process_group()
                self._load_best_weights()
                metrics, epoch = {**self.state.metrics, **self.state.best_metrics()}, self.epochs_completed - 1
                metrics.update(self._baselines())
                return metrics
            finally:
                for callback in self.callbacks:
                    callback.on_end(self, metrics=metrics, epoch=epoch, is_primary=self.is_primary)

    def _consume(self, events: Generator[Event, None, None]) -> None:
        """Shows, calls back, writes and stops, as each event of the loop asks for."""
        with closing(events), ExitStack() as bar:
            for event in events:
                if isinstance(event, EpochStarted):
                    logger.info("Epoch %d/%d", event.epoch, self.loop.num_epochs - 1)
                    bar.enter_context(self._progress.epoch(event.epoch, event.num_updates, event.first))
                elif isinstance(event, UpdateMade):
                    self._after_update(event)
                elif isinstance(event, UpdatesEnded):
                    bar.close()
                elif isinstance(event, EpochEnded):
                    self._after_epoch(event)
                if self._workers_meet_at(event):
                    self._stop_if_asked()
                # The batches and outputs of an update must not take memory while the next one is computed.
                del event

    def _after_update(self, made: UpdateMade) -> None:
        # AllenNLP's own callbacks read the number of updates and the learning rates from these attributes.
        self._total_batches_completed = self.updates_completed
        self.optimizer = self.state.optimizer_of(next(iter(made.batches))).optimizer
        for callback in self.callbacks:
            callback.on_batch(
                self,
                [part for parts in made.batches.values() for part in parts],
                made.update.outputs,
                LazyMetrics({f"{task}_loss": loss for task, loss in made.update.losses.items()}),
                made.epoch,
                made.step + 1,
                is_training=True,
                is_primary=self.is_primary,
                batch_grad_norm=made.update.gradient_norm,  # type: ignore[arg-type]
            )
        self._progress.update({task: _num_examples(parts) for task, parts in made.batches.items()})
        if self._progress.is_due():
            self._progress.show(self.state.losses.summary())
            self.state.losses.check(made.epoch)
        self._maybe_save_checkpoint()

    def _after_epoch(self, ended: EpochEnded) -> None:
        rates = [self.learning_rate(task) for task in self.state.trained]
        self._progress.end_epoch(ended.metrics, self.patience_left(), rates)
        for callback in self.callbacks:
            callback.on_epoch(self, metrics=ended.metrics, epoch=ended.epoch, is_primary=self.is_primary)
        # The checkpoint goes last: killed before it, the recovered run writes the same weights and metrics again.
        if self.is_primary:
            for name in [*map(best_weights_name, ended.improved), *[BEST_OVERALL] * ended.is_best]:
                self._save_weights(name)
            write_json(RunDirectory(self.serialization_dir).epoch_metrics(ended.epoch), ended.metrics)
        self._maybe_save_checkpoint()

    def _workers_meet_at(self, event: Event) -> bool:
        """Whether all workers come to this event, and may stop there together; a worker alone may stop at any.

        Asking the others waits for the device, and is therefore not done after each update.
        """
        if isinstance(event, UpdateMade):
            return get_world_size() == 1 or event.step % UPDATES_BETWEEN_STOP_CHECKS == 0 or event.is_last
        return get_world_size() == 1 or isinstance(event, (TaskValidated, EpochEnded))

    def _stop_if_asked(self) -> None:
        """Where a signal came, to whichever worker: writes a checkpoint and raises `TrainingStopped`."""
        if self.checkpointer is None:
            return
        received = all_reduce_max(self._stop_signals.received or 0)
        if received:
            if self.is_primary:
                self.checkpointer.save_checkpoint(self)
            barrier()
            raise TrainingStopped(received, self.serialization_dir)

    def _warn_of_unfindable_gold(self) -> None:
        if self.validation_data_loader is None or not self.is_primary:
            return
        for task in self.tasks:
            found = findable_gold(self.model, self.validation_data_loader, task)
            if found is not None and found.findable < found.gold:
                why = f": they {found.why_not}" if found.why_not else ""
                logger.warning(
                    "task '%s': %d of %d gold %s of the validation data can never be found%s",
                    *(task, found.gold - found.findable, found.gold, found.items, why),
                )

    def _baselines(self) -> Dict[str, float]:
        """What the tasks' baselines score in validation, as `baseline_validation_{task}_{metric}`."""
        if self.validation_data_loader is None or not self.is_primary:
            return {}
        found = validation_baselines(self.model, self.data_loader, self.validation_data_loader)
        return {
            f"baseline_validation_{task}_{name}": value
            for task, metrics in found.items()
            for name, value in metrics.items()
            if name == self._metric_names[task]
        }

    def _load_best_weights(self) -> None:
        """Gives the model the weights that were best over all tasks; without validation these are the last ones, which
        are written as the best."""
        if not self.is_primary:
            return
        # A run of an older release that is trained further may have its best weights in their format.
        best = find_weights(self.serialization_dir, BEST)
        if best is not None:
            load_into(self.model, best)
        else:
            self._save_weights(BEST_OVERALL)

    def _save_weights(self, name: str) -> None:
        save_weights(os.path.join(self.serialization_dir, name), self.model.state_dict())

    def _maybe_save_checkpoint(self) -> None:
        if self.checkpointer is not None and self.is_primary:
            self.checkpointer.maybe_save_checkpoint(self, self.epochs_completed, self.state.updates_in_epoch)

    def get_checkpoint_state(self) -> TrainerCheckpoint:
        return TrainerCheckpoint(self.model.state_dict(), self.state.state_dict(self.callbacks))

    def _restore_checkpoint(self) -> None:
        checkpoint = None
        # Only the primary worker's disk is sure to hold the checkpoints.
        if self.checkpointer is not None and self.is_primary:
            checkpoint = self.checkpointer.load_checkpoint()
        checkpoint = broadcast_object(checkpoint)
        if checkpoint is None:
            return
        model_state, state = checkpoint
        ours = set(self.state.optimizers), set(self.state.trackers)
        if (set(state["optimizers"]), set(state["trackers"])) != ours:
            raise UserError(
                f"{self.serialization_dir}: the checkpoint was written with other tasks or optimizers; "
                "recover with the configuration of that run, or start another directory"
            )
        try:
            self.model.load_state_dict(model_state)
            self.state.load_state_dict(state, self.callbacks)
        except RuntimeError as error:
            raise ConfigurationError(
                f"{self.serialization_dir}: the checkpoint does not fit the model or its optimizers; recover with the "
                "configuration of that run, or start another directory"
            ) from error
        self._progress.note_scores(self.state.metrics, self.patience_left())
        self._total_batches_completed = self.updates_completed


def _num_examples(parts: List[Batch]) -> int:
    """About how many instances a batch has, of which this worker has some parts."""
    return get_world_size() * sum(get_batch_size(part) for part in parts)
