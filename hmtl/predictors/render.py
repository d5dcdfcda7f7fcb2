"""The predictor's output for people to read."""

import re
from typing import Dict, List

from allennlp.common.util import JsonDict

from hmtl.common.characters import visible
from hmtl.tasks.task_head import Layer

_BOLD, _COLOUR, _RESET = "\x1b[1m", "\x1b[36m", "\x1b[0m"


def render(output: JsonDict, layers: Dict[str, Layer], colour: bool = False) -> str:
    """One section for each task: the text with its spans in brackets, relations as arrows, numbered clusters.

    `output` and `layers` are those of an `HMTLPredictor`; `colour` adds the escape codes of a terminal.
    """
    sections = []
    for task, layer in layers.items():
        rows = output[task]
        if layer == "spans":
            lines = _annotated_sentences(output, rows, colour)
        elif layer == "relations":
            lines = [_relation(row, colour) for row in rows]
        else:
            lines = [_cluster(number, row, colour) for number, row in enumerate(rows, start=1)]
        kind = layer[:-1] if len(rows) == 1 else layer
        title = _styled(task, _BOLD, colour) + f": {len(rows) or 'no'} {kind}"
        sections.append("\n".join([title, *(f"  {line}" for line in lines if rows)]))
    return "\n\n".join(sections)


def _annotated_sentences(output: JsonDict, spans: List[JsonDict], colour: bool) -> List[str]:
    """The sentences, one a line, each span as `[its text LABEL]`; spans may be nested."""
    text = output["text"]
    opening: Dict[int, str] = {}
    closing: Dict[int, str] = {}
    for span in spans:
        opening[span["char_start"]] = opening.get(span["char_start"], "") + "["
    # Of spans that end together the inner one closes first.
    for span in sorted(spans, key=lambda span: -span["char_start"]):
        label = " " + _styled(visible(span["label"]), _COLOUR, colour) + "]"
        closing[span["char_end"]] = closing.get(span["char_end"], "") + label
    lines, first = [], 0
    for sentence in output["sentences"]:
        offsets = output["token_offsets"][first : first + len(sentence)]
        first += len(sentence)
        line, position = "", offsets[0][0]
        for start, end in offsets:
            line += _shown(text[position:start]) + opening.get(start, "")
            line += _shown(text[start:end]) + closing.get(end, "")
            position = end
        lines.append(" ".join(line.split()))
    return lines


def _relation(relation: JsonDict, colour: bool) -> str:
    arrow = f"--{_styled(visible(relation['label']), _COLOUR, colour)}-->"
    return f"{_one_line(relation['arg1']['text'])} {arrow} {_one_line(relation['arg2']['text'])}"


def _cluster(number: int, cluster: List[JsonDict], colour: bool) -> str:
    mentions = " | ".join(_one_line(mention["text"]) for mention in cluster)
    return f"{_styled(str(number), _COLOUR, colour)}  {mentions}"


def _one_line(text: str) -> str:
    return " ".join(_shown(text).split())


def _shown(text: str) -> str:
    """The text with its white space, and what else would act on a terminal as escapes."""
    return re.sub(r"\S+", lambda word: visible(word[0]), text)


def _styled(text: str, style: str, colour: bool) -> str:
    return style + text + _RESET if colour else text
