"""Errors as one page that needs nothing else."""

from collections import Counter
from typing import Any, Iterator, List, NamedTuple, Sequence

from hmtl.common.figures import in_words
from hmtl.document import Span
from hmtl.evaluation.error_analysis.run import RunErrors
from hmtl.evaluation.error_analysis.text import matrix_rows, summary_rows
from hmtl.page import document, themed
from hmtl.page.labels import hue_of
from hmtl.page.marks import Annotated, Event, nested_marks
from hmtl.tasks.errors.section import Section

# So many shades a cell of a confusion matrix may have.
_SHADES = 9


class Cell(NamedTuple):
    """A cell of a table, and its class in the style sheet."""

    text: str
    style: str = ""


def errors_as_page(errors: RunErrors) -> Iterator[str]:
    """Yields the page in pieces: for each task its counts by label, precision, recall and F1 of each label, its
    confusion matrix, and by kind of error the patterns, the most frequent first, with their examples. It can be read
    without JavaScript, which only changes between light and dark."""
    sections = [section for found in errors.tasks.values() for section in found.sections]
    # What is only taken for another label is counted as that one.
    predicted = {label for section in sections for row in section.confusion.values() for label in row}
    labels = sorted(predicted.union(*(section.counts for section in sections)))
    number_of = {label: number for number, label in enumerate(labels)}

    def attributes_of(spans: List[Span]) -> Any:
        # Of a label that nothing is counted by, such as that of an argument, there is no hue.
        return lambda number, whole: {"class": f"hue-{number_of.get(spans[number].label, 'none')}"}

    return document(
        "errors.html",
        f"{errors.run}: errors on {errors.split} data",
        themed(),
        "".join(f".hue-{number} {{ --hue: {hue_of(label)}; }}\n" for label, number in number_of.items()),
        errors=errors,
        in_words=in_words,
        count_rows=_count_rows,
        score_rows=score_rows,
        matrix_rows=shaded_matrix,
        nested=_nested,
        attributes_of=attributes_of,
    )


def score_rows(section: Section) -> List[List[Cell]]:
    """Precision, recall and F1 of each label and of all, in percent, below a header, the most frequent label first.

    Of a section whose items have labels that can be confused: rows of its confusion matrix add up to gold items,
    columns to predicted ones.
    """
    gold = {label: sum(section.confusion.get(label, Counter()).values()) for label in section.counts}
    predicted = {label: sum(row[label] for row in section.confusion.values()) for label in section.counts}
    right = {label: counts[section.kinds[0]] for label, counts in section.counts.items()}
    rows = [("all", sum(right.values()), section.predicted, section.gold)]
    for label in sorted(section.counts, key=lambda label: (-gold[label], label)):
        rows.append((label, right[label], predicted[label], gold[label]))
    header = ["", "precision", "recall", "F1", "gold", "predicted"]
    return [
        [Cell(title) for title in header],
        *(
            [
                Cell(label),
                *map(
                    Cell,
                    (_percent(num_right, of), _percent(num_right, num_gold), _percent(2 * num_right, of + num_gold)),
                ),
                Cell(f"{num_gold:,}"),
                Cell(f"{of:,}"),
            ]
            for label, num_right, of, num_gold in rows
        ),
    ]


def shaded_matrix(section: Section) -> List[List[Cell]]:
    """The confusion matrix: the more of a gold label a cell has, the darker it is; what is right is framed."""
    header, *rows = matrix_rows(section)
    shaded = [[Cell(text) for text in header]]
    for label, *counts in rows:
        total = sum(int(count or 0) for count in counts)
        cells = [Cell(label)]
        for column, count in zip(header[1:], counts, strict=True):
            shade = -(-_SHADES * int(count) // total) if count else 0
            cells.append(Cell(count, f"shade-{shade}" + " right" * (column == label)))
        shaded.append(cells)
    return shaded


def _count_rows(section: Section) -> List[List[Cell]]:
    return [[Cell(text) for text in row] for row in summary_rows(section)]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def _nested(spans: List[Span], tokens: Sequence[str]) -> Iterator[Event]:
    return nested_marks([Annotated(span.start, span.end, number) for number, span in enumerate(spans)], len(tokens))
