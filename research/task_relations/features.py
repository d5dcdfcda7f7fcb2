"""The 14 features of each task of a study, and the 42 of a pair (Bingel & Søgaard 2017, section 4)."""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Mapping, Sequence, Tuple

import numpy as np
from allennlp.common import Tqdm

from hmtl.common.files import atomic_write
from hmtl.corpora.corpus import documents_shared
from hmtl.errors import DataError
from research.task_relations.measures import (
    CURVE_FIT,
    DATA,
    GRADIENTS,
    MissingFeature,
    Sentences,
    curve_features,
    data_features,
)
from research.task_relations.study import TASKS, Study, read_study

FEATURES = "features.csv"
CURVE = (*GRADIENTS, *CURVE_FIT)
TASK_FEATURES = (*DATA, *CURVE)
ROLES = ("main", "auxiliary", "ratio")

NAN = float("nan")


@dataclass
class TaskFeatures:
    """Features by task and name; what is missing is NaN.

    # Attributes

    values : `Dict[str, Dict[str, float]]`
    notes : `List[str]`
        Why some are missing, one line each.
    """

    values: Dict[str, Dict[str, float]] = field(default_factory=dict)
    notes: List[str] = field(default_factory=list)

    def add(self, task: str, features: Mapping[str, Callable[[], float]]) -> None:
        """Computes features of a task; a `MissingFeature` becomes NaN and a note."""
        reasons: Dict[str, List[str]] = {}
        for name, compute in features.items():
            try:
                value = compute()
            except MissingFeature as reason:
                value = NAN
                reasons.setdefault(str(reason), []).append(name)
            self.values.setdefault(task, {})[name] = value
        self.notes += [f"{task}: {reason}; missing: {', '.join(names)}" for reason, names in reasons.items()]

    def names(self) -> List[str]:
        """The features that some task has, in their usual order."""
        known = {name for of_task in self.values.values() for name, value in of_task.items() if not math.isnan(value)}
        return [name for name in TASK_FEATURES if name in known]

    def write(self, path: Path) -> None:
        """Writes `task,feature,...`; an empty cell is a missing value."""
        names = self.names()
        with atomic_write(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["task", *names])
            for task, values in sorted(self.values.items()):
                cells = [values.get(name, NAN) for name in names]
                writer.writerow([task, *("" if math.isnan(value) else repr(value) for value in cells)])


def read_features(path: Path) -> TaskFeatures:
    """Reads what `TaskFeatures.write` wrote.

    # Raises

    DataError
        Where a column or a value is none.
    """
    features = TaskFeatures()
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        unknown = set(reader.fieldnames or ()) - {"task", *TASK_FEATURES}
        if unknown or "task" not in (reader.fieldnames or ()):
            expected = ", ".join(("task", *TASK_FEATURES))
            raise DataError(f"expected columns among {expected}; found {reader.fieldnames}", path, 1)
        for row in reader:
            try:
                values = {name: float(cell) if cell else NAN for name, cell in row.items() if name != "task"}
            except (TypeError, ValueError):
                raise DataError("expected a name and numbers", path, reader.line_num) from None
            features.values[row["task"]] = values
    return features


def study_features(
    study: Study, sentences: Mapping[str, Tuple[Sentences, Sentences]] = None, published_fit: bool = False
) -> TaskFeatures:
    """The features of all tasks of a study.

    # Parameters

    study : `Study`
    sentences : `Mapping[str, Tuple[Sentences, Sentences]]`, optional (default = `None`)
        Training and validation data by task; the features of the others' data are missing.
    published_fit : `bool`, optional (default = `False`)
        See `curve_features`.
    """
    features = TaskFeatures()
    for task in study.tasks:
        if sentences and task in sentences:
            features.add(task, data_features(*sentences[task]))
        if task in study.losses:
            features.add(task, curve_features(study.losses[task], published_fit))
    return features


def pair_names(names: Iterable[str]) -> List[str]:
    """The features of a pair, from those of a task: `main_...`, `auxiliary_...`, `ratio_...`."""
    names = list(names)
    return [f"{role}_{name}" for role in ROLES for name in names]


def pair_matrix(features: TaskFeatures, pairs: Sequence[Tuple[str, str]], names: Sequence[str]) -> np.ndarray:
    """The features of pairs of a main and an auxiliary task: of either, and main / auxiliary.

    A ratio to zero is missing.

    # Returns

    matrix : `np.ndarray`
        Shape: `(num_pairs, 3 * num_names)`, in the order of `pair_names`.
    """
    of_task = {
        task: np.array([features.values.get(task, {}).get(name, NAN) for name in names])
        for task in {task for pair in pairs for task in pair}
    }
    rows = []
    for main, auxiliary in pairs:
        denominator = np.where(of_task[auxiliary] == 0, NAN, of_task[auxiliary])
        # Shape: (3 * num_names,)
        rows.append(np.concatenate([of_task[main], of_task[auxiliary], of_task[main] / denominator]))
    return np.array(rows).reshape(len(pairs), 3 * len(names))


def read_sentences(directory: Path, tasks: Iterable[str]) -> Dict[str, Tuple[Sentences, Sentences]]:
    """Training and validation sentences of those tasks that `tasks.json` names; none where there is no such file.

    # Raises

    UserError
        Where the file, or the data of a task, cannot be read.
    """
    path = directory / TASKS
    if not path.is_file():
        return {}
    from research.task_relations.run.tasks import labelled_sentences, read_tasks

    entries = read_tasks(path)
    named = [task for task in tasks if task in entries]
    with documents_shared():
        return {
            task: (labelled_sentences(entries[task], "train"), labelled_sentences(entries[task], "validation"))
            for task in Tqdm.tqdm(named, desc="data of tasks")
        }


def write_features(directory: Path) -> TaskFeatures:
    """Measures the tasks of a study, and writes its `features.csv`.

    # Raises

    UserError
        Where the study, or the data of a task, cannot be read.
    """
    study = read_study(directory)
    sentences = read_sentences(directory, study.tasks)
    features = study_features(study, sentences)
    features.notes = [*study.missing(), *features.notes]
    without = [task for task in study.tasks if task not in sentences]
    if without:
        features.notes.append(f"{TASKS} does not name the data of {', '.join(without)}: features of their curves alone")
    features.write(directory / FEATURES)
    return features
