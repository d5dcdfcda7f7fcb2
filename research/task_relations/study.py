"""A study of task relations: what single-task and pairwise runs wrote, in the layout of the published figures.

A study is a directory with two files:

- `single_task_training_loss.csv`, `task,iteration,loss`: the training loss of each task alone, in order;
- `f1.csv`, `run,task,iteration,f1`: the validation F1 of each task of a run; a run is a task, `ner`, or a pair,
  `ner_pos`. The iterations of a pair count the updates of both tasks.

And with one more where a joint run was measured: `affinity.csv`, `source,target,affinity` (Fifty et al. 2021,
"Efficiently Identifying Task Groupings").
"""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

import numpy as np

from hmtl.common.files import atomic_write, write_csv
from hmtl.errors import DataError, UserError

LOSSES, SCORES = "single_task_training_loss.csv", "f1.csv"
# What `python -m research.task_relations run` leaves, too: the data of the tasks, and the settings of all runs.
TASKS, SETTINGS = "tasks.json", "study.json"

# Scores of runs of more than two tasks, in the columns of `SCORES`.
SUBSETS = "subsets.csv"

_LOSSES_COLUMNS, SCORES_COLUMNS = ("task", "iteration", "loss"), ("run", "task", "iteration", "f1")

# F1 by iteration, in the order of the file.
Scores = Dict[int, float]


@dataclass
class Losses:
    """The training loss of a task alone, in the order of training.

    # Attributes

    iterations, values : `np.ndarray`
        Shape of both: `(num_records,)`.
    """

    iterations: np.ndarray
    values: np.ndarray


@dataclass
class Study:
    """The runs of a study, as far as they are there.

    # Attributes

    directory : `Path`
    losses : `Dict[str, Losses]`
        By task.
    single : `Dict[str, Scores]`
        F1 of each task alone.
    pairs : `Dict[Tuple[str, str], Scores]`
        F1 of a main task, trained with an auxiliary task: `pairs[main, auxiliary]`.
    """

    directory: Path
    losses: Dict[str, Losses] = field(default_factory=dict)
    single: Dict[str, Scores] = field(default_factory=dict)
    pairs: Dict[Tuple[str, str], Scores] = field(default_factory=dict)

    @property
    def tasks(self) -> List[str]:
        """All tasks, in alphabetical order."""
        return sorted({*self.losses, *self.single, *(task for pair in self.pairs for task in pair)})

    def missing(self) -> List[str]:
        """What a whole study of these tasks would have, too: one line each."""
        tasks = self.tasks
        notes = [f"no single-task losses of {task}" for task in tasks if task not in self.losses]
        notes += [f"no single-task F1 of {task}" for task in tasks if task not in self.single]
        absent = [f"{a}+{b}" for i, a in enumerate(tasks) for b in tasks[i + 1 :] if not self._has_run(a, b)]
        if absent:
            notes.append(f"{len(absent)} of {len(tasks) * (len(tasks) - 1) // 2} pairs not run: {', '.join(absent)}")
        return notes

    def _has_run(self, first: str, second: str) -> bool:
        return (first, second) in self.pairs and (second, first) in self.pairs


def read_study(directory: Path) -> Study:
    """Reads what is there of a study; `Study.missing` tells what is not.

    # Raises

    UserError
        Where there is no such directory, or neither file.
    DataError
        Where a file has other columns, or a line that is none.
    """
    if not directory.is_dir():
        raise UserError(f"{directory}: no such directory; expected a study with {LOSSES} and {SCORES}")
    if not any((directory / name).is_file() for name in (LOSSES, SCORES)):
        raise UserError(
            f"{directory}: not a study; expected {LOSSES} and {SCORES}, as 'research.task_relations run' writes"
        )
    study = Study(directory)
    _read_losses(study, directory / LOSSES)
    _read_scores(study, directory / SCORES)
    return study


def write_study(directory: Path, losses: Iterable[Mapping[str, Any]], scores: Iterable[Mapping[str, Any]]) -> None:
    """Writes the two files of a study from rows of their columns."""
    write_csv(directory / LOSSES, _LOSSES_COLUMNS, losses)
    write_csv(directory / SCORES, SCORES_COLUMNS, scores)


def _read_losses(study: Study, path: Path) -> None:
    records: Dict[str, List[Tuple[int, float]]] = {}
    for line, row in _rows(path, _LOSSES_COLUMNS):
        # A loss may be infinite where training diverged: what is derived from it is then missing.
        records.setdefault(row["task"], []).append((_iteration(row, path, line), _number(row, "loss", path, line)))
    for task, of_task in records.items():
        iterations, values = zip(*of_task)
        study.losses[task] = Losses(np.array(iterations, dtype=float), np.array(values))


def _read_scores(study: Study, path: Path) -> None:
    for line, row in _rows(path, SCORES_COLUMNS):
        run, task = row["run"], row["task"]
        f1 = _number(row, "f1", path, line)
        if not 0 <= f1 <= 1:
            raise DataError(f"f1 is {row['f1']}; expected a number from 0 to 1", path, line)
        if run == task:
            scores = study.single.setdefault(task, {})
        else:
            auxiliary = _auxiliary(run, task)
            if auxiliary is None:
                raise DataError(f"run '{run}' is neither '{task}' nor a pair with it, such as '{task}_x'", path, line)
            scores = study.pairs.setdefault((task, auxiliary), {})
        scores[_iteration(row, path, line)] = f1


def _auxiliary(run: str, task: str) -> Optional[str]:
    """The other task of a pair; names of tasks may hold underscores themselves."""
    if run.startswith(f"{task}_"):
        return run[len(task) + 1 :]
    if run.endswith(f"_{task}"):
        return run[: -len(task) - 1]
    return None


def _rows(path: Path, columns: Tuple[str, ...]) -> Iterator[Tuple[int, Dict[str, str]]]:
    if not path.is_file():
        return
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != columns:
            raise DataError(f"expected the columns {','.join(columns)}, found {reader.fieldnames}", path, 1)
        for row in reader:
            if None in row.values() or None in row:
                raise DataError(f"expected {len(columns)} values", path, reader.line_num)
            yield reader.line_num, row


def _iteration(row: Dict[str, str], path: Path, line: int) -> int:
    value = _number(row, "iteration", path, line)
    if not math.isfinite(value) or value != int(value):
        raise DataError(f"iteration is {row['iteration']}; expected a whole number", path, line)
    return int(value)


def _number(row: Dict[str, str], column: str, path: Path, line: int) -> float:
    try:
        return float(row[column])
    except ValueError:
        raise DataError(f"{column} is '{row[column]}'; expected a number", path, line) from None


# Of a main task given an auxiliary task, in percent: (main, auxiliary) -> gain.
Gains = Dict[Tuple[str, str], float]


def gains_of(study: Study) -> Tuple[Gains, List[str]]:
    """The gains F1(pair) / F1(single) - 1 in percent, and notes on what is left out.

    The F1 of a pair is its last. The F1 of the single task is the last of the first half of as many iterations: a pair
    shares its updates out among two tasks, so that both have then seen the main task alike (50,000 iterations of the
    published single-task runs against 100,000 of the pairs; one of the former is longer). With them, 40 of the 90
    published gains are above zero, as the paper says; with the best F1 of each run there are 45.
    """
    gains: Gains = {}
    notes: List[str] = []
    last = max((max(scores) for scores in study.pairs.values()), default=0)
    for (main, auxiliary), scores in sorted(study.pairs.items()):
        end = max(scores)
        single = {iteration: f1 for iteration, f1 in study.single.get(main, {}).items() if 2 * iteration <= end}
        if end < last:
            notes.append(f"{main} with {auxiliary}: ends at iteration {end} of {last}; left out")
        elif not single:
            notes.append(f"{main} with {auxiliary}: no F1 of {main} alone until iteration {end // 2}; left out")
        elif _last(single) == 0:
            notes.append(f"{main} with {auxiliary}: F1 of {main} alone is 0, and so no gain is defined; left out")
        else:
            gains[main, auxiliary] = 100 * (_last(scores) / _last(single) - 1)
    return gains, notes


def _last(scores: Scores) -> float:
    return scores[max(scores)]


def read_subsets(path: Path) -> Dict[Tuple[Tuple[str, ...], str], float]:
    """The last F1 of each task of each subset that was trained: (subset, task) -> F1.

    # Raises

    DataError
        Where a line is malformed.
    """
    found: Dict[Tuple[Tuple[str, ...], str], Tuple[int, float]] = {}
    for line, row in _rows(path, SCORES_COLUMNS):
        key = tuple(sorted(row["run"].split("_"))), row["task"]
        if row["task"] not in key[0]:
            raise DataError(f"run '{row['run']}' has no task '{row['task']}'", path, line)
        known = found.get(key, (-1, 0.0))
        found[key] = max(known, (_iteration(row, path, line), _number(row, "f1", path, line)))
    return {key: f1 for key, (_, f1) in found.items()}


# What runs and measurements of a study took: `part,runs,cpu_minutes`.
COSTS = "costs.csv"
COSTS_COLUMNS = ("part", "runs", "cpu_minutes")


def kind_of_runs(num_tasks: int) -> str:
    """The part of the costs that runs of so many tasks are."""
    return {1: "single runs", 2: "pair runs"}.get(num_tasks, "subset runs")


def read_costs(path: Path) -> Dict[str, float]:
    """The CPU minutes of each part of a study; none where there is no such file."""
    return {row["part"]: _number(row, "cpu_minutes", path, line) for line, row in _rows(path, COSTS_COLUMNS)}


AFFINITIES = "affinity.csv"
COLUMNS = ("source", "target", "affinity")

# (source, target) -> how much an update of the source lowers the loss of the target, as a share of it.
Affinities = Dict[Tuple[str, str], float]


def read_affinities(directory: Path) -> Affinities:
    """Those of a study; none where there is no such file, and none of a pair whose affinity is left empty.

    # Raises

    DataError
        Where a line is malformed.
    """
    path = directory / AFFINITIES
    if not path.is_file():
        return {}
    affinities: Affinities = {}
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise DataError(f"expected the columns {','.join(COLUMNS)}, found {reader.fieldnames}", path, 1)
        for row in reader:
            if row["affinity"] == "":
                continue
            try:
                affinities[row["source"], row["target"]] = float(row["affinity"])
            except (TypeError, ValueError):
                raise DataError(f"affinity is {row['affinity']}; expected a number", path, reader.line_num) from None
    return affinities


def write_affinities(directory: Path, affinities: Affinities) -> None:
    """Writes those of a study; what is no number, as of a target whose loss is 0, is left empty."""
    with atomic_write(directory / AFFINITIES) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for (source, target), value in affinities.items():
            writer.writerow([source, target, "" if math.isnan(value) else value])
