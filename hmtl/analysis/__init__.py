"""What is learnt about tasks and models beside their training: baselines, probing, relations between tasks."""

from hmtl.analysis.baselines import ExactStringMatch, MostFrequentRelation, MostFrequentType, baseline_scores

__all__ = ["ExactStringMatch", "MostFrequentRelation", "MostFrequentType", "baseline_scores"]
