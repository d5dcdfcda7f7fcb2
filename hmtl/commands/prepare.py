"""`hmtl prepare`: from a publisher's files to training data."""

import argparse
import sys
from pathlib import Path
from typing import Type, cast

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import at_least

DESCRIPTION = """\
Convert a corpus, as its publisher ships it, to training data: one document a line in OUTPUT/train.jsonl, dev.jsonl and
test.jsonl, which a configuration reads with the corpus 'jsonl', and OUTPUT/report.json, what was found, expected, left
out and dropped.

Files and documents that cannot be used are left out, with one line each and exit code 1. Where a split gets nothing,
nothing is written, and the exit code is 2. OUTPUT appears at the end, whole or not at all."""


@Subcommand.register("prepare")
class Prepare(Subcommand):
    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description=DESCRIPTION,
            formatter_class=_CorporaBesideTheirHelp,
        )
        add_corpora(subparser)
        return subparser


def add_corpora(parser: argparse.ArgumentParser) -> None:
    """Adds a command for each corpus, with its own options and those that all have."""
    from hmtl.corpora.preparation import sources  # noqa: F401  (registers them)
    from hmtl.corpora.preparation.source import Source

    corpora = parser.add_subparsers(title="corpora", metavar="CORPUS", required=True)
    for name in sorted(Source.list_available()):
        source = cast(Type[Source], Source.by_name(name))
        description = " ".join((source.__doc__ or name).split("\n\n")[0].split())
        corpus = corpora.add_parser(name, description=description, help=description)
        source.add_arguments(corpus)
        corpus.add_argument("--output", type=Path, required=True, metavar="DIR", help="the directory to write")
        corpus.add_argument(
            "--jobs",
            type=at_least(0),
            metavar="N",
            help="how many processes convert files (default: one for each core)",
        )
        corpus.add_argument(
            "--force", action="store_true", help="replace older data in DIR, once the new ones are complete"
        )
        corpus.set_defaults(func=prepare_corpus, corpus_class=source)


def prepare_corpus(arguments: argparse.Namespace) -> None:
    """Runs the command line; exits with 1 where anything was left out."""
    from hmtl.corpora.preparation.prepare import NothingPrepared, prepare

    try:
        source = arguments.corpus_class.from_arguments(arguments)
        report = prepare(source, arguments.output, arguments.jobs, arguments.force)
    except NothingPrepared as error:
        for line in error.report.skipped_lines():
            print(line, file=sys.stderr)
        raise
    print(report.text())
    for line in report.skipped_lines():
        print(line, file=sys.stderr)
    if report.num_skipped:
        raise SystemExit(1)


class _CorporaBesideTheirHelp(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        # Of the longest name: argparse forgets that names of commands are indented once more.
        self._action_max_length = len("    conll2003")
