"""The tasks of a study: where their data are, and how they are read."""

import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

from allennlp.common import Params
from allennlp.common.params import evaluate_snippet
from allennlp.data import DatasetReader

import hmtl  # noqa: F401  registers the readers that tasks name
from hmtl.common.shipped import shipped_folder
from hmtl.errors import ConfigurationError, UserError
from hmtl.tasks import TokenLabelsReader

SPLITS = ("train", "validation", "test")

# `reader`, the configuration of its dataset reader, and the path of each split.
Task = Dict[str, Any]
Tasks = Dict[str, Task]


def free_tasks(data: str) -> Tasks:
    """The ten tasks from free corpora, in a folder that holds gum/, streusle/ and wnut17/."""
    return _evaluated("relations.free(std.extVar('data'))", {"data": data})


def read_tasks(path: Path) -> Tasks:
    """Tasks from a file in the layout of a study's `tasks.json`.

    # Raises

    UserError
        Where the file is not there or not JSON, a task has other keys, or its name has an underscore.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON: {error}") from error
    expected = {"reader", *SPLITS}
    for name, task in tasks.items() if isinstance(tasks, dict) else [("", None)]:
        if not isinstance(task, dict) or set(task) != expected:
            raise UserError(f"{path}: '{name}': expected an object with the keys {', '.join(sorted(expected))}")
        # Names of runs join those of their tasks by it.
        if "_" in name or not name:
            raise UserError(f"{path}: '{name}': the name of a task needs a letter, and has no underscore")
    return tasks


def configuration(
    tasks: Tasks, preset: str, steps: int = None, glove: str = None, seed: int = 13370, at_end: bool = False
) -> Dict[str, Any]:
    """The experiment that trains some tasks on one shared encoder (`configs/lib/task_relations.libsonnet`).

    # Parameters

    tasks : `Tasks`
    preset : `str`
        `full` or `short`: how many updates there are.
    steps : `int`, optional
        Updates of a single task instead of the preset's; several tasks have as many each, on average.
    glove : `str`, optional
        A file of word vectors of 100 dimensions.
    seed : `int`, optional (default = `13370`)
    at_end : `bool`, optional (default = `False`)
        Whether there is one validation, at the end, instead of one after each fifth of a single task's updates.
    """
    arguments = {"tasks": tasks, "preset": preset, "steps": steps, "glove": glove, "seed": seed, "at_end": at_end}
    call = ", ".join(f"{name}=arguments.{name}" for name in arguments)
    code = f"local arguments = std.parseJson(std.extVar('arguments')); relations.run({call})"
    return _evaluated(code, {"arguments": json.dumps(arguments)})


def labelled_sentences(task: Task, split: str) -> List[Tuple[List[str], List[str]]]:
    """The tokens and the labels of each sentence of a split (`train`, `validation`, `test`), as the model sees them.

    # Raises

    UserError
        Where there is no such split, or the task's reader gives tokens no labels.
    DataError
        Where a file is missing or malformed.
    """
    if split not in SPLITS:
        raise UserError(f"there is no split '{split}'; expected {', '.join(SPLITS)}")
    try:
        reader = DatasetReader.from_params(Params(json.loads(json.dumps(task["reader"]))))
    except ConfigurationError as error:
        raise UserError(f"reader: {error}") from error
    if not isinstance(reader, TokenLabelsReader):
        raise UserError(f"reader.type is '{task['reader'].get('type')}'; expected 'hmtl_token_labels'")
    sentences: List[Tuple[List[str], List[str]]] = []
    for document in reader.corpus.documents(task[split]):
        reader.require_layers(document, task[split])
        sentences += zip(document.sentences, reader.labels_of(document))
    return sentences


def _evaluated(code: str, variables: Dict[str, str]) -> Any:
    library = shipped_folder() / "configs" / "lib" / "task_relations.libsonnet"
    snippet = f"local relations = import {json.dumps(str(library))}; {code}"
    return json.loads(evaluate_snippet("task_relations", snippet, ext_vars=variables))
