"""Named entities as one tag a token: CoNLL-2003, WNUT-17 and their like."""

from pathlib import Path
from typing import Iterator, List, Sequence

from hmtl.data.corpora.columns import Row, split_cells
from hmtl.data.corpora.corpus import Corpus
from hmtl.data.document import Document, Span
from hmtl.data.lines import read_lines
from hmtl.errors import DataError

_DOCUMENT_START = "-DOCSTART-"


@Corpus.register("conll2003")
class Conll2003Corpus(Corpus):
    """One token a row, the word in the first column, a named-entity tag in another; an empty row ends a sentence.

    `-DOCSTART-` rows separate documents, whose keys are `name_0`, `name_1` and so on after the name of the file; a file
    without such rows is one document with the file's name as its key. All rows have as many columns as the first.
    Each `Document` has the span layer `ner`.

    Tags may follow any of the schemes IOB1, BIO, BIOES and BIOUL (see `spans_of_tags`).

    # Parameters

    tag_column : `int`, optional (default = `-1`)
        The column of the tags, counted from 0, or from the end if negative.
    """

    def __init__(self, tag_column: int = -1) -> None:
        self._tag_column = tag_column

    def parse(self, path: Path) -> Iterator[Document]:
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
                    yield self._document(sentences, f"{path.name}_{num_documents}", path)
                    num_documents += 1
                    sentences = [[]]
            else:
                num_columns = num_columns or self._checked(len(cells), path, number)
                if len(cells) != num_columns:
                    message = f"expected {num_columns} columns as in the rows above, found {len(cells)}"
                    raise DataError(message, path, number)
                sentences[-1].append(Row(number, cells))
        if any(sentences):
            yield self._document(sentences, f"{path.name}_{num_documents}" if has_starts else path.name, path)

    def _checked(self, num_columns: int, path: Path, line: int) -> int:
        if num_columns < 2 or not -num_columns < self._tag_column < num_columns or self._tag_column == 0:
            message = f"expected a word in column 0 and a tag in column {self._tag_column}, found {num_columns} columns"
            raise DataError(message, path, line)
        return num_columns

    def _document(self, sentences: Sequence[Sequence[Row]], doc_key: str, path: Path) -> Document:
        words: List[List[str]] = []
        entities: List[Span] = []
        first = 0
        for rows in filter(None, sentences):
            words.append([row.cells[0] for row in rows])
            for row in rows:
                _check_tag(row.cells[self._tag_column], path, row.line)
            for start, end, label in spans_of_tags([row.cells[self._tag_column] for row in rows]):
                entities.append(Span(first + start, first + end, label))
            first += len(rows)
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


def _check_tag(tag: str, path: Path, line: int) -> None:
    prefix, _, label = tag.partition("-")
    if tag != "O" and not (prefix in ("B", "I", "E", "S", "L", "U") and label):
        raise DataError(f"expected a tag such as 'O', 'B-PER' or 'I-PER', found '{tag}'", path, line)
