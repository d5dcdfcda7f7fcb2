"""Re-DocRED and DocRED, from their repositories."""

from argparse import ArgumentParser, Namespace
from itertools import accumulate
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

from hmtl.corpora.preparation.consistency import consistent
from hmtl.corpora.preparation.source import Converted, Dropped, Source, Unit
from hmtl.corpora.preparation.sources.files import SPLITS, FileSource, check_files
from hmtl.corpora.redocred import RedocredCorpus, load_records
from hmtl.document import Document
from hmtl.errors import DataError


@Source.register("redocred")
class RedocredSource(FileSource):
    """Re-DocRED: entities, relations and coreference of Wikipedia articles.

    Documents are read as by the corpus `redocred`, and their keys are led by the name of the file, as titles recur. A
    label is dropped where no mentions of its two entities share a sentence.

    # Parameters

    divide : `Sequence[int]`, optional (default = `None`)
        So many documents of the file of the split `dev` become each split, in file order; no other file is read.
    """

    default_names = {split: f"{split}_revised.json" for split in SPLITS}
    tokeniser = "DocRED's own tokens"

    def __init__(self, directory: Path, names: Dict[str, str], divide: Optional[Sequence[int]] = None) -> None:
        super().__init__(directory, names)
        self._divide = divide
        # Tan et al., 2022, table 2.
        sizes = divide or (3_053, 500, 500)
        self.expected = {split: {"documents": size} for split, size in zip(SPLITS, sizes)}

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--divide",
            nargs=3,
            type=int,
            metavar=("TRAIN", "DEV", "TEST"),
            help="make all splits of the file of --dev alone, so many documents each in file order, such as 400 50 50",
        )

    @classmethod
    def from_arguments(cls, arguments: Namespace) -> "RedocredSource":
        names = {split: getattr(arguments, split) for split in SPLITS}
        if arguments.divide:
            names = {"dev": names["dev"]}
        check_files(arguments.dir, names)
        return cls(arguments.dir, names, arguments.divide)

    def splits(self) -> Dict[str, List[Unit]]:
        if not self._divide:
            return {split: [Unit(f"{name}#:", (self._directory / name,))] for split, name in self._names.items()}
        name = self._names["dev"]
        stops = list(accumulate(self._divide))
        slices = zip(SPLITS, [0, *stops], stops)
        return {split: [Unit(f"{name}#{start}:{stop}", (self._directory / name,))] for split, start, stop in slices}

    def convert(self, unit: Unit) -> Converted:
        [path] = unit.paths
        bounds = unit.key.rpartition("#")[2]
        attempts = list(RedocredCorpus().attempts(f"{path}#{bounds}"))
        converted = Converted.of(unit, attempts)
        start, stop = (int(bound) if bound else None for bound in bounds.split(":"))
        for document, record in zip(attempts, load_records(path)[start:stop]):
            if isinstance(document, DataError):
                continue
            document.doc_key = f"{path.stem}: {document.doc_key}"
            converted.dropped += consistent(document).dropped
            converted.dropped += _unrelated(document, record)
        return converted

    def settings(self) -> Dict[str, Any]:
        return {**super().settings(), "divide": self._divide}


def _unrelated(document: Document, record: Dict[str, Any]) -> Iterator[Dropped]:
    """The labels of which the document has no relation."""
    sentences = [{mention["sent_id"] for mention in entity} for entity in record["vertexSet"]]
    for label in record["labels"]:
        head, tail = label["h"], label["t"]
        if not sentences[head] & sentences[tail]:
            names = [record["vertexSet"][entity][0].get("name", "?") for entity in (head, tail)]
            detail = f"{label['r']} of '{names[0]}' and '{names[1]}'"
            yield Dropped(document.doc_key, "relation", "its entities share no sentence", detail)
