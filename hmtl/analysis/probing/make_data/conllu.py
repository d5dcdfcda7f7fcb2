"""Sentences of a CoNLL-U file: words, their features and their heads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from hmtl.data.lines import read_lines
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
    """

    form: str
    lemma: str
    upos: str
    xpos: str
    features: Dict[str, str]
    head: int
    relation: str

    @property
    def universal_relation(self) -> str:
        """The relation without its subtype: `nsubj`."""
        return self.relation.partition(":")[0]


@dataclass(frozen=True)
class DependencySentence:
    """The words of a sentence and the line, from 1, of the first of them."""

    tokens: Tuple[Token, ...]
    line: int


def read_conllu(path: Path) -> List[DependencySentence]:
    """The sentences of a CoNLL-U file; ranges of multiword tokens and empty nodes are left out.

    # Raises

    DataError
        At a line that is no word of CoNLL-U, at a head outside of its sentence, and where a sentence has not one root.
    """
    sentences: List[DependencySentence] = []
    tokens: List[Token] = []
    first = number = 0

    def end_sentence() -> None:
        if tokens:
            _check_heads(tokens, path, first)
            sentences.append(DependencySentence(tuple(tokens), first))
            tokens.clear()

    for number, line in read_lines(path):
        if not line.strip():
            end_sentence()
        elif not line.startswith("#"):
            token = _token(line, len(tokens) + 1, path, number)
            if token is not None:
                first = first if tokens else number
                tokens.append(token)
    end_sentence()
    if not sentences:
        raise DataError("no sentences found; expected CoNLL-U", path)
    return sentences


def _token(line: str, expected: int, path: Path, number: int) -> Optional[Token]:
    cells = line.split("\t")
    if len(cells) != _NUM_COLUMNS:
        raise DataError(f"expected {_NUM_COLUMNS} columns separated by tabs, found {len(cells)}", path, number)
    index, form, lemma, upos, xpos, features, head, relation = cells[:8]
    if "-" in index or "." in index:
        return None
    if index != str(expected) or not head.isdecimal():
        message = f"expected token {expected} with the number of its head, found '{index}' and '{head}'"
        raise DataError(message, path, number)
    return Token(form, lemma, upos, xpos, _features(features, path, number), int(head) - 1, relation)


def _features(cell: str, path: Path, number: int) -> Dict[str, str]:
    if cell == _EMPTY:
        return {}
    pairs = [feature.split("=", 1) for feature in cell.split("|")]
    if any(len(pair) != 2 for pair in pairs):
        raise DataError(f"expected features such as 'Number=Sing|Person=3', found '{cell}'", path, number)
    return {pair[0]: pair[1] for pair in pairs}


def _check_heads(tokens: List[Token], path: Path, line: int) -> None:
    roots = sum(token.head == -1 for token in tokens)
    if roots != 1:
        raise DataError(f"expected a sentence with one root, found {roots}", path, line)
    for token in tokens:
        if token.head >= len(tokens):
            message = f"the head of '{token.form}' is token {token.head + 1}, the sentence has {len(tokens)} tokens"
            raise DataError(message, path, line)
