"""LitBank, from its repository."""

from argparse import ArgumentParser, Namespace
from bisect import bisect_right
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from hmtl.common.lines import read_lines
from hmtl.corpora.conll2003 import spans_of_tags
from hmtl.corpora.conll_columns import Row, coreference_mentions, group_clusters, read_documents
from hmtl.corpora.preparation.report import consistent
from hmtl.corpora.preparation.source import SINGLETONS_HELP, Converted, Dropped, Source, Unit
from hmtl.corpora.preparation.sources.split_files import SPLITS
from hmtl.document import Bounds, Document, Span
from hmtl.errors import DataError, UserError

FOLDS = 10
# Of coref/conll: the word, and the brackets of coreference, which may be missing where there are none.
_WORD, _COREFERENCE = 3, 12
# The clusters of one mention in the whole corpus.
_SINGLETONS = 5_763


@Source.register("litbank")
class LitbankSource(Source):
    """LitBank: nested entities and coreference of English fiction.

    The entities of `entities/tsv`, nested ones among them, become the layer `ner`: they are whole phrases with their
    types. The coreference of `coref/conll` marks pronouns too, which the entities leave out.

    Papers: Bamman, Popat and Shen, 2019 (NAACL); Bamman, Lewke and Mansoor, 2020 (LREC), with the ten folds. The
    figures are of the whole corpus, which each fold divides anew.

    # Parameters

    directory : `Path`
        The repository `dbamman/litbank`.
    lists : `Path`
        Holds `FOLD/train.ids`, `dev.ids` and `test.ids`: `data/litbank_tenfold_splits` of `dbamman/lrec2020-coref`.
    fold : `int`, optional (default = `0`)
        Which of the ten folds.
    singletons : `bool`, optional (default = `False`)
        Whether clusters of one mention stay; LitBank annotates them, OntoNotes does not. They can only be missed unless
        the coreference head has `predict_singletons`.
    """

    def __init__(self, directory: Path, lists: Path, fold: int = 0, singletons: bool = False) -> None:
        self._directory = directory
        self._fold = fold
        self._singletons = singletons
        self._names = {split: _names(lists / str(fold) / f"{split}.ids") for split in SPLITS}
        self.expected = {split: {"documents": len(names)} for split, names in self._names.items()}
        lost = 0 if singletons else _SINGLETONS
        self.expected_in_all = {
            "documents": 100,
            "tokens": 210_532,
            "ner": 13_912,
            "clusters": 7_927 - lost,
            "mentions in clusters": 29_103 - lost,
        }

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--dir", type=Path, required=True, metavar="LITBANK", help="the repository dbamman/litbank")
        parser.add_argument(
            "--split",
            type=Path,
            required=True,
            metavar="FOLDS",
            help="the published lists: data/litbank_tenfold_splits of the repository dbamman/lrec2020-coref",
        )
        parser.add_argument("--fold", type=int, default=0, choices=range(FOLDS), help="which of them")
        parser.add_argument(
            "--singletons", action="store_true", help=f"keep clusters of one mention. {SINGLETONS_HELP}"
        )

    @classmethod
    def from_arguments(cls, arguments: Namespace) -> "LitbankSource":
        for folder in ("entities/tsv", "coref/conll"):
            if not (arguments.dir / folder).is_dir():
                raise UserError(f"{arguments.dir}: expected LitBank's repository, with a directory '{folder}'")
        return cls(arguments.dir, arguments.split, arguments.fold, arguments.singletons)

    def splits(self) -> Dict[str, List[Unit]]:
        entities, coreference = self._directory / "entities" / "tsv", self._directory / "coref" / "conll"
        return {
            split: [Unit(name, (entities / f"{name}.tsv", coreference / f"{name}.conll")) for name in names]
            for split, names in self._names.items()
        }

    def convert(self, unit: Unit) -> Converted:
        entities, coreference = unit.paths
        sentences, spans = _read_entities(entities)
        document = Document(
            unit.key, sentences, spans={"ner": spans}, metadata={"gutenberg_id": unit.key.split("_")[0]}
        )
        mentions = _read_mentions(coreference, document.tokens)
        within = [(cluster, bounds) for cluster, bounds in mentions if not _crosses(bounds, document.sentence_starts)]
        document.clusters = group_clusters(within)
        document.validate(entities)
        converted = consistent(document, self._singletons)
        converted.dropped[:0] = [
            Dropped(unit.key, "mention", "leaves its sentence", f"[{start}, {end}] of cluster {cluster}")
            for cluster, (start, end) in mentions
            if _crosses((start, end), document.sentence_starts)
        ]
        return converted

    def settings(self) -> Dict[str, Any]:
        return {"fold": self._fold, "singletons": self._singletons, "tokeniser": "LitBank's own tokens"}


def _names(path: Path) -> List[str]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; --split takes data/litbank_tenfold_splits of dbamman/lrec2020-coref")
    return [line.strip().removesuffix(".tsv") for _, line in read_lines(path) if line.strip()]


def _read_entities(path: Path) -> Tuple[List[List[str]], List[Span]]:
    """The sentences of a file of a word and some columns of BIO tags a row, and the spans of all columns, sorted."""
    sentences: List[List[str]] = []
    spans: List[Span] = []
    rows: List[List[str]] = []
    first = 0

    def end_sentence() -> None:
        nonlocal first, rows
        if rows:
            sentences.append([row[0] for row in rows])
            for tags in zip(*(row[1:] for row in rows)):
                spans.extend(Span(first + start, first + end, label) for start, end, label in spans_of_tags(tags))
            first += len(rows)
            rows = []

    for number, line in read_lines(path):
        cells = line.rstrip().split("\t")
        if cells == [""]:
            end_sentence()
            continue
        if len(cells) < 2 or (rows and len(cells) != len(rows[0])):
            expected = f"{len(rows[0])} columns as in the row above" if rows else "a word and columns of tags"
            raise DataError(f"expected {expected}, separated by tabs, found {len(cells)}", path, number)
        for tag in cells[1:]:
            if tag != "O" and not (tag[:2] in ("B-", "I-") and tag[2:]):
                raise DataError(f"expected a tag such as 'O', 'B-PER' or 'I-PER', found '{tag}'", path, number)
        rows.append(cells)
    end_sentence()
    if not sentences:
        raise DataError("no tokens found; expected a word and columns of BIO tags a row", path)
    return sentences, sorted(spans, key=lambda span: (span.start, -span.end, span.label))


def _read_mentions(path: Path, tokens: Sequence[str]) -> List[Tuple[str, Bounds]]:
    """The cluster and the bounds of each mention of a file that has the same tokens."""
    rows: List[Row] = []
    for document in read_documents(path):
        rows += (row for sentence in document.sentences for row in sentence)
    for position, (line, cells) in enumerate(rows):
        if len(cells) not in (_COREFERENCE, _COREFERENCE + 1):
            raise DataError(f"expected {_COREFERENCE} or {_COREFERENCE + 1} columns, found {len(cells)}", path, line)
        if position >= len(tokens) or cells[_WORD] != tokens[position]:
            expected = f"'{tokens[position]}'" if position < len(tokens) else "no more tokens"
            raise DataError(f"expected {expected} as in entities/tsv, found '{cells[_WORD]}'", path, line)
        if len(cells) == _COREFERENCE:
            cells.append("_")
    if len(rows) != len(tokens):
        raise DataError(f"expected the {len(tokens)} tokens of entities/tsv, found {len(rows)}", path)
    return coreference_mentions(rows, _COREFERENCE, path)


def _crosses(bounds: Bounds, sentence_starts: Sequence[int]) -> bool:
    start, end = bounds
    return bisect_right(sentence_starts, start) != bisect_right(sentence_starts, end)
