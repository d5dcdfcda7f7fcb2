"""`hmtl search`: the best values of a configuration, by trial."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List

from allennlp.commands.subcommand import Subcommand
from allennlp.common import Params

from hmtl.common.arguments import add_command, add_overrides, at_least
from hmtl.common.characters import visible_lines
from hmtl.common.overrides import joined, parse_overrides
from hmtl.errors import UserError
from hmtl.jobs.executor_arguments import add_executor_arguments, checked_resources

if TYPE_CHECKING:
    from hmtl.jobs.executor import Executor

DESCRIPTION = """\
Search over any values of a configuration with Optuna. Each trial is an ordinary run, DIRECTORY/trial_0000 and so on, in
a process of its own, with its output in DIRECTORY/logs: it can be evaluated, compared by 'hmtl runs DIRECTORY', and is
recovered where the search was interrupted. The same command again goes on with the search; one with more --trials adds
some. A trial that fails is noted with its reason.

SPACE maps dotted keys of the configuration to distributions:

  {
    "trainer.optimizer.lr": {"type": "float", "low": 1e-4, "high": 1e-2, "log": true},
    "model.levels.ner.encoder.hidden_size": {"type": "int", "low": 32, "high": 256, "step": 32},
    "trainer.sampler": {"type": "categorical", "choices": ["uniform", {"type": "power", "alpha": 0.75}]}
  }

A key with a default need not stand in the configuration, the object around it must. A choice may be an object, which
is merged into the one in the configuration, or replaces it where its type is another. "when": {"trainer.sampler":
"uniform"} searches a key only with that value.

DIRECTORY gets trials.csv, best.json for 'hmtl train CONFIG -o "$(cat DIRECTORY/best.json)"', importances.json,
history.png, and study.db for Optuna's own tools."""


@Subcommand.register("search")
class Search(Subcommand):
    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = add_command(parser, self.name, DESCRIPTION)
        add = subparser.add_argument
        add("config", metavar="CONFIG", type=Path, help="the configuration of all trials")
        add("space", metavar="SPACE", type=Path, help="a JSON or Jsonnet file with the space")
        add("-s", "--directory", metavar="DIRECTORY", type=Path, required=True, help="where to write everything")
        add("--trials", type=at_least(1), default=20, help="how many in all, those of earlier calls too")
        add(
            "--metric",
            default="validation_score",
            help="validation_score, the sum over the tasks, or validation_TASK_METRIC such as "
            "validation_ner_f1; of a trial its best epoch counts",
        )
        add("--direction", choices=["maximize", "minimize"], default="maximize", help="of the metric")
        add(
            "--sampler",
            choices=["tpe", "random", "grid", "cmaes"],
            default="tpe",
            help="grid: every combination, in order; cmaes needs the package of that name",
        )
        add(
            "--pruner",
            choices=["median", "hyperband", "none"],
            default="median",
            help="ends trials early: below the median of the others, by Hyperband, or none",
        )
        add("--seed", type=int, help="with one, and --jobs 1, the same search gives the same trials")
        add("--timeout", type=float, metavar="SECONDS", help="begin no trial after so many seconds")
        add_executor_arguments(subparser)
        add_overrides(subparser, "the configuration for all trials, as 'hmtl train' has")
        subparser.set_defaults(func=_search)
        return subparser


def _search(arguments: argparse.Namespace) -> None:
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise UserError("hmtl search needs Optuna: pip install 'hmtl[search]'") from None
    from hmtl.search import directory as places
    from hmtl.search.metric import Metric
    from hmtl.search.report import Report
    from hmtl.search.search import Search as SearchLoop
    from hmtl.search.space import SearchSpace
    from hmtl.search.study import Trials

    directory: Path = arguments.directory
    config = _configuration(arguments)
    space = SearchSpace.read(arguments.space)
    space.check(config, arguments.space)
    maximize = arguments.direction == "maximize"
    metric = Metric.named(arguments.metric, maximize, _tasks(config))
    num_epochs = _section(config, "trainer").get("num_epochs")
    trials = Trials(
        directory / places.STUDY, space, maximize, arguments.sampler, arguments.pruner, arguments.seed, num_epochs
    )
    resources = checked_resources(arguments)
    report = Report(directory, space, joined(parse_overrides(arguments.overrides)))
    places.check_directory(directory)
    with places.locked(directory) as lock:
        trials.open()
        described = {"space": space.describe(), "metric": metric.name, "direction": arguments.direction}
        if places.claim(directory, config, described, trials.all_failed()):
            trials.restart()
        executor = _executor(arguments, config, resources, lock)
        try:
            SearchLoop(
                directory,
                trials,
                space,
                metric,
                executor,
                report,
                wanted=arguments.trials,
                jobs=arguments.jobs,
                num_epochs=num_epochs,
                timeout=arguments.timeout,
                packages=arguments.include_package,
            ).run()
        finally:
            executor.close()
        notes = report.write_summary(trials.study)
    print(visible_lines(report.table(trials.study)))
    for note in notes:
        print(note, file=sys.stderr)
    if not trials.any_finished():
        reason = report.last_reason(trials.study)
        last = "" if reason is None else f"; the last reason, of those in {places.LOGS}: {reason}"
        raise UserError(f"{directory}: no trial finished{last}")


def _configuration(arguments: argparse.Namespace) -> Dict[str, Any]:
    """The configuration of all trials, evaluated: what changes in its files from here on changes no trial."""
    if not arguments.config.is_file():
        raise UserError(f"{arguments.config}: expected a configuration file")
    described = Params.from_file(arguments.config, arguments.overrides).as_dict(quiet=True)
    if not described.get("validation_data_path"):
        raise UserError(f"{arguments.config}: no validation_data_path, and so nothing to choose by")
    return described


def _tasks(configuration: Dict[str, Any]) -> List[str]:
    return list(_section(_section(configuration, "model"), "levels"))


def _section(configuration: Dict[str, Any], name: str) -> Dict[str, Any]:
    section = configuration.get(name)
    return section if isinstance(section, dict) else {}


def _executor(
    arguments: argparse.Namespace, configuration: Dict[str, Any], resources: Dict[str, float], lock: int
) -> "Executor":
    if arguments.executor == "ray":
        from hmtl.jobs.ray_executor import RayExecutor

        return RayExecutor(resources, arguments.ray_address)
    from hmtl.jobs.executor import LocalExecutor

    return LocalExecutor(arguments.jobs, _devices(arguments.jobs, configuration), lock)


def _devices(jobs: int, configuration: Dict[str, Any]) -> List[str]:
    """The GPUs to deal out to trials that run at once; none where the configuration itself chooses among them."""
    from hmtl.jobs.executor import devices_to_deal_out

    chosen = "distributed" in configuration or _section(configuration, "trainer").get("cuda_device", 0) not in (0, None)
    return [] if chosen else devices_to_deal_out(jobs)
