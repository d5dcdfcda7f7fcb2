"""The paper's setups over seeds, and the tables and plots of their runs.

    python -m research.paper reproduce --corpora free --setups A,B,C,D,E,F --seeds 3 --preset fast --output runs/fast
    python -m research.paper report runs/fast
    python -m research.paper report runs/fast --output docs/results --samples 10000 --seed 1
    python -m research.paper draw docs/results
    python -m research.paper check runs/fast --tables docs/results --cells 3 --seed 1

Exit code 2: something cannot be read, in one line.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import List, Optional

import hmtl  # noqa: F401  defines the environment variables that configurations read
from hmtl.common.arguments import add_include_package, at_least, script_parser
from hmtl.common.characters import visible_lines
from hmtl.common.explain import user_errors
from hmtl.common.locks import locked
from hmtl.common.overrides import OverridesAction, joined, parse_overrides
from hmtl.errors import UserError
from hmtl.jobs.executor_arguments import add_executor_arguments, checked_resources, executor_of
from research.paper.check import check
from research.paper.experiment import Experiment
from research.paper.report import REPORT, draw, write_report
from research.paper.runner import Runner
from research.paper.tables import Bootstrap

PROGRAM = "research.paper"
# The module that trains and evaluates one run.
MODULE = "research.paper.run"
LOCK = "reproduce.lock"
PRESETS = {"paper": "", "fast": "fast", "faithful": "faithful"}


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    words = sys.argv[1:] if argv is None else argv
    with user_errors(program=PROGRAM):
        arguments = _parser().parse_args(words)
        arguments.function(arguments, words)


def _parser() -> argparse.ArgumentParser:
    parser = script_parser(__doc__, prog=f"python -m {PROGRAM}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    reproduce = commands.add_parser("reproduce", help="run what is missing", description=_reproduce.__doc__)
    _add_reproduce_arguments(reproduce)
    reproduce.set_defaults(function=_reproduce)
    report = commands.add_parser("report", help="make tables and plots", description=_report.__doc__)
    _add_report_arguments(report)
    report.set_defaults(function=_report)
    drawing = commands.add_parser("draw", help="make the report again, of its tables", description=_draw.__doc__)
    drawing.add_argument("tables", type=Path, metavar="DIR", help="what report was given as --output")
    drawing.set_defaults(function=_draw)
    checking = commands.add_parser("check", help="evaluate runs again", description=check.__doc__)
    _add_check_arguments(checking)
    checking.set_defaults(function=_check)
    return parser


def _add_reproduce_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--corpora", required=True, help="free, ldc, ...: the folder of configurations in --configs")
    add("--setups", required=True, metavar="A,B,...", help="names of configurations, or all")
    add("--seeds", type=at_least(1), default=3, metavar="N", help="how many runs of each, with the seeds 1 to N")
    add("--preset", choices=sorted(PRESETS), default="paper", help="hyper-parameters: fast is minutes on 2 cores")
    add("--output", required=True, type=Path, metavar="RUNS", help="the directory of all runs")
    add("--data", type=Path, metavar="FOLDER", help="of the corpora: sets HMTL_DATA")
    add("--configs", type=Path, default=Path("configs/setups"), metavar="FOLDER", help="(default: %(default)s)")
    add_executor_arguments(parser)
    add("-o", "--overrides", action=OverridesAction, default="", metavar="JSON", help="overrides of all configurations")
    add_include_package(parser)


def _add_report_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("runs", type=Path, metavar="RUNS", help="what reproduce was given as --output")
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


def _add_check_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("runs", type=Path, metavar="RUNS", help="what reproduce was given as --output, with the weights of the runs")
    add("--tables", type=Path, metavar="DIR", help="what report was given as --output (default: RUNS/report)")
    add("--cells", type=at_least(1), default=3, metavar="N", help="how many are drawn (default: %(default)s)")
    add("--seed", type=int, default=1, help="of the draw (default: %(default)s)")
    add("--data", type=Path, metavar="DIR", help="where the runs' relative paths of data count from")


def _reproduce(arguments: argparse.Namespace, words: List[str]) -> None:
    """Runs the paper's setups over seeds: what is missing of them, each training in a process of its own, then its
    evaluation on the test sets. A run goes to OUTPUT/CORPORA/SETUP/seed_N, an ordinary serialization directory with
    evaluation.json, what each test sentence scored (counts_TASK.json) and experiment.json; its log lies beside. The
    same command again runs only what is missing, and recovers what was interrupted. A run that fails does not stop the
    others. Exit code 1: some have failed."""
    checked_resources(arguments)
    experiments = _experiments(arguments)
    overrides = joined(parse_overrides(arguments.overrides))
    os.environ["HMTL_PRESET"] = PRESETS[arguments.preset]
    if arguments.data is not None:
        os.environ["HMTL_DATA"] = str(arguments.data)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with locked(arguments.output / LOCK, f"another {PROGRAM}, or a run of one that was killed") as lock:
        executor = executor_of(arguments, MODULE, lock)
        try:
            failed = Runner(
                experiments,
                arguments.configs,
                executor,
                arguments.jobs,
                arguments.preset,
                overrides,
                ["python", "-m", PROGRAM, *words],
                arguments.include_package,
            ).run()
        finally:
            executor.close()
    print(f"{len(experiments) - len(failed)} of {len(experiments)} runs are finished in {arguments.output}")
    for experiment, reason in failed.items():
        print(f"failed: {experiment.name}: {reason} (all of it in {experiment.log})", file=sys.stderr)
    if failed:
        raise SystemExit(1)


def _experiments(arguments: argparse.Namespace) -> List[Experiment]:
    """Seed by seed, so that a table over all setups can be made early."""
    folder = arguments.configs / arguments.corpora
    there = sorted(path.stem for path in folder.glob("*.jsonnet"))
    if not there:
        raise UserError(f"--corpora {arguments.corpora}: no configuration in {folder}")
    setups = there if arguments.setups == "all" else arguments.setups.split(",")
    for setup in setups:
        if setup not in there:
            raise UserError(f"--setups {setup}: not in {folder}; there are {', '.join(there)}")
    seeds = range(1, arguments.seeds + 1)
    return [
        Experiment(arguments.output, arguments.corpora, setup, seed)
        for seed in seeds
        for setup in dict.fromkeys(setups)
    ]


def _report(arguments: argparse.Namespace, words: List[str]) -> None:
    """Writes tables of all runs as CSV files, and from these report.md and PNG plots: test F1 of all setups over the
    seeds, the declared comparisons with paired bootstrap tests over documents and seeds, corrected for their number,
    updates to convergence, what speaks to each claim of the paper's, learning curves, and what the runs took."""
    if arguments.samples < 1:
        raise UserError(f"--samples {arguments.samples}: expected at least 1")
    if not arguments.runs.is_dir():
        raise UserError(f"{arguments.runs}: no such directory; expected the --output of reproduce")
    output = arguments.output or arguments.runs / "report"
    bootstrap = Bootstrap(arguments.samples, arguments.seed, arguments.unit == "document", arguments.level)
    _show(write_report(arguments.runs, output, bootstrap), output)


def _draw(arguments: argparse.Namespace, words: List[str]) -> None:
    """Writes report.md and the plots again, from the CSV files of a report alone."""
    _show(draw(arguments.tables), arguments.tables)


def _show(notes: List[str], directory: Path) -> None:
    for note in notes:
        print(note, file=sys.stderr)
    print(visible_lines((directory / REPORT).read_text(encoding="utf-8")))


def _check(arguments: argparse.Namespace, words: List[str]) -> None:
    tables = arguments.tables or arguments.runs / "report"
    checked = check(arguments.runs, tables, arguments.cells, arguments.seed, arguments.data)
    if not all([*checked]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
