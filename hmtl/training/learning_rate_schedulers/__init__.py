"""Schedules of the learning rate that AllenNLP lacks."""

from hmtl.training.learning_rate_schedulers.reduce_unless_score_falls import ReduceUnlessScoreFalls
