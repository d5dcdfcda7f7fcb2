"""The `.coref` files of the OntoNotes release: coreference chains, part by part."""

from pathlib import Path
from typing import List, NamedTuple

from hmtl.corpora.numbers import whole_number
from hmtl.corpora.ontonotes_release.alignment import align
from hmtl.corpora.ontonotes_release.tagged_text import TaggedSentence, read_tagged_sentences
from hmtl.corpora.ontonotes_release.trees import Tree
from hmtl.errors import DataError

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
