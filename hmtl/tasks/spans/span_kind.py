"""Labelled spans, as a kind of prediction."""

from typing import Any, Callable, Dict, List, Optional

from allennlp.common.util import JsonDict

from hmtl.common.characters import visible, visible_words
from hmtl.document import Document, Span
from hmtl.tasks.baselines import Baseline, best_variant
from hmtl.tasks.kind import Kind, TextRow, scored
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
    column = "names"

    def to_json(self, item: Span, row: TextRow, score: Optional[float]) -> JsonDict:
        start, end, label = item
        return scored({**row.mention(start, end), "label": label}, score)

    def add_to_document(self, document: Document, task: str, rows: List[JsonDict]) -> None:
        document.spans[task] = [Span(row["start"], row["end"], row["label"]) for row in rows]

    def lines(self, rows: List[JsonDict], output: JsonDict, emphasised: Callable[[str], str]) -> List[str]:
        """The sentences, one a line, each span as `[its text LABEL]`; spans may be nested."""
        if not rows:
            return []
        text = output["text"]
        opening: Dict[int, str] = {}
        closing: Dict[int, str] = {}
        for span in rows:
            opening[span["char_start"]] = opening.get(span["char_start"], "") + "["
        # Of spans that end together the inner one closes first.
        for span in sorted(rows, key=lambda span: -span["char_start"]):
            label = " " + emphasised(visible(span["label"])) + "]"
            closing[span["char_end"]] = closing.get(span["char_end"], "") + label
        lines, first = [], 0
        for sentence in output["sentences"]:
            offsets = output["token_offsets"][first : first + len(sentence)]
            first += len(sentence)
            line, position = "", offsets[0][0]
            for start, end in offsets:
                line += visible_words(text[position:start]) + opening.get(start, "")
                line += visible_words(text[start:end]) + closing.get(end, "")
                position = end
            lines.append(" ".join(line.split()))
        return lines

    def baseline(self, reader: Any, head: Any, train: List[Document], test: List[Document]) -> Baseline:
        return best_variant(_VARIANTS, span_baseline_scores(train, test, reader.layer))

    def errors(self, num_examples: int) -> SpanErrors:
        return SpanErrors(num_examples)
