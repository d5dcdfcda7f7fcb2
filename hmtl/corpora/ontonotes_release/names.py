"""The `.name` files of the OntoNotes release: named entities."""

from pathlib import Path
from typing import List, NamedTuple

from hmtl.corpora.ontonotes_release.alignment import align
from hmtl.corpora.ontonotes_release.tagged_text import read_tagged_sentences
from hmtl.corpora.ontonotes_release.trees import Tree
from hmtl.errors import DataError

NAME_TYPES = (
    *("PERSON", "NORP", "FAC", "ORG", "GPE", "LOC", "PRODUCT", "EVENT", "WORK_OF_ART", "LAW", "LANGUAGE"),
    *("DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL"),
)

_TAGS = ("ENAMEX", "NUMEX", "TIMEX")
# Spellings of earlier releases, one of them a slip.
_ALIASES = {
    "FACILITY": "FAC",
    "LOCATION": "LOC",
    "ORGANIZATION": "ORG",
    "PRODCUT": "PRODUCT",
    "WORK-OF-ART": "WORK_OF_ART",
}


class Name(NamedTuple):
    """The leaves `start` to `end` of the tree number `tree`, both included, and the type."""

    tree: int
    start: int
    end: int
    label: str


def read_names(path: Path, trees: List[Tree]) -> List[Name]:
    """The names of a `.name` file, types as written but for subtypes (`ORG:CORPORATION`) and other spellings.

    # Raises

    DataError
        Where a tag has no type or covers no token, or the file does not fit the trees.
    """
    names: List[Name] = []
    for index, sentence, leaves in align(list(read_tagged_sentences(path, _TAGS)), trees, path, with_traces=False):
        for start, end, attributes in sentence.spans:
            if "TYPE" not in attributes:
                raise DataError("a name without TYPE", path, sentence.line)
            if end < start:
                raise DataError(f"a name of type '{attributes['TYPE']}' covers no token", path, sentence.line)
            label = attributes["TYPE"].partition(":")[0]
            names.append(Name(index, leaves[start], leaves[end], _ALIASES.get(label, label)))
    return names
