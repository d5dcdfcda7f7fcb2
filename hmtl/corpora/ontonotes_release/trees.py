"""The `.parse` files of the OntoNotes release: one bracketed tree a sentence."""

import re
from pathlib import Path
from typing import Iterator, List, NamedTuple, Tuple

from hmtl.common.lines import read_lines
from hmtl.errors import DataError


def file_lines(path: Path) -> Iterator[Tuple[int, str]]:
    """Yields `(number, line)`, numbers from 1, as `read_lines` does.

    # Raises

    DataError
        Where the file does not exist, must not be read or is not UTF-8.
    """
    try:
        yield from read_lines(path)
    except FileNotFoundError as error:
        raise DataError("no such file; is the release complete?", path) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path) from error


TRACE_TAG = "-NONE-"
DISFLUENCY_LABEL = "EDITED"
# What the scripts of CoNLL-2012 write for a sentence that is one disfluency.
EMPTIED_SENTENCE = ["nullp"]

# Only blanks and tabs separate: other white space, such as a no-break space, is part of a word.
_PIECES = re.compile(r"[()]|[^ \t()]+")
# Comments and markup between the trees; a line of a tree starts with blanks or a bracket.
_NO_TREE = (";", "<", "*")


class Leaf(NamedTuple):
    """A token of a tree.

    # Attributes

    word : `str`
        As in the file: `-LRB-` for a bracket, `/.` for a full stop in conversation.
    is_trace : `bool`
        Whether it stands for something that is not in the text, such as `*PRO*-1`, `*T*-2` and `0`.
    is_disfluent : `bool`
        Whether it lies in an `EDITED` phrase: a restart, as in speech.
    """

    word: str
    is_trace: bool
    is_disfluent: bool


class Tree(NamedTuple):
    """The leaves of a tree, and the line of the file on which it begins."""

    line: int
    leaves: List[Leaf]

    @property
    def words(self) -> List[str]:
        """The words of the text: all leaves but the traces."""
        return [leaf.word for leaf in self.leaves if not leaf.is_trace]

    def is_kept(self, leaf: Leaf, keep_disfluencies: bool) -> bool:
        """Whether a leaf is a token of the converted text."""
        return not leaf.is_trace and (keep_disfluencies or not leaf.is_disfluent)

    def sentence(self, keep_disfluencies: bool = False) -> List[str]:
        """The tokens of the converted text: `nullp` for a tree whose words are all disfluent, as CoNLL-2012 has it;
        none for a tree of traces alone."""
        kept = [leaf.word for leaf in self.leaves if self.is_kept(leaf, keep_disfluencies)]
        return kept or (list(EMPTIED_SENTENCE) if self.words else [])


def read_trees(path: Path) -> List[Tree]:
    """The trees of a `.parse` file.

    # Raises

    DataError
        Where the brackets are no trees, there is no tree, or the file cannot be read.
    """
    trees: List[Tree] = []
    builder = _TreeBuilder(path)
    for number, line in file_lines(path):
        if line.startswith(_NO_TREE):
            continue
        for piece in _PIECES.findall(line):
            if piece == "(":
                builder.open(number)
            elif piece != ")":
                builder.name(piece, number)
            elif builder.close(number):
                trees.append(builder.take())
    builder.finish()
    if not trees:
        raise DataError("no tree found; is this a '.parse' file of OntoNotes?", path)
    return trees


def plain_word(word: str) -> str:
    """A word without the slash that some punctuation marks have in conversation: `.` for `/.`."""
    return word[1] if len(word) == 2 and word[0] == "/" and not word[1].isalnum() else word


class _Node:
    """An open bracket: its label, its word if it is a leaf, and whether it has children."""

    __slots__ = ("label", "word", "has_children", "is_disfluent")

    def __init__(self, is_disfluent: bool) -> None:
        self.label = ""
        self.word = ""
        self.has_children = False
        self.is_disfluent = is_disfluent


class _TreeBuilder:
    """Collects the leaves of one tree at a time from its brackets, labels and words."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line = 0
        self._open: List[_Node] = []
        self._leaves: List[Leaf] = []

    def open(self, line: int) -> None:
        if not self._open:
            self._line = line
            self._open.append(_Node(False))
            return
        parent = self._open[-1]
        if parent.word:
            raise DataError(f"malformed tree: '(' behind the word '{parent.word}'", self._path, line)
        parent.has_children = True
        self._open.append(_Node(parent.is_disfluent))

    def name(self, piece: str, line: int) -> None:
        """Takes a label or, behind it, a word."""
        if not self._open:
            raise DataError(f"malformed tree: '{piece}' outside of all brackets", self._path, line)
        node = self._open[-1]
        if node.has_children or node.word:
            message = f"malformed tree: '{piece}' where '(' or ')' is expected"
            raise DataError(message, self._path, line)
        if node.label:
            node.word = piece
        else:
            node.label = piece
            node.is_disfluent = node.is_disfluent or piece == DISFLUENCY_LABEL

    def close(self, line: int) -> bool:
        """Whether the tree is complete."""
        if not self._open:
            raise DataError("malformed tree: ')' that closes nothing", self._path, line)
        node = self._open.pop()
        if node.word:
            self._leaves.append(Leaf(node.word, node.label == TRACE_TAG, node.is_disfluent))
        elif not node.has_children:
            raise DataError(f"malformed tree: '({node.label})' has no word", self._path, line)
        return not self._open

    def take(self) -> Tree:
        tree = Tree(self._line, self._leaves)
        self._leaves = []
        return tree

    def finish(self) -> None:
        if self._open:
            raise DataError("malformed tree: it begins here and is not closed", self._path, self._line)
