"""STREUSLE 3.0: multiword expressions and supersenses of online reviews."""

import re
from itertools import groupby
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

from hmtl.common.lines import read_lines
from hmtl.corpora.conll_columns import whole_number
from hmtl.corpora.corpus import Corpus
from hmtl.document import Document, Span
from hmtl.errors import DataError

_TAGS_FILE = "streusle.tags"
_NUM_COLUMNS = 9
_STRONG = "_"
_OUTSIDE = "O"
# Nouns are written in capitals, verbs in small letters, prepositions in both; other classes begin with a backtick.
_NOUN_OR_VERB = re.compile(r"[A-Z][A-Z ]+|[a-z]+")
_PREPOSITION = re.compile(r"[0-9A-Z].*[a-z].*")


class _Token(NamedTuple):
    """A row: `parent` is the position of the token before it in the same expression, -1 where there is none."""

    word: str
    flag: str
    parent: int
    is_strong: bool
    category: str


@Corpus.register("streusle")
class StreusleCorpus(Corpus):
    """The sentences that a list of ids names (`splits/mwe-train.sentids`) from `streusle.tags` in the folder above.

    The tags file itself may be named instead: all sentences. Each review is a `Document`, whose key is the id that its
    sentences have in common, in the order of the tags file. Its span layers are

    - `mwe`: the position of each token in a multiword expression, a span of one token labelled by the corpus's own flag
      (Schneider et al. 2014, "Discriminative lexical semantic segmentation with gaps", section 4.1): `B` for the first
      one, `Ī` and `Ĩ` for those that continue a strong or weak expression, small letters within the gap of another one;
    - `supersenses`: expressions, strong multiword ones among them, with the supersense of a noun or a verb; what a gap
      parts is two spans;
    - `prepositions`: the same with the supersense of a preposition.
    """

    def files(self, path: str) -> List[Path]:
        """The list and the tags file."""
        named = Path(str(path).partition("#")[0])
        return list(dict.fromkeys([named, _tags_file(named)]))

    def parse(self, path: Path) -> Iterator[Document]:
        if not path.is_file():
            raise DataError(
                "expected a list of sentence ids, such as 'splits/mwe-train.sentids', or 'streusle.tags'", path
            )
        tags_file = _tags_file(path)
        if not tags_file.is_file():
            raise DataError(f"the sentences that it names are looked for in {tags_file}, which does not exist", path)
        sentences = _read_sentences(tags_file)
        if path != tags_file:
            wanted = {line.strip(): number for number, line in read_lines(path) if line.strip()}
            for sentence_id, number in wanted.items():
                if sentence_id not in sentences:
                    raise DataError(f"there is no sentence '{sentence_id}' in {tags_file}", path, number)
            sentences = {key: tokens for key, tokens in sentences.items() if key in wanted}
        for review, ids in groupby(sentences, key=lambda sentence_id: sentence_id.rpartition(".")[0]):
            yield _document(review, [sentences[sentence_id] for sentence_id in ids])


def _tags_file(path: Path) -> Path:
    return path if path.suffix == ".tags" else path.parent.parent / _TAGS_FILE


def _read_sentences(path: Path) -> Dict[str, List[_Token]]:
    """The sentences by their ids, in order."""
    sentences: Dict[str, List[_Token]] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != _NUM_COLUMNS:
            raise DataError(f"expected {_NUM_COLUMNS} columns separated by tabs, found {len(cells)}", path, number)
        tokens = sentences.setdefault(cells[8].strip(), [])
        if cells[0] != str(len(tokens) + 1):
            raise DataError(f"expected token {len(tokens) + 1} of '{cells[8]}', found '{cells[0]}'", path, number)
        parent = whole_number(cells[5])
        if parent is None or parent > len(tokens):
            raise DataError(f"expected the offset of a token before this one, or 0, found '{cells[5]}'", path, number)
        flag = cells[4].partition("-")[0]
        tokens.append(_Token(cells[1], flag, parent - 1, cells[6] == _STRONG, cells[7]))
    return sentences


def _document(review: str, sentences: Sequence[Sequence[_Token]]) -> Document:
    layers: Dict[str, List[Span]] = {"mwe": [], "supersenses": [], "prepositions": []}
    first = 0
    for tokens in sentences:
        for position, token in enumerate(tokens, start=first):
            if token.flag != _OUTSIDE:
                layers["mwe"].append(Span(position, position, token.flag))
        for start, end, label in _expressions(tokens):
            is_noun_or_verb = _NOUN_OR_VERB.fullmatch(label)
            layer = "supersenses" if is_noun_or_verb else "prepositions" if _PREPOSITION.fullmatch(label) else None
            if layer is not None:
                layers[layer].append(Span(first + start, first + end, label))
        first += len(tokens)
    return Document(review, [[token.word for token in tokens] for tokens in sentences], spans=layers)


def _expressions(tokens: Sequence[_Token]) -> List[Span]:
    """The parts without gaps of single words and strong multiword expressions that have a class."""
    # For each token the first one of its strong expression.
    heads: List[int] = []
    for position, token in enumerate(tokens):
        heads.append(heads[token.parent] if token.is_strong else position)
    spans: List[Span] = []
    last: Tuple[int, str] = (-1, "")
    for position, head in enumerate(heads):
        category = tokens[head].category
        if category and (head, category) == last:
            spans[-1] = spans[-1]._replace(end=position)
        elif category:
            spans.append(Span(position, position, category))
        last = (head, category)
    return spans
