"""Runs alone the tasks that a study has no learning curve of."""

import argparse
import json
from pathlib import Path
from typing import List, Sequence

from hmtl.errors import UserError
from research.task_relations.features import FEATURES
from research.task_relations.study import SETTINGS, TASKS
from research.task_relations.task_data import write_features


def run_alone(study: Path, tasks: Sequence[str], options: Sequence[str]) -> None:
    """Runs each task alone with the settings of the study, which then has its curve, and its features.

    # Parameters

    study : `Path`
    tasks : `Sequence[str]`
    options : `Sequence[str]`
        Of `task_relations.py run`, such as `["--data", "data"]`.

    # Raises

    UserError
        Where the study was not made by `task_relations.py run`, or there is no such task.
    """
    if not tasks:
        return
    if not (study / SETTINGS).is_file():
        raise UserError(
            f"{study}: no single-task losses of {', '.join(tasks)}, and no {SETTINGS}, with whose settings to run them"
        )
    from research.task_relations import run

    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    if "--task-file" not in options and (study / TASKS).is_file():
        options = [*options, "--task-file", str(study / TASKS)]  # there may be tasks in it that were not run yet
    for task in tasks:  # one by one: together they would be run in pairs
        run.run(parser.parse_args(["--output", str(study), "--tasks", task, *_settings(study), *options]))
    if (study / FEATURES).is_file() and (study / TASKS).is_file():
        write_features(study)


def _settings(study: Path) -> List[str]:
    settings = json.loads((study / SETTINGS).read_text(encoding="utf-8"))
    given = {key: value for key, value in settings.items() if value is not None}
    return [word for key, value in given.items() for word in (f"--{key}", str(value))]
