"""Callbacks, which are called while a model trains: importing this package registers them."""

from hmtl.training.callbacks.batch_losses import BatchLosses
from hmtl.training.callbacks.callback import MultiTaskCallback
from hmtl.training.callbacks.inter_task_affinity import InterTaskAffinity
from hmtl.training.callbacks.learning_curves import LearningCurves
from hmtl.training.callbacks.task_log_writer import TaskLogWriter
from hmtl.training.callbacks.tensorboard import TensorBoard
from hmtl.training.callbacks.wandb import WeightsAndBiases
