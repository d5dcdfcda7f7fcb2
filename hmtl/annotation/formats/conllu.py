"""CoNLL-U, the format of treebanks of Universal Dependencies."""

import re
from typing import Dict, Iterator, List, Optional

from allennlp.common.util import JsonDict

from hmtl.annotation.formats.output_format import OutputFormat
from hmtl.corpora.dependencies import MULTIWORD_TOKENS, ROOT, dependencies_of_rows
from hmtl.errors import UserError

# Of a task of spans that are parts of speech, its name.
_POS_TASKS = ("pos", "upos")
_NOT_IN_A_CELL = re.compile(r"[\t\r\n]")


@OutputFormat.register("conllu")
class ConlluFormat(OutputFormat):
    """Ten columns a token: its number and form, the part of speech of a task `pos` or `upos`, the head and the relation
    of the task of dependencies, and `SpaceAfter=No` where no white space follows in the text; all else is `_`.

    Each text is a document, `# newdoc id`, and each sentence has its `# text`. Multiword tokens stand there where the
    text has some (`multiword_tokens`, as the corpus `conllu` keeps them). Other layers are left out, and a note says
    so; so are texts without a token.

    # Raises

    UserError
        Where the model has no task of dependencies, or several are to be written; where a token holds a tab or a line
        break.
    """

    def __init__(self, layers: Dict[str, str], names: Optional[str] = None) -> None:
        super().__init__(layers, names)
        task = self._only_task(kind for kind in self.kinds.values() if kind.column == "dependencies")
        if task is None:
            raise UserError(
                f"conllu needs a task of dependencies, and there are: {', '.join(layers) or 'none'}; choose another "
                "format"
            )
        self._dependencies = task
        self._pos = next((task for task in _POS_TASKS if task in layers and self.kinds[task].column == "names"), None)

    def text(self, output: JsonDict) -> str:
        if not self._has_tokens(output):
            return ""
        key = " ".join(output["doc_key"].split())
        lines = [f"# newdoc id = {key}"]
        parts_of_speech = {row["start"]: row["label"] for row in output[self._pos]} if self._pos else {}
        ranges = {first: (last, form) for first, last, form in output.get(MULTIWORD_TOKENS, [])}
        by_sentence = dependencies_of_rows(output[self._dependencies], output["sentences"])
        start = 0
        for number, (tokens, arcs) in enumerate(zip(output["sentences"], by_sentence), start=1):
            offsets = output["token_offsets"][start : start + len(tokens)]
            text = " ".join(output["text"][offsets[0][0] : offsets[-1][1]].split())
            lines += [f"# sent_id = {key}-{number}", f"# text = {text}"]
            above = {token: (head, label) for token, head, label in arcs}
            for position, token in enumerate(tokens):
                place = start + position
                if place in ranges:
                    last, form = ranges[place]
                    lines.append(_row(f"{position + 1}-{last - start + 1}", form))
                head, label = above.get(position, (None, "_"))
                lines.append(
                    _row(
                        str(position + 1),
                        token,
                        upos=parts_of_speech.get(place, "_"),
                        head="_" if head is None else "0" if head == ROOT else str(head + 1),
                        relation=label,
                        misc="SpaceAfter=No" if _touch(output["token_offsets"], place) else "_",
                    )
                )
            lines.append("")
            start += len(tokens)
        return "\n".join([*lines, ""])

    def _notes_of_layers(self) -> Iterator[str]:
        for task, kind in self.kinds.items():
            if task not in (self._dependencies, self._pos):
                yield f"the format has no place for these {kind.plural}; left out: '{task}'"


def _row(number: str, form: str, upos: str = "_", head: str = "_", relation: str = "_", misc: str = "_") -> str:
    """A line of ten columns."""
    for cell in (form, upos, relation):
        if _NOT_IN_A_CELL.search(cell):
            raise UserError(f"{cell!r} holds a tab or a line break, which a column cannot; choose another format")
    return "\t".join([number, form, "_", upos, "_", "_", head, relation, "_", misc])


def _touch(offsets: List[List[int]], place: int) -> bool:
    """Whether the next token follows a token without white space."""
    return place + 1 < len(offsets) and offsets[place][1] == offsets[place + 1][0]
