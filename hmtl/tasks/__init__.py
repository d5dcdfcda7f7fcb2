"""Kinds of prediction, a folder each."""

from hmtl.tasks.clusters.coref import CorefHead
from hmtl.tasks.relations.relation import RelationHead
from hmtl.tasks.relations.span_relation_head import SpanRelationHead
from hmtl.tasks.spans.crf import CrfHead
from hmtl.tasks.spans.span_head import SpanHead
from hmtl.tasks.spans.token_classification import TokenClassificationHead
from hmtl.tasks.task_head import TaskHead

__all__ = [
    "CorefHead",
    "CrfHead",
    "RelationHead",
    "SpanHead",
    "SpanRelationHead",
    "TaskHead",
    "TokenClassificationHead",
]
