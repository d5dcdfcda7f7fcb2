"""Schedules of the learning rate that AllenNLP lacks."""

from hmtl.training.learning_rate_schedulers.inverse_decay import InverseDecay
from hmtl.training.learning_rate_schedulers.reduce_unless_score_falls import ReduceUnlessScoreFalls
from hmtl.training.learning_rate_schedulers.warmup_and_decay import WarmupAndDecay
