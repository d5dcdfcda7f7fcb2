"""Several corpora, each in its own format, as one."""

import dataclasses
import json
from pathlib import Path
from typing import Dict, Iterator, List, Mapping

from hmtl.common.json_text import parse_json
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.document import Document
from hmtl.errors import DataError, UserError

# The key of a document's metadata that has the name of its corpus.
CORPUS_KEY = "corpus"


@Corpus.register("several")
class SeveralCorpora(Corpus):
    """The documents of several corpora, one corpus after the other. A path names those of the corpora that are read,
    each with its own path, as an object in JSON: `{"gum": "gum/train.txt", "wnut17": "wnut17/train.conll"}`.

    The `metadata` of each `Document` have the name of its corpus as `corpus`.

    # Parameters

    corpora : `Dict[str, Corpus]`
        The formats, by names of one's choice.
    """

    def __init__(self, corpora: Dict[str, Corpus]) -> None:
        self.corpora = corpora

    def attempts(self, path: str) -> Iterator[Attempt]:
        for name, own_path in self.paths(path).items():
            for found in self.corpora[name].attempts(own_path):
                yield _named(found, name) if isinstance(found, Document) else found

    def files(self, path: str) -> List[Path]:
        return [file for name, own_path in self.paths(path).items() for file in self.corpora[name].files(own_path)]

    def paths(self, path: str) -> Mapping[str, str]:
        """The path of each corpus that a path names.

        # Raises

        DataError
            Where it is no such object.
        """
        expected = f"expected an object such as {json.dumps(dict.fromkeys(self.corpora, 'path'))}"
        try:
            paths = parse_json(str(path), "one object")
        except UserError as error:
            raise DataError(f"the path of several corpora is no JSON: {error}; {expected}", path) from None
        if not isinstance(paths, dict) or not paths:
            raise DataError(f"the path of several corpora names none; {expected}", path)
        for name, own_path in paths.items():
            if name not in self.corpora or not isinstance(own_path, str):
                raise DataError(f"the path of several corpora has {name!r}: {own_path!r}; {expected}", path)
        return paths

    def _documents(self, path: str) -> Iterator[Document]:
        for name, own_path in self.paths(path).items():
            # What other tasks read of the same corpus is shared.
            for document in self.corpora[name].documents(own_path):
                yield _named(document, name)


def _named(document: Document, corpus: str) -> Document:
    return dataclasses.replace(document, metadata={**document.metadata, CORPUS_KEY: corpus})
