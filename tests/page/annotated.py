"""Outputs in the predictor's layout, written down by hand."""

from itertools import accumulate
from typing import Any, Dict, List, Sequence, Tuple

# JavaScript: the texts of elements without their labels, which no selection has either.
PLAIN = """marks => marks.map(mark => {
  const copy = mark.cloneNode(true);
  for (const label of copy.querySelectorAll(".label")) label.remove();
  return copy.textContent;
})"""

LAYERS: Dict[str, Any] = {"ner": "spans", "emd": "spans", "coref": "clusters", "relation": "relations"}

Span = Tuple[int, int, str]


def output(
    sentences: Sequence[str],
    ner: Sequence[Span] = (),
    emd: Sequence[Span] = (),
    clusters: Sequence[Sequence[Tuple[int, int]]] = (),
    relations: Sequence[Tuple[Tuple[int, int], Tuple[int, int], str]] = (),
    **more: Any,
) -> Dict[str, Any]:
    """The output for sentences of tokens, both separated by spaces."""
    tokens = [sentence.split(" ") for sentence in sentences]
    text = " ".join(sentences)
    lengths = [len(token) for sentence in tokens for token in sentence]
    starts = [0, *accumulate(length + 1 for length in lengths)]
    offsets = [[start, start + length] for start, length in zip(starts, lengths)]

    def mention(start: int, end: int) -> Dict[str, Any]:
        first, last = offsets[start][0], offsets[end][1]
        return {"start": start, "end": end, "text": text[first:last], "char_start": first, "char_end": last}

    def spans(rows: Sequence[Span]) -> List[Dict[str, Any]]:
        return [{**mention(start, end), "label": label} for start, end, label in rows]

    return {
        "doc_key": "document",
        "text": text,
        "sentences": tokens,
        "token_offsets": offsets,
        "ner": spans(ner),
        "emd": spans(emd),
        "coref": [[mention(*bounds) for bounds in cluster] for cluster in clusters],
        "relation": [
            {"label": label, "arg1": mention(*arg1), "arg2": mention(*arg2)} for arg1, arg2, label in relations
        ],
        **more,
    }


ADA = output(
    ["Ada Lovelace , a writer from London , met Charles Babbage .", "She admired his engine ."],
    ner=[(0, 1, "PERSON"), (6, 6, "GPE"), (9, 10, "PERSON")],
    emd=[
        (0, 6, "PER"),
        (4, 6, "PER"),
        (6, 6, "GPE"),
        (9, 10, "PER"),
        (12, 12, "PER"),
        (14, 14, "PER"),
        (15, 15, "VEH"),
    ],
    clusters=[[(0, 1), (4, 4), (12, 12)], [(9, 10), (14, 14)]],
    relations=[((4, 4), (6, 6), "GEN-AFF"), ((0, 1), (9, 10), "PER-SOC"), ((14, 14), (15, 15), "ART")],
)
