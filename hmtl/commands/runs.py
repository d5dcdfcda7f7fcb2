"""`hmtl runs`: runs side by side, from the files in their directories."""

import argparse
import json
import shutil
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from hmtl.common.characters import visible_lines
from hmtl.runs.curves import WITHOUT_MATPLOTLIB, write_curves
from hmtl.runs.run_directory import CURVES_IMAGE
from hmtl.runs.side_by_side import side_by_side
from hmtl.runs.summaries import find_runs, summarize


@Subcommand.register("runs")
class Runs(Subcommand):
    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        description = (
            "Print runs side by side: status, epochs, duration, how their configurations differ, and each task's "
            "scores and updates. No model is loaded."
        )
        subparser = parser.add_parser(self.name, description=description)
        subparser.add_argument(
            "directories",
            nargs="+",
            metavar="DIR",
            type=Path,
            help="the directory that 'hmtl train -s' wrote, or one that holds some of them",
        )
        subparser.add_argument("--json", action="store_true", help="print a list of JSON objects")
        subparser.add_argument(
            "--curves", action="store_true", help="write curves.csv and curves.png, the learning curves, into each run"
        )
        subparser.add_argument(
            "--all", action="store_true", help="show every option of the configurations that differs, not a few"
        )
        subparser.set_defaults(func=_print_runs)
        return subparser


def _print_runs(arguments: argparse.Namespace) -> None:
    directories = find_runs(arguments.directories)
    runs = [summarize(directory) for directory in directories]
    if arguments.curves:  # first: nobody need read the table to its end
        for directory in directories:
            _write_curves(directory)
    if arguments.json:
        print(json.dumps([run.to_json() for run in runs], indent=2))
    else:
        width = shutil.get_terminal_size((120, 24)).columns
        print(visible_lines(side_by_side(runs, width=width, all_options=arguments.all)))


def _write_curves(directory: Path) -> None:
    """Writes the learning curves of a run, and says so on stderr, which leaves stdout to the runs."""
    written = write_curves(directory)
    print(f"{directory}: {' and '.join(written) or 'no epoch done, so no curves'}", file=sys.stderr)
    if written and CURVES_IMAGE not in written:
        print(WITHOUT_MATPLOTLIB, file=sys.stderr)
