"""The predictor's output for people to read."""

from typing import Dict

from allennlp.common.util import JsonDict

from hmtl.page.labels import name_of
from hmtl.tasks.kind import kinds_of

_BOLD, _COLOUR, _RESET = "\x1b[1m", "\x1b[36m", "\x1b[0m"


def render(output: JsonDict, layers: Dict[str, str], colour: bool = False) -> str:
    """One section for each task, as its kind shows it: the text with its spans in brackets, relations as arrows,
    numbered clusters. Labels that have a name, as Wikidata's numbers of relations have, are shown by it.

    `output` and `layers` are those of an `HMTLPredictor`; `colour` adds the escape codes of a terminal.
    """
    sections = []
    for task, kind in kinds_of(layers).items():
        rows = output[task]
        lines = kind.lines(rows, output, lambda text: _styled(name_of(text), _COLOUR, colour))
        noun = kind.singular if len(rows) == 1 else kind.plural
        title = f"{_styled(task, _BOLD, colour)}: {len(rows) or 'no'} {noun}"
        sections.append("\n".join([title, *(f"  {line}" for line in lines)]))
    return "\n\n".join(sections)


def _styled(text: str, style: str, colour: bool) -> str:
    return style + text + _RESET if colour else text
