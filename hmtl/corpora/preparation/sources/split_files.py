"""Corpora whose publishers ship one file a split: CoNLL-2003, WNUT-17, SciERC, DocRED and Re-DocRED."""

from argparse import ArgumentParser, Namespace
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar, Dict, Iterator, List, Optional, Sequence

from hmtl.corpora.conll2003 import Conll2003Corpus
from hmtl.corpora.preparation.report import consistent
from hmtl.corpora.preparation.source import Converted, Dropped, Source, Unit
from hmtl.corpora.redocred import RedocredCorpus, load_records
from hmtl.document import Document, attempt_jsonl
from hmtl.errors import DataError, UserError

SPLITS = ("train", "dev", "test")


class FileSource(Source):
    """A corpus of one file a split, which is converted at once.

    # Parameters

    directory : `Path`
        Holds the files.
    names : `Dict[str, str]`
        The name of each split's file.

    # Attributes

    default_names : `ClassVar[Dict[str, str]]`
        The names that the publisher gave the files.
    tokeniser : `ClassVar[str]`
        Whose tokens they are.
    """

    default_names: ClassVar[Dict[str, str]]
    tokeniser: ClassVar[str]

    def __init__(self, directory: Path, names: Dict[str, str]) -> None:
        self._directory = directory
        self._names = names

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        names = ", ".join(cls.default_names.values())
        parser.add_argument("--dir", type=Path, required=True, metavar="DIR", help=f"the directory of {names}")
        for split in SPLITS:
            parser.add_argument(f"--{split}", default=cls.default_names[split], metavar="FILE", help="its name there")

    @classmethod
    def from_arguments(cls, arguments: Namespace) -> "FileSource":
        names = {split: getattr(arguments, split) for split in SPLITS}
        check_files(arguments.dir, names)
        return cls(arguments.dir, names)

    def splits(self) -> Dict[str, List[Unit]]:
        return {split: [Unit(name, (self._directory / name,))] for split, name in self._names.items()}

    def convert(self, unit: Unit) -> Converted:
        raise NotImplementedError

    def settings(self) -> Dict[str, Any]:
        return {"files": self._names, "tokeniser": self.tokeniser}


def check_files(directory: Path, names: Dict[str, str], renamable: bool = True) -> None:
    """Makes sure that the file of each split exists.

    # Parameters

    renamable : `bool`, optional (default = `True`)
        Whether an option `--SPLIT` can name another file.

    # Raises

    UserError
        Naming the first that does not.
    """
    if not directory.is_dir():
        raise UserError(f"--dir {directory}: no such directory")
    for split, name in names.items():
        if not (directory / name).is_file():
            hint = f"; if it has another name, say --{split} NAME" if renamable else ""
            raise UserError(f"{directory / name}: no such file{hint}")


@Source.register("conll2003")
class Conll2003Source(FileSource):
    """CoNLL-2003, English: named entities of Reuters news.

    Documents are read as by the corpus `conll2003`. The figures are those of Tjong Kim Sang and De Meulder, 2003,
    tables 1 and 2; their counts of sentences include the `-DOCSTART-` rows, one a document.
    """

    default_names = {"train": "eng.train", "dev": "eng.testa", "test": "eng.testb"}
    tokeniser = "CoNLL-2003's own tokens"
    expected = {
        "train": {"documents": 946, "sentences": 14_041, "tokens": 203_621, "ner": 23_499},
        "dev": {"documents": 216, "sentences": 3_250, "tokens": 51_362, "ner": 5_942},
        "test": {"documents": 231, "sentences": 3_453, "tokens": 46_435, "ner": 5_648},
    }

    def convert(self, unit: Unit) -> Converted:
        return Converted.of(unit, Conll2003Corpus().attempts(f"{unit.paths[0]}#:"))


@Source.register("wnut17")
class Wnut17Source(FileSource):
    """WNUT-17: emerging named entities of Twitter, YouTube, Stack Overflow and Reddit.

    A text of the publisher's is a sentence here, and each file one document, as the corpus `conll2003` has it. The
    figures of the test set are those of Derczynski et al., 2017; the others are counts of the files.
    """

    default_names = {"train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated"}
    tokeniser = "WNUT-17's own tokens"
    expected = {
        "train": {"documents": 1, "sentences": 3_394, "tokens": 62_730, "ner": 1_975},
        "dev": {"documents": 1, "sentences": 1_009, "tokens": 15_733, "ner": 836},
        "test": {"documents": 1, "sentences": 1_287, "tokens": 23_394, "ner": 1_079},
    }

    def convert(self, unit: Unit) -> Converted:
        return Converted.of(unit, Conll2003Corpus().attempts(f"{unit.paths[0]}#:"))


@Source.register("scierc")
class SciercSource(FileSource):
    """SciERC: entities, relations and coreference of scientific abstracts.

    Its entities become the layer `ner`: they are whole noun phrases with their types, where `emd` stands for heads.
    Figures: Luan et al., 2018 (EMNLP), and Wadden et al., 2019 (EMNLP), of the sentences; the others are counts of the
    files, where 4 of 4,648 rows of relations repeat another.
    """

    default_names = {split: f"{split}.json" for split in SPLITS}
    tokeniser = "SciERC's own tokens"
    expected = {
        "train": {"documents": 350, "sentences": 1_861, "ner": 5_598},
        "dev": {"documents": 50, "sentences": 275, "ner": 811},
        "test": {"documents": 100, "sentences": 551, "ner": 1_685},
    }
    expected_in_all = {"ner": 8_094, "relations": 4_648 - 4, "mentions in clusters": 2_686}

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dir",
            type=Path,
            required=True,
            metavar="DIR",
            help="holds json/train.json, json/dev.json and json/test.json, as in processed_data of "
            "sciERC_processed.tar.gz",
        )

    @classmethod
    def from_arguments(cls, arguments: Namespace) -> "SciercSource":
        directory = arguments.dir / "json" if (arguments.dir / "json").is_dir() else arguments.dir
        check_files(directory, cls.default_names, renamable=False)
        return cls(directory, cls.default_names)

    def convert(self, unit: Unit) -> Converted:
        converted = Converted.of(unit, (found for _, found in attempt_jsonl(unit.paths[0])))
        for document in converted.documents:
            converted.dropped += consistent(document).dropped
        return converted


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
