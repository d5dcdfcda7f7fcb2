"""Metrics: importing this package registers them."""

from hmtl.training.metrics.labelled_f1 import LabelledF1

__all__ = ["LabelledF1"]
