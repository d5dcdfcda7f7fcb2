"""What a corpus format has to provide: one method that yields documents; and the project's own format."""

import itertools
import os
import pickle
import re
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Tuple, Union

from allennlp.common import Registrable

from hmtl.common.checks import path_advice
from hmtl.document import Document, attempt_jsonl
from hmtl.errors import DataError

_SLICE = re.compile(
    r"(?P<path>.*)#(?P<start>[0-9]{0,18}):(?P<stop>[0-9]{0,18})(:(?P<step>[1-9][0-9]{0,17}))?", re.DOTALL
)

# A document, or why there is none where one should be.
Attempt = Union[Document, DataError]


# What was read within `documents_shared`.
_shared: ContextVar[Optional[List[Tuple["Corpus", str, List["_Kept"]]]]] = ContextVar("shared", default=None)
# The sentences of a document, whose words are kept once already, and the pickle of all else.
_Kept = Tuple[List[List[str]], bytes]


def _opened(kept: _Kept) -> Document:
    document = pickle.loads(kept[1])
    document.sentences = kept[0]
    return document


class Corpus(Registrable):
    """A format: turns a path into `Document`s. A new format is one subclass in one file that implements `parse`."""

    default_implementation = "jsonl"
    registered_by = "hmtl.corpora"

    def documents(self, path: str) -> Iterator[Document]:
        """Yields the validated documents at `path`.

        A path may end in `#start:stop`, which selects documents by their order (from 0, `stop` excluded), as in
        `documents.jsonl#0:400`; either number may be left out. `#start:stop:step` selects every `step`-th of
        them, from the first one on: `train.txt#::10` is a tenth of the documents, of all parts of the corpus.

        # Raises

        DataError
            Where the path does not exist, a file is malformed, or no document is found.
        """
        shared = _shared.get()
        if shared is None:
            yield from self._documents(path)
            return
        for corpus, known_path, documents in shared:
            if type(corpus) is type(self) and vars(corpus) == vars(self) and known_path == str(path):
                yield from map(_opened, documents)
                return
        found = []
        for document in self._documents(path):
            # The objects of the annotation would take many times the memory.
            found.append((document.sentences, pickle.dumps(replace(document, sentences=[]), protocol=5)))
            yield document
        shared.append((self, str(path), found))

    def _documents(self, path: str) -> Iterator[Document]:
        for found in self.attempts(path):
            if isinstance(found, DataError):
                raise found
            yield found

    def attempts(self, path: str) -> Iterator[Attempt]:
        """Yields what `documents` does, and in place of each document that cannot be used the reason.

        # Raises

        DataError
            Where the path does not exist, or a file is of another form than this format's, so that nothing can be said
            of the documents after that place.
        """
        match = _SLICE.fullmatch(str(path))
        location = Path(match["path"] if match else path)
        if not location.exists():
            advice = path_advice(location) or "; check the path in the configuration"
            raise DataError(f"no such file or directory{advice}", location)
        bounds = (int(match[name]) if match and match[name] else None for name in ("start", "stop", "step"))
        found = None
        for found in itertools.islice(self.parse(location), *bounds):
            if isinstance(found, Document):
                found = attempted(partial(found.validate, location))
            if isinstance(found, Document):
                # A word is kept once, however often it occurs.
                found.sentences = [list(map(sys.intern, sentence)) for sentence in found.sentences]
            yield found
        if found is None:
            raise DataError("no documents found; is the file empty or of another format?", path)

    def files(self, path: str) -> List[Path]:
        """The files that `documents` may read: by default the path itself, or every file below it, sorted.

        A format that reads others overrides this, so that `InstanceCache` sees when they change.
        """
        location = without_selection(path)
        return [location] if location.is_file() else sorted(file for file in location.rglob("*") if file.is_file())

    def parse(self, path: Path) -> Iterator[Attempt]:
        """Yields the documents of an existing file or directory.

        A document that cannot be used is a `DataError` that names the file and the line. A format that knows where the
        next one begins yields the error in its place (see `attempted`), and `documents` raises it; any other raises it.
        """
        raise NotImplementedError


def attempted(convert: Callable[[], Document]) -> Attempt:
    """The document that a function returns, or the `DataError` that it raises."""
    try:
        return convert()
    except DataError as error:
        return error


@contextmanager
def documents_shared() -> Iterator[None]:
    """Within it, corpora with the same options that read the same path to its end yield equal documents.

    The files are parsed once. The sentences of the documents are not to be changed.
    """
    token = _shared.set([])
    try:
        yield
    finally:
        _shared.reset(token)


def without_selection(path: str) -> Path:
    """What a path names before it selects a split or documents by `#`."""
    location = str(path)
    while "#" in location and not os.path.exists(location):
        location = location.rpartition("#")[0]
    return Path(location)


def files_below(path: Path, pattern: str) -> List[Path]:
    """`path` itself if it is a file, else every file below it whose name matches the glob `pattern`, sorted by path.

    # Raises

    DataError
        Where the directory holds no such file.
    """
    if path.is_file():
        return [path]
    found = sorted(candidate for candidate in path.rglob(pattern) if candidate.is_file())
    if not found:
        raise DataError(f"no file named '{pattern}' anywhere below this directory", path)
    return found


@Corpus.register("jsonl")
class JsonlCorpus(Corpus):
    """One JSON object a line with `doc_key`, `sentences` and any of `ner`, `emd`, `relations`, `clusters`.

    Offsets count tokens of the document, both ends included. A directory is read as all its `*.jsonl` files.
    """

    def parse(self, path: Path) -> Iterator[Attempt]:
        for file in files_below(path, "*.jsonl"):
            yield from (found for _, found in attempt_jsonl(file))
