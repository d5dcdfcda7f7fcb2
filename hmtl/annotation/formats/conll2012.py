"""The columns of the CoNLL-2012 shared task."""

import re
from typing import Dict, List, Optional

from allennlp.common.util import JsonDict

from hmtl.annotation.formats.output_format import OutputFormat
from hmtl.document import Bounds
from hmtl.errors import UserError
from hmtl.tasks.kind import Kind
from hmtl.tasks.spans.overlaps import layers_without_crossing

_KEY_WITH_PART = re.compile(r"(?P<id>.+)_(?P<part>\d{3})", re.DOTALL)
# What would end a cell or a bracket, or begin a comment.
_NOT_IN_A_KEY, _NOT_IN_A_LABEL = re.compile(r"[\s;]+|^#"), re.compile(r"[\s()*]+")
_BLANK = re.compile(r"[ \t\r\n]")


@OutputFormat.register("conll2012")
class Conll2012Format(OutputFormat):
    """Twelve columns a token: the names of one span task in the eleventh, clusters in the last, dashes between.

    A `doc_key` such as `bc/cctv_0001_002` becomes the document `bc/cctv_0001`, part 002; others are part 000. Brackets
    cannot say which of two crossing names, or crossing mentions of one cluster, ends first: the later one is left out,
    and a note says how many. So are texts without a token. Other span tasks and relations are left out.
    """

    def __init__(self, layers: Dict[str, str], names: Optional[str] = None) -> None:
        super().__init__(layers, names)
        self._clusters = self._only_task(kind for kind in self.kinds.values() if kind.column == "coreference")
        self._num_left_out = 0

    def holds(self, kind: Kind) -> bool:
        return kind.column in ("names", "coreference")

    def text(self, output: JsonDict) -> str:
        if not self._has_tokens(output):
            return ""
        match = _KEY_WITH_PART.fullmatch(output["doc_key"])
        doc_id, part = (match["id"], match["part"]) if match else (output["doc_key"], "000")
        doc_id = _NOT_IN_A_KEY.sub("_", doc_id)
        length = sum(map(len, output["sentences"]))
        names, clusters = self._name_column(output, length), self._cluster_column(output, length)
        lines, first = [f"#begin document ({doc_id}); part {part}"], 0
        for words in output["sentences"]:
            for number, word in enumerate(words):
                if _BLANK.search(word):
                    raise UserError(f"the token {word!r} holds a blank, which a column cannot; choose another format")
                cells = [doc_id, str(int(part)), str(number), word, "-", "*", "-", "-", "-", "-"]
                lines.append("\t".join([*cells, names[first + number], clusters[first + number]]))
            lines.append("")
            first += len(words)
        return "\n".join([*lines, "#end document", ""])

    def _name_column(self, output: JsonDict, length: int) -> List[str]:
        rows = [] if self.names is None else output[self.names]
        opened, closed = [""] * length, [""] * length
        for number in self._nesting([(row["start"], row["end"]) for row in rows]):
            opened[rows[number]["start"]] += "(" + _NOT_IN_A_LABEL.sub("_", rows[number]["label"])
            closed[rows[number]["end"]] += ")"
        return [start + ("" if start and end else "*") + end for start, end in zip(opened, closed)]

    def _cluster_column(self, output: JsonDict, length: int) -> List[str]:
        cells: List[List[str]] = [[] for _ in range(length)]
        for number, cluster in enumerate([] if self._clusters is None else output[self._clusters]):
            bounds = [(row["start"], row["end"]) for row in cluster]
            mentions = [bounds[number] for number in self._nesting(bounds)]
            for start, end in mentions:
                cells[start].append(f"({number})" if start == end else f"({number}")
            for start, end in mentions:
                if start < end:
                    cells[end].append(f"{number})")
        return ["|".join(cell) or "-" for cell in cells]

    def _nesting(self, bounds: List[Bounds]) -> List[int]:
        """The numbers of those that cross no earlier one, the outer before the inner."""
        kept, *others = layers_without_crossing(bounds) or [[]]
        self._num_left_out += sum(map(len, others))
        return kept

    @property
    def notes(self) -> List[str]:
        notes = super().notes
        if self._num_left_out:
            count = f"{self._num_left_out:,}"
            notes.append(f"{count} names and mentions were left out that cross others; columns cannot hold them")
        return notes
