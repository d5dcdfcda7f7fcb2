"""What goes wrong: the errors of a run by kind and label, with examples."""

from hmtl.evaluation.error_analysis.page import errors_as_page
from hmtl.evaluation.error_analysis.run import RunErrors, TaskErrors, analyse_run
from hmtl.evaluation.error_analysis.text import errors_as_text
from hmtl.tasks.clusters.coreference_errors import CoreferenceErrors
from hmtl.tasks.errors.section import Example, Pattern, Section
from hmtl.tasks.relations.relation_errors import RelationErrors
from hmtl.tasks.spans.span_errors import SpanErrors

__all__ = [
    "CoreferenceErrors",
    "Example",
    "Pattern",
    "RelationErrors",
    "RunErrors",
    "Section",
    "SpanErrors",
    "TaskErrors",
    "analyse_run",
    "errors_as_page",
    "errors_as_text",
]
