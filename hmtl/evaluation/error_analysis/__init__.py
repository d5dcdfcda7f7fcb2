"""What goes wrong: the errors of a run by kind and label, with examples."""

from hmtl.evaluation.error_analysis.coreference import CoreferenceErrors
from hmtl.evaluation.error_analysis.page import errors_as_page
from hmtl.evaluation.error_analysis.relations import RelationErrors
from hmtl.evaluation.error_analysis.run import RunErrors, TaskErrors, analyse_run
from hmtl.evaluation.error_analysis.section import Example, Pattern, Section
from hmtl.evaluation.error_analysis.spans import SpanErrors
from hmtl.evaluation.error_analysis.text import errors_as_text

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
