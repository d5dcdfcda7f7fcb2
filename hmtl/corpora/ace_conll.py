"""ACE 2005 in the columns that the 2018 release of HMTL read."""

from functools import partial
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple

from hmtl.corpora.conll_columns import (
    ColumnDocument,
    Row,
    bracketed_spans,
    check_columns,
    coreference_mentions,
    group_clusters,
    read_documents,
)
from hmtl.corpora.corpus import Attempt, Corpus, attempted, files_below
from hmtl.document import Bounds, Document, Relation, Span
from hmtl.errors import DataError

_WORD, _MENTION, _FIRST_RELATION, _COREFERENCE = 1, 2, 3, -1
# An ignored column, word, mention, any number of relations, coreference.
_MINIMUM_COLUMNS = 4


@Corpus.register("ace_conll")
class AceConllCorpus(Corpus):
    """ACE 2005 in columns: a file of one or more documents, or a directory of `*like_conll` files.

    The columns are: one that is ignored, the word, the heads of mentions as brackets `(PER*`, one column for each
    relation of the sentence with its arguments as brackets `(ARG1_PHYS*` and `(ARG2_PHYS*`, and coreference.
    Sentences therefore differ in their number of columns. A relation's type is what follows the first `_`.

    Each `Document` has the span layer `emd`, `relations` (each once) and `clusters`, those of one
    mention among them, as in `ace05`; `CorefReader` has an option that drops them.
    """

    def parse(self, path: Path) -> Iterator[Attempt]:
        for file in files_below(path, "*like_conll"):
            for document in read_documents(file):
                yield attempted(partial(_document, document, file))


def _document(document: ColumnDocument, file: Path) -> Document:
    sentences: List[List[str]] = []
    heads: List[Span] = []
    relations: List[Relation] = []
    mentions: List[Tuple[str, Bounds]] = []
    first = 0
    for rows in document.sentences:
        check_columns(rows, _MINIMUM_COLUMNS, file)
        sentences.append([cells[_WORD] for _, cells in rows])
        for start, end, label in bracketed_spans(rows, _MENTION, file):
            heads.append(Span(first + start, first + end, label))
        for column in range(_FIRST_RELATION, len(rows[0].cells) - 1):
            (start1, end1), (start2, end2), label = _relation(rows, column, file)
            relations.append(Relation((first + start1, first + end1), (first + start2, first + end2), label))
        for cluster, (start, end) in coreference_mentions(rows, _COREFERENCE, file):
            mentions.append((cluster, (first + start, first + end)))
        first += len(rows)
    return Document(
        document.doc_key,
        sentences,
        spans={"emd": heads},
        # A dictionary keeps the order, and each relation once.
        relations=list(dict.fromkeys(relations)),
        clusters=group_clusters(mentions),
    )


def _relation(rows: Sequence[Row], column: int, file: Path) -> Relation:
    """The relation of a column, counted from the sentence's first token."""
    spans = bracketed_spans(rows, column, file)
    arguments = {span.label.partition("_")[0]: span.bounds for span in spans}
    labels = {span.label.partition("_")[2] for span in spans}
    if len(spans) != 2 or set(arguments) != {"ARG1", "ARG2"} or len(labels) != 1 or "" in labels:
        found = ", ".join(f"'({span.label}'" for span in spans) or "none"
        expected = "one '(ARG1_TYPE' and one '(ARG2_TYPE' of the same type"
        raise DataError(f"relation column {column + 1}: expected {expected}, found {found}", file, rows[0].line)
    return Relation(arguments["ARG1"], arguments["ARG2"], labels.pop())
