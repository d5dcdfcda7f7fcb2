"""`hmtl configs`: the configurations that come with hmtl, listed or copied to where one works."""

import argparse
from itertools import takewhile
from pathlib import Path
from typing import Iterator, Optional, Tuple

from allennlp.commands.subcommand import Subcommand

from hmtl.common.shipped import copy_shipped, shipped_folder
from hmtl.common.tables import aligned


@Subcommand.register("configs")
class Configs(Subcommand):
    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = (
            "List the configurations that come with hmtl, or copy them into a folder to work in, with the library that "
            "they import, the sample that the quickstart trains on, and the scripts."
        )
        subparser = parser.add_parser(self.name, description=description)
        subparser.add_argument(
            "folder", nargs="?", metavar="DIR", type=Path, help="copy them here; without it, list them"
        )
        subparser.set_defaults(func=_list_or_copy)
        return subparser


def _list_or_copy(arguments: argparse.Namespace) -> None:
    folder: Optional[Path] = arguments.folder
    if folder is None:
        print(aligned(configurations()))
    else:
        for copy in copy_shipped(folder):
            print(copy)
        print(f"\ncd {folder} && hmtl train configs/quickstart.jsonnet -s runs/quickstart")


def configurations() -> Iterator[Tuple[str, str]]:
    """The name of each shipped configuration and the first sentence of the comment at its top."""
    configs = shipped_folder() / "configs"
    paths = sorted(configs.rglob("*.jsonnet"), key=lambda path: (len(path.relative_to(configs).parts), path))
    for path in paths:
        lines = path.read_text(encoding="utf-8").splitlines()
        comment = " ".join(line.lstrip("/ ") for line in takewhile(lambda line: line.startswith("//"), lines))
        yield path.relative_to(configs).as_posix(), comment.partition(". ")[0].rstrip(".")
