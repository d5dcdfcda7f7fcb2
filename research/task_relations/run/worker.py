"""`python -m research.task_relations.run.worker PID JOB`: some runs of a study, one after the other, for as long
as the process PID lives.

JOB is JSON: `directory`, that of the study, and `runs`. To start costs seconds, which several runs share. One that
fails leaves a note, and the others go on. A run trains a task, or two, and keeps the scores and losses of the way.
"""

import csv
import json
import logging
import shutil
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

from allennlp.common import Params

from hmtl.common.explain import explain, user_errors
from hmtl.common.files import atomic_write, write_json
from hmtl.common.stop_signals import TrainingStopped
from hmtl.jobs.child_process import end_with_parent
from hmtl.runs.run_directory import RunDirectory
from hmtl.runs.summaries import metrics_by_epoch
from hmtl.training.callbacks.batch_losses import BATCH_LOSSES
from hmtl.training.launch import train_model
from research.task_relations.run.plan import RUNS, Plan


def train_one(plan: Plan, run: str) -> None:
    """Trains a run of a study, or goes on with one that was interrupted, and writes its result.

    Of the training nothing else stays: `{run}.json` has `f1`, the validation score of each task after each part of the
    updates, `losses`, the training loss of every tenth update, and `seconds` and `cpu_seconds`, since the last
    interruption.
    """
    directory = plan.directory / RUNS / run
    begun, cpu_begun = time.monotonic(), time.process_time()
    experiment = plan.configuration(run)
    updates_per_epoch = experiment["trainer"]["sampler"]["num_updates"]
    train_in(directory, experiment)
    result = {
        "run": run,
        "tasks": run.split("_"),
        "f1": _scores(directory, run.split("_"), updates_per_epoch),
        "losses": _losses(directory),
        "seconds": round(time.monotonic() - begun, 1),
        "cpu_seconds": round(time.process_time() - cpu_begun, 1),
    }
    write_json(plan.result(run), result)
    shutil.rmtree(directory)


def train_in(directory: Path, experiment: Dict[str, Any]) -> None:
    """Trains an experiment, or goes on with it from its last checkpoint, without what a study does not look at: test
    data, and drawn curves."""
    recover = RunDirectory(directory).has_checkpoint()
    if directory.exists() and not recover:
        shutil.rmtree(directory)
    params = Params(json.loads(json.dumps(experiment)))
    params.pop("test_data_path")
    params["trainer"]["enable_default_callbacks"] = False
    with _logging_as_found():
        train_model(params, str(directory), recover=recover, file_friendly_logging=True, return_model=False)


def _scores(directory: Path, tasks: List[str], updates_per_epoch: int) -> List[Dict[str, Any]]:
    return [
        {
            "task": task,
            "iteration": (metrics["epoch"] + 1) * updates_per_epoch,
            "f1": metrics[f"validation_{task}_f1"],
        }
        for metrics in metrics_by_epoch(directory)
        for task in tasks
    ]


def _losses(directory: Path) -> List[Dict[str, Any]]:
    with open(directory / BATCH_LOSSES, encoding="utf-8", newline="") as file:
        return [
            {"task": row["task"], "iteration": int(row["iteration"]), "loss": float(row["loss"])}
            for row in csv.DictReader(file)
        ]


@contextmanager
def _logging_as_found() -> Iterator[None]:
    """Takes back the handlers that each training adds, for the next one in the same process."""
    loggers = [logging.getLogger(), logging.getLogger("tqdm")]
    before = [list(logger.handlers) for logger in loggers]
    try:
        yield
    finally:
        for logger, handlers in zip(loggers, before):
            for handler in set(logger.handlers) - set(handlers):
                handler.close()
            logger.handlers[:] = handlers


def perform(directory: Path, runs: List[str]) -> None:
    """Trains the runs that are not finished."""
    plan = Plan.read(directory)
    for run in runs:
        if plan.is_finished(run):
            continue
        try:
            train_one(plan, run)
        except TrainingStopped:
            raise
        except Exception as error:
            traceback.print_exc()
            reason = explain(error) or " ".join(f"{type(error).__name__}: {error}".split())
            with atomic_write(plan.failure(run)) as file:
                file.write(reason[:500] + "\n")


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    job = json.loads(sys.argv[2])
    with user_errors():
        perform(Path(job["directory"]), job["runs"])
