"""What a study is to run, and where it keeps what it has."""

import json
import random
from dataclasses import asdict, dataclass
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from hmtl.common.files import write_csv, write_json
from hmtl.errors import UserError
from research.task_relations.run.tasks import Tasks, configuration, read_tasks
from research.task_relations.study import (
    COSTS,
    COSTS_COLUMNS,
    SCORES_COLUMNS,
    SETTINGS,
    SUBSETS,
    TASKS,
    kind_of_runs,
    write_study,
)

RUNS = "runs"


@dataclass
class Settings:
    """What all runs of a study have in common: those with others are not to be compared with them.

    # Attributes

    preset, steps, glove, seed
        As of `configuration`.
    subsets : `Optional[int]`
        How many random subsets of the tasks are trained, each on one shared encoder, instead of each task alone and all
        pairs.
    subset_size : `Optional[int]`
        Tasks of a subset.
    """

    preset: str = "full"
    steps: Optional[int] = None
    glove: Optional[str] = None
    seed: int = 13370
    subsets: Optional[int] = None
    subset_size: Optional[int] = None


class Plan:
    """The tasks and the settings of a study, which its directory keeps.

    # Parameters

    directory : `Path`
    tasks : `Tasks`
    settings : `Settings`
    """

    def __init__(self, directory: Path, tasks: Tasks, settings: Settings) -> None:
        self.directory = directory
        self.tasks = tasks
        self.settings = settings

    @classmethod
    def read(cls, directory: Path) -> "Plan":
        """That of a directory which `write` was called for."""
        settings = json.loads((directory / SETTINGS).read_text(encoding="utf-8"))
        return cls(directory, read_tasks(directory / TASKS), Settings(**settings))

    def write(self) -> None:
        """Puts the plan into its directory; tasks that it has already, and others do not name, stay.

        # Raises

        UserError
            Where the directory is that of other settings, or a task has other data there.
        """
        if (self.directory / SETTINGS).exists():
            before = Plan.read(self.directory)
            for name, value in asdict(before.settings).items():
                if value != getattr(self.settings, name):
                    raise UserError(
                        f"{self.directory}: a study with another {name} ({json.dumps(value)}); "
                        "choose another --output, or remove this one"
                    )
            for name in sorted(set(before.tasks) & set(self.tasks)):
                if before.tasks[name] != self.tasks[name]:
                    raise UserError(f"{self.directory / TASKS}: '{name}' has other data; choose another --output")
            tasks = {**before.tasks, **self.tasks}
        else:
            tasks = self.tasks
        (self.directory / RUNS).mkdir(parents=True, exist_ok=True)
        write_json(self.directory / TASKS, dict(sorted(tasks.items())))
        write_json(self.directory / SETTINGS, asdict(self.settings))

    def runs(self) -> List[str]:
        """The names of all runs: each task alone first, which alone tell much, then the pairs, `chunks_pos`; or random
        subsets, `chunks_deprel_pos`."""
        names, settings = sorted(self.tasks), self.settings
        if settings.subsets is not None and settings.subset_size is not None:
            drawn = random_subsets(names, settings.subset_size, settings.subsets, settings.seed)
            return ["_".join(subset) for subset in drawn]
        return [*names, *("_".join(pair) for pair in combinations(names, 2))]

    def configuration(self, run: str) -> Dict[str, Any]:
        """The experiment of a run. That of a subset is validated at its end alone."""
        settings = self.settings
        return configuration(
            {task: self.tasks[task] for task in run.split("_")},
            settings.preset,
            settings.steps,
            settings.glove,
            settings.seed,
            at_end=settings.subsets is not None,
        )

    def result(self, run: str) -> Path:
        """The file of a finished run."""
        return self.directory / RUNS / f"{run}.json"

    def failure(self, run: str) -> Path:
        """The file that says why a run failed."""
        return self.directory / RUNS / f"{run}.failed"

    def is_finished(self, run: str) -> bool:
        return self.result(run).is_file()


def random_subsets(tasks: Sequence[str], size: int, number: int, seed: int) -> List[Tuple[str, ...]]:
    """Different subsets of so many tasks, drawn at random such that each task is in about as many: a subset takes the
    tasks that are in the fewest so far, of equals any. Fewer where there are not so many.

    # Raises

    UserError
        Where a subset has fewer than two tasks, or more than there are.
    """
    if not 2 <= size <= len(tasks):
        raise UserError(f"--subset-size {size}: expected 2 to {len(tasks)}, the number of tasks")
    generator = random.Random(seed)
    found: Dict[Tuple[str, ...], None] = {}
    counts = dict.fromkeys(tasks, 0)
    while len(found) < min(number, comb(len(tasks), size)):
        rarest = sorted(tasks, key=lambda task: (counts[task], generator.random()))
        subset = tuple(sorted(rarest[:size]))
        while subset in found:
            subset = tuple(sorted(generator.sample(rarest, size)))
        found[subset] = None
        for task in subset:
            counts[task] += 1
    return list(found)


def write_tables(directory: Path) -> int:
    """Writes the losses of single runs and the scores of all runs of a study; returns how many runs there are.

    Scores of subsets go to a file of their own.
    """
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((directory / RUNS).glob("*.json"))]
    losses = [row for result in results if len(result["tasks"]) == 1 for row in result["losses"]]
    scores = [{"run": result["run"], **row} for result in results if len(result["tasks"]) <= 2 for row in result["f1"]]
    subsets = [{"run": result["run"], **row} for result in results if len(result["tasks"]) > 2 for row in result["f1"]]
    write_study(directory, losses, scores)
    if subsets:
        write_csv(directory / SUBSETS, SCORES_COLUMNS, subsets)
    _write_costs(directory, results)
    return len(results)


def _write_costs(directory: Path, results: Sequence[Dict[str, Any]]) -> None:
    seconds: Dict[str, List[float]] = {}
    for result in results:
        seconds.setdefault(kind_of_runs(len(result["tasks"])), []).append(result["cpu_seconds"])
    rows = [
        {"part": kind, "runs": len(of_kind), "cpu_minutes": round(sum(of_kind) / 60, 2)}
        for kind, of_kind in seconds.items()
    ]
    write_csv(directory / COSTS, COSTS_COLUMNS, rows)
