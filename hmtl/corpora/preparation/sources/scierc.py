"""SciERC, from its processed data."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from hmtl.corpora.preparation.consistency import consistent
from hmtl.corpora.preparation.source import Converted, Source, Unit
from hmtl.corpora.preparation.sources.files import SPLITS, FileSource, check_files
from hmtl.document import attempt_jsonl


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
