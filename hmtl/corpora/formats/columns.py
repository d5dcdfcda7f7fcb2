"""Any table with one token a row, a column of words and a column of tags."""

import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from hmtl.alignment import Annotations, Changes, LabelledBounds
from hmtl.common.checks import did_you_mean
from hmtl.common.lines import read_lines
from hmtl.corpora.conll2003 import are_numbers
from hmtl.corpora.conll_columns import split_cells
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.sample import Sample, is_comment
from hmtl.corpora.formats.tags import OUTSIDE, SCHEMES, scheme_of, spans_by_scheme
from hmtl.corpora.formats.text_corpus import ToolCorpus, label_of
from hmtl.errors import ConfigurationError, DataError

_DOCUMENT_START = "-DOCSTART-"
_SUFFIXES = (".conll", ".iob", ".iob2", ".bio", ".bioes", ".tsv", ".txt", ".csv", ".conllup", ".data", ".tags")
_NAMES = re.compile(r"#\s*(?:global\.)?columns\s*[=:]\s*(?P<names>.+)", re.IGNORECASE)
_DOCUMENT = re.compile(r"#\s*(?:newdoc|doc|document)(?:[_ ]?(?:id|name))?\s*[=:]?\s*(?P<id>.*)", re.IGNORECASE)
# AIDA's way to name a document, and ours.
_KEY = re.compile(r"-DOCSTART- \((?P<id>.+)\)")
_TAG = re.compile(r"[BIMELSUW](?:[-_].+)?|.+[-_][BIMELSUW]|O", re.DOTALL)
_CUT_TAG = re.compile(r"[BIMELSUW][-_]")
_SEPARATORS = {"tab": "\t", "comma": ",", "space": " ", "blanks": None}
_WORD_NAMES = ("word", "words", "token", "tokens", "form", "text")
_TAG_NAMES = ("ner", "ner_tag", "ner_tags", "tag", "tags", "label", "labels", "entity", "iob")


class _Row(NamedTuple):
    line: int
    cells: List[str]


@Corpus.register("columns")
class ColumnsCorpus(ToolCorpus):
    """One token a row; an empty row ends a sentence; a `-DOCSTART-` row, `-DOCSTART- (NAME)`, or a comment
    `# newdoc id = NAME`, begins a document, or else a file is one. Each `Document` has the span layer `ner`, or another
    that `layer` names.

    Rows that begin with `#` and a blank, and have no tab, are comments. Columns are named by a first row such as
    `word  tag`, by `# global.columns = FORM NER`, or are numbers from 0, or from the end if negative.

    # Parameters

    word, tag : `Union[int, str]`, optional (default = `None`)
        The columns of words and tags. By default those with such a name; else the last column in which all cells are
        tags, and the first column, or the second where the first counts the tokens of each sentence.
    separator : `str`, optional (default = `None`)
        `"tab"`, `"space"` (one), `"comma"` or `"blanks"` (any number of blanks and tabs); by default tabs if each row
        has one, and else blanks.
    scheme : `str`, optional (default = `"auto"`)
        How tags make spans: see `scheme_of`.
    layer : `str`, optional (default = `"ner"`)
    """

    title = "columns with one token a row and IOB, IOBES, BMES, BILOU or IO tags"

    def __init__(
        self,
        word: Union[int, str] = None,
        tag: Union[int, str] = None,
        separator: str = None,
        scheme: str = "auto",
        layer: str = "ner",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if separator is not None and separator not in _SEPARATORS:
            raise ConfigurationError(f"separator is {separator!r}; expected one of {', '.join(_SEPARATORS)}")
        if scheme not in SCHEMES:
            raise ConfigurationError(f"scheme is {scheme!r}; expected one of {', '.join(SCHEMES)}")
        self._word, self._tag = _column(word), _column(tag)
        self._separator = separator
        self._scheme = scheme
        self._layer = layer

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        if sample.is_folder or not sample.rows or len(set(map(len, sample.rows))) > 1 or len(sample.rows[0]) < 2:
            return False
        rows = sample.rows[1:] if _header(sample.rows[0]) else sample.rows
        return bool(rows) and _tag_column(rows) is not None

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.suffix.lower() in _SUFFIXES)
        if not files:
            yield DataError(f"no file of columns below this folder; expected one of {', '.join(_SUFFIXES)}", path)
        for file in files:
            try:
                names, documents = self._rows(file)
                word, tag = self._columns(names, documents, file)
            except DataError as error:
                yield error
                continue
            scheme = self._scheme
            if scheme == "auto":
                tags = [row.cells[tag] for _, sentences in documents for rows in sentences for row in rows]
                scheme = scheme_of(tags)
            for key, sentences in documents:
                try:
                    yield from self._document(key, sentences, word, tag, scheme, changes, file)
                except DataError as error:
                    yield error

    def _rows(self, path: Path) -> Tuple[List[str], List[Tuple[str, List[List[_Row]]]]]:
        """The names of the columns, and for each document its key and its sentences."""
        lines = list(read_lines(path))
        with_tabs = all("\t" in line for _, line in lines if line.strip() and not _is_no_row(line))
        separator = self._separator or ("tab" if with_tabs else "blanks")
        names: List[str] = []
        documents: List[Tuple[str, List[List[_Row]]]] = [("", [[]])]
        num_columns = 0
        for number, line in lines:
            if is_comment(line):
                columns, start = _NAMES.fullmatch(line), _DOCUMENT.fullmatch(line)
                if columns:
                    names = re.split(r"[,\s|]+", columns["names"].strip())
                elif start:
                    documents.append((start["id"].strip(), [[]]))
                continue
            if line.startswith(_DOCUMENT_START):
                key = _KEY.fullmatch(line)
                documents.append((key["id"].strip() if key else "", [[]]))
                continue
            if not line.strip():
                documents[-1][1].append([])
                continue
            character = _SEPARATORS[separator]
            cells = split_cells(line) if character is None else line.split(character)
            if not num_columns and not names and _header(cells):
                names = cells
                continue
            num_columns = num_columns or len(cells)
            if len(cells) != num_columns:
                by = separator if separator == "blanks" else f"{separator}s"
                message = f"expected {num_columns} columns as in the rows above, found {len(cells)} (separated by {by})"
                raise DataError(message, path, number)
            documents[-1][1][-1].append(_Row(number, cells))
        found = [(key, [rows for rows in sentences if rows]) for key, sentences in documents]
        filled = [(key, sentences) for key, sentences in found if sentences]
        has_starts = len(documents) > 1
        return names, [
            (key or (f"{path.name}_{number}" if has_starts else path.name), sentences)
            for number, (key, sentences) in enumerate(filled)
        ]

    def _columns(self, names: List[str], documents: List[Tuple[str, List[List[_Row]]]], path: Path) -> Tuple[int, int]:
        """The numbers of the columns of words and of tags."""
        rows = [row for _, sentences in documents for sentence in sentences for row in sentence]
        if not rows:
            raise DataError("no rows found; is the file empty?", path)
        cells = [row.cells for row in rows]
        width = len(cells[0])
        word = _numbered(self._word, names, _WORD_NAMES, width, "word", path)
        tag = _numbered(self._tag, names, _TAG_NAMES, width, "tag", path)
        if word is None:
            sentences = [[row.cells[0] for row in s] for _, found in documents for s in found]
            word = 1 if width > 2 and are_numbers(sentences) else 0
        if tag is None:
            tag = _tag_column([row for row in cells if len(row) == width], word)
        if tag is None or tag == word:
            message = (
                f"none of the {width} columns ({' | '.join(cells[0])[:80]}) has tags alone, such as 'O' and 'B-PER'"
            )
            raise DataError(f"{message}; name those of words and tags: --word 0 --tag -1", path, rows[0].line)
        return word, tag

    def _document(
        self,
        key: str,
        sentences: Sequence[Sequence[_Row]],
        word: int,
        tag: int,
        scheme: str,
        changes: Changes,
        path: Path,
    ) -> Iterator[Attempt]:
        spans: List[LabelledBounds] = []
        first = 0
        for rows in sentences:
            try:
                found = spans_by_scheme([row.cells[tag] for row in rows], scheme)
            except DataError:
                for row in rows:
                    try:
                        spans_by_scheme([row.cells[tag]], scheme)
                    except DataError as error:
                        raise DataError(error.message, path, row.line) from None
                raise
            spans += [
                (first + start, first + end, label_of(label, "a tag", path, rows[start].line))
                for start, end, label in found
            ]
            first += len(rows)
        words = [[row.cells[word] for row in rows] for rows in sentences]
        line = sentences[0][0].line
        yield from self._from_tokens(key, words, Annotations({self._layer: spans}), changes, path, line)


def _is_no_row(line: str) -> bool:
    return is_comment(line) or line.startswith(_DOCUMENT_START)


def _column(name: Union[int, str, None]) -> Union[int, str, None]:
    return int(name) if isinstance(name, str) and re.fullmatch(r"-?\d+", name) else name


def _header(cells: Sequence[str]) -> bool:
    """Whether a row names its columns."""
    lowered = [cell.lower() for cell in cells]
    return any(name in lowered for name in _WORD_NAMES) and any(name in lowered for name in _TAG_NAMES)


def _numbered(
    column: Union[int, str, None], names: List[str], usual: Sequence[str], width: int, what: str, path: Path
) -> Optional[int]:
    if isinstance(column, int):
        if not -width <= column < width:
            raise DataError(f"there is no column {column} for the {what}: the rows have {width} columns", path)
        return column % width
    lowered: Dict[str, int] = {name.lower(): number for number, name in reversed(list(enumerate(names)))}
    if isinstance(column, str):
        if column.lower() not in lowered:
            known = ", ".join(names) or "none has a name"
            advice = did_you_mean(column, names, f"the columns are: {known}")
            raise DataError(f"there is no column '{column}' for the {what}; {advice}", path)
        return lowered[column.lower()]
    return next((lowered[name] for name in usual if name in lowered), None)


def _tag_column(rows: Sequence[Sequence[str]], word: int = 0) -> Optional[int]:
    """The last column in which all cells are tags, and some of them more than letters; or all are outside."""
    for column in reversed(range(len(rows[0]))):
        cells = {row[column] for row in rows if column < len(row)}
        if column != word and all(_TAG.fullmatch(cell) for cell in cells):
            return column
    # Labels without prefixes: few of them, and most tokens outside.
    for column in reversed(range(len(rows[0]))):
        cells = {row[column] for row in rows if column < len(row)}
        has_outside = any(outside in cells for outside in OUTSIDE[:2])
        is_small = len(cells) <= max(8, len(rows) // 8)
        if column != word and has_outside and is_small and not any(_CUT_TAG.fullmatch(cell) for cell in cells):
            return column
    return None
