"""`hmtl evaluate`: what a finished run scores."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

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
from hmtl.errors import UserError

if TYPE_CHECKING:
    from hmtl.evaluation.evaluate import Run

DESCRIPTION = """\
Score a finished run: the best weights of every task on every task's test set, beside simple baselines.

  hmtl evaluate runs/quickstart
  hmtl evaluate runs/quickstart --gold-mentions --device cpu
  hmtl evaluate runs/quickstart --split validation --weights best_ner.safetensors best_emd.safetensors
  hmtl evaluate runs/quickstart --calibrate
  hmtl evaluate en_hmtl_mini --data my_corpora

The table goes to stdout; all metrics go to evaluation.json in the run's directory. The data are read from where
config.json says, relative to the working directory, or to --data. Of a model that is a package ('hmtl package') the one
weights file is scored with its calibration, and all metrics go to NAME.evaluation.json here. --calibrate chooses
thresholds and temperatures on validation data, which predictions from the run and its archive are made with from then
on; the table is of heads as configured, and what calibration changes stands below it.

'hmtl allennlp evaluate MODEL FILE' scores a model on another file, in AllenNLP's way."""


class Evaluate(Subcommand):
    """Not registered: of this name AllenNLP has a command."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, "evaluate", DESCRIPTION)
        add = subparser.add_argument
        add_run(subparser)
        add_data(subparser)
        add(
            "--gold-mentions",
            action="store_true",
            help="give coreference, and relations between spans, the gold mentions as candidates",
        )
        add(
            "--calibrate",
            action="store_true",
            help="choose thresholds and temperatures on validation data, for the run and its archive",
        )
        add_device(subparser)
        add_split(subparser)
        add(
            "--batch-size",
            type=at_least(1),
            metavar="N",
            help="of every task (default: as in training); losses may depend on it",
        )
        add("--weights", nargs="+", metavar="FILE", help="weights files (default: the best of each task and overall)")
        add("--no-baselines", action="store_true", help="leave them out; training data are then not read")
        add(
            "--output",
            type=Path,
            metavar="FILE",
            help="the JSON file (default: RUN/evaluation.json, RUN/evaluation_gold_mentions.json with "
            "--gold-mentions, and RUN/evaluation_validation... with --split validation)",
        )
        subparser.set_defaults(func=_evaluate)
        return subparser


def _evaluate(arguments: argparse.Namespace) -> None:
    from hmtl.evaluation.calibration import calibrate_run
    from hmtl.evaluation.evaluate import evaluate_run, load_run

    if arguments.calibrate and arguments.gold_mentions:
        raise UserError("--calibrate is for predictions, which have no gold mentions; leave out --gold-mentions")
    directory = run_named(arguments)
    device = device_named(arguments.device)
    run = load_run(directory, arguments.weights, arguments.data)
    if arguments.calibrate and run.package is not None:
        raise UserError(f"{directory}: is a package, which stays as it was made; calibrate its run, and package that")
    output = _output(run, arguments)
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


def _output(run: "Run", arguments: argparse.Namespace) -> Path:
    from hmtl.runs.run_directory import RunDirectory

    path = RunDirectory(run.directory).evaluation(arguments.split, arguments.gold_mentions)
    if run.package is not None:
        path = Path(f"{run.package}.{path.name}")
    path = arguments.output or path
    require_folders_of([path])
    return path
