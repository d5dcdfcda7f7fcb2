#!/usr/bin/env python
"""The tables and plots of the runs of scripts/reproduce.py.

    python scripts/report.py runs/fast
    python scripts/report.py runs/fast --output docs/results --samples 10000 --seed 1

Writes report.md, and for each corpora a folder with a CSV file a table (scores, comparisons, updates, curves, runs) and
PNG plots: test F1 of all setups over the seeds, multi-task against single-task with paired bootstrap tests over
documents and seeds, corrected for their number, updates to convergence, learning curves, and what the runs took. Exit
code 2: something cannot be read, in one line.
"""

import argparse
import sys
from pathlib import Path
from typing import List, Optional

from hmtl.common.arguments import script_parser
from hmtl.common.characters import visible_lines
from hmtl.common.explain import user_errors
from hmtl.errors import UserError
from research.paper.report import REPORT, write_report
from research.paper.tables import Bootstrap


def _parser() -> argparse.ArgumentParser:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("runs", type=Path, metavar="RUNS", help="what reproduce.py was given as --output")
    add("--output", type=Path, metavar="DIR", help="(default: RUNS/report)")
    add("--samples", type=int, default=10000, metavar="N", help="of the bootstrap (default: %(default)s)")
    add("--seed", type=int, default=1, help="of the bootstrap (default: %(default)s)")
    add(
        "--unit",
        choices=["sentence", "document"],
        default="document",
        help="what the bootstrap draws, with the seeds; sentences of one document depend on one another, so that "
        "p is too small with them (default: %(default)s)",
    )
    add("--level", type=float, default=0.05, help="for p as corrected: below it a difference is shown (default: 0.05)")
    return parser


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    arguments = _parser().parse_args(argv)
    with user_errors(program="report.py"):
        if arguments.samples < 1:
            raise UserError(f"--samples {arguments.samples}: expected at least 1")
        if not arguments.runs.is_dir():
            raise UserError(f"{arguments.runs}: no such directory; expected the --output of reproduce.py")
        output = arguments.output or arguments.runs / "report"
        bootstrap = Bootstrap(arguments.samples, arguments.seed, arguments.unit == "document", arguments.level)
        for note in write_report(arguments.runs, output, bootstrap):
            print(note, file=sys.stderr)
        print(visible_lines((output / REPORT).read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
