"""Kinds of prediction, a folder each: heads, readers, and all that becomes of what they predict. Importing the package
registers them.

`ner`, `emd`, `relation`, `coref` and `labels` say which documents a task learns from: see `hmtl.train`.
"""

from hmtl.corpora.training_data import TaskData, coref, emd, labels, ner, relation
from hmtl.tasks.clusters.cluster_kind import Clusters
from hmtl.tasks.clusters.coref import CorefHead
from hmtl.tasks.clusters.coref_reader import CorefReader
from hmtl.tasks.dependencies.biaffine import BiaffineHead
from hmtl.tasks.dependencies.dependency_kind import Dependencies
from hmtl.tasks.dependencies.dependency_reader import DependencyReader
from hmtl.tasks.kind import Kind
from hmtl.tasks.labels.label_head import LabelHead, PairHead
from hmtl.tasks.labels.label_kind import Labels, Numbers, PairNumbers, Pairs
from hmtl.tasks.labels.label_reader import LabelReader, PairReader
from hmtl.tasks.labels.sentence_order_reader import SentenceOrderReader
from hmtl.tasks.questions.answer_kind import Answers
from hmtl.tasks.questions.question_head import QuestionHead
from hmtl.tasks.questions.question_reader import QuestionReader
from hmtl.tasks.relations.predicate_arguments import PredicateArgumentsHead
from hmtl.tasks.relations.predicate_arguments_reader import PredicateArgumentsReader
from hmtl.tasks.relations.relation import RelationHead
from hmtl.tasks.relations.relation_kind import Relations
from hmtl.tasks.relations.relation_reader import RelationReader
from hmtl.tasks.relations.span_relation_head import SpanRelationHead
from hmtl.tasks.relations.span_relation_reader import SpanRelationReader
from hmtl.tasks.spans.crf import CrfHead
from hmtl.tasks.spans.span_head import SpanHead
from hmtl.tasks.spans.span_kind import Spans
from hmtl.tasks.spans.span_reader import SpanReader
from hmtl.tasks.spans.tagging_reader import TaggingReader
from hmtl.tasks.spans.text_label_head import TextLabelSpanHead
from hmtl.tasks.spans.text_label_reader import TextLabelSpanReader
from hmtl.tasks.spans.token_classification import TokenClassificationHead
from hmtl.tasks.spans.token_labels_reader import TokenLabelsReader
from hmtl.tasks.task_head import TaskHead

__all__ = [
    "Answers",
    "BiaffineHead",
    "Clusters",
    "CorefHead",
    "CorefReader",
    "CrfHead",
    "Dependencies",
    "DependencyReader",
    "Kind",
    "LabelHead",
    "LabelReader",
    "Labels",
    "Numbers",
    "PairHead",
    "PairNumbers",
    "PairReader",
    "Pairs",
    "PredicateArgumentsHead",
    "PredicateArgumentsReader",
    "QuestionHead",
    "QuestionReader",
    "RelationHead",
    "RelationReader",
    "Relations",
    "SentenceOrderReader",
    "SpanHead",
    "SpanReader",
    "SpanRelationHead",
    "SpanRelationReader",
    "Spans",
    "TaggingReader",
    "TaskData",
    "TaskHead",
    "TextLabelSpanHead",
    "TextLabelSpanReader",
    "TokenClassificationHead",
    "TokenLabelsReader",
    "coref",
    "emd",
    "labels",
    "ner",
    "relation",
]
