"""Texts, and pairs of texts, with labels or numbers, a row each: tables, JSON lines, rows of the Hugging Face Hub."""

import csv
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from hmtl.alignment import Changes
from hmtl.common.checks import shown
from hmtl.common.lines import read_lines
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.huggingface import TABLES, names_beside, read_rows, read_table, schema_of
from hmtl.corpora.formats.sample import Sample, shown_keys
from hmtl.corpora.formats.text_corpus import ToolCorpus
from hmtl.document import LABELS, SECOND_TEXT, Document
from hmtl.errors import DataError
from hmtl.text import TokenizedText

# What columns are called, in lower case: the two texts of a pair, the first that are there; or one text.
_PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("sentence_a", "sentence_b"),
    ("#1 string", "#2 string"),
    ("text", "text_pair"),
    ("text_a", "text_b"),
    ("text1", "text2"),
    ("question", "sentence"),
)
_TEXTS = ("text", "sentence", "content", "document")
# Columns of labels, and the layers that they become; a layer takes the first column that is there.
_LABELS = {
    "gold_label": "label",
    "label": "label",
    "labels": "label",
    "is_duplicate": "label",
    "quality": "label",
    "entailment_judgment": "entailment",
    "entailment_label": "entailment",
}
# And those of numbers.
_NUMBERS = {"score": "score", "similarity": "score", "similarity_score": "score", "relatedness_score": "relatedness"}
_KEYS = ("doc_key", "id", "guid", "idx", "index", "pairid", "pair_id")
# What stands in the place of a label that nobody agreed on (SNLI), and of those that are kept secret (GLUE, as the Hub
# has it).
_NO_LABEL = ("-", "")
_SECRET = -1
# Tables without a header: CoLA, and the STS benchmark.
_COLA = ("source", "label", "original", "sentence")
_STS = ("genre", "file", "year", "number", "score", "sentence1", "sentence2")


class _Row(NamedTuple):
    """A row by its columns, in lower case; its number, from 1, and its line, where it is known."""

    number: int
    line: Optional[int]
    cells: Dict[str, Any]


class _Columns(NamedTuple):
    """Which columns have the text, the second one, if any, and each layer."""

    text: str
    text_pair: Optional[str]
    layers: Dict[str, str]


@Corpus.register("labelled")
class LabelledTextsCorpus(ToolCorpus):
    """A text, or a pair of texts, in each row, with labels or numbers. Each row is a document, with layers of labels of
    the document, and of a pair with `second_text` (see `Document`).

    Files are tables between tabs, or commas (`.csv`), with a header, or those of CoLA and of the STS benchmark, which
    have none; JSON lines or a JSON list; Parquet or Arrow. Their columns are found by their names, which are those of
    SNLI, MultiNLI, SICK, the STS benchmark, GLUE's tasks and their like:

    - `sentence1` and `sentence2`, `premise` and `hypothesis`, `question1` and `question2`, `question` and `sentence`,
      `sentence_A` and `sentence_B`, `text` and `text_pair`, and others, or `text` or `sentence` alone;
    - `label`, `labels`, `gold_label`, `is_duplicate` and `Quality` become the layer `label`, `entailment_judgment`
      `entailment`, `score` and `similarity` the numbers `score`, and `relatedness_score` `relatedness`.

    Numbered labels have their names where the file, or a `dataset_info.json` or `README.md` beside it, says them, or
    the numbers. Rows whose `gold_label` is `-` are left out, and counted; those whose label is secret have none.

    # Parameters

    text, text_pair : `str`, optional
        The columns of the text, and of the second one.
    layers : `Dict[str, str]`, optional
        The columns of labels, by the names of the layers that they become.
    numbers : `List[str]`, optional
        Those of these layers that hold numbers.
    label_names : `List[str]`, optional
        The names of numbered labels, in their order.
    """

    title = "texts, or pairs of texts, with labels"

    def __init__(
        self,
        text: str = None,
        text_pair: str = None,
        layers: Dict[str, str] = None,
        numbers: Sequence[str] = (),
        label_names: List[str] = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._text = text
        self._text_pair = text_pair
        self._layers = layers
        self._numbers = {*_NUMBERS.values()} if layers is None else set(numbers)
        self._label_names = label_names

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        if sample.is_folder or sample.suffix in TABLES or sample.head[:4] == b"PAR1":
            first = next((file for file in sample.files if file.suffix.lower() in TABLES), sample.path)
            return first.is_file() and first.suffix.lower() in TABLES and _looks_labelled(schema_of(first))
        if sample.record is not None:
            return _looks_labelled({name: value for name, value in sample.keys.items() if _is_value(value)})
        if not sample.lines:
            return False
        cells = next(csv.reader([sample.lines[0]])) if "\t" not in sample.lines[0] else sample.lines[0].split("\t")
        return _looks_labelled(_header(cells) or cells)

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        suffixes = (*TABLES, ".tsv", ".csv", ".txt", ".jsonl", ".json")
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix in suffixes)
        for file in files:
            if file.name not in ("dataset_info.json", "state.json", "dataset_dict.json"):
                yield from self._file(file, changes)

    def _file(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        names = {name.lower(): values for name, values in names_beside(path).items()}
        if path.suffix.lower() in TABLES or path.read_bytes()[:4] == b"PAR1":
            of_features, found = read_table(path)
            rows: Iterable[Tuple[int, Optional[int], Any]] = found
            names.update((name.lower(), values) for name, values in of_features.items())
        elif Sample(path).record is not None or Sample(path).is_list:
            rows = read_rows(path)
        else:
            rows = _table(path)
        for number, line, value in rows:
            try:
                if isinstance(value, DataError):
                    raise value
                if not isinstance(value, Mapping):
                    raise DataError(f"expected an object with a text and a label, found {shown(value)}")
                row = _Row(number, line, {str(name).lower(): cell for name, cell in value.items()})
                yield from self._document(path, row, names, changes)
            except DataError as error:
                yield DataError(error.message if line else f"row {number}: {error.message}", path, line)

    def _document(self, path: Path, row: _Row, names: Mapping[str, List[str]], changes: Changes) -> Iterator[Attempt]:
        columns = self._columns(row.cells)
        key = _key(path.stem, row)
        entries = {
            layer: self._entry(layer, column, row.cells[column], names) for layer, column in columns.layers.items()
        }
        if any(row.cells[column] == "-" for column in columns.layers.values()):
            changes.drop("document", "its label is '-': the annotators did not agree", key)
            return
        texts = [self._split(_text(row.cells, name)) for name in (columns.text, columns.text_pair) if name is not None]
        if not all(map(len, texts)):
            changes.drop("document", "a text without words", key)
            return
        whole = texts[0] if len(texts) == 1 else TokenizedText.joined(*texts)
        metadata: Dict[str, Any] = {"text": whole.text, "token_offsets": [list(each) for each in whole.token_offsets]}
        if len(texts) == 2:
            metadata[SECOND_TEXT] = len(texts[0].sentences)
        if entries:
            metadata[LABELS] = {"document": entries}
        yield Document(key, whole.sentences, metadata=metadata).validate()

    def _columns(self, cells: Mapping[str, Any]) -> _Columns:
        """Where a row has what.

        # Raises

        DataError
            Where it has no text, or lacks a column that was named.
        """
        given = [self._text, self._text_pair, *(self._layers or {}).values()]
        for name in filter(None, given):
            if name.lower() not in cells:
                raise DataError(f"there is no column '{name}', only {shown_keys(list(cells))}")
        layers = {layer: column.lower() for layer, column in (self._layers or {}).items()}
        if self._layers is None:
            for column, layer in {**_LABELS, **_NUMBERS}.items():
                if column in cells:
                    layers.setdefault(layer, column)
        if self._text is not None:
            return _Columns(self._text.lower(), None if self._text_pair is None else self._text_pair.lower(), layers)
        pair = next((pair for pair in _PAIRS if all(name in cells for name in pair)), None)
        text = next((name for name in _TEXTS if name in cells), None)
        if pair is None and text is None:
            raise DataError(
                f"no column of a text among {shown_keys(list(cells))}; expected 'text' or 'sentence', or for pairs "
                "'sentence1' and 'sentence2' and their like; name yours by the options text, text_pair and layers"
            )
        return _Columns(*pair, layers) if pair is not None else _Columns(str(text), None, layers)

    def _entry(self, layer: str, column: str, cell: Any, names: Mapping[str, List[str]]) -> Any:
        """The entry of a layer: a number, a label, several, or `None`."""
        if layer in self._numbers:
            return _number(column, cell)
        if isinstance(cell, list):
            return [self._label(column, each, names) for each in cell]
        return self._label(column, cell, names)

    def _label(self, column: str, cell: Any, names: Mapping[str, List[str]]) -> Optional[str]:
        if isinstance(cell, bool):
            return str(cell).lower()
        if type(cell) is int:
            known = self._label_names or names.get(column)
            if cell == _SECRET:
                return None
            if known is not None and not 0 <= cell < len(known):
                raise DataError(f"'{column}' is {cell}, and there are {len(known)} names, for 0 to {len(known) - 1}")
            return str(cell) if known is None else known[cell]
        if cell is None or (isinstance(cell, str) and cell.strip() in _NO_LABEL):
            return None
        if not isinstance(cell, str):
            advice = "; for numbers name the layer in the option numbers" if isinstance(cell, float) else ""
            raise DataError(f"'{column}' is {shown(cell)}; expected a label{advice}")
        return cell.strip()


def _number(column: str, cell: Any) -> Optional[float]:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise DataError(f"'{column}' is {shown(cell)}; expected a number") from None


def _text(cells: Mapping[str, Any], column: str) -> str:
    if not isinstance(cells[column], str):
        raise DataError(f"'{column}' is {shown(cells[column])}; expected a text")
    return cells[column]


def _key(stem: str, row: _Row) -> str:
    """What names a row: what it says itself, where a number led by the name of the file, or its number."""
    for name in _KEYS:
        value = row.cells.get(name)
        if isinstance(value, str) and value.strip() and not value.strip().isdecimal():
            return value.strip()
        if isinstance(value, (int, str)) and str(value).strip():
            return f"{stem}_{str(value).strip()}"
    return f"{stem}_{row.number}"


def _table(path: Path) -> Iterator[Tuple[int, Optional[int], Any]]:
    """The rows of a table, by its header; in place of a row that has too few cells the error."""
    header: Optional[List[str]] = None
    number = 0
    for line, cells in _lines(path):
        if header is None:
            header = _header(cells)
            if header is None:
                header = [cell.strip() for cell in cells]
                continue
        number += 1
        # What stands behind the last column of the STS benchmark is the licence of the texts.
        is_whole = len(cells) >= len(header)
        found = dict(zip(header, cells)) if is_whole else _too_few(cells, header)
        yield number, line, found


def _too_few(cells: List[str], header: Sequence[str]) -> DataError:
    return DataError(f"{len(cells)} columns, expected {len(header)}: {', '.join(header)}")


def _lines(path: Path) -> Iterator[Tuple[int, List[str]]]:
    """The cells of each line that is not empty. Cells between tabs have no quotation marks of their own; those between
    commas may."""
    lines = [(number, line) for number, line in read_lines(path) if line.strip()]
    if not lines:
        return
    if "\t" in lines[0][1]:
        yield from ((number, line.split("\t")) for number, line in lines)
        return
    reader = csv.reader(line for _, line in lines)
    for cells in reader:
        yield lines[reader.line_num - 1][0], cells


def _header(cells: Sequence[str]) -> Optional[List[str]]:
    """The columns of a table without a header, by its first row, or `None`."""
    if len(cells) == len(_COLA) and cells[1] in ("0", "1") and cells[2] in ("", "*"):
        return list(_COLA)
    if len(cells) >= len(_STS) and cells[3].isdecimal() and cells[0].startswith("main-"):
        return list(_STS)
    return None


def _looks_labelled(names: Any) -> bool:
    """Whether columns of these names hold texts with labels."""
    found = {str(name).lower() for name in names}
    has_text = any(found.issuperset(pair) for pair in _PAIRS) or bool(found & set(_TEXTS))
    return has_text and bool(found & {*_LABELS, *_NUMBERS}) and not found & {"tokens", "sentences", "entities", "spans"}


def _is_value(value: Any) -> bool:
    """Whether a JSON value can be a text, a label or several."""
    return not isinstance(value, dict) and (not isinstance(value, list) or all(isinstance(each, str) for each in value))
