"""One run: trains a task, or two, and keeps the scores and losses of the way."""

import csv
import json
import logging
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

from allennlp.common import Params

from hmtl.common.files import write_json
from hmtl.runs.run_directory import RunDirectory
from hmtl.runs.summaries import metrics_by_epoch
from hmtl.training.callbacks.batch_losses import BATCH_LOSSES
from hmtl.training.launch import train_model
from research.task_relations.run.plan import RUNS, Plan


def train_one(plan: Plan, run: str) -> None:
    """Trains a run of a study, or goes on with one that was interrupted, and writes its result.

    Of the training nothing else stays: `{run}.json` has `f1`, the validation score of each task after each part of the
    updates, `losses`, the training loss of every tenth update, and `seconds`, since the last interruption.
    """
    directory = plan.directory / RUNS / run
    begun = time.monotonic()
    experiment = plan.configuration(run)
    updates_per_epoch = experiment["trainer"]["sampler"]["num_updates"]
    train_in(directory, experiment)
    result = {
        "run": run,
        "tasks": run.split("_"),
        "f1": _scores(directory, run.split("_"), updates_per_epoch),
        "losses": _losses(directory),
        "seconds": round(time.monotonic() - begun, 1),
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
