"""What the corpora have in common whose publishers ship one file a split."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, ClassVar, Dict, List

from hmtl.corpora.preparation.source import Converted, Source, Unit
from hmtl.errors import UserError

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
