"""Errors as one page that needs nothing else."""

from typing import Iterator, List, Sequence

from hmtl.common.figures import in_words
from hmtl.document import Span
from hmtl.evaluation.error_analysis.run import RunErrors
from hmtl.evaluation.error_analysis.text import matrix_rows, summary_rows
from hmtl.page import document
from hmtl.page.marks import Annotated, Event, nested_marks


def errors_as_page(errors: RunErrors) -> Iterator[str]:
    """Yields the page in pieces: for each task its counts by label, its confusion matrix, and by kind of error the
    patterns, the most frequent first, with their examples. It can be read without JavaScript."""
    return document(
        "errors.html",
        f"{errors.run}: errors on {errors.split} data",
        errors=errors,
        in_words=in_words,
        summary_rows=summary_rows,
        matrix_rows=matrix_rows,
        nested=_nested,
    )


def _nested(spans: List[Span], tokens: Sequence[str]) -> Iterator[Event]:
    return nested_marks([Annotated(span.start, span.end, number) for number, span in enumerate(spans)], len(tokens))
