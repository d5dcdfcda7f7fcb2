"""`hmtl advise`: which auxiliary task to add, which tasks to train together, which order of levels to try."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Collection, Sequence

from allennlp.commands.subcommand import Subcommand

from hmtl.common.arguments import add_command, at_least
from hmtl.common.characters import visible_lines
from hmtl.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from hmtl.advice.order_runs import OrderRuns
    from hmtl.advice.predictions import Advice

DESCRIPTION = """\
Advice before training: which auxiliary task may help a main task. STUDY is the folder of a study with the files that,
in a checkout of hmtl, the commands predict and methods of 'python -m research.task_relations' write.

  hmtl advise --main ner --candidates pos,chunks,mwe --study runs/relations
  hmtl advise --main ner --candidates pos,chunks,mwe --study runs/relations --groups 2
  hmtl advise --order my_levels.jsonnet --study runs/relations -s runs/orders --try 2

Candidates are ranked by the method that ranked the measured gains of the study best, or by the one that --method names.
Below the table stand its reliability, on main tasks that it did not learn from, its cost, and whether any method is
worth more than a hint. A study without methods is ranked by the probability of a gain.

For each candidate the table has the probability of a gain (logistic regression) and the relative gain in F1 (ridge
regression), after Bingel and Søgaard 2017, both with a bootstrap interval, learned from all measured pairs that the
main task has no part in; and where the study has them, the affinity of one joint run (Fifty et al. 2021) and the
measured gain.

--groups divides the tasks among at most so many models by their predicted gains. --order ranks the orders of the levels
of CONFIG, each reading all below it, by what the levels are predicted to gain from those below.

'python -m research.task_relations advise' does the same for tasks and levels that are in no study yet: it first runs
them alone."""


@Subcommand.register("advise")
class Advise(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add_arguments(subparser)
        subparser.set_defaults(func=_advise)
        return subparser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds all arguments."""
    add = parser.add_argument
    add("--study", type=Path, required=True, metavar="STUDY", help="the folder of a study of task relations")
    add("--main", metavar="TASK", help="the task that is to gain")
    add("--candidates", metavar="A,B,...", help="auxiliary tasks to choose from (default: all others of STUDY)")
    add("--method", metavar="NAME", help="rank by this method of STUDY (default: the best one)")
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
    add("--output", type=Path, metavar="FILE", help="write the advice as CSV, too")


def check(arguments: argparse.Namespace) -> None:
    """Refuses arguments that do not go together by a `UserError`."""
    if (arguments.main is None) == (arguments.order is None):
        raise UserError("expected either --main TASK or --order CONFIG")
    for option, wants in (
        ("tries", "order"),
        ("directory", "order"),
        ("groups", "main"),
        ("candidates", "main"),
        ("method", "main"),
    ):
        if getattr(arguments, option) is not None and getattr(arguments, wants) is None:
            raise UserError(f"--{'try' if option == 'tries' else option} goes with --{wants}")
    output = arguments.output
    if output is not None and (output.suffix != ".csv" or not output.parent.is_dir()):
        raise UserError(f"{output}: expected a file *.csv in a directory that is there")


def candidates_of(arguments: argparse.Namespace, known: Sequence[str]) -> Sequence[str]:
    """The auxiliary tasks to choose from, each once."""
    named = arguments.candidates.split(",") if arguments.candidates else known
    return [task for task in dict.fromkeys(named) if task != arguments.main]


def show_candidates(arguments: argparse.Namespace, advice: "Advice") -> None:
    """Prints the advice on a main task, ranked by a method of the study where it has any of it, and writes it where it
    is to be written."""
    from hmtl.advice.methods import read_methods
    from hmtl.advice.predictions import write_predictions

    methods, lines = read_methods(arguments.study), []
    if methods is None and arguments.method is not None:
        raise UserError(f"--method {arguments.method}: {arguments.study} has no methods.csv")
    if methods is not None:
        used = methods.named(arguments.method)
        advice = advice.ranked(methods.scores.get(used.method, {}))
        if any(one.score is not None for one in advice.predictions):
            lines = ["", *methods.lines(used)]
    print(visible_lines("\n".join([*advice.lines(), *lines])))
    if arguments.output is not None:
        write_predictions(arguments.output, [advice])


def show_groups(gains: "np.ndarray", tasks: Sequence[str], models: int) -> None:
    """Prints the best division of tasks among models, by a `gains_matrix`."""
    from hmtl.advice.arrangements import best_groups

    total, groups = best_groups(gains, tasks, models)
    print(f"\nAt most {models} models, predicted gains of all tasks together {total:+.1f} %:")
    for group in groups:
        print(f"  {', '.join(group)}")


def show_orders(arguments: argparse.Namespace, runs: "OrderRuns", gains: "np.ndarray") -> None:
    """Prints all orders of levels by a `gains_matrix` of them, and trains the first ones where asked to."""
    from hmtl.advice.arrangements import ranked_orders

    ranking = ranked_orders(gains, runs.levels)
    print("Orders of levels, from the bottom up, and what the levels are predicted to gain from those below, summed:\n")
    for place, order in enumerate(ranking, start=1):
        print(f"{place:4}. {order.benefit:+8.1f} %  {' < '.join(order.levels)}")
    if arguments.tries is not None:
        print("\n" + runs.compare([order.levels for order in ranking[: arguments.tries]]))


def _advise(arguments: argparse.Namespace) -> None:
    from hmtl.advice.order_runs import OrderRuns
    from hmtl.advice.predictions import Advice, gains_matrix, read_predictions

    check(arguments)
    advice = read_predictions(arguments.study)
    if arguments.order is not None:
        runs = OrderRuns(arguments.order, arguments.directory, arguments.updates, arguments.include_package)
        _check_known(arguments.study, runs.levels, advice)
        show_orders(arguments, runs, gains_matrix(advice, runs.levels))
        return
    _check_known(arguments.study, [arguments.main], advice)
    of_main = advice[arguments.main]
    by_name = {one.auxiliary: one for one in of_main.predictions}
    candidates = candidates_of(arguments, sorted(by_name))
    _check_known(arguments.study, candidates, by_name)
    chosen = [one for one in of_main.predictions if one.auxiliary in candidates]
    show_candidates(arguments, Advice(arguments.main, chosen, of_main.num_pairs))
    if arguments.groups is not None:
        tasks = [arguments.main, *candidates]
        _check_known(arguments.study, tasks, advice)
        show_groups(gains_matrix(advice, tasks), tasks, arguments.groups)


def _check_known(study: Path, tasks: Sequence[str], known: Collection[str]) -> None:
    for task in tasks:
        if task not in known:
            raise UserError(
                f"{study}: no prediction for '{task}'; there are {', '.join(sorted(known))}; in a checkout of hmtl "
                f"'python -m research.task_relations advise' runs '{task}' alone first"
            )
