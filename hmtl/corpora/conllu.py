"""Sentences of a CoNLL-U file: words, their features and their heads, and comments."""

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, DefaultDict, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from hmtl.common.lines import read_lines
from hmtl.corpora.conll_columns import whole_number
from hmtl.corpora.dependencies import EMPTY_NODES, HEADS, MULTIWORD_TOKENS
from hmtl.errors import DataError

_NUM_COLUMNS = 10
_EMPTY = "_"
_RANGE = re.compile(r"[0-9]{1,9}-[0-9]{1,9}")
# Of `Entity=`: `(7-person-new...` opens a mention, `(7-person-new...)` is one, `7)` closes one.
ENTITY_BRACKET = re.compile(r"\([^()]+\)?|[^()]+\)")
# A part of a discontinuous mention, `7[2/3]`.
_PART = re.compile(r"(?P<name>.+)\[(?P<part>[0-9]+)/(?P<parts>[0-9]+)\]")


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


class EmptyNode(NamedTuple):
    """A node that stands for no word, such as `8.1`: how many words of its sentence stand before it, its last column,
    its line."""

    num_before: int
    misc: Dict[str, str]
    line: int


class MultiwordToken(NamedTuple):
    """What is written as one token and read as several words, such as `don't`: the positions of its first and its last
    word in the sentence, from 0, and its form."""

    first: int
    last: int
    form: str


class MarkedEntity(NamedTuple):
    """A mention in the brackets of `Entity=`.

    # Attributes

    name : `str`
        The entity, or the group of mentions, that it belongs to.
    values : `Dict[str, str]`
        The fields of its bracket.
    tokens : `Tuple[int, ...]`
        The positions of its words in the sentence; none of a mention of empty nodes.
    bracket : `str`
        That which opens it, or its last part.
    line : `int`
        That of this bracket.
    """

    name: str
    values: Dict[str, str]
    tokens: Tuple[int, ...]
    bracket: str
    line: int


@dataclass(frozen=True)
class DependencySentence:
    """The words of a sentence, the comments `# key = value` above them, the nodes that stand for no word, and the
    tokens that stand for several."""

    tokens: Tuple[Token, ...]
    comments: Dict[str, str]
    empty_nodes: Tuple[EmptyNode, ...] = ()
    multiword_tokens: Tuple[MultiwordToken, ...] = ()

    @property
    def line(self) -> int:
        """That of the first word, from 1."""
        return self.tokens[0].line


def read_conllu(path: Path) -> List[DependencySentence]:
    """The sentences of a CoNLL-U file.

    # Raises

    DataError
        At a line that is no word of CoNLL-U. Whether the heads make a tree is not checked.
    """
    sentences: List[DependencySentence] = []
    tokens: List[Token] = []
    empty_nodes: List[EmptyNode] = []
    multiword_tokens: List[MultiwordToken] = []
    comments: Dict[str, str] = {}
    # A sentence may end with the file.
    for number, line in chain(read_lines(path), [(0, "")]):
        if line.startswith("#"):
            key, equals, value = line[1:].partition("=")
            if equals:
                comments[key.strip()] = value.strip()
        elif line.strip():
            token = _token(line, len(tokens) + 1, path, number)
            if isinstance(token, Token):
                tokens.append(token)
            elif isinstance(token, EmptyNode):
                empty_nodes.append(token)
            else:
                multiword_tokens.append(token)
        elif tokens:
            for first, last, form in multiword_tokens:
                if last >= len(tokens):
                    message = f"'{form}' stands for the words {first + 1} to {last + 1} of {len(tokens)}"
                    raise DataError(message, path, tokens[0].line)
            parts = tuple(tokens), comments, tuple(empty_nodes), tuple(multiword_tokens)
            sentences.append(DependencySentence(*parts))
            tokens, empty_nodes, multiword_tokens, comments = [], [], [], {}
    if not sentences:
        raise DataError("no sentences found; expected CoNLL-U", path)
    return sentences


def marked_entities(
    sentence: DependencySentence, fields: Sequence[str], path: Optional[Path] = None
) -> Iterator[MarkedEntity]:
    """The mentions that `Entity=` marks in a sentence, in the order in which they end.

    # Parameters

    sentence : `DependencySentence`
    fields : `Sequence[str]`
        The names of the fields of a bracket, by the header `# global.Entity`. The last ones may be left out, and the
        very last may hold hyphens. The entity is the field `eid`, or else the first.
    path : `Path`, optional (default = `None`)
        For messages.

    # Raises

    DataError
        Where the brackets are none, or unbalanced, or a discontinuous mention lacks a part.
    """
    entity = fields.index("eid") if "eid" in fields else 0
    # What is open, by its name: from where on, its bracket and the line of it. An empty node lies between two words.
    opened: DefaultDict[str, List[Tuple[float, str, int]]] = defaultdict(list)
    # The words so far of a discontinuous mention, and the line of its last part.
    collected: DefaultDict[str, List[int]] = defaultdict(list)
    lines: Dict[str, int] = {}
    for bracket, position, line in _brackets(sentence, path):
        values = bracket.strip("()").split("-", len(fields) - 1)
        name = values[entity] if bracket.startswith("(") and entity < len(values) else values[0]
        if bracket.startswith("("):
            opened[name].append((position, bracket, line))
        if not bracket.endswith(")"):
            continue
        if not opened[name]:
            raise DataError(f"unbalanced brackets: '{bracket}' closes a mention that is not open", path, line)
        start, bracket, line = opened[name].pop()
        tokens = [number for number in range(len(sentence.tokens)) if start <= number <= position]
        part = _PART.fullmatch(name)
        if part:
            name = part["name"]
            collected[name] += tokens
            lines[name] = line
            if part["part"] != part["parts"]:
                continue
            tokens = sorted(collected.pop(name))
        found = dict(zip(fields, bracket.strip("()").split("-", len(fields) - 1)))
        yield MarkedEntity(name, found, tuple(tokens), bracket, line)
    for name, left in opened.items():
        if left:
            raise DataError(f"unbalanced brackets: '({name}' is not closed in its sentence", path, left[-1][2])
    for name in collected:
        raise DataError(f"the discontinuous mention '{name}' lacks its last part in its sentence", path, lines[name])


def _brackets(sentence: DependencySentence, path: Optional[Path]) -> Iterator[Tuple[str, float, int]]:
    """The brackets of `Entity=` in their order, each with its position in the sentence and its line."""
    nodes: List[Tuple[int, float, Dict[str, str]]] = [
        (token.line, position, token.misc) for position, token in enumerate(sentence.tokens)
    ]
    nodes += [(node.line, node.num_before - 0.5, node.misc) for node in sentence.empty_nodes]
    for line, position, misc in sorted(nodes, key=lambda node: node[0]):
        entity = misc.get("Entity", "")
        brackets = ENTITY_BRACKET.findall(entity)
        if "".join(brackets) != entity:
            raise DataError(f"'Entity={entity}' is no sequence of '(...', '(...)' and '...)'", path, line)
        yield from ((bracket, position, line) for bracket in brackets)


def _token(line: str, expected: int, path: Path, number: int) -> Union[Token, EmptyNode, MultiwordToken]:
    cells = line.split("\t")
    if len(cells) != _NUM_COLUMNS:
        raise DataError(f"expected {_NUM_COLUMNS} columns separated by tabs, found {len(cells)}", path, number)
    index, form, lemma, upos, xpos, features, head, relation, _, misc = cells
    if "." in index:
        return EmptyNode(expected - 1, _pairs(misc), number)
    if _RANGE.fullmatch(index):
        first, last = map(int, index.split("-"))
        if first != expected or last < first:
            message = f"expected a multiword token that begins at word {expected}, found '{index}'"
            raise DataError(message, path, number)
        return MultiwordToken(first - 1, last - 1, form)
    head_number = whole_number(head)
    if index != str(expected) or head_number is None:
        message = f"expected token {expected} with the number of its head, found '{index}' and '{head}'"
        raise DataError(message, path, number)
    if features != _EMPTY and not all("=" in feature for feature in features.split("|")):
        raise DataError(f"expected features such as 'Number=Sing|Person=3', found '{features}'", path, number)
    return Token(form, lemma, upos, xpos, _pairs(features), head_number - 1, relation, _pairs(misc), number)


def _pairs(cell: str) -> Dict[str, str]:
    return {} if cell == _EMPTY else dict(item.partition("=")[::2] for item in cell.split("|"))


def dependency_metadata(sentences: Sequence[DependencySentence]) -> Dict[str, Any]:
    """What a `Document` keeps of the sentences' trees, see `hmtl.corpora.dependencies`: the `heads`; and, where there
    are any, the multiword tokens and the number of empty nodes, neither of which is a token."""
    metadata: Dict[str, Any] = {HEADS: [[token.head for token in sentence.tokens] for sentence in sentences]}
    firsts = [0, *accumulate(len(sentence.tokens) for sentence in sentences)]
    multiword_tokens = [
        [start + first, start + last, form]
        for start, sentence in zip(firsts, sentences)
        for first, last, form in sentence.multiword_tokens
    ]
    num_empty = sum(len(sentence.empty_nodes) for sentence in sentences)
    if multiword_tokens:
        metadata[MULTIWORD_TOKENS] = multiword_tokens
    if num_empty:
        metadata[EMPTY_NODES] = num_empty
    return metadata
