"""Metrics: importing this package registers them."""

from hmtl.training.metrics.coreference_scores import CoreferenceScores
from hmtl.training.metrics.labelled_f1 import LabelledF1
from hmtl.training.metrics.relation_scores import RelationScores
from hmtl.training.metrics.span_f1 import SpanF1

__all__ = ["CoreferenceScores", "LabelledF1", "RelationScores", "SpanF1"]
