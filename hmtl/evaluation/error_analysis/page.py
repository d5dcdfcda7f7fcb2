"""Errors as one page that needs nothing else."""

from html import escape
from typing import Iterator, List, Sequence

from hmtl.common.characters import visible
from hmtl.common.figures import in_words
from hmtl.document import Span
from hmtl.evaluation.error_analysis.run import RunErrors, TaskErrors
from hmtl.evaluation.error_analysis.text import matrix_rows, summary_rows
from hmtl.page.marks import Annotated, nested_marks
from hmtl.page.page_style import STYLE
from hmtl.tasks.errors.section import Example, Section

_STYLE = """
summary { cursor: pointer; } details { margin: .4rem 0 .4rem 1rem; } .note, .place { font-size: .875rem; }
.place { color: GrayText; margin: .8rem 0 0; } .side { margin: 0; overflow-wrap: anywhere; line-height: 2; }
.side > b { color: GrayText; display: inline-block; font-size: .75rem; font-weight: normal; width: 5rem; }
.note { margin: 0; }
"""
# Green for what is right, red for what was predicted instead.
_HUES = {"gold": 140, "predicted": 5}


def errors_as_page(errors: RunErrors) -> Iterator[str]:
    """Yields the page in pieces: for each task its counts by label, its confusion matrix, and by kind of error the
    patterns, the most frequent first, with their examples. It can be read without JavaScript."""
    title = _text(f"{errors.run}: errors on {errors.split} data")
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<main>\n"
    )
    for task, found in errors.tasks.items():
        yield from _task(task, found)
    yield "</main>\n</body>\n</html>\n"


def _text(text: str) -> str:
    return escape(visible(text))


def _task(task: str, errors: TaskErrors) -> Iterator[str]:
    yield f"<h2>{_text(task)}</h2>\n<p>{in_words(errors.metrics, errors.figures)}, {_text(errors.weights)}, "
    yield f"{_text(errors.data_path)}</p>\n"
    if errors.findable is not None:
        yield f"<p>{_text(str(errors.findable))}</p>\n"
    for section in errors.sections:
        yield f"<h3>{_text(section.title)}: {section.gold:,} gold, {section.predicted:,} predicted</h3>\n"
        yield _table(summary_rows(section))
        if section.has_confusion:
            yield f"<details><summary>confusion of labels</summary>\n{_table(matrix_rows(section))}</details>\n"
        for kind in section.kinds[1:]:
            yield from _patterns(section, kind)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in rows[0])
    body = "".join(
        f'<tr><th scope="row">{_text(row[0])}</th>' + "".join(f"<td>{_text(cell)}</td>" for cell in row[1:]) + "</tr>\n"
        for row in rows[1:]
    )
    return (
        f'<div class="wide" tabindex="0">\n<table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody>\n</table>\n</div>\n"
    )


def _patterns(section: Section, kind: str) -> Iterator[str]:
    patterns = section.patterns(kind)
    if not patterns:
        return
    total = sum(pattern.count for pattern in patterns)
    yield f"<details><summary>{_text(kind)}: {total:,}</summary>\n"
    for pattern in patterns:
        yield f"<details open><summary>{_text(pattern.labels)}: {pattern.count:,}</summary>\n"
        for example in pattern.examples:
            yield from _example(example)
        yield "</details>\n"
    yield "</details>\n"


def _example(example: Example) -> Iterator[str]:
    yield f'<p class="place">{_text(example.doc_key)}, sentence {example.sentence + 1}</p>\n'
    for side, spans in (("gold", example.gold), ("predicted", example.predicted)):
        if spans:
            marked = "".join(_marked(example.tokens, spans, _HUES[side]))
            yield f'<p class="side" dir="auto"><b>{side}</b> {marked}</p>\n'
    if example.note:
        yield f'<p class="note">{_text(example.note)}</p>\n'


def _marked(tokens: Sequence[str], spans: List[Span], hue: int) -> Iterator[str]:
    marks = [Annotated(span.start, span.end, number) for number, span in enumerate(spans)]
    space = ""
    for kind, number, whole in nested_marks(marks, len(tokens)):
        if kind == "token":
            yield space + _text(tokens[number])
            space = " "
        elif kind == "open":
            yield f'{space}<mark style="--hue:{hue}">'
            space = ""
        else:
            yield (f"<small>{_text(spans[number].label)}</small>" if whole else "") + "</mark>"
