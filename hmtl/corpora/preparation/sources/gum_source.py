"""GUM, the Georgetown University Multilayer corpus, from its repository."""

import re
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from hmtl.common.lines import read_lines
from hmtl.corpora.gum import gum_document
from hmtl.corpora.preparation.report import consistent
from hmtl.corpora.preparation.source import Converted, Source, Unit
from hmtl.errors import UserError

SPLITS = ("train", "dev", "test")
# The genres whose texts may be used commercially by GUM's LICENSE: CC BY and CC BY-SA.
FREE_GENRES = ("academic", "bio", "court", "interview", "news", "voyage")
# By the same file these may not; it does not say what holds for conversation, speech, textbook and vlog.
NON_COMMERCIAL_GENRES = ("essay", "fiction", "letter", "podcast", "reddit", "whow")

_NAME = re.compile(r"[A-Za-z]+_(?P<genre>[a-z]+)_\w+")
_HEADING, _ITEM = re.compile(r"#+\s*(?P<split>\w+)\s*"), re.compile(r"\s*[*-]\s+(?P<name>\w+)\s*")


@Source.register("gum")
class GumSource(Source):
    """GUM: named entities, heads of all mentions, and the coreference of OntoGUM.

    Documents are read as by the corpus `gum`; of a mention in two clusters the first stays. The splits are those of
    `train.txt`, `dev.txt` and `test.txt` in the directory, else GUM's own of `splits.md`; its out-of-domain `test2` is
    left out.

    # Parameters

    directory : `Path`
        Holds `dep/NAME.conllu`, and `coref/ontogum/conll/NAME.conll` or `coref/NAME.conll`.
    genres : `Sequence[str]`, optional (default = those that GUM's LICENSE lets anyone use, for any purpose)
        The genres to take; `None` takes all.
    """

    def __init__(self, directory: Path, genres: Optional[Sequence[str]] = FREE_GENRES) -> None:
        self._directory = directory
        self._genres = genres
        self._names = {
            split: [name for name in names if genres is None or _genre(name) in genres]
            for split, names in _lists(directory).items()
        }
        self.expected = {split: {"documents": len(names)} for split, names in self._names.items()}

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dir",
            type=Path,
            required=True,
            metavar="GUM",
            help="the repository amir-zeldes/gum, with dep/ and coref/",
        )
        parser.add_argument(
            "--genres",
            nargs="+",
            metavar="GENRE",
            help=f"the genres to take, or 'all' (default: {' '.join(FREE_GENRES)}). By GUM's LICENSE the texts of "
            f"{', '.join(NON_COMMERCIAL_GENRES)} are for non-commercial use only, and it says nothing of the rest",
        )

    @classmethod
    def from_arguments(cls, arguments: Namespace) -> "GumSource":
        directory: Path = arguments.dir
        if not (directory / "dep").is_dir():
            raise UserError(f"{directory}: expected GUM's repository, with a directory 'dep'")
        genres = arguments.genres or list(FREE_GENRES)
        known = {_genre(name) for names in _lists(directory).values() for name in names}
        if genres == ["all"]:
            return cls(directory, None)
        unknown = sorted(set(genres) - known)
        if unknown and arguments.genres:
            raise UserError(f"--genres {unknown[0]}: expected some of {', '.join(sorted(known))}, or 'all'")
        return cls(directory, genres)

    def splits(self) -> Dict[str, List[Unit]]:
        return {split: [self._unit(name) for name in names] for split, names in self._names.items()}

    def convert(self, unit: Unit) -> Converted:
        return consistent(gum_document(unit.key, *unit.paths))

    def settings(self) -> Dict[str, Any]:
        return {"genres": "all" if self._genres is None else sorted(self._genres), "tokeniser": "GUM's own tokens"}

    def _unit(self, name: str) -> Unit:
        coreference = self._directory / "coref"
        if (coreference / "ontogum").is_dir():
            coreference = coreference / "ontogum" / "conll"
        return Unit(name, (self._directory / "dep" / f"{name}.conllu", coreference / f"{name}.conll"))


def _genre(name: str) -> str:
    match = _NAME.fullmatch(name)
    return match["genre"] if match else ""


def _lists(directory: Path) -> Dict[str, List[str]]:
    """The names of the documents of each split.

    # Raises

    UserError
        Where neither the lists nor `splits.md` are there.
    """
    files = {split: directory / f"{split}.txt" for split in SPLITS}
    if all(path.is_file() for path in files.values()):
        return {split: [line.strip() for _, line in read_lines(path) if line.strip()] for split, path in files.items()}
    if not (directory / "splits.md").is_file():
        raise UserError(
            f"{directory}: expected GUM's splits.md, or train.txt, dev.txt and test.txt that list documents"
        )
    lists: Dict[str, List[str]] = {split: [] for split in SPLITS}
    names: List[str] = []
    for _, line in read_lines(directory / "splits.md"):
        if heading := _HEADING.fullmatch(line):
            names = lists.get(heading["split"], [])
        elif item := _ITEM.fullmatch(line):
            names.append(item["name"])
    return lists
