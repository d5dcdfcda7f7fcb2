#!/usr/bin/env python
"""Runs the paper's setups over seeds: what is missing of them, each training in a process of its own, then its
evaluation on the test sets.

    python scripts/reproduce.py --corpora free --setups A,B,C,D,E,F --seeds 3 --preset fast --output runs/fast
    python scripts/report.py runs/fast

A run goes to OUTPUT/CORPORA/SETUP/seed_N, an ordinary serialization directory with evaluation.json, what each test
sentence scored (counts_TASK.json) and experiment.json; its log lies beside. The same command again runs only what is
missing, and recovers what was interrupted. A run that fails does not stop the others. Exit code 1: some have failed.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import List, Optional

import hmtl  # noqa: F401  defines the environment variables that configurations read
from hmtl.common.arguments import add_include_package, at_least, script_parser
from hmtl.common.explain import user_errors
from hmtl.common.locks import locked
from hmtl.common.overrides import OverridesAction, joined, parse_overrides
from hmtl.errors import UserError
from hmtl.jobs.executor_arguments import add_executor_arguments, checked_resources, executor_of
from research.paper.experiment import Experiment
from research.paper.runner import Runner

MODULE = "research.paper.run"
LOCK = "reproduce.lock"
PRESETS = {"paper": "", "fast": "fast", "faithful": "faithful"}


def _parser() -> argparse.ArgumentParser:
    parser = script_parser(__doc__)
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
    return parser


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


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    with user_errors(program="reproduce.py"):
        arguments = _parser().parse_args(argv)
        checked_resources(arguments)
        experiments = _experiments(arguments)
        overrides = joined(parse_overrides(arguments.overrides))
        os.environ["HMTL_PRESET"] = PRESETS[arguments.preset]
        if arguments.data is not None:
            os.environ["HMTL_DATA"] = str(arguments.data)
        arguments.output.mkdir(parents=True, exist_ok=True)
        with locked(arguments.output / LOCK, "another reproduce.py, or a run of one that was killed") as lock:
            executor = executor_of(arguments, MODULE, lock)
            try:
                failed = Runner(
                    experiments,
                    arguments.configs,
                    executor,
                    arguments.jobs,
                    arguments.preset,
                    overrides,
                    ["python", "scripts/reproduce.py", *(sys.argv[1:] if argv is None else argv)],
                    arguments.include_package,
                ).run()
            finally:
                executor.close()
        print(f"{len(experiments) - len(failed)} of {len(experiments)} runs are finished in {arguments.output}")
        for experiment, reason in failed.items():
            print(f"failed: {experiment.name}: {reason} (all of it in {experiment.log})", file=sys.stderr)
        if failed:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
