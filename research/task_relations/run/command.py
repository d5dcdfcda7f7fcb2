"""`run` on the command line: each task alone and all pairs, what is missing of them."""

import argparse
import os
import sys
from pathlib import Path

from hmtl.common.arguments import at_least
from hmtl.common.locks import locked
from hmtl.errors import UserError
from hmtl.jobs.executor_arguments import add_executor_arguments, checked_resources, executor_of
from research.task_relations.run.plan import Plan, Settings
from research.task_relations.run.runner import StudyRunner
from research.task_relations.run.tasks import Tasks, free_tasks, read_tasks

MODULE = "research.task_relations.run.worker"
SUBSET_SIZE = 4
LOCK = "run.lock"
LOCKED_BY = "another research.task_relations, or a run of one that was killed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `run`."""
    add = parser.add_argument
    add("--output", required=True, type=Path, metavar="DIRECTORY", help="of the study; the same again goes on with it")
    add("--tasks", metavar="A,B,...", help="names of tasks (default: all of the ten, and those of --task-file)")
    add("--task-file", type=Path, metavar="FILE", help="JSON with tasks of your own, in the layout of a tasks.json")
    add("--data", metavar="FOLDER", help="that holds gum/, streusle/ and wnut17/ (default: HMTL_DATA)")
    updates = "short: 1,500 updates a task, by Adam; full: 25,000, by Adadelta (default: %(default)s)"
    add("--preset", choices=["short", "full"], default="full", help=updates)
    add("--steps", type=at_least(1), metavar="N", help="so many updates a task instead, twice as many a pair")
    add("--glove", metavar="FILE", help="word vectors of 100 dimensions to start with; else they are learned alone")
    add("--seed", type=at_least(0), default=13370, metavar="N", help="(default: %(default)s)")
    subsets = "train N random subsets of the tasks instead of each alone and all pairs"
    add("--subsets", type=at_least(1), metavar="N", help=subsets)
    add("--subset-size", type=at_least(2), metavar="K", help=f"tasks of each (default: {SUBSET_SIZE})")
    add_executor_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Runs what is missing; exit code 1 where some have failed.

    # Raises

    UserError
        Where tasks or data are not there, or the directory is that of another study.
    """
    checked_resources(arguments)
    if arguments.subset_size is not None and arguments.subsets is None:
        raise UserError("--subset-size goes with --subsets")
    size = None if arguments.subsets is None else arguments.subset_size or SUBSET_SIZE
    settings = Settings(
        arguments.preset, arguments.steps, arguments.glove, arguments.seed, arguments.subsets, subset_size=size
    )
    if settings.glove is not None and not Path(settings.glove).is_file():
        raise UserError(f"--glove {settings.glove}: no such file")
    plan = Plan(arguments.output, _tasks(arguments), settings)
    plan.directory.mkdir(parents=True, exist_ok=True)
    with locked(plan.directory / LOCK, LOCKED_BY) as lock:
        plan.write()
        executor = executor_of(arguments, MODULE, lock)
        try:
            failed = StudyRunner(plan, executor, arguments.jobs).run()
        finally:
            executor.close()
    wanted = len(plan.runs())
    print(f"{wanted - len(failed)} of {wanted} runs are finished in {plan.directory}")
    for name, reason in failed.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    if failed:
        raise SystemExit(1)


def _tasks(arguments: argparse.Namespace) -> Tasks:
    own = read_tasks(arguments.task_file) if arguments.task_file is not None else {}
    data = arguments.data or os.environ.get("HMTL_DATA")
    there = {**(free_tasks(data) if data else {}), **own}
    if not there:
        raise UserError("--data: name the folder that holds gum/, streusle/ and wnut17/, or give --task-file")
    names = arguments.tasks.split(",") if arguments.tasks else sorted(there)
    for name in names:
        if name not in there:
            raise UserError(f"--tasks {name}: there is no such task; there are {', '.join(sorted(there))}")
    tasks = {name: there[name] for name in sorted(set(names))}
    for name, task in tasks.items():
        for split in ("train", "validation"):
            path = task[split].partition("#")[0]
            if not os.path.exists(path):
                raise UserError(f"{path}: the data of '{name}' are not there; check --data")
    return tasks
