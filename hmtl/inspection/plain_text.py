"""A document with its annotations as text for a terminal, readable with colours and without."""

import re
from collections import defaultdict
from typing import Any, Dict, Iterator, List, Sequence, Tuple
from zlib import crc32

from rich.cells import cell_len, set_cell_size

from hmtl.common.characters import visible
from hmtl.corpora.validation import crossing_pairs
from hmtl.document import Document, Span
from hmtl.inspection.layers import sentence_of, text_of
from hmtl.inspection.splits import ShownDocument

_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
# Those that are readable on black and on white.
_COLOURS = [f"\x1b[{code}m" for code in (31, 32, 33, 34, 35, 36, 91, 94, 95)]
_CODE = re.compile(r"\x1b\[\d+m")
_MIN_TEXT_WIDTH = 20


class DocumentPrinter:
    """Writes a document sentence by sentence, each layer a line: spans as `[their text LABEL]`, relations as arrows,
    mentions of clusters as `[their text NUMBER]`; then the clusters.

    # Parameters

    width : `int`
        Lines are wrapped at so many cells of the terminal, of which a wide character takes two.
    colour : `bool`
        Whether to add the colour codes of a terminal. A label has the same colour everywhere.
    """

    def __init__(self, width: int = 100, colour: bool = False) -> None:
        self._width = width
        self._colour = colour

    def lines(self, shown: ShownDocument) -> Iterator[str]:
        """The lines of a document, in order."""
        document, starts = shown.document, shown.document.sentence_starts
        counts = f"({counted(len(starts), 'sentence')}, {counted(len(document.tokens), 'token')})"
        yield self._styled(visible(document.doc_key), _BOLD) + f"  {visible(shown.split)}  {counts}"
        for key, value in document.metadata.items():
            if isinstance(value, (str, int, float)):
                yield from self._wrapped(f"{visible(key)}: ", [visible(str(value))])
        scopes = document.label_layers
        of_sentences = {name: document.labels_in_words(name) for name in scopes if scopes[name] == "sentence"}
        yield f"layers: {', '.join(map(visible, [*document.layers, *scopes])) or 'none'}"
        # Where a corpus has the same among its metadata, it stands above.
        others = [name for name in scopes if name not in of_sentences]
        for layer in (name for name in others if [document.metadata.get(name)] != document.label_values(name)):
            yield f"{visible(layer)}: {', '.join(map(self._label, document.labels_in_words(layer)[0]))}"
        if document.second_text is not None:
            yield f"the second text begins with sentence {document.second_text + 1}"
        yield ""
        rows = _rows_by_sentence(document)
        names = [visible(layer) for layer in [*document.layers, *of_sentences]]
        indent = len(str(len(starts))) + 2
        column = max(map(cell_len, names), default=0)
        for number, sentence in enumerate(document.sentences):
            label = str(number + 1).rjust(indent - 2) + "  "
            if not rows[number]:
                yield from self._wrapped(label + " " * (column + 2), [visible(token) for token in sentence])
            for layer, items in rows[number].items():
                for words in self._layer_lines(layer, items, starts[number], sentence, document.tokens):
                    yield from self._wrapped(
                        label + self._styled(set_cell_size(visible(layer), column), _DIM) + "  ", words
                    )
                    label = " " * indent
            for layer, found in of_sentences.items():
                name = self._styled(set_cell_size(visible(layer), column), _DIM)
                yield from self._wrapped(" " * indent + name + "  ", [", ".join(map(self._label, found[number]))])
        if document.clusters:
            yield ""
            yield self._styled("clusters", _BOLD)
        tokens = document.tokens
        for number, cluster in enumerate(document.clusters or [], start=1):
            texts = [visible(text_of(tokens, mention)) for mention in sorted(cluster)]
            label = self._styled(str(number), _colour_of(str(number)))
            yield from self._wrapped(" " * (5 - len(str(number))) + label + "  ", [" | ".join(texts)])

    def _layer_lines(
        self, layer: str, items: List[Any], first: int, sentence: List[str], tokens: List[str]
    ) -> Iterator[List[str]]:
        """The words of each line that shows a layer of a sentence, whose first token is number `first` of `tokens`."""

        def text(start: int, end: int) -> str:
            return visible(text_of(tokens, (start, end)))

        if layer == "relations":
            for arg1, arg2, label in items:
                yield [text(*arg1), f"--{self._label(label)}-->", text(*arg2)]
            return
        yield self._bracketed(sentence, [Span(start - first, end - first, label) for start, end, label in items])
        for crossing in crossing_pairs(items):
            # Brackets do not tell which of two that cross ends where.
            one, other = (f"[{text(*span.bounds)} {self._label(span.label)}]" for span in crossing)
            yield [f"{one} crosses {other}"]

    def _bracketed(self, sentence: List[str], spans: Sequence[Span]) -> List[str]:
        opening: Dict[int, str] = defaultdict(str)
        closing: Dict[int, str] = defaultdict(str)
        # Of spans that begin together the outer one opens first, of those that end together the inner one closes first.
        for span in sorted(spans, key=lambda span: -span.end):
            opening[span.start] += self._styled("[", _colour_of(span.label))
        for span in sorted(spans, key=lambda span: -span.start):
            closing[span.end] += " " + self._styled(f"{visible(span.label)}]", _colour_of(span.label))
        words: List[str] = []
        for number, token in enumerate(sentence):
            words.append(opening[number] + visible(token) + closing[number])
        return words

    def _label(self, label: str) -> str:
        return self._styled(visible(label), _colour_of(label))

    def _styled(self, text: str, style: str) -> str:
        return style + text + _RESET if self._colour else text

    def _wrapped(self, prefix: str, words: Sequence[str]) -> Iterator[str]:
        """The words in lines below one another; the prefix stands before the first."""
        indent = _visible_length(prefix)
        line, length = prefix, indent
        for word in (part for each in words for part in each.split(" ")):
            needed = _visible_length(word) + (length > indent)
            if length > indent and length + needed > max(self._width, indent + _MIN_TEXT_WIDTH):
                yield line.rstrip()
                line, length, needed = " " * indent, indent, needed - 1
            line += word if length == indent else f" {word}"
            length += needed
        yield line.rstrip()


def _rows_by_sentence(document: Document) -> List[Dict[str, List[Any]]]:
    """For each sentence the layers that have something in it, and what they have, with offsets by document."""
    starts = document.sentence_starts
    rows: Dict[str, List[Tuple[int, Any]]] = {
        **{layer: [(span.start, span) for span in sorted(spans)] for layer, spans in document.spans.items()},
        "relations": [(relation.arg1[0], relation) for relation in document.relations or []],
        "clusters": [(mention.start, mention) for mention in cluster_mentions(document)],
    }
    grouped: List[Dict[str, List[Any]]] = [{} for _ in starts]
    for layer, items in rows.items():
        for start, item in items:
            grouped[sentence_of(starts, start)].setdefault(layer, []).append(item)
    return grouped


def cluster_mentions(document: Document) -> List[Span]:
    """The mentions of all clusters, in the order of the text, labelled with the number of their cluster from 1."""
    numbered = enumerate(document.clusters or [], start=1)
    return sorted(Span(start, end, str(number)) for number, cluster in numbered for start, end in cluster)


def counted(number: int, noun: str) -> str:
    """`1 token`, `2,000 tokens`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _colour_of(label: str) -> str:
    # Python's own hash differs from run to run.
    return _COLOURS[crc32(label.encode("utf-8", "surrogatepass")) % len(_COLOURS)]


def _visible_length(text: str) -> int:
    return cell_len(_CODE.sub("", text))
