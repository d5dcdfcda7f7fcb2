"""What the column formats of the CoNLL shared tasks have in common: rows, documents, and spans written as brackets."""

import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import DefaultDict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from hmtl.common.lines import read_lines
from hmtl.document import Bounds, Span
from hmtl.errors import DataError

# Of the largest number that anybody would mean. Python refuses to convert some thousand.
_MAX_DIGITS = 18


def whole_number(cell: str) -> Optional[int]:
    """The number of a cell of ASCII digits; `None` where it holds anything else, such as `²`, or far too many."""
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) <= _MAX_DIGITS else None


_BLANKS = re.compile(r"[ \t]+")
# What `str.split` takes for a blank as well.
_OTHER_BLANKS = re.compile(r"[\x0b\x0c\r\x1c-\x1f]")
_BEGIN = re.compile(r"#\s*begin document\s*\(?(?P<id>[^;]*?)\)?\s*(?:;\s*part\s+(?P<part>\S+)\s*)?")
_BRACKETS = re.compile(r"(?P<opened>(?:\([^()*]+)*)\*?(?P<closed>\)*)")
_CLUSTER_ID = re.compile(r"\(?\d+\)?")


class Row(NamedTuple):
    """A token's line: its number in the file (from 1) and its cells."""

    line: int
    cells: List[str]


class ColumnDocument(NamedTuple):
    """The rows of a document, sentence by sentence; `line` is where it begins in its file."""

    doc_key: str
    line: int
    sentences: List[List[Row]]


def split_cells(line: str) -> List[str]:
    """The cells of a row, separated by any number of blanks and tabs; none for an empty row."""
    # `str.split` is several times faster, but would also cut tokens at a no-break space and its like.
    is_plain = line.isascii() and not _OTHER_BLANKS.search(line)
    return line.split() if is_plain else [cell for cell in _BLANKS.split(line) if cell]


def read_documents(path: Path) -> Iterator[ColumnDocument]:
    """Yields the documents of a file in the manner of CoNLL-2012, one at a time.

    A document stands between `#begin document (id); part 000` and `#end document`, and its key is `id_000`; a file
    without these rows is one document named by the file's stem. Empty rows end sentences; other rows that start with
    `#` are comments.

    # Raises

    DataError
        Where a row stands outside of a document, or a document has no rows or no end.
    """
    document: Optional[ColumnDocument] = None
    sentence: List[Row] = []
    any_header = False
    for number, line in read_lines(path):
        is_comment = line.startswith("#")
        cells = [] if is_comment else split_cells(line)
        if cells:
            if document is None:
                if any_header:
                    raise DataError("a row outside of a document; expected '#begin document (id)' first", path, number)
                document = ColumnDocument(path.stem, number, [])
            if not sentence:
                document.sentences.append(sentence)
            sentence.append(Row(number, cells))
            continue
        header = _BEGIN.fullmatch(line) if is_comment else None
        if is_comment and not header and not line.startswith(("#end document", "# end document")):
            continue
        sentence = []
        if header:
            if document is not None and any_header:
                raise _without_end(document, path, f"another one begins on line {number}")
            any_header = True
        if is_comment and document is not None:
            yield _complete(document, path)
            document = None
        if header:
            doc_key = f"{header['id']}_{header['part']}" if header["part"] else header["id"]
            document = ColumnDocument(doc_key, number, [])
    if document is not None:
        if any_header:
            raise _without_end(document, path, "the file ends")
        yield _complete(document, path)


def check_columns(rows: Sequence[Row], minimum: int, path: Path) -> None:
    """Checks that the rows of a sentence have at least `minimum` cells, and all of them as many as the first.

    # Raises

    DataError
        Naming the first row that has not.
    """
    expected = len(rows[0].cells)
    if expected >= minimum and all(len(cells) == expected for _, cells in rows):
        return
    for line, cells in rows:
        if len(cells) < minimum:
            raise DataError(f"expected at least {minimum} columns, found {len(cells)}", path, line)
        if len(cells) != expected:
            message = f"expected {expected} columns as in the first row of the sentence, found {len(cells)}"
            raise DataError(message, path, line)


def bracketed_spans(rows: Sequence[Row], column: int, path: Path) -> List[Span]:
    """The labelled spans of a column such as `(PER*`, `*`, `*)`, `(GPE)`, counted from the sentence's first token.

    Brackets may nest; a closing one closes the span opened last. Outer spans precede the spans inside them.

    # Raises

    DataError
        Where a cell has another form, or brackets do not match within the sentence.
    """
    spans: List[Span] = []
    opened: List[Tuple[int, str]] = []
    for position, cell in enumerate([cells[column] for _, cells in rows]):
        if cell == "*":
            continue
        line = rows[position].line
        match = _BRACKETS.fullmatch(cell)
        if not match:
            raise DataError(f"expected a cell such as '*', '(PER*', '*)' or '(PER)', found '{cell}'", path, line)
        opened.extend((position, label) for label in match["opened"].split("(")[1:])
        for _ in match["closed"]:
            if not opened:
                raise DataError(f"unbalanced brackets: '{cell}' closes a span that no row above opened", path, line)
            start, label = opened.pop()
            spans.append(Span(start, position, label))
    if opened:
        start, label = opened[-1]
        raise DataError(f"unbalanced brackets: '({label}' is not closed in its sentence", path, rows[start].line)
    return sorted(spans, key=lambda span: (span.start, -span.end))


def coreference_mentions(rows: Sequence[Row], column: int, path: Path) -> List[Tuple[str, Bounds]]:
    """The `(cluster id, bounds)` of a column such as `(3|(5)`, `3)`, `-`, counted from the sentence's first token.

    Mentions of different clusters may cross; those of one cluster nest. The `|` may be left out, and `_` stand for `-`.

    # Raises

    DataError
        Where a cell has another form, or brackets do not match within the sentence.
    """
    mentions: List[Tuple[str, Bounds]] = []
    opened: DefaultDict[str, List[int]] = defaultdict(list)
    for position, cell in enumerate([cells[column] for _, cells in rows]):
        if cell == "-" or cell == "_":
            continue
        line = rows[position].line
        brackets = _coreference_brackets(cell)
        if brackets is None:
            message = f"expected a coreference cell such as '-', '(3', '3)' or '(3|(5)', found '{cell}'"
            raise DataError(message, path, line)
        for bracket in brackets:
            cluster = bracket.strip("()")
            if bracket.startswith("("):
                opened[cluster].append(position)
            if bracket.endswith(")"):
                if not opened[cluster]:
                    message = f"unbalanced brackets: '{bracket}' closes a mention that no row above opened"
                    raise DataError(message, path, line)
                mentions.append((cluster, (opened[cluster].pop(), position)))
    for cluster, starts in opened.items():
        if starts:
            message = f"unbalanced brackets: '({cluster}' is not closed in its sentence"
            raise DataError(message, path, rows[starts[-1]].line)
    return mentions


@lru_cache(maxsize=4096)
def _coreference_brackets(cell: str) -> Optional[List[str]]:
    """The brackets of a cell, such as `(3` and `(5)` of `(3|(5)`; nothing where it has another form."""
    brackets = _CLUSTER_ID.findall(cell)
    if "".join(brackets) != cell.replace("|", "") or any(bracket.isdigit() for bracket in brackets):
        return None
    return brackets


def group_clusters(mentions: Iterable[Tuple[str, Bounds]]) -> List[List[Bounds]]:
    """Clusters in order of their first mention, the mentions of each in order and each bounds once."""
    clusters: DefaultDict[str, Set[Bounds]] = defaultdict(set)
    for cluster, bounds in mentions:
        clusters[cluster].add(bounds)
    return sorted(sorted(cluster) for cluster in clusters.values())


def _without_end(document: ColumnDocument, path: Path, instead: str) -> DataError:
    message = f"document '{document.doc_key}' begins here and has no '#end document': {instead}; is the file complete?"
    return DataError(message, path, document.line)


def _complete(document: ColumnDocument, path: Path) -> ColumnDocument:
    if not document.sentences:
        raise DataError(f"document '{document.doc_key}' has no rows; remove it", path, document.line)
    return document
