"""Constituency trees of a file of Penn Treebank brackets, and the chunks that they hold."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, List, Optional, Tuple, Union

from hmtl.common.lines import read_lines
from hmtl.document import Span
from hmtl.errors import DataError

_SYMBOL = re.compile(r"[()]|[^\s()]+")
_TRACE = "-NONE-"
# Far more than the trees of any sentence have: whoever walks a tree calls functions within functions.
_MAX_DEPTH = 200
# What stands for brackets where brackets are syntax.
_ESCAPES = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}"}


@dataclass
class Constituent:
    """A node of a tree.

    # Attributes

    label : `str`
        As in the file, with its functions: `NP-SBJ`; empty for the outermost bracket of `( (S ...))`.
    children : `List[Union[Constituent, str]]`
        Words are strings; a preterminal has one word as its only child.
    line : `int`
        Where it opens, from 1.
    """

    label: str
    children: List[Union["Constituent", str]] = field(default_factory=list)
    line: int = 0

    @property
    def category(self) -> str:
        """The label without functions and indices: `NP` of `NP-SBJ-1` and of `NP=2`; `-LRB-` stays."""
        return self.label if self.label.startswith("-") else re.split(r"[-=|]", self.label)[0]

    @property
    def is_preterminal(self) -> bool:
        return bool(self.children) and isinstance(self.children[0], str)

    @property
    def constituents(self) -> List["Constituent"]:
        """The children that are nodes."""
        return [child for child in self.children if isinstance(child, Constituent)]

    @property
    def depth(self) -> int:
        """The number of edges on the longest path down to a word: 1 for a preterminal."""
        return 1 + max((child.depth for child in self.constituents), default=0)

    def preterminals(self) -> Iterator["Constituent"]:
        if self.is_preterminal:
            yield self
        for child in self.constituents:
            yield from child.preterminals()

    def words(self) -> List[str]:
        """The words, with brackets for `-LRB-` and the like."""
        return [unescape(str(preterminal.children[0])) for preterminal in self.preterminals()]


def unescape(word: str) -> str:
    """A word as it is in running text: with brackets for `-LRB-` and the like, alone or within it."""
    for escape, character in _ESCAPES.items():
        word = word.replace(escape, character)
    return word


def read_brackets(path: Path) -> List[Constituent]:
    """The trees of a file, without traces and without what traces leave empty; a tree may take many lines.

    # Raises

    DataError
        At a bracket or a word that makes no tree, where brackets are nested too deeply, and where there is no tree.
    """
    trees: List[Constituent] = []
    open_nodes: List[Constituent] = []
    previous = ""
    for number, line in read_lines(path):
        for symbol in _SYMBOL.findall(line):
            if symbol == "(":
                if len(open_nodes) == _MAX_DEPTH:
                    raise DataError(f"brackets within brackets, more than {_MAX_DEPTH} deep", path, number)
                if open_nodes and open_nodes[-1].is_preterminal:
                    raise DataError(f"a word and a bracket below the same node '{open_nodes[-1].label}'", path, number)
                open_nodes.append(Constituent("", line=number))
            elif not open_nodes:
                raise DataError(f"expected '(', which opens a tree, found '{symbol}'", path, number)
            elif symbol == ")":
                _close(open_nodes, trees, path, number)
            elif previous == "(":
                open_nodes[-1].label = symbol
            elif open_nodes[-1].children:
                message = f"expected one word below '{open_nodes[-1].label}', found '{symbol}' as well"
                raise DataError(message, path, number)
            else:
                open_nodes[-1].children.append(symbol)
            previous = symbol
    if open_nodes:
        raise DataError("the tree that opens here never closes; expected as many ')' as '('", path, open_nodes[0].line)
    if not trees:
        raise DataError("no trees found; expected Penn Treebank brackets", path)
    return trees


def _close(open_nodes: List[Constituent], trees: List[Constituent], path: Path, number: int) -> None:
    node = open_nodes.pop()
    if not node.children:
        raise DataError(f"the node '{node.label}' has no word", path, number)
    if open_nodes:
        open_nodes[-1].children.append(node)
        return
    tree = _without_traces(node)
    if tree is None:
        raise DataError("a tree of traces alone; expected words", path, node.line)
    trees.append(tree)


def _without_traces(node: Constituent) -> Optional[Constituent]:
    if node.label == _TRACE:
        return None
    if node.is_preterminal:
        return node
    kept = [child for child in map(_without_traces, node.constituents) if child is not None]
    return Constituent(node.label, list(kept), node.line) if kept else None


# Phrases that are named as another kind, and those that are no phrases of their own.
_KINDS = {"WHNP": "NP", "WHPP": "PP", "WHADVP": "ADVP", "WHADJP": "ADJP", "NAC": "NP"}
_TRANSPARENT = {"QP", "NX", "UCP", "PRN", "X"}
_CHUNKED = {"NP", "VP", "PP", "ADJP", "ADVP", "SBAR", "PRT", "INTJ", "CONJP", "LST"}
# What a noun phrase may contain and still be one chunk.
_WITHIN_NOUN_PHRASES = {"ADJP", "ADVP", "QP", "NX", "NAC"}


def chunks_of(tree: Constituent) -> List[Span]:
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


def _collect(node: Constituent, phrase: Optional[Tuple[int, str]], kinds: List[Optional[Tuple[int, str]]]) -> None:
    """Appends the phrase, as a number and its kind, that each token's chunk belongs to."""
    if node.is_preterminal:
        kinds.append(None if node.label == "CC" or _is_punctuation(node.label) else phrase)
        return
    kind = _kind(node)
    if kind == "NP" and _is_base(node):
        kinds.extend(None if _is_punctuation(token.label) else (id(node), kind) for token in node.preterminals())
        return
    if kind not in _TRANSPARENT:
        continues = kind == "VP" and phrase is not None and phrase[1] == "VP"
        phrase = phrase if continues else (id(node), kind) if kind in _CHUNKED else None
    for child in node.constituents:
        _collect(child, phrase, kinds)


def _kind(node: Constituent) -> str:
    return _KINDS.get(node.category, node.category)


def _is_base(node: Constituent) -> bool:
    """Whether there is nothing but tokens and their modifiers below."""
    return all(
        child.is_preterminal or (_kind(child) in _WITHIN_NOUN_PHRASES and _is_base(child))
        for child in node.constituents
    )


def _is_punctuation(tag: str) -> bool:
    return tag in ("-LRB-", "-RRB-", "NFP") or not any(character.isalpha() or character in "$#" for character in tag)
