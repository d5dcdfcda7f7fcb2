"""Now in `hmtl.training.callbacks`."""

from hmtl.training.callbacks import LearningCurves

__all__ = ["LearningCurves"]
