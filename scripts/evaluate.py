#!/usr/bin/env python
"""Evaluates a finished run: the best weights of every task on every task's test set, beside simple baselines.

    python scripts/evaluate.py -s runs/quickstart
    python scripts/evaluate.py -s runs/quickstart --gold-mentions --device cpu
    python scripts/evaluate.py -s runs/quickstart --split validation --weights best_ner.safetensors best_emd.safetensors
    python scripts/evaluate.py -s runs/quickstart --calibrate

The table goes to stdout; all metrics go to evaluation.json in the run's directory. The data are read from where
config.json says, relative to the working directory. --calibrate chooses thresholds and temperatures on validation data,
which predictions from the run and its archive are made with from then on; the table is of heads as configured, and what
calibration changes stands below it. Exit code 2: something cannot be read, in one line.
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
from hmtl.errors import UserError
from hmtl.evaluation.calibration import calibrate_run
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.runs.run_directory import RunDirectory


def _parser() -> argparse.ArgumentParser:
    parser = script_parser(__doc__)
    parser.add_argument(
        "-s", "--serialization-dir", required=True, metavar="RUN", help="the directory that 'hmtl train -s' wrote"
    )
    parser.add_argument(
        "--gold-mentions", action="store_true", help="give coreference the gold mentions as its candidates"
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="choose thresholds and temperatures on validation data, for the run and its archive",
    )
    add_device(parser)
    add_split(parser)
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="of every task (default: as in training); losses may depend on it"
    )
    parser.add_argument(
        "--weights", nargs="+", metavar="FILE", help="weights files (default: the best of each task and overall)"
    )
    parser.add_argument("--no-baselines", action="store_true", help="leave them out; training data are then not read")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the JSON file (default: RUN/evaluation.json, RUN/evaluation_gold_mentions.json with --gold-mentions, "
        "and RUN/evaluation_validation... with --split validation)",
    )
    add_include_package(parser, " of the run")
    return parser


def _output(arguments: argparse.Namespace) -> Path:
    run = RunDirectory(arguments.serialization_dir)
    path: Path = arguments.output or run.evaluation(arguments.split, arguments.gold_mentions)
    require_folders_of([path])
    return path


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    arguments = _parser().parse_args(argv)
    with user_errors(program="evaluate.py"):
        if arguments.batch_size is not None and arguments.batch_size < 1:
            raise UserError(f"--batch-size {arguments.batch_size}: expected at least 1")
        if arguments.calibrate and arguments.gold_mentions:
            raise UserError("--calibrate is for predictions, which have no gold mentions; leave out --gold-mentions")
        include_packages(arguments)
        device = device_named(arguments.device)
        run = load_run(arguments.serialization_dir, arguments.weights)
        output = _output(arguments)
        calibrated = {}
        if arguments.calibrate:
            calibrated = calibrate_run(run, arguments.split, device, arguments.batch_size)
        evaluation = evaluate_run(
            run,
            split=arguments.split,
            gold_mentions=arguments.gold_mentions,
            device=device,
            batch_size=arguments.batch_size,
            with_baselines=not arguments.no_baselines,
        )
        evaluation.calibration = calibrated
        try:
            print(visible_lines(evaluation.table()), flush=True)
        finally:  # also where nobody reads the table to its end
            evaluation.write(output)
        print(f"\nall metrics: {output}")


if __name__ == "__main__":
    main()
