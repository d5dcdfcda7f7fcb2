"""Metrics: importing this package registers them."""

from hmtl.metrics.answer_scores import AnswerScores
from hmtl.metrics.coreference_scores import CoreferenceScores
from hmtl.metrics.dependency_scores import DependencyScores
from hmtl.metrics.entity_relation_scores import EntityRelationScores
from hmtl.metrics.label_scores import LabelScores, NumberScores
from hmtl.metrics.labelled_f1 import LabelledF1
from hmtl.metrics.relation_scores import RelationScores
from hmtl.metrics.span_f1 import SpanF1

__all__ = [
    "AnswerScores",
    "CoreferenceScores",
    "DependencyScores",
    "EntityRelationScores",
    "LabelScores",
    "LabelledF1",
    "NumberScores",
    "RelationScores",
    "SpanF1",
]
