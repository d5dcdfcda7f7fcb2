"""The study of task relations: which task helps which in joint training, and what single-task runs tell of it.

    python -m research.task_relations run --help
    python -m research.task_relations affinity runs/relations
    python -m research.task_relations gradients runs/relations
    python -m research.task_relations features runs/relations
    python -m research.task_relations fit runs/relations
    python -m research.task_relations report runs/relations --output docs/results/task_relations
    python -m research.task_relations predict runs/relations
    python -m research.task_relations methods runs/relations
    python -m research.task_relations advise --main ner --candidates pos,chunks,mwe --study runs/relations

run trains each task alone and each pair of tasks, or random subsets of them. affinity trains all at once, and measures
how much an update of one lowers the losses of the others; gradients does so on shared texts, and estimates what any
subset would score (Grad-TAG). features measures the data and the learning curves. fit learns to predict gains,
cross-validated. report writes the gains as a heat map, and tables. predict writes what each task is predicted to gain
from each other, and methods which of all methods ranks best, for hmtl advise; advise gives the same advice on tasks
that have not been run, too, which it runs alone first. A study that is not finished is analysed as far as it goes, with
a note of what is missing.
Exit code 2: something cannot be read, in one line.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Iterable, List, Optional

from hmtl.advice.methods import METHODS
from hmtl.common.arguments import at_least, script_parser
from hmtl.common.explain import user_errors
from hmtl.common.locks import locked
from hmtl.common.stop_signals import TrainingStopped
from hmtl.errors import UserError
from research.task_relations import advise
from research.task_relations.cross_validation import FOLDS, REPEATS
from research.task_relations.features import FEATURES, write_features
from research.task_relations.fit import CARD, Fit
from research.task_relations.gradients.measure import GRADIENTS, GradientStudy, Options
from research.task_relations.hierarchy import BASE, HIERARCHY, HIERARCHY_SCORES, keep_scores, read_measured
from research.task_relations.methods_report import take_subsets, write_methods
from research.task_relations.run import command
from research.task_relations.run.affinity import measure
from research.task_relations.run.plan import Plan, Settings
from research.task_relations.run.tasks import read_tasks
from research.task_relations.study import AFFINITIES, COSTS, SETTINGS, TASKS, read_costs
from research.task_relations.study_report import REPORT, write_report

PROGRAM = "research.task_relations"
# Of the hierarchy: on whose sentences a gradient of NER and EMD is taken, as that of coreference is.
DOCUMENTS_PER_BATCH = 2


def _parser() -> argparse.ArgumentParser:
    parser = script_parser(__doc__, prog=f"python -m {PROGRAM}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="train tasks alone and in pairs", description=command.run.__doc__)
    command.add_arguments(run)
    run.set_defaults(function=command.run)

    affinity = commands.add_parser("affinity", help="measure affinities", description=_affinity.__doc__)
    affinity.add_argument("study", type=Path, metavar="STUDY", help="that has tasks.json")
    steps = "updates a task, on average (default: %(default)s)"
    affinity.add_argument("--steps", type=at_least(1), default=300, metavar="N", help=steps)
    every = "updates between two measurements, over all tasks (default: %(default)s)"
    affinity.add_argument("--every", type=at_least(1), default=100, metavar="N", help=every)
    affinity.set_defaults(function=_affinity)

    gradients = commands.add_parser("gradients", help="one base run of all tasks", description=_gradients.__doc__)
    gradients.add_argument("study", type=Path, metavar="STUDY", help="that has tasks.json")
    gradients.add_argument("--steps", type=at_least(1), default=400, metavar="N", help=steps)
    gradients.add_argument("--preset", choices=["short", "full"], default="short", help="(default: %(default)s)")
    _add_gradient_options(gradients)
    gradients.set_defaults(function=_gradients)

    features = commands.add_parser("features", help="measure data and learning curves", description=_features.__doc__)
    features.add_argument("study", type=Path, metavar="STUDY", help="what run was given as --output")
    features.set_defaults(function=_features)

    fit = commands.add_parser("fit", help="learn to predict gains", description=_fit.__doc__)
    fit.add_argument("studies", type=Path, nargs="+", metavar="STUDY")
    fit.add_argument("--output", type=Path, metavar="DIR", help="(default: fit in the first STUDY)")
    _add_validation(fit)
    fit.set_defaults(function=_fit)

    report = commands.add_parser("report", help="heat map and tables", description=_report.__doc__)
    report.add_argument("study", type=Path, metavar="STUDY")
    report.add_argument("--output", type=Path, metavar="DIR", help="(default: report in STUDY)")
    _add_validation(report)
    report.set_defaults(function=_report)

    methods = commands.add_parser("methods", help="compare methods of advice", description=_methods.__doc__)
    methods.add_argument("study", type=Path, metavar="STUDY")
    repeat = "the same study with other seeds: how well runs repeat"
    methods.add_argument("--repeats", type=Path, nargs="+", default=[], metavar="STUDY", help=repeat)
    subsets = "a study of 'run --subsets', whose scores and costs are copied into STUDY"
    methods.add_argument("--subsets", type=Path, metavar="STUDY", help=subsets)
    of_hierarchy = "runs of 'research.paper reproduce', or their scores.csv: compares on the four tasks, too"
    methods.add_argument("--hierarchy", type=Path, metavar="RUNS", help=of_hierarchy)
    base = "the run of all four tasks whose gradients are taken (default: free/A/seed_1 in RUNS)"
    methods.add_argument("--base", type=Path, metavar="RUN", help=base)
    _add_gradient_options(methods)
    methods.set_defaults(function=_methods)

    predict = commands.add_parser("predict", help="make predictions.csv", description=advise.predict.__doc__)
    predict.add_argument("study", type=Path, metavar="STUDY")
    advise.add_learning_arguments(predict)
    predict.set_defaults(function=advise.predict)

    advising = commands.add_parser("advise", help="advise on auxiliary tasks", description=advise.run.__doc__)
    advise.add_arguments(advising)
    advising.set_defaults(function=advise.run)
    return parser


def _add_validation(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--repeats", type=at_least(1), default=REPEATS, help="of the cross-validation (default: %(default)s)")
    add("--folds", type=at_least(2), default=FOLDS, help="of the cross-validation (default: %(default)s)")
    add("--seed", type=int, default=1, help="of the cross-validation (default: %(default)s)")
    add(
        "--faithful",
        action="store_true",
        help="add the figures as published ones were made: curves fitted from ones, a scaler that saw the test folds",
    )


def _affinity(arguments: argparse.Namespace) -> None:
    """Trains all tasks of a study together, briefly, and writes affinity.csv. The same again goes on where it was
    interrupted; to begin anew with other options, remove STUDY/affinity. Where affinity.csv is there for the same
    tasks, nothing is trained."""
    study = arguments.study
    tasks = read_tasks(study / TASKS)
    settings = Plan.read(study).settings if (study / SETTINGS).is_file() else Settings()
    with locked(study / command.LOCK, command.LOCKED_BY):
        try:
            found = measure(study, tasks, arguments.steps, arguments.every, glove=settings.glove, seed=settings.seed)
        except TrainingStopped as stopped:
            _tell([f"{PROGRAM}: stopped; the same command goes on"])
            raise SystemExit(stopped.exit_code) from None
    print(f"{len(found)} affinities of {len(tasks)} tasks: {study / AFFINITIES}")


def _add_gradient_options(parser: argparse.ArgumentParser) -> None:
    add, default = parser.add_argument, Options()
    add("--dim", type=at_least(1), default=default.dim, metavar="N", help="of the projection (default: %(default)s)")
    help_train = "samples a task to fine-tune on (default: %(default)s)"
    add("--train-samples", type=at_least(1), default=default.train, metavar="N", help=help_train)
    help_validation = "samples a task to estimate its loss on (default: %(default)s)"
    add("--validation-samples", type=at_least(1), default=default.validation, metavar="N", help=help_validation)
    help_batches = "measurements of an affinity (default: %(default)s)"
    add("--batches", type=at_least(1), default=default.batches, metavar="N", help=help_batches)
    add("--seed", type=at_least(0), default=default.seed, metavar="N", help="(default: %(default)s)")


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        arguments.dim,
        arguments.train_samples,
        arguments.validation_samples,
        arguments.batches,
        seed=arguments.seed,
    )


def _gradients(arguments: argparse.Namespace) -> None:
    """Trains a base run on all tasks of a study together, briefly, and writes into STUDY/gradients what its gradients
    tell: shared_inputs.csv, affinities and cosines by the share of the texts that source and target have in common,
    and estimates.csv, the loss of each task after fine-tuning on any subset (Grad-TAG). The same again goes on where it
    was interrupted."""
    study = arguments.study
    tasks = read_tasks(study / TASKS)
    if len(tasks) < 2:
        raise UserError(f"{study}: gradients of several tasks are compared, and {TASKS} names {len(tasks)}")
    gradients = GradientStudy(study / GRADIENTS, _options(arguments))
    with locked(gradients.directory / command.LOCK, command.LOCKED_BY):
        try:
            base = gradients.train_base(tasks, arguments.steps, arguments.preset, glove=None)
            affinities = gradients.measure_affinities(base)
            estimates = gradients.estimate(base)
        except TrainingStopped as stopped:
            _tell([f"{PROGRAM}: stopped; the same command goes on"])
            raise SystemExit(stopped.exit_code) from None
    seconds = sum(gradients.costs().values())
    print(
        f"{len(affinities)} affinities and {len(estimates['linear'])} estimates of {len(tasks)} tasks, "
        f"{seconds / 60:.1f} CPU minutes: {gradients.directory}"
    )


def _methods(arguments: argparse.Namespace) -> None:
    """Compares all methods of advice that a study has what they need for, and writes methods.csv and method_scores.csv
    into it, which 'hmtl advise' reads, with tables beside. With --hierarchy the four tasks of the paper, too: gradients
    are those of their base run, and are kept in STUDY/hierarchy with the scores, so that they are read from there where
    the option is left out. The same again goes on where it was interrupted."""
    study = arguments.study
    if arguments.subsets is not None:
        take_subsets(arguments.subsets, study)
    folder, hierarchy = study / HIERARCHY, None
    if arguments.hierarchy is not None:
        keep_scores(arguments.hierarchy, folder)
        base = arguments.base or arguments.hierarchy / "free" / BASE / "seed_1"
        if base.is_dir():
            options = replace(_options(arguments), by_document=True, batch_size=DOCUMENTS_PER_BATCH)
            gradients = GradientStudy(folder / GRADIENTS, options)
            gradients.measure_affinities(base)
            gradients.estimate(base)
    if (folder / HIERARCHY_SCORES).is_file():
        hierarchy = read_measured(folder / HIERARCHY_SCORES), folder / GRADIENTS, read_costs(folder / COSTS)
    _tell(write_methods(study, arguments.repeats, hierarchy))
    print((study / METHODS).read_text(encoding="utf-8"))


def _features(arguments: argparse.Namespace) -> None:
    """Writes features.csv into a study: of the learning curves, and of the data where tasks.json tells them."""
    features = write_features(arguments.study)
    _tell(features.notes)
    print(f"{len(features.names())} features of {len(features.values)} tasks: {arguments.study / FEATURES}")


def _fit(arguments: argparse.Namespace) -> None:
    """Fits the logistic regression to studies; writes a model card, coefficients and cross-validated performance."""
    output = arguments.output or arguments.studies[0] / "fit"
    fit = Fit(arguments.studies, arguments.repeats, arguments.folds, arguments.seed, arguments.faithful)
    fit.write(output)
    _tell(fit.data.notes)
    print((output / f"{CARD}.md").read_text(encoding="utf-8"))


def _report(arguments: argparse.Namespace) -> None:
    """Writes report.md, the heat map gains.png, CSV files of all tables, and the model card."""
    output = arguments.output or arguments.study / "report"
    _tell(write_report(arguments.study, output, arguments.repeats, arguments.folds, arguments.seed, arguments.faithful))
    print((output / REPORT).read_text(encoding="utf-8"))


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        print(note, file=sys.stderr)


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    arguments = _parser().parse_args(argv)
    with user_errors(program=PROGRAM):
        arguments.function(arguments)


if __name__ == "__main__":
    main()
