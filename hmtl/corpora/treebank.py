"""A treebank: documents of sentences with dependencies and, where there are any, constituency trees, and its splits."""

import random
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from allennlp.common import Tqdm

from hmtl.common.lines import read_lines
from hmtl.corpora.conllu import DependencySentence, Token, read_conllu
from hmtl.corpora.constituents import Constituent, read_brackets, unescape
from hmtl.errors import DataError, UserError

# SentEval's names of the splits, and of the lists of documents that make them.
SPLITS = ("tr", "va", "te")
LISTS = {"tr": "train.txt", "va": "dev.txt", "te": "test.txt"}
DEFAULT_SHARES = (0.8, 0.1, 0.1)


@dataclass(frozen=True, eq=False)
class Sentence:
    """A sentence of a document, with its tree where there are brackets; `number` counts sentences from 0."""

    tokens: Tuple[Token, ...]
    tree: Optional[Constituent]
    document: str
    number: int

    @cached_property
    def forms(self) -> Tuple[str, ...]:
        return tuple(token.form for token in self.tokens)

    @cached_property
    def root(self) -> int:
        """The position of the token that heads the main clause."""
        return next(position for position, token in enumerate(self.tokens) if token.head == -1)

    def dependents(self, head: int, relation: str) -> List[int]:
        """The positions of the tokens that depend on a token by a relation, whatever its subtype."""
        return [
            position
            for position, token in enumerate(self.tokens)
            if token.head == head and token.universal_relation == relation
        ]


# The sentences of each split.
Splits = Dict[str, List[Sentence]]


def read_treebank(conllu: Path, ptb: Optional[Path]) -> Dict[str, List[Sentence]]:
    """The sentences of each document, in the order of their names.

    # Parameters

    conllu : `Path`
        Holds `NAME.conllu` for each document; or one such file.
    ptb : `Path`
        Holds `NAME.ptb` (or `.mrg`, `.parse`) with the same sentences in the same order; or one such file.

    # Raises

    DataError
        At a malformed line, at a head outside of its sentence, where a sentence has not one root, and at the first
        tree whose words are not those of its sentence.
    UserError
        Where there are no documents, or one has no brackets.
    """
    documents = _files(conllu, ".conllu")
    if not documents:
        raise UserError(f"{conllu}: expected a directory with a file NAME.conllu for each document")
    trees = {} if ptb is None else _files(ptb, ".ptb", ".mrg", ".parse")
    if ptb is not None and conllu.is_file() and ptb.is_file():
        trees = {conllu.stem: ptb}
    treebank: Dict[str, List[Sentence]] = {}
    for name, path in Tqdm.tqdm(documents.items(), desc="reading the treebank"):
        if ptb is not None and name not in trees:
            raise UserError(f"{ptb}: expected '{name}.ptb' beside the others, the brackets of {path}")
        treebank[name] = _read_document(name, path, trees.get(name))
    return treebank


def _files(place: Path, *suffixes: str) -> Dict[str, Path]:
    if not place.exists():
        raise UserError(f"{place}: no such file or directory")
    paths = [place] if place.is_file() else sorted(place.iterdir())
    return {path.stem: path for path in paths if place.is_file() or path.suffix in suffixes}


def _read_document(name: str, conllu: Path, ptb: Optional[Path]) -> List[Sentence]:
    sentences = read_conllu(conllu)
    for sentence in sentences:
        _check_heads(sentence, conllu)
    trees: List[Optional[Constituent]] = [None] * len(sentences)
    if ptb is not None:
        read = read_brackets(ptb)
        for sentence, tree in zip(sentences, read):
            _check_same_words(sentence, tree, conllu, ptb)
        if len(read) != len(sentences):
            raise DataError(f"{len(read)} trees for the {len(sentences)} sentences of {conllu}", ptb, read[-1].line)
        trees = [*read]
    return [Sentence(sentence.tokens, tree, name, i) for i, (sentence, tree) in enumerate(zip(sentences, trees))]


def _check_heads(sentence: DependencySentence, path: Path) -> None:
    roots = sum(token.head == -1 for token in sentence.tokens)
    if roots != 1:
        raise DataError(f"expected a sentence with one root, found {roots}", path, sentence.line)
    size = len(sentence.tokens)
    for token in sentence.tokens:
        if token.head >= size:
            message = f"the head of '{token.form}' is token {token.head + 1}, the sentence has {size} tokens"
            raise DataError(message, path, sentence.line)


def _check_same_words(sentence: DependencySentence, tree: Constituent, conllu: Path, ptb: Path) -> None:
    words, forms = tree.words(), [token.form for token in sentence.tokens]
    for i, (word, form) in enumerate(zip_longest(words, forms)):
        if word is None or form is None or _normal(word) != _normal(form):
            found = "its end" if word is None else f"'{word}'"
            expected = "ends" if form is None else f"has '{form}'"
            message = f"word {i + 1} of the tree is {found}, where the sentence at line {sentence.line} of {conllu}"
            raise DataError(f"{message} {expected}; both must have the same tokens", ptb, tree.line)


def _normal(word: str) -> str:
    """Without what the two formats write differently: brackets, quotes, escaped slashes; blanks are none in a tree."""
    return unescape(word).replace("``", '"').replace("''", '"').replace("\\/", "/").replace(" ", "_")


def find_lists(conllu: Path) -> Optional[Path]:
    """The directory of `train.txt`, `dev.txt` and `test.txt`: that of the treebank, or the one above it."""
    folder = conllu if conllu.is_dir() else conllu.parent
    return next(
        (place for place in (folder, folder.parent) if all((place / n).is_file() for n in LISTS.values())), None
    )


def split_by_lists(treebank: Dict[str, List[Sentence]], lists: Path) -> Tuple[Splits, List[str]]:
    """The sentences of each split, and the documents that no list names.

    # Raises

    DataError
        Where a list names a document that is not in the treebank, or one that another list names as well.
    """
    splits: Splits = {split: [] for split in SPLITS}
    split_of: Dict[str, str] = {}
    for split, file_name in LISTS.items():
        path = lists / file_name
        for number, line in read_lines(path):
            name = line.strip()
            if not name:
                continue
            if name not in treebank:
                raise DataError(f"there is no document '{name}' in the treebank; expected its name", path, number)
            if name in split_of:
                raise DataError(f"'{name}' is in {LISTS[split_of[name]]} as well; expected it once", path, number)
            split_of[name] = split
            splits[split].extend(treebank[name])
    return splits, [name for name in treebank if name not in split_of]


def split_at_random(treebank: Dict[str, List[Sentence]], shares: Sequence[float], seed: int) -> Splits:
    """Whole documents, such that the splits have about these shares of the sentences.

    A document goes to the split that is furthest below its share; the order of documents depends on the seed.

    # Raises

    UserError
        Where there are fewer documents than splits.
    """
    if len(treebank) < len(SPLITS):
        raise UserError(f"the treebank has {len(treebank)} documents; a split by documents needs {len(SPLITS)} or more")
    names = sorted(treebank)
    random.Random(f"{seed} splits").shuffle(names)
    splits: Splits = {split: [] for split in SPLITS}
    for place, name in enumerate(names):
        # No split stays empty, however small its share.
        empty = [split for split in SPLITS if not splits[split]]
        among = empty if empty and len(names) - place <= len(empty) else SPLITS
        emptiest = min(among, key=lambda split: len(splits[split]) / shares[SPLITS.index(split)])
        splits[emptiest].extend(treebank[name])
    return splits
