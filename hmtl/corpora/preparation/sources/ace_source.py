"""ACE 2005 and 2004, from the LDC's directory."""

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from pathlib import Path
from typing import Any, Dict, List, Optional

from hmtl.corpora.ace.converter import CHOICES, AceConverter, AceOptions
from hmtl.corpora.ace.release import SPLITS, AceRelease, read_split
from hmtl.corpora.ace.sgml import describe_tokenizer
from hmtl.corpora.preparation.source import SINGLETONS_HELP, Converted, Source, Unit
from hmtl.errors import UserError

# ACE 2005 in the split of Miwa and Bansal (2016); sentences depend on the splitter.
_EXPECTED = {
    "train": {"documents": 351, "sentences": 10051, "emd": 26473, "relations": 4788},
    "dev": {"documents": 80, "sentences": 2424, "emd": 6338, "relations": 1131},
    "test": {"documents": 80, "sentences": 2050, "emd": 5476, "relations": 1151},
}


@Source.register("ace05")
class Ace05Source(Source):
    """ACE 2005 (LDC2006T06) in its usual split, or ACE 2004 (LDC2005T09) in one of yours.

    # Parameters

    ldc_dir : `Path`
        The directory of the release, or the folder of its English documents.
    split_dir : `Path`, optional (default = `None`)
        Lists of documents, as for `read_split`. ACE 2004 has no usual split in three parts and needs one.
    options : `AceOptions`, optional (default = `AceOptions()`)
        How documents are converted.

    # Raises

    UserError
        Where the directory holds no such corpus, or the split of ACE 2004 is missing.
    """

    def __init__(self, ldc_dir: Path, split_dir: Optional[Path] = None, options: AceOptions = None) -> None:
        self.options = options or AceOptions()
        if self.options.version == "2004" and split_dir is None:
            raise UserError(
                "ACE 2004 has no usual split: name a folder with train.txt, dev.txt and test.txt (split_dir)"
            )
        self.release = AceRelease(Path(ldc_dir), self.options.version)
        self.split_dir = split_dir
        self.expected = _EXPECTED if self.options == AceOptions() and split_dir is None else {}
        self._converter: Optional[AceConverter] = None

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        def add(name: str, text: str) -> None:
            flag = f"--{name.replace('_', '-')}"
            parser.add_argument(flag, choices=CHOICES[name], default=getattr(AceOptions, name), help=text)

        parser.add_argument("--ldc-dir", type=Path, required=True, help="LDC2006T06, or its data/English")
        parser.add_argument("--split-dir", type=Path, help="lists of documents: train.txt, dev.txt, test.txt")
        add("version", "ACE 2005, or ACE 2004 (LDC2005T09), which needs --split-dir")
        add("spans", "what a mention is: its head, or its full extent")
        add("zone", "what is text: all but the tags, or what <BODY> or <TEXT> holds")
        add("across_sentences", "relations across sentences: merge these, within paragraphs only, or drop the relation")
        add("directions", "symmetric relations: as annotated, in both directions, or from left to right")
        parser.add_argument("--metonymy", action="store_true", help="keep METONYMY relations (2004: DISC)")
        parser.add_argument(
            "--singletons",
            action=BooleanOptionalAction,
            default=AceOptions.singletons,
            help=f"keep clusters of one mention. {SINGLETONS_HELP}",
        )
        parser.add_argument("--spacy-model", help="a spaCy pipeline for sentences and tokens (default: blank English)")

    @classmethod
    def from_arguments(cls, arguments: Namespace) -> "Ace05Source":
        options = {name: getattr(arguments, name) for name in AceOptions().as_dict()}
        return cls(arguments.ldc_dir, arguments.split_dir, AceOptions(**options))

    def splits(self) -> Dict[str, List[Unit]]:
        return {split: self.units(split) for split in SPLITS}

    def units(self, split: str) -> List[Unit]:
        """The documents of one split."""
        return [Unit(name, tuple(self.release.files(name))) for name in read_split(split, self.split_dir)]

    def convert(self, unit: Unit) -> Converted:
        # Built where it is used: an instance that goes to another process holds no pipeline.
        if self._converter is None:
            self._converter = AceConverter(self.options)
        sgml, apf = unit.paths
        return self._converter.convert(unit.key, sgml, apf, self.release.metadata(unit.key))

    def settings(self) -> Dict[str, Any]:
        split = "usual" if self.split_dir is None else str(self.split_dir)
        return {**self.options.as_dict(), "split": split, "tokeniser": describe_tokenizer(self.options.spacy_model)}

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_converter": None}
