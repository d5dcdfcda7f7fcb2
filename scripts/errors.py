#!/usr/bin/env python
"""Shows what a finished run gets wrong: each task, with its own best weights, by kind of error and label.

    python scripts/errors.py runs/quickstart
    python scripts/errors.py runs/quickstart --split validation --tasks ner relation --examples 10
    python scripts/errors.py runs/quickstart --html errors.html --output errors.json

A summary with examples goes to stdout, the most frequent errors first; the JSON and the page hold all patterns of
errors. The data are read from where config.json says, relative to the working directory. Exit code 2: something cannot
be read or written, in one line.
"""

import argparse
from pathlib import Path
from typing import List, Optional

import hmtl  # noqa: F401  registers what a configuration can name
from hmtl.common.arguments import (
    add_device,
    add_include_package,
    add_split,
    device_named,
    include_packages,
    require_folders_of,
    script_parser,
)
from hmtl.common.characters import visible_lines
from hmtl.common.explain import user_errors
from hmtl.common.files import atomic_write
from hmtl.errors import UserError
from hmtl.evaluation.error_analysis import analyse_run, errors_as_page, errors_as_text
from hmtl.evaluation.evaluate import load_run


def _parser() -> argparse.ArgumentParser:
    parser = script_parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="the directory that 'hmtl train -s' wrote")
    add_split(parser)
    add_device(parser)
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="(default: all)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that needs nothing else")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write all of it as JSON")
    parser.add_argument(
        "--examples", type=int, default=3, metavar="N", help="of each pattern of errors (default: %(default)s)"
    )
    add_include_package(parser, " of the run")
    return parser


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    arguments = _parser().parse_args(argv)
    with user_errors(program="errors.py"):
        if arguments.examples < 0:
            raise UserError(f"--examples {arguments.examples}: expected a number from 0")
        require_folders_of([arguments.html, arguments.output])
        include_packages(arguments)
        run = load_run(arguments.run)
        device = device_named(arguments.device)
        errors = analyse_run(run, arguments.split, arguments.tasks, arguments.examples, device)
        if arguments.output is not None:
            errors.write(arguments.output)
        if arguments.html is not None:
            with atomic_write(arguments.html) as file:
                file.writelines(errors_as_page(errors))
        print(visible_lines(errors_as_text(errors)))


if __name__ == "__main__":
    main()
