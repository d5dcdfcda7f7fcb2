"""`hmtl init`: writes the configuration that `hmtl train` would train by."""

import argparse

from allennlp.commands.subcommand import Subcommand

from hmtl.commands.train import add_recipe, written
from hmtl.common.arguments import add_command, add_overrides
from hmtl.common.characters import visible_lines

DESCRIPTION = """\
Write a configuration for documents of your own, as 'hmtl train' does, and train nothing.

  hmtl init my_documents --encoder microsoft/deberta-v3-small -s runs/first
  hmtl train runs/first/config.jsonnet -s runs/first

It goes to RUN/config.jsonnet; documents that are in another format, or in no training, development and test files, go
to RUN/data."""


@Subcommand.register("init")
class Init(Subcommand):
    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add("source", metavar="DATA", help="documents: a file or a folder")
        add("-s", "--serialization-dir", metavar="RUN", help="the directory (default: runs/NAME-1, or the next number)")
        add("-f", "--force", action="store_true", help="write over what is there")
        add_overrides(subparser, "the configuration")
        add_recipe(subparser)
        subparser.set_defaults(func=_init)
        return subparser


def _init(arguments: argparse.Namespace) -> None:
    prepared = written(arguments, "init")
    lines = [*prepared.notes, *(task.describe() for task in prepared.tasks), "", f"{prepared.config}:"]
    lines += ["", prepared.config.read_text(encoding="utf-8").rstrip(), ""]
    lines.append(f"next: hmtl train {prepared.config} -s {prepared.directory}")
    print(visible_lines("\n".join(lines)))
