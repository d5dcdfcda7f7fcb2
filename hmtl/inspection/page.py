"""The statistics and documents of a corpus as one page that needs nothing else."""

from html import escape
from typing import Any, Dict, Iterable, Iterator, List, Sequence

from hmtl.common.characters import visible
from hmtl.corpora.validation import ordered_union
from hmtl.document import Relation, Span
from hmtl.inspection.layers import sentence_of, text_of
from hmtl.inspection.plain_text import cluster_mentions, counted
from hmtl.inspection.sections import Cell, notes, sections
from hmtl.inspection.splits import ShownDocument
from hmtl.page.marks import Annotated, nested_marks
from hmtl.page.page_style import HIDE_LAYER, SCRIPT, STYLE

# Multiples of this angle, in degrees, stay apart from one another around the circle of hues.
_GOLDEN_ANGLE = 137.508
_BAR_WIDTH, _CHART_HEIGHT = 6, 18


def write_page(report: Dict[str, Any], documents: Sequence[ShownDocument]) -> Iterator[str]:
    """Yields the page in pieces, from the report of `corpus_statistics` and the documents to show.

    It holds all it needs, has light and dark colours, and can be read without JavaScript, which only lights up the
    mentions of a cluster together. Each text shows all layers at once, as nested marks, and each layer can be hidden.
    """
    title = "Corpus: " + ", ".join(report["splits"])
    layers = ordered_union(split["layers"] for split in report["splits"].values())
    hidden = "".join(HIDE_LAYER.format(number) for number in range(len(layers)))
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{STYLE}{hidden}</style>\n</head>\n<body>\n"
        f"<h1>{_text(title)}</h1>\n<main>\n<h2>Statistics</h2>\n"
    )
    yield from _statistics(report)
    total = sum(split["documents"] for split in report["splits"].values())
    yield f"<h2>Documents</h2>\n<p>{len(documents):,} of {total:,} documents are shown.</p>\n"
    yield _toggles(layers)
    yield _contents(documents)
    hues = _hues(report)
    for number, shown in enumerate(documents):
        yield from _Article(f"d{number}", shown, layers, hues).pieces()
    yield f"</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"


def _text(text: str) -> str:
    return escape(visible(text))


def _hues(report: Dict[str, Any]) -> Dict[str, int]:
    """A hue for each label of the corpus, the most frequent labels of a layer furthest apart."""
    figures = [layer for split in report["splits"].values() for layer in split["layers"].values()]
    labels = ordered_union(layer["labels"] for layer in figures if "labels" in layer)
    return {label: _hue(rank) for rank, label in enumerate(labels)}


def _hue(rank: int) -> int:
    return round(rank * _GOLDEN_ANGLE % 360)


def _statistics(report: Dict[str, Any]) -> Iterator[str]:
    names = "".join(f'<th scope="col">{_text(name)}</th>' for name in report["splits"])
    width = len(report["splits"]) + 1
    yield '<div class="wide" role="region" aria-label="statistics" tabindex="0">\n'
    yield f"<table>\n<thead><tr><th></th>{names}</tr></thead>\n"
    for title, rows in sections(report):
        # The names of sections and rows are visible text already.
        yield f'<tbody>\n<tr><th scope="rowgroup" colspan="{width}">{escape(title)}</th></tr>\n'
        for row in rows:
            cells = "".join(map(_cell, row.cells)) or f'<td colspan="{width - 1}"></td>'
            yield f'<tr><th scope="row">{escape(row.name)}</th>{cells}</tr>\n'
        yield "</tbody>\n"
    yield "</table>\n</div>\n<p>" + "<br>".join(map(escape, notes(report))) + "</p>\n"


def _cell(cell: Cell) -> str:
    style = "" if cell.share is None else f' style="--share:{cell.share:.1%}"'
    chart = "" if cell.histogram is None else _chart(cell.histogram)
    return f"<td{style}>{escape(cell.text)}{chart}</td>"


def _chart(histogram: Dict[str, int]) -> str:
    """A small bar chart of lengths."""
    highest = max(histogram.values())
    bars = []
    for number, (name, count) in enumerate(histogram.items()):
        # What occurs at all is seen.
        height = max(1, round(_CHART_HEIGHT * count / highest)) if count else 0
        bars.append(
            f'<rect x="{number * _BAR_WIDTH}" y="{_CHART_HEIGHT - height}" width="{_BAR_WIDTH - 1}" '
            f'height="{height}"><title>{name}: {count:,}</title></rect>'
        )
    return f'<svg width="{len(bars) * _BAR_WIDTH}" height="{_CHART_HEIGHT}" aria-hidden="true">{"".join(bars)}</svg>'


def _toggles(layers: Sequence[str]) -> str:
    """A check box for each layer. At first one span layer is shown: several tend to mark the same words."""
    span_layers = [layer for layer in layers if layer not in ("relations", "clusters")]
    boxes = []
    for number, layer in enumerate(layers):
        checked = "" if layer in span_layers[1:] else " checked"
        boxes.append(f'<label><input type="checkbox" id="layer-{number}"{checked}> {_text(layer)}</label>\n')
    return f'<form class="toggles" autocomplete="off" aria-label="layers">\n{"".join(boxes)}</form>\n'


def _contents(documents: Sequence[ShownDocument]) -> str:
    items = [
        f'<li><a href="#d{number}">{_text(shown.document.doc_key)}</a></li>\n' for number, shown in enumerate(documents)
    ]
    return f'<nav aria-label="documents">\n<ul>\n{"".join(items)}</ul>\n</nav>\n'


class _Article:
    """A document of the page; the ids of its elements begin with `name`."""

    def __init__(self, name: str, shown: ShownDocument, layers: Sequence[str], hues: Dict[str, int]) -> None:
        self._name = name
        self._shown = shown
        self._document = shown.document
        self._tokens = shown.document.tokens
        self._layers = layers
        self._hues = hues
        # The annotations that become marks, by layer; a mention has the number of its cluster as label.
        self._mentions = cluster_mentions(self._document)
        self._marked = [(layer, span) for layer, spans in self._document.spans.items() for span in spans]
        self._first_mention = len(self._marked)
        self._marked += [("clusters", mention) for mention in self._mentions]

    def pieces(self) -> Iterator[str]:
        document = self._document
        size = f"{counted(len(document.sentences), 'sentence')}, {counted(len(self._tokens), 'token')}"
        yield (
            f'<article id="{self._name}" aria-labelledby="{self._name}-key">\n'
            f'<h3 id="{self._name}-key">{_text(document.doc_key)}</h3>\n<p>{_text(self._shown.split)}, {size}'
        )
        for key, value in document.metadata.items():
            if isinstance(value, (str, int, float)):
                yield f"<br>{_text(key)}: {_text(str(value))}"
        yield "</p>\n"
        starts = document.sentence_starts
        marked: List[List[Annotated]] = [[] for _ in starts]
        for identity, (_, span) in enumerate(self._marked):
            sentence = sentence_of(starts, span.start)
            marked[sentence].append(Annotated(span.start - starts[sentence], span.end - starts[sentence], identity))
        relations: List[List[Relation]] = [[] for _ in starts]
        for relation in document.relations or []:
            relations[sentence_of(starts, relation.arg1[0])].append(relation)
        for number, tokens in enumerate(document.sentences):
            yield f'<p class="text" dir="auto"><span class="number">{number + 1}</span>'
            yield from self._sentence(tokens, marked[number])
            yield "</p>\n"
            yield from self._relations(relations[number])
        yield from self._clusters()
        yield "</article>\n"

    def _sentence(self, tokens: Sequence[str], marked: Sequence[Annotated]) -> Iterator[str]:
        space = ""
        for kind, number, whole in nested_marks(marked, len(tokens)):
            if kind == "token":
                yield space + _text(tokens[number])
                space = " "
            elif kind == "open":
                yield space + self._opening(number, whole)
                space = ""
            else:
                yield (self._label(number) if whole else "") + "</mark>"

    def _opening(self, identity: int, whole: bool) -> str:
        layer, span = self._marked[identity]
        classes = [f"layer-{self._layers.index(layer)}", *["again"] * (not whole)]
        cluster = element = ""
        if layer == "clusters":
            classes.append("mention")
            cluster = f' data-cluster="{span.label}"'
            element = f' id="{self._name}-m{identity - self._first_mention}"' if whole else ""
        return f'<mark class="{" ".join(classes)}"{element}{cluster} style="--hue:{self._hue(layer, span)}">'

    def _label(self, identity: int) -> str:
        layer, span = self._marked[identity]
        if layer == "clusters":
            return f'<sup><a href="#{self._name}-c{span.label}">{span.label}</a></sup>'
        return f'<small title="{_text(layer)}">{_text(span.label)}</small>'

    def _hue(self, layer: str, span: Span) -> int:
        return _hue(int(span.label)) if layer == "clusters" else self._hues[span.label]

    def _relations(self, relations: Iterable[Relation]) -> Iterator[str]:
        items = []
        for arg1, arg2, label in relations:
            first, second = (_text(text_of(self._tokens, bounds)) for bounds in (arg1, arg2))
            name = f'<b style="--hue:{self._hues[label]}">{_text(label)}</b>'
            items.append(f"<li>{first} \u2013{name}\u2192 {second}</li>\n")
        if items:
            yield f'<ul class="relations list-{self._layers.index("relations")}">\n{"".join(items)}</ul>\n'

    def _clusters(self) -> Iterator[str]:
        clusters: Dict[str, List[str]] = {}
        for number, mention in enumerate(self._mentions):
            text = _text(text_of(self._tokens, mention.bounds))
            clusters.setdefault(mention.label, []).append(f'<a href="#{self._name}-m{number}">{text}</a>')
        if not clusters:
            return
        yield f'<div class="members list-{self._layers.index("clusters")}">\n<h4>clusters</h4>\n<ul>\n'
        for label in sorted(clusters, key=int):
            yield (
                f'<li id="{self._name}-c{label}" data-cluster="{label}" style="--hue:{_hue(int(label))}">'
                f"<b>{label}</b> {' | '.join(clusters[label])}</li>\n"
            )
        yield "</ul>\n</div>\n"
