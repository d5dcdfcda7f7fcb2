"""Documents in the DyGIE/SciERC layout, the project's own format."""

from pathlib import Path
from typing import Iterator

from hmtl.corpora.corpus import Attempt, Corpus, files_below
from hmtl.document import attempt_jsonl


@Corpus.register("jsonl")
class JsonlCorpus(Corpus):
    """One JSON object a line with `doc_key`, `sentences` and any of `ner`, `emd`, `relations`, `clusters`.

    Offsets count tokens of the document, both ends included. A directory is read as all its `*.jsonl` files.
    """

    def parse(self, path: Path) -> Iterator[Attempt]:
        for file in files_below(path, "*.jsonl"):
            yield from (found for _, found in attempt_jsonl(file))
