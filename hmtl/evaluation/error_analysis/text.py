"""Errors as plain text."""

from typing import Iterator, List, Sequence

from hmtl.common.characters import visible
from hmtl.common.figures import in_words
from hmtl.common.tables import aligned
from hmtl.document import Span
from hmtl.evaluation.error_analysis.run import RunErrors, TaskErrors
from hmtl.tasks.errors.section import NONE, Example, Section

# Of each section the labels with most errors are shown, and of each kind the most frequent patterns.
MAX_LABELS, MAX_PATTERNS = 12, 3
# A wider confusion matrix is for the page alone.
MAX_MATRIX = 8
# The number of tokens that are shown on each side of the marked ones.
_CONTEXT = 8


def errors_as_text(errors: RunErrors) -> str:
    """A summary of each task's errors, with the most frequent ones as examples."""
    tasks = ["\n".join(_task(task, found)) for task, found in errors.tasks.items()]
    return "\n\n\n".join([f"{errors.run}: errors on {errors.split} data", *tasks])


def example_lines(example: Example) -> List[str]:
    """The example's sentence with what is marked in gold and in prediction, and its note."""
    place = visible(f"{example.doc_key}, sentence {example.sentence + 1}")
    lines = [place]
    if example.gold:
        lines.append(f"  gold       {_marked(example, example.gold)}")
    if example.predicted:
        lines.append(f"  predicted  {_marked(example, example.predicted)}")
    if example.note:
        lines.append(f"  {visible(example.note)}")
    return lines


def summary_rows(section: Section) -> List[List[str]]:
    """The counts of a section: a header, all labels together, then each label, those with most errors first."""
    header = ["", *section.kinds]
    total = ["all", *(str(count) for count in section.totals.values())]
    return [
        header,
        total,
        *([label, *(str(section.counts[label][k]) for k in section.kinds)] for label in section.labels),
    ]


def matrix_rows(section: Section) -> List[List[str]]:
    """The confusion matrix: a header of predicted labels, then a row for each gold label."""
    columns = sorted({label for row in section.confusion.values() for label in row}, key=_none_last)
    rows = sorted(section.confusion, key=_none_last)
    return [
        ["gold \\ predicted", *columns],
        *([row, *(str(section.confusion[row][c] or "") for c in columns)] for row in rows),
    ]


def _none_last(label: str) -> List[object]:
    return [label == NONE, label]


def _task(task: str, errors: TaskErrors) -> Iterator[str]:
    yield f"{task}: {in_words(errors.metrics, errors.figures)} ({errors.weights}, {errors.data_path})"
    if errors.findable is not None:
        yield str(errors.findable)
    for section in errors.sections:
        yield ""
        rows = summary_rows(section)
        yield f"  {section.title}: {section.gold:,} gold, {section.predicted:,} predicted"
        yield aligned(rows[: MAX_LABELS + 2], numbers=True, indent="    ")
        if len(rows) > MAX_LABELS + 2:
            yield f"    ... {len(rows) - MAX_LABELS - 2} more labels"
        if section.has_confusion and len(section.confusion) <= MAX_MATRIX:
            yield ""
            yield aligned(matrix_rows(section), numbers=True, indent="    ")
        for kind in section.kinds[1:]:
            yield from _patterns(section, kind)


def _patterns(section: Section, kind: str) -> Iterator[str]:
    patterns = section.patterns(kind)
    if not patterns:
        return
    yield ""
    yield f"  {kind}:"
    for pattern in patterns[:MAX_PATTERNS]:
        yield f"    {pattern.count:,} x {visible(pattern.labels)}"
        for example in pattern.examples:
            yield from (f"      {line}" for line in example_lines(example))
    if len(patterns) > MAX_PATTERNS:
        rest = patterns[MAX_PATTERNS:]
        yield f"    {sum(pattern.count for pattern in rest):,} more of {len(rest)} other labels"


def _marked(example: Example, spans: Sequence[Span]) -> str:
    """The sentence with its spans as `[tokens LABEL]`, shortened to what stands around the marks of both sides."""
    every = [*example.gold, *example.predicted]
    first = max(0, min(span.start for span in every) - _CONTEXT)
    last = min(len(example.tokens) - 1, max(span.end for span in every) + _CONTEXT)
    pieces = []
    for number in range(first, last + 1):
        token = visible(example.tokens[number])
        token = "[" * sum(span.start == number for span in spans) + token
        # Of spans that end together the inner one closes first.
        for span in sorted((span for span in spans if span.end == number), key=lambda span: -span.start):
            token += f" {visible(span.label)}]"
        pieces.append(token)
    return "... " * (first > 0) + " ".join(pieces) + " ..." * (last < len(example.tokens) - 1)
