"""`advise` on the command line: as `hmtl advise`, of tasks and levels that are in no study yet, too."""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence

from hmtl.advice.order_runs import ALONE, OrderRuns
from hmtl.advice.predictions import PREDICTIONS, Advice, write_predictions
from hmtl.commands import advise as without_runs
from hmtl.common.arguments import at_least
from hmtl.errors import UserError
from hmtl.training.callbacks.batch_losses import BATCH_LOSSES
from research.task_relations.features import FEATURES, write_features
from research.task_relations.pair_data import PairData, read_pair_data
from research.task_relations.prediction import MIN_PAIRS, advise, predicted_gains
from research.task_relations.run import command
from research.task_relations.study import SETTINGS, TASKS, read_affinities, read_study, write_study

# Of fewer, a feature is almost only the lowest or the highest.
TASKS_FOR_A_SCALE = 4


def add_learning_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `predict` and `advise` have in common: from what is learned."""
    add = parser.add_argument
    add(
        "--fitted-on",
        type=Path,
        nargs="+",
        default=[],
        metavar="STUDY",
        help="learn from the pairs of these studies, too, such as the published figures",
    )
    add("--seed", type=at_least(0), default=1, metavar="N", help="of the bootstrap (default: %(default)s)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `advise`."""
    without_runs.add_arguments(parser)
    add_learning_arguments(parser)
    add = parser.add_argument
    add("--data", metavar="FOLDER", help="of the corpora, for tasks that have not been run (default: HMTL_DATA)")
    add("--task-file", type=Path, metavar="FILE", help="tasks of your own that have not been run, as tasks.json")
    add("--jobs", type=at_least(1), default=1, metavar="N", help="how many runs at once (default: %(default)s)")
    add("--include-package", nargs="+", default=[], metavar="NAME", help="packages that register classes")


def predict(arguments: argparse.Namespace) -> None:
    """Writes predictions.csv into a study, which `hmtl advise` reads: what each task is predicted to gain from each
    other. It is learned from all measured pairs of STUDY, and of the studies of --fitted-on, that the main task has no
    part in."""
    study: Path = arguments.study
    tasks, affinities = list(read_study(study).losses), read_affinities(study)
    data = read_pair_data([study, *arguments.fitted_on])
    _tell_missing(data, tasks)
    _tell_scale(data)
    advice: List[Advice] = []
    for main in tasks:
        if int((data.measured & data.without(main)).sum()) < MIN_PAIRS:
            print(f"{main}: fewer than {MIN_PAIRS} measured pairs without it; nothing is predicted", file=sys.stderr)
            continue
        others = [task for task in tasks if task != main]
        advice.append(advise(data, main, others, affinities, seed=arguments.seed))
    write_predictions(study / PREDICTIONS, advice)
    print(f"predictions for {len(advice)} of {len(tasks)} tasks: {study / PREDICTIONS}")


def run(arguments: argparse.Namespace) -> None:
    """Advises on a main task or on an order of levels, and runs first what has not been run alone."""
    without_runs.check(arguments)
    if arguments.order is not None:
        _order(arguments)
    else:
        _main_task(arguments)


def _main_task(arguments: argparse.Namespace) -> None:
    study: Path = arguments.study
    known = read_study(study)
    candidates = without_runs.candidates_of(arguments, known.tasks)
    tasks = [arguments.main, *candidates]
    run_alone(study, [task for task in tasks if task not in known.losses], _run_options(arguments))
    data = read_pair_data([study, *arguments.fitted_on])
    _tell_missing(data, tasks)
    _tell_scale(data)
    advice = advise(data, arguments.main, candidates, read_affinities(study), seed=arguments.seed)
    without_runs.show_candidates(arguments, advice)
    if arguments.groups is not None:
        without_runs.show_groups(predicted_gains(data, tasks), tasks, arguments.groups)


def _order(arguments: argparse.Namespace) -> None:
    runs = OrderRuns(arguments.order, arguments.directory, arguments.updates, arguments.include_package)
    studies = [arguments.study, *arguments.fitted_on]
    if not set(runs.levels) <= set(read_study(arguments.study).losses):
        # Levels that no study has, such as relations: what they are like is learned from runs of CONFIG.
        studies = [levels_alone(runs), *studies]
    data = read_pair_data(studies)
    _tell_missing(data, runs.levels)
    _tell_scale(data)
    without_runs.show_orders(arguments, runs, predicted_gains(data, runs.levels))


def levels_alone(runs: OrderRuns) -> Path:
    """Trains each level of a configuration alone; returns a directory with their losses, in the layout of a study."""
    losses: List[Dict[str, Any]] = []
    for level in runs.levels:
        with open(runs.trained((level,)) / BATCH_LOSSES, encoding="utf-8", newline="") as file:
            losses += list(csv.DictReader(file))
    directory = runs.directory() / ALONE
    write_study(directory, losses, scores=[])
    return directory


def run_alone(study: Path, tasks: Sequence[str], options: Sequence[str]) -> None:
    """Runs each task alone with the settings of the study, which then has its curve, and its features.

    # Parameters

    study : `Path`
    tasks : `Sequence[str]`
    options : `Sequence[str]`
        Of `python -m research.task_relations run`, such as `["--data", "data"]`.

    # Raises

    UserError
        Where the study was not made by that command, or there is no such task.
    """
    if not tasks:
        return
    if not (study / SETTINGS).is_file():
        raise UserError(
            f"{study}: no single-task losses of {', '.join(tasks)}, and no {SETTINGS}, with whose settings to run them"
        )
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    if "--task-file" not in options and (study / TASKS).is_file():
        options = [*options, "--task-file", str(study / TASKS)]  # there may be tasks in it that were not run yet
    settings = json.loads((study / SETTINGS).read_text(encoding="utf-8"))
    as_before = [word for key, value in settings.items() if value is not None for word in (f"--{key}", str(value))]
    for task in tasks:  # one by one: together they would be run in pairs
        command.run(parser.parse_args(["--output", str(study), "--tasks", task, *as_before, *options]))
    if (study / FEATURES).is_file() and (study / TASKS).is_file():
        write_features(study)


def _run_options(arguments: argparse.Namespace) -> List[str]:
    """The options of `run` that are given here."""
    options = ["--jobs", str(arguments.jobs)]
    if arguments.data is not None:
        options += ["--data", arguments.data]
    if arguments.task_file is not None:
        options += ["--task-file", str(arguments.task_file)]
    return options


def _tell_scale(data: PairData) -> None:
    """Of several studies each is scaled by itself, which needs some tasks."""
    studies = list(dict.fromkeys(study for study, _, _ in data.pairs))
    first = {task for study, *pair in data.pairs if study == studies[0] for task in pair}
    if len(studies) > 1 and len(first) < TASKS_FOR_A_SCALE:
        few = f"{len(first)} tasks are few to compare with other studies; run more alone"
        print(f"{studies[0]}: {few}", file=sys.stderr)


def _tell_missing(data: PairData, tasks: Iterable[str]) -> None:
    names = set(tasks)
    for note in data.notes:
        # What is missing of other tasks changes little, and there may be much of it.
        if any(f": {task}: " in note for task in names):
            print(note, file=sys.stderr)
