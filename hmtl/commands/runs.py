"""`hmtl runs`: runs compared, from the files in their directories."""

import argparse
import csv
import json
import shutil
import sys
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_command
from hmtl.common.characters import visible_lines
from hmtl.common.tables import Table
from hmtl.runs.curves import WITHOUT_MATPLOTLIB, write_curves
from hmtl.runs.rows import rows_for_programs, sorted_runs, table_of_rows
from hmtl.runs.run_directory import CURVES_IMAGE
from hmtl.runs.side_by_side import side_by_side
from hmtl.runs.summaries import find_runs, summarize

DESCRIPTION = """\
Compare runs, a row for each: status, epochs, time, the best score of each task in validation and, once 'hmtl evaluate'
has measured it, its test F1, and how the configurations differ. No model is loaded.

  hmtl runs runs
  hmtl runs runs --sort ner
  hmtl runs runs --sort relation.test --csv > runs.csv
  hmtl runs runs/first runs/second --wide"""


@Subcommand.register("runs")
class Runs(Subcommand):
    requires_plugins = False

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add(
            "directories",
            nargs="+",
            metavar="DIR",
            type=Path,
            help="the directory that 'hmtl train -s' wrote, or one that holds some of them",
        )
        add(
            "--sort",
            metavar="KEY",
            help="name, status, epochs, duration; date, the newest first; or, the best first: score (the sum of the "
            "tasks'), TASK, TASK.test (default: as they are found)",
        )
        add("--reverse", action="store_true", help="the other way round")
        form = subparser.add_mutually_exclusive_group().add_argument
        form("--wide", action="store_true", help="a column for each run, with all figures of all tasks")
        form("--json", action="store_true", help="print a list of JSON objects, with all figures and options")
        form("--csv", action="store_true", help="print CSV, with all figures and the options that differ")
        add("--curves", action="store_true", help="write curves.csv and curves.png, the learning curves, into each run")
        add("--all", action="store_true", help="show every option of the configurations that differs, not a few")
        subparser.set_defaults(func=_print_runs)
        return subparser


def _print_runs(arguments: argparse.Namespace) -> None:
    directories = find_runs(arguments.directories)
    runs = sorted_runs([summarize(directory) for directory in directories], arguments.sort, arguments.reverse)
    if arguments.curves:  # first: nobody need read the table to its end
        for directory in directories:
            _write_curves(directory)
    if arguments.json:
        print(json.dumps([run.to_json() for run in runs], indent=2))
        return
    if arguments.csv:
        table = Table("runs", rows_for_programs(runs))
        writer = csv.DictWriter(sys.stdout, table.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table.rows)
        return
    width = shutil.get_terminal_size((120, 24)).columns
    show = side_by_side if arguments.wide else table_of_rows
    print(visible_lines(show(runs, width=width, all_options=arguments.all)))


def _write_curves(directory: Path) -> None:
    """Writes the learning curves of a run, and says so on stderr, which leaves stdout to the runs."""
    written = write_curves(directory)
    print(f"{directory}: {' and '.join(written) or 'no epoch done, so no curves'}", file=sys.stderr)
    if written and CURVES_IMAGE not in written:
        print(WITHOUT_MATPLOTLIB, file=sys.stderr)
