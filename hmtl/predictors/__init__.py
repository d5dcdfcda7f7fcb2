"""Texts in, the predictions of every task out."""

from hmtl.predictors.head_mentions import mark_heads, name_task
from hmtl.predictors.hmtl_predictor import HMTLPredictor

__all__ = ["HMTLPredictor", "mark_heads", "name_task"]
