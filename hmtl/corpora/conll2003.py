"""Named entities as one tag a token: CoNLL-2003, WNUT-17 and their like."""

from functools import partial
from pathlib import Path
from typing import Iterator, List, Sequence

from hmtl.common.lines import read_lines
from hmtl.corpora.conll_columns import Row, split_cells
from hmtl.corpora.corpus import Attempt, Corpus, attempted
from hmtl.document import Document, Span
from hmtl.errors import ConfigurationError, DataError

_DOCUMENT_START = "-DOCSTART-"


@Corpus.register("conll2003")
class Conll2003Corpus(Corpus):
    """One token a row, the word in one column, a named-entity tag in another; an empty row ends a sentence.

    `-DOCSTART-` rows separate documents, whose keys are `name_0`, `name_1` and so on after the name of the file; a file
    without such rows is one document with the file's name as its key. All rows have as many columns as the first.
    Each `Document` has the span layer `ner`.

    Tags may follow any of the schemes IOB1, BIO, BIOES and BIOUL (see `spans_of_tags`).

    # Parameters

    tag_column : `int`, optional (default = `-1`)
        The column of the tags, counted from 0, or from the end if negative.
    word_column : `int`, optional (default = `0`)
        The column of the words, counted likewise. Files in which the first column numbers the tokens of each sentence
        (WikiGold, MultiCoNER and their like) need 1.

    # Raises

    ConfigurationError
        Where a column is no whole number.
    """

    def __init__(self, tag_column: int = -1, word_column: int = 0) -> None:
        for name, column in (("tag_column", tag_column), ("word_column", word_column)):
            if not isinstance(column, int) or isinstance(column, bool):
                raise ConfigurationError(f"the corpus 'conll2003': {name} is {column!r}; expected a whole number")
        self._tag_column = tag_column
        self._word_column = word_column

    def parse(self, path: Path) -> Iterator[Attempt]:
        if not path.is_file():
            raise DataError("expected a file, found a directory; name one of its files", path)
        sentences: List[List[Row]] = [[]]
        num_columns = 0
        num_documents = 0
        has_starts = False
        for number, line in read_lines(path):
            cells = split_cells(line)
            if not cells:
                sentences.append([])
            elif cells[0] == _DOCUMENT_START:
                has_starts = True
                if any(sentences):
                    yield attempted(partial(self._document, sentences, f"{path.name}_{num_documents}", path))
                    num_documents += 1
                    sentences = [[]]
            else:
                num_columns = num_columns or self._checked(len(cells), path, number)
                if len(cells) != num_columns:
                    message = f"expected {num_columns} columns as in the rows above, found {len(cells)}"
                    raise DataError(message, path, number)
                sentences[-1].append(Row(number, cells))
        if any(sentences):
            doc_key = f"{path.name}_{num_documents}" if has_starts else path.name
            yield attempted(partial(self._document, sentences, doc_key, path))

    def _checked(self, num_columns: int, path: Path, line: int) -> int:
        columns = {column % num_columns for column in (self._word_column, self._tag_column)}
        if len(columns) < 2 or not all(-num_columns <= c < num_columns for c in (self._word_column, self._tag_column)):
            message = (
                f"expected a word in column {self._word_column} and a tag in column {self._tag_column}, found "
                f"{num_columns} columns"
            )
            raise DataError(message, path, line)
        return num_columns

    def _document(self, sentences: Sequence[Sequence[Row]], doc_key: str, path: Path) -> Document:
        words: List[List[str]] = []
        entities: List[Span] = []
        first = 0
        for rows in filter(None, sentences):
            words.append([row.cells[self._word_column] for row in rows])
            for row in rows:
                _check_tag(row.cells[self._tag_column], path, row.line)
            for start, end, label in spans_of_tags([row.cells[self._tag_column] for row in rows]):
                entities.append(Span(first + start, first + end, label))
            first += len(rows)
        if are_numbers(words):
            line = next(rows for rows in sentences if rows)[0].line
            message = (
                f"column {self._word_column} counts the tokens of each sentence and holds no words; name the column of "
                """the words: --corpus '{"type": "conll2003", "word_column": 1}'"""
            )
            raise DataError(message, path, line)
        return Document(doc_key, words, spans={"ner": entities})


def spans_of_tags(tags: Sequence[str]) -> List[Span]:
    """The spans of a sentence's tags, whichever of IOB1, BIO, BIOES and BIOUL they follow.

    A span begins at every `B-`, `S-` and `U-`, and at `I-`, `E-` and `L-` unless the token before belongs to an open
    span of the same label; it ends at `E-`, `L-`, `S-` and `U-`, and before whatever does not continue it. No sequence
    is refused, as with the scorer of CoNLL-2000.
    """
    spans: List[Span] = []
    is_open = False
    for position, tag in enumerate(tags):
        prefix, _, label = tag.partition("-")
        if prefix == "O":
            is_open = False
            continue
        if is_open and prefix in "IEL" and spans[-1].label == label:
            spans[-1] = spans[-1]._replace(end=position)
        else:
            spans.append(Span(position, position, label))
        is_open = prefix in "BI"
    return spans


def are_numbers(sentences: Sequence[Sequence[str]]) -> bool:
    """Whether the words of every sentence are 1, 2, 3 and so on, or 0, 1, 2; a sentence of one may be a number."""
    if max(map(len, sentences)) < 2 or sentences[0][0] not in ("0", "1"):
        return False
    first = int(sentences[0][0])
    return all(list(words) == [str(first + number) for number in range(len(words))] for words in sentences)


def _check_tag(tag: str, path: Path, line: int) -> None:
    prefix, _, label = tag.partition("-")
    if tag != "O" and not (prefix in ("B", "I", "E", "S", "L", "U") and label):
        raise DataError(f"expected a tag such as 'O', 'B-PER' or 'I-PER', found '{tag}'", path, line)
