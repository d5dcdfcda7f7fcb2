"""Constituent trees in the brackets of the Penn Treebank, and the chunks that they contain."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from hmtl.data.document import Span
from hmtl.data.lines import read_lines
from hmtl.errors import DataError

_PIECE = re.compile(r"\(|\)|[^\s()]+")
# Phrases that are named as another kind, and those that are no phrases of their own.
_KINDS = {"WHNP": "NP", "WHPP": "PP", "WHADVP": "ADVP", "WHADJP": "ADJP", "NAC": "NP"}
_TRANSPARENT = {"QP", "NX", "UCP", "PRN", "X"}
_CHUNKED = {"NP", "VP", "PP", "ADJP", "ADVP", "SBAR", "PRT", "INTJ", "CONJP", "LST"}
# What a noun phrase may contain and still be one chunk.
_WITHIN_NOUN_PHRASES = {"ADJP", "ADVP", "QP", "NX", "NAC"}


@dataclass
class Tree:
    """A constituent, or a token: then `word` is its form and `label` its tag."""

    label: str
    word: Optional[str] = None
    children: List["Tree"] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The category without its functions: `NP` of `NP-SBJ`."""
        return _kind(self.label)

    def words(self) -> List[str]:
        """The tokens below, in order."""
        if self.word is not None:
            return [self.word]
        return [word for child in self.children for word in child.words()]


@lru_cache(maxsize=None)
def _kind(label: str) -> str:
    category = re.split(r"[-=]", label)[0] or label
    return _KINDS.get(category, category)


def read_trees(path: Path) -> Iterator[Tree]:
    """Yields the trees of a file; a tree may take one line or many.

    # Raises

    DataError
        Naming the line, where brackets do not match or a token stands without a tag.
    """
    opened: List[Tree] = []
    started = 0
    for number, line in read_lines(path):
        for piece in _PIECE.findall(line):
            if piece == "(":
                started = started if opened else number
                opened.append(Tree(""))
            elif not opened:
                raise DataError(f"expected a tree, '(...)', found '{piece}'", path, number)
            elif piece != ")":
                _add(opened[-1], piece, path, number)
            else:
                tree = opened.pop()
                if tree.word is None and not tree.children:
                    raise DataError(f"'({tree.label})' holds neither a word nor constituents", path, number)
                if opened:
                    opened[-1].children.append(tree)
                else:
                    yield tree
    if opened:
        raise DataError("unbalanced brackets: the tree that begins here is not closed", path, started)


def _add(tree: Tree, piece: str, path: Path, line: int) -> None:
    if not tree.label and not tree.children:
        tree.label = piece
    elif tree.word is None and not tree.children:
        tree.word = piece.replace("-LRB-", "(").replace("-RRB-", ")")
    else:
        raise DataError(f"'{piece}' stands where a bracket should; each token has one tag, '(TAG token)'", path, line)


def chunks_of(tree: Tree) -> List[Span]:
    """The chunks of a sentence: phrases that do not overlap, after those of CoNLL-2000, by rules of our own.

    A noun phrase without a phrase inside it, other than modifiers (ADJP, ADVP) and numbers, is one chunk. Otherwise the
    tokens that a phrase holds itself are chunks of its kind, wherever they stand beside one another; a verb phrase that
    directly follows the words of the one around it continues their chunk (`has been sold`). Functions are dropped, and
    WHNP counts as NP and so on. Punctuation, conjunctions between chunks, and tokens of clauses belong to no chunk; the
    words of SBAR do.
    """
    kinds: List[Optional[Tuple[int, str]]] = []
    _collect(tree, None, kinds)
    spans: List[Span] = []
    last: Optional[Tuple[int, str]] = None
    for position, found in enumerate(kinds):
        if found is not None and found == last:
            spans[-1] = spans[-1]._replace(end=position)
        elif found is not None:
            spans.append(Span(position, position, found[1]))
        last = found
    return spans


def _collect(tree: Tree, phrase: Optional[Tuple[int, str]], kinds: List[Optional[Tuple[int, str]]]) -> None:
    """Appends the phrase, as a number and its kind, that each token's chunk belongs to."""
    if tree.word is not None:
        kinds.append(None if tree.label == "CC" or _is_punctuation(tree.label) else phrase)
        return
    kind = tree.kind
    if kind == "NP" and _is_base(tree):
        kinds.extend(None if _is_punctuation(tag) else (id(tree), kind) for tag in _tags(tree))
        return
    if kind not in _TRANSPARENT:
        continues = kind == "VP" and phrase is not None and phrase[1] == "VP"
        phrase = phrase if continues else (id(tree), kind) if kind in _CHUNKED else None
    for child in tree.children:
        _collect(child, phrase, kinds)


def _is_base(tree: Tree) -> bool:
    """Whether there is nothing but tokens and their modifiers below."""
    return all(
        child.word is not None or (child.kind in _WITHIN_NOUN_PHRASES and _is_base(child)) for child in tree.children
    )


def _tags(tree: Tree) -> List[str]:
    if tree.word is not None:
        return [tree.label]
    return [tag for child in tree.children for tag in _tags(child)]


def _is_punctuation(tag: str) -> bool:
    return tag in ("-LRB-", "-RRB-", "NFP") or not any(character.isalpha() or character in "$#" for character in tag)
