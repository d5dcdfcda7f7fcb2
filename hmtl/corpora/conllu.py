"""Sentences of a CoNLL-U file: words, their features and their heads, and comments."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from hmtl.common.lines import read_lines
from hmtl.corpora.conll_columns import whole_number
from hmtl.errors import DataError

_NUM_COLUMNS = 10
_EMPTY = "_"


class Token(NamedTuple):
    """A syntactic word.

    # Attributes

    features : `Dict[str, str]`
        The morphological features, such as `{"Tense": "Past"}`.
    head : `int`
        The position of its head in the sentence, from 0; -1 at the root.
    relation : `str`
        To its head, with its subtype: `nsubj:pass`.
    misc : `Dict[str, str]`
        The last column, such as `{"SpaceAfter": "No"}`; an item without `=` has the value "".
    line : `int`
        Of the file, from 1.
    """

    form: str
    lemma: str
    upos: str
    xpos: str
    features: Dict[str, str]
    head: int
    relation: str
    misc: Dict[str, str]
    line: int

    @property
    def universal_relation(self) -> str:
        """The relation without its subtype: `nsubj`."""
        return self.relation.partition(":")[0]


@dataclass(frozen=True)
class DependencySentence:
    """The words of a sentence, and the comments `# key = value` above them."""

    tokens: Tuple[Token, ...]
    comments: Dict[str, str]

    @property
    def line(self) -> int:
        """That of the first word, from 1."""
        return self.tokens[0].line


def read_conllu(path: Path) -> List[DependencySentence]:
    """The sentences of a CoNLL-U file; ranges of multiword tokens and empty nodes are left out.

    # Raises

    DataError
        At a line that is no word of CoNLL-U. Whether the heads make a tree is not checked.
    """
    sentences: List[DependencySentence] = []
    tokens: List[Token] = []
    comments: Dict[str, str] = {}
    # A sentence may end with the file.
    for number, line in chain(read_lines(path), [(0, "")]):
        if line.startswith("#"):
            key, equals, value = line[1:].partition("=")
            if equals:
                comments[key.strip()] = value.strip()
        elif line.strip():
            token = _token(line, len(tokens) + 1, path, number)
            tokens += [token] if token is not None else []
        elif tokens:
            sentences.append(DependencySentence(tuple(tokens), comments))
            tokens, comments = [], {}
    if not sentences:
        raise DataError("no sentences found; expected CoNLL-U", path)
    return sentences


def _token(line: str, expected: int, path: Path, number: int) -> Optional[Token]:
    cells = line.split("\t")
    if len(cells) != _NUM_COLUMNS:
        raise DataError(f"expected {_NUM_COLUMNS} columns separated by tabs, found {len(cells)}", path, number)
    index, form, lemma, upos, xpos, features, head, relation, _, misc = cells
    if "-" in index or "." in index:
        return None
    head_number = whole_number(head)
    if index != str(expected) or head_number is None:
        message = f"expected token {expected} with the number of its head, found '{index}' and '{head}'"
        raise DataError(message, path, number)
    if features != _EMPTY and not all("=" in feature for feature in features.split("|")):
        raise DataError(f"expected features such as 'Number=Sing|Person=3', found '{features}'", path, number)
    return Token(form, lemma, upos, xpos, _pairs(features), head_number - 1, relation, _pairs(misc), number)


def _pairs(cell: str) -> Dict[str, str]:
    return {} if cell == _EMPTY else dict(item.partition("=")[::2] for item in cell.split("|"))
