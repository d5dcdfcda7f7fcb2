"""`hmtl advise`: which auxiliary task to add, which tasks to train together, which order of levels to try."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, List, Sequence

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import at_least
from hmtl.common.characters import visible_lines
from hmtl.errors import UserError

if TYPE_CHECKING:
    from research.task_relations.pair_data import PairData

DESCRIPTION = """\
Advice before training: which auxiliary task may help a main task, predicted from runs of each task alone, after Bingel
and Søgaard 2017. STUDY is what 'python scripts/task_relations.py run' writes, also a part of it.

  hmtl advise --main ner --candidates pos,chunks,mwe --study runs/relations
  hmtl advise --main ner --candidates pos,chunks,mwe --study runs/relations --groups 2
  hmtl advise --order configs/quickstart.jsonnet --study runs/relations -s runs/orders --try 2

For each candidate: the probability of a gain (logistic regression) and the relative gain in F1 (ridge regression),
both with a bootstrap interval. They are learned from all measured pairs of STUDY, and of the studies of --fitted-on,
that the main task has no part in. Beside it stands, where STUDY has affinity.csv, how much an update of the candidate
lowers the loss of the main task in one joint run (Fifty et al. 2021); and where STUDY has measured the gains of the
main task, they, and how well the predictions rank them. A task that has not been run alone yet is, with the settings of
STUDY.

--groups divides the tasks among at most so many models by their predicted gains. --order ranks the orders of the levels
of CONFIG, each reading all below it, by what the levels are predicted to gain from those below."""


# Of fewer, a feature is almost only the lowest or the highest.
TASKS_FOR_A_SCALE = 4


@Subcommand.register("advise")
class Advise(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description=DESCRIPTION,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add = subparser.add_argument
        add("--study", type=Path, required=True, metavar="STUDY", help="a study of task relations, or a part of one")
        add("--main", metavar="TASK", help="the task that is to gain")
        add("--candidates", metavar="A,B,...", help="auxiliary tasks to choose from (default: all others of STUDY)")
        add(
            "--fitted-on",
            type=Path,
            nargs="+",
            default=[],
            metavar="STUDY",
            help="learn from the pairs of these studies, too, such as the published figures",
        )
        add("--groups", type=at_least(1), metavar="K", help="divide main task and candidates among at most K models")
        add("--order", type=Path, metavar="CONFIG", help="rank the orders of the levels of a configuration instead")
        add("-s", "--directory", type=Path, metavar="DIRECTORY", help="where --order keeps the runs that it needs")
        add("--try", dest="tries", type=at_least(1), metavar="N", help="train the N first orders, briefly, and compare")
        add(
            "--updates",
            type=at_least(20),
            default=500,
            metavar="N",
            help="of a task in each run that --order makes (default: %(default)s)",
        )
        add("--data", metavar="FOLDER", help="of the corpora, for tasks that have not been run (default: HMTL_DATA)")
        add("--task-file", type=Path, metavar="FILE", help="tasks of your own that have not been run, as tasks.json")
        add("--jobs", type=at_least(1), default=1, metavar="N", help="how many runs at once (default: %(default)s)")
        add("--seed", type=at_least(0), default=1, metavar="N", help="of the bootstrap (default: %(default)s)")
        add("--output", type=Path, metavar="FILE", help="write the advice as CSV, too")
        subparser.set_defaults(func=_advise)
        return subparser


def _advise(arguments: argparse.Namespace) -> None:
    _check(arguments)
    if arguments.order is not None:
        _order(arguments)
    else:
        _main_task(arguments)


def _check(arguments: argparse.Namespace) -> None:
    if (arguments.main is None) == (arguments.order is None):
        raise UserError("expected either --main TASK or --order CONFIG")
    for option, wants in (("tries", "order"), ("directory", "order"), ("groups", "main"), ("candidates", "main")):
        if getattr(arguments, option) is not None and getattr(arguments, wants) is None:
            raise UserError(f"--{'try' if option == 'tries' else option} goes with --{wants}")


def _main_task(arguments: argparse.Namespace) -> None:
    from research.task_relations.advice import Advice, advice_as_text, rows_of
    from research.task_relations.affinity import read_affinities
    from research.task_relations.missing_runs import run_alone
    from research.task_relations.pair_data import read_pair_data
    from research.task_relations.prediction import predict
    from research.task_relations.study import read_study
    from research.task_relations.writing import write_rows

    study: Path = arguments.study
    known = read_study(study)
    candidates = arguments.candidates.split(",") if arguments.candidates else known.tasks
    candidates = [task for task in dict.fromkeys(candidates) if task != arguments.main]
    tasks = [arguments.main, *candidates]
    run_alone(study, [task for task in tasks if task not in known.losses], _run_options(arguments))
    data = read_pair_data([study, *arguments.fitted_on])
    _tell_missing(data, tasks)
    _tell_scale(data)
    predictions = predict(data, arguments.main, candidates, seed=arguments.seed)
    num_pairs = int((data.measured & data.without(arguments.main)).sum())
    advice = Advice(arguments.main, predictions, read_affinities(study), num_pairs)
    print(visible_lines(advice_as_text(advice)))
    if arguments.output is not None:
        write_rows(arguments.output, rows_of(advice))
    if arguments.groups is not None:
        _print_groups(data, tasks, arguments.groups)


def _print_groups(data: "PairData", tasks: Sequence[str], models: int) -> None:
    from research.task_relations.grouping import best_groups
    from research.task_relations.prediction import predicted_gains

    total, groups = best_groups(predicted_gains(data, tasks), tasks, models)
    print(f"\nAt most {models} models, predicted gains of all tasks together {total:+.1f} %:")
    for group in groups:
        print(f"  {', '.join(group)}")


def _order(arguments: argparse.Namespace) -> None:
    from research.task_relations.order_runs import OrderRuns
    from research.task_relations.orders import ranked_orders
    from research.task_relations.pair_data import read_pair_data
    from research.task_relations.prediction import predicted_gains
    from research.task_relations.study import read_study

    runs = OrderRuns(arguments.order, arguments.directory, arguments.updates, arguments.include_package)
    study = arguments.study
    if set(runs.levels) <= set(read_study(study).losses):
        data = read_pair_data([study, *arguments.fitted_on])
    else:
        # Levels that no study has, such as relations: what they are like is learned from runs of CONFIG.
        data = read_pair_data([runs.run_alone(), study, *arguments.fitted_on])
    _tell_missing(data, runs.levels)
    _tell_scale(data)
    ranking = ranked_orders(predicted_gains(data, runs.levels), runs.levels)
    print("Orders of levels, from the bottom up, and what the levels are predicted to gain from those below, summed:\n")
    for place, order in enumerate(ranking, start=1):
        print(f"{place:4}. {order.benefit:+8.1f} %  {' < '.join(order.levels)}")
    if arguments.tries is not None:
        print("\n" + runs.compare([order.levels for order in ranking[: arguments.tries]]))


def _run_options(arguments: argparse.Namespace) -> List[str]:
    """The options of 'task_relations.py run' that are given here."""
    options = ["--jobs", str(arguments.jobs)]
    if arguments.data is not None:
        options += ["--data", arguments.data]
    if arguments.task_file is not None:
        options += ["--task-file", str(arguments.task_file)]
    return options


def _tell_scale(data: "PairData") -> None:
    """Of several studies each is scaled by itself, which needs some tasks."""
    studies = list(dict.fromkeys(study for study, _, _ in data.pairs))
    first = {task for study, *pair in data.pairs if study == studies[0] for task in pair}
    if len(studies) > 1 and len(first) < TASKS_FOR_A_SCALE:
        print(
            f"{studies[0]}: {len(first)} tasks are few to compare with other studies; run more alone", file=sys.stderr
        )


def _tell_missing(data: "PairData", tasks: Iterable[str]) -> None:
    names = set(tasks)
    for note in data.notes:
        # What is missing of other tasks changes little, and there may be much of it.
        if any(f": {task}: " in note for task in names):
            print(note, file=sys.stderr)
