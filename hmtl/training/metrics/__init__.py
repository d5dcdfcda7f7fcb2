"""Metrics: importing this package registers them."""

from hmtl.training.metrics.coreference_scores import CoreferenceScores
from hmtl.training.metrics.labelled_f1 import LabelledF1

__all__ = ["CoreferenceScores", "LabelledF1"]
