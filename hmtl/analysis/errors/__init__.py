"""What goes wrong: the errors of a run by kind and label, with examples."""

from hmtl.analysis.errors.coreference import CoreferenceErrors
from hmtl.analysis.errors.page import errors_as_page
from hmtl.analysis.errors.relations import RelationErrors
from hmtl.analysis.errors.run import RunErrors, TaskErrors, analyse_run
from hmtl.analysis.errors.section import Example, Pattern, Section
from hmtl.analysis.errors.spans import SpanErrors
from hmtl.analysis.errors.text import errors_as_text

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
