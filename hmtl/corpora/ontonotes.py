"""OntoNotes 5.0 in the columns of the CoNLL-2012 shared task."""

from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from hmtl.corpora.conll_columns import (
    ColumnDocument,
    bracketed_spans,
    check_columns,
    coreference_mentions,
    group_clusters,
    read_documents,
)
from hmtl.corpora.corpus import Attempt, Corpus, attempted, files_below
from hmtl.document import Bounds, Document, Span

_WORD, _SPEAKER, _NAMED_ENTITY, _COREFERENCE = 3, 9, 10, -1
# Eleven columns up to the named entity, any number of predicates, coreference.
_MINIMUM_COLUMNS = 12


@Corpus.register("ontonotes")
class OntonotesCorpus(Corpus):
    """OntoNotes in CoNLL-2012 columns: a file of one or more documents, or a directory of `*gold_conll` files.

    Each part of a document is a `Document` with the key `id_part`, the span layer `ner` and `clusters`. Where a
    speaker is known, `metadata["speakers"]` holds one list of speakers a sentence, one speaker a token (`-`: unknown).

    The v12 release of CoNLL-formatted OntoNotes 5.0 has 75,187 training, 9,603 development and 9,479 test sentences
    with named entities. About a fifth of them are the New Testament (`pt`), which has no named entities marked:
    without it, 59.9k, 8.5k and 8.3k remain. Leaving it out also shifts proportional task sampling.

    # Parameters

    exclude : `List[str]`, optional (default = `None`)
        Leaves out the documents whose key, led by a `/`, contains one of these, and the files whose path below the
        given directory does: `["/pt/"]` leaves out the New Testament. By default nothing is left out.
    unescape : `bool`, optional (default = `False`)
        Reads the words `/.`, `/?` and their like, a slash before one punctuation mark, without the slash.
    """

    def __init__(self, exclude: Optional[List[str]] = None, unescape: bool = False) -> None:
        self._exclude = exclude or []
        self._unescape = unescape

    def parse(self, path: Path) -> Iterator[Attempt]:
        for file in files_below(path, "*gold_conll"):
            if path.is_dir() and self._is_excluded(file.relative_to(path).as_posix()):
                continue
            for document in read_documents(file):
                if not self._is_excluded(document.doc_key):
                    yield attempted(partial(self._document, document, file))

    def _document(self, document: ColumnDocument, file: Path) -> Document:
        sentences: List[List[str]] = []
        speakers: List[List[str]] = []
        entities: List[Span] = []
        mentions: List[Tuple[str, Bounds]] = []
        first = 0
        for rows in document.sentences:
            check_columns(rows, _MINIMUM_COLUMNS, file)
            sentences.append(self._words([cells[_WORD] for _, cells in rows]))
            speakers.append([cells[_SPEAKER] for _, cells in rows])
            for start, end, label in bracketed_spans(rows, _NAMED_ENTITY, file):
                entities.append(Span(first + start, first + end, label))
            for cluster, (start, end) in coreference_mentions(rows, _COREFERENCE, file):
                mentions.append((cluster, (first + start, first + end)))
            first += len(rows)
        return Document(
            document.doc_key,
            sentences,
            spans={"ner": entities},
            clusters=group_clusters(mentions),
            metadata=_speaker_metadata(speakers),
        )

    def _is_excluded(self, name: str) -> bool:
        return any(fragment in f"/{name}" for fragment in self._exclude)

    def _words(self, words: List[str]) -> List[str]:
        return [_unescaped(word) for word in words] if self._unescape else words


def _unescaped(word: str) -> str:
    is_escaped = len(word) == 2 and word[0] == "/" and not word[1].isalnum()
    return word[1] if is_escaped else word


def _speaker_metadata(speakers: Sequence[Sequence[str]]) -> Dict[str, Any]:
    known = any(speaker != "-" for sentence in speakers for speaker in sentence)
    return {"speakers": [list(sentence) for sentence in speakers]} if known else {}
