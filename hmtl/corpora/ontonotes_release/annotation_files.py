"""The `.name`, `.coref` and `.speaker` files of the OntoNotes release: names, coreference chains, speakers."""

from pathlib import Path
from typing import List, NamedTuple

from hmtl.corpora.conll_columns import split_cells, whole_number
from hmtl.corpora.ontonotes_release.tagged_text import TaggedSentence, align, read_tagged_sentences
from hmtl.corpora.ontonotes_release.trees import Tree, file_lines
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


IDENTITY, APPOSITION = "IDENT", "APPOS"
FIRST_PART = "000"


class Mention(NamedTuple):
    """The leaves `start` to `end` of the tree number `tree`, both included, and the chain: its type and identifier,
    which is unique within its part and type."""

    tree: int
    start: int
    end: int
    chain_type: str
    chain_id: str


class Coreference(NamedTuple):
    """The part of each tree, and all mentions in the order in which they end."""

    parts: List[str]
    mentions: List[Mention]


def read_coreference(path: Path, trees: List[Tree]) -> Coreference:
    """The parts and mentions of a `.coref` file.

    # Raises

    DataError
        Where a tag has no identifier or type or covers no token, a part is numbered wrongly, or the file does not fit
        the trees.
    """
    sentences = list(read_tagged_sentences(path, ("COREF",)))
    parts = [""] * len(trees)
    mentions: List[Mention] = []
    for index, sentence, leaves in align(sentences, trees, path, with_traces=True):
        parts[index] = _part_number(sentence, path)
        for start, end, attributes in sentence.spans:
            for key in ("ID", "TYPE"):
                if key not in attributes:
                    raise DataError(f"a mention without {key}", path, sentence.line)
            if end < start:
                raise DataError(f"a mention of chain '{attributes['ID']}' covers no token", path, sentence.line)
            mentions.append(Mention(index, leaves[start], leaves[end], attributes["TYPE"], attributes["ID"]))
    seen: List[str] = []
    for index, sentence_part in enumerate(parts):
        # Only a tree of traces alone has no line.
        parts[index] = part = sentence_part or (seen[-1] if seen else FIRST_PART)
        if not seen or part != seen[-1]:
            if part in seen:
                raise DataError(f"part {part} occurs twice", path)
            seen.append(part)
    return Coreference(parts, mentions)


def _part_number(sentence: TaggedSentence, path: Path) -> str:
    """Three digits, as CoNLL-2012 writes them; of a range `000-001` the first."""
    if sentence.part is None:
        return FIRST_PART
    number = whole_number(sentence.part.partition("-")[0])
    if number is None:
        raise DataError(f"expected a number of a part, such as '000', found '{sentence.part}'", path, sentence.line)
    return f"{number:03}"


UNKNOWN_SPEAKER = "-"

# Start, stop, name, gender, competence; only the name is used.
_NAME = 2


def read_speakers(path: Path, num_trees: int) -> List[str]:
    """The speaker of each tree, `-` where none is known; several names stand with commas between them, as in the file.

    # Raises

    DataError
        Where the file has not one line a tree, a line lacks a name, or it cannot be read.
    """
    speakers: List[str] = []
    for number, line in file_lines(path):
        cells = split_cells(line)
        if not cells:
            continue
        if cells == [UNKNOWN_SPEAKER]:
            speakers.append(UNKNOWN_SPEAKER)
        elif len(cells) <= _NAME:
            raise DataError(f"expected start, stop and name of a speaker, found '{line.strip()}'", path, number)
        else:
            speakers.append(cells[_NAME])
    if len(speakers) != num_trees:
        raise DataError(f"{len(speakers)} speakers for {num_trees} trees; expected one line a tree", path)
    return speakers
