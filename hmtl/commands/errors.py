"""`hmtl errors`: what a finished run gets wrong."""

import argparse
from pathlib import Path

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import (
    add_command,
    add_data,
    add_device,
    add_run,
    add_split,
    at_least,
    device_named,
    require_folders_of,
    run_named,
)
from hmtl.common.characters import visible_lines
from hmtl.common.files import atomic_write

DESCRIPTION = """\
Show what a finished run gets wrong: each task, with its own best weights, by kind of error and label.

  hmtl errors runs/quickstart
  hmtl errors runs/quickstart --split validation --tasks ner relation --examples 10
  hmtl errors runs/quickstart --html errors.html --output errors.json

A summary with examples goes to stdout, the most frequent errors first; the JSON and the page hold all patterns of
errors. The data are read from where config.json says, relative to the working directory, or to --data."""


@Subcommand.register("errors")
class Errors(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add_run(subparser)
        add_data(subparser)
        add_split(subparser)
        add_device(subparser)
        add("--tasks", nargs="+", metavar="TASK", help="(default: all)")
        add("--html", type=Path, metavar="FILE", help="write a page that needs nothing else")
        add("--output", type=Path, metavar="FILE", help="write all of it as JSON")
        add("--examples", type=at_least(0), default=3, metavar="N", help="of each pattern of errors")
        subparser.set_defaults(func=_show_errors)
        return subparser


def _show_errors(arguments: argparse.Namespace) -> None:
    from hmtl.evaluation.error_analysis import analyse_run, errors_as_page, errors_as_text
    from hmtl.evaluation.evaluate import load_run

    require_folders_of([arguments.html, arguments.output])
    run = load_run(run_named(arguments), data=arguments.data)
    device = device_named(arguments.device)
    errors = analyse_run(run, arguments.split, arguments.tasks, arguments.examples, device)
    if arguments.output is not None:
        errors.write(arguments.output)
    if arguments.html is not None:
        with atomic_write(arguments.html) as file:
            file.writelines(errors_as_page(errors))
    print(visible_lines(errors_as_text(errors)))
