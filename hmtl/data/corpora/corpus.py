"""What a corpus format has to provide: one method that yields documents."""

import itertools
import re
from pathlib import Path
from typing import Iterator, List

from allennlp.common import Registrable

from hmtl.data.document import Document
from hmtl.errors import DataError

_SLICE = re.compile(r"(?P<path>.*)#(?P<start>\d*):(?P<stop>\d*)")


class Corpus(Registrable):
    """A format: turns a path into `Document`s. A new format is one subclass in one file that implements `parse`."""

    default_implementation = "jsonl"

    def documents(self, path: str) -> Iterator[Document]:
        """Yields the validated documents at `path`.

        A path may end in `#start:stop`, which selects documents by their order (from 0, `stop` excluded), as in
        `documents.jsonl#0:400`; either number may be left out.

        # Raises

        DataError
            Where the path does not exist, a file is malformed, or no document is found.
        """
        match = _SLICE.fullmatch(str(path))
        location = Path(match["path"] if match else path)
        if not location.exists():
            raise DataError("no such file or directory; check the path in the configuration", location)
        start, stop = (int(match[name]) if match and match[name] else None for name in ("start", "stop"))
        count = 0
        for document in itertools.islice(self.parse(location), start, stop):
            count += 1
            yield document.validate(location)
        if not count:
            raise DataError("no documents found; is the file empty or of another format?", path)

    def parse(self, path: Path) -> Iterator[Document]:
        """Yields the documents of an existing file or directory.

        # Raises

        DataError
            Naming the file and the line, where one is malformed.
        """
        raise NotImplementedError


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
