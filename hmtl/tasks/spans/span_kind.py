"""Labelled spans, as a kind of prediction."""

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from allennlp.common.util import JsonDict

from hmtl.common.characters import visible, visible_words
from hmtl.document import Document, Span
from hmtl.tasks.baselines import Baseline, best_variant
from hmtl.tasks.errors.section import Analyser
from hmtl.tasks.kind import Kind, TextRow, scored
from hmtl.tasks.spans.overlaps import layers_without_crossing
from hmtl.tasks.spans.span_baseline import span_baseline_scores
from hmtl.tasks.spans.span_errors import SpanErrors

_VARIANTS = {
    "": "each string labelled in training gets its most frequent label",
    "counting_unlabelled_": "each string labelled at least as often as not in training gets its usual label",
}


@Kind.register("spans")
class Spans(Kind):
    """Items are `Span`s; in the output `{start, end, text, char_start, char_end, label}`, with a `score` the
    probability of exactly this span with this label. A document has a layer for each task."""

    singular, plural = "span", "spans"
    gives_spans = True
    order = 0
    drawing = "spans"
    column: Optional[str] = "names"

    def to_json(self, item: Span, row: TextRow, score: Optional[float]) -> JsonDict:
        start, end, label = item
        return scored({**row.mention(start, end), "label": label}, score)

    def add_to_document(self, document: Document, task: str, rows: List[JsonDict]) -> None:
        document.spans[task] = [Span(row["start"], row["end"], row["label"]) for row in rows]

    def lines(self, rows: List[JsonDict], output: JsonDict, emphasised: Callable[[str], str]) -> List[str]:
        """The sentences, one a line, each span as `[its text LABEL]`; spans may be nested. Where spans cross, which
        brackets cannot, the sentence stands again with those that the line before had no place for."""
        if not rows:
            return []
        layers = layers_without_crossing([(row["start"], row["end"]) for row in rows])
        brackets = [_brackets([rows[number] for number in layer], emphasised) for layer in layers]
        lines, first = [], 0
        for sentence in output["sentences"]:
            offsets = output["token_offsets"][first : first + len(sentence)]
            first += len(sentence)
            for number, (opening, closing) in enumerate(brackets):
                if number == 0 or any(start in opening for start, _ in offsets):
                    lines.append(_line(output["text"], offsets, opening, closing))
        return lines

    def baseline(self, reader: Any, head: Any, train: List[Document], test: List[Document]) -> Optional[Baseline]:
        return best_variant(_VARIANTS, span_baseline_scores(train, test, reader.layer))

    def errors(self, num_examples: int) -> Analyser:
        return SpanErrors(num_examples)


def _brackets(rows: List[JsonDict], emphasised: Callable[[str], str]) -> Tuple[Dict[int, str], Dict[int, str]]:
    """What stands before the characters where spans start, and behind those where they end; no two spans cross."""
    opening: Dict[int, str] = {}
    closing: Dict[int, str] = {}
    for span in rows:
        opening[span["char_start"]] = opening.get(span["char_start"], "") + "["
    # Of spans that end together the inner one closes first.
    for span in sorted(rows, key=lambda span: -span["char_start"]):
        label = " " + emphasised(visible(span["label"])) + "]"
        closing[span["char_end"]] = closing.get(span["char_end"], "") + label
    return opening, closing


def _line(text: str, offsets: Sequence[Sequence[int]], opening: Dict[int, str], closing: Dict[int, str]) -> str:
    """A sentence with brackets; `offsets` are those of its tokens in the text."""
    line, position = "", offsets[0][0]
    for start, end in offsets:
        line += visible_words(text[position:start]) + opening.get(start, "")
        line += visible_words(text[start:end]) + closing.get(end, "")
        position = end
    return " ".join(line.split())
