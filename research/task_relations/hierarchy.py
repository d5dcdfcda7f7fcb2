"""The four tasks of the paper's hierarchy: what every subset of them scored, and what their gradients tell of it.

The measured scores are those of `python -m research.paper reproduce`: a folder of runs, CORPORA/SETUP/seed_N, or the
scores.csv that `research.paper report` makes of one.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Tuple

from hmtl.common.figures import LAST_TOKENS, STRICT
from hmtl.common.files import write_csv
from hmtl.common.tables import Table
from hmtl.errors import DataError, UserError
from research.paper.results import read_results
from research.paper.tables import scores_table
from research.task_relations.gradients.linearized import Subset
from research.task_relations.study import COSTS, COSTS_COLUMNS, Gains, kind_of_runs
from research.task_relations.surrogate import SubsetScores

# In the folder of a study: the scores of the runs, and beside them what their gradients told.
HIERARCHY, HIERARCHY_SCORES = "hierarchy", "scores.csv"
# The setup of all four, whose gradients are taken.
BASE = "A"
# One setup for each subset of the four tasks, each level on those below, as configs/lib/setups.libsonnet has them.
SETUPS = (
    *"ABCDEFGHIJ",
    *("ner-relation", "ner-coref", "relation-coref", "ner-relation-coref", "emd-relation-coref"),
)
# By last tokens, as in the paper: a run of relations alone knows no spans.
_FIGURES = {"relation": LAST_TOKENS}
_COLUMNS = {"corpora", "setup", "tasks", "task", "gold_mentions", "figure", "seed", "f1"}


@dataclass
class Measured:
    """What the runs of the subsets of some tasks scored.

    # Attributes

    scores : `SubsetScores`
        The mean F1 over the seeds, from 0 to 1.
    by_seed : `Dict[int, SubsetScores]`
    missing : `List[str]`
        Setups that have not been run.
    """

    scores: SubsetScores
    by_seed: Dict[int, SubsetScores]
    missing: List[str]

    @property
    def tasks(self) -> List[str]:
        return sorted({task for _, task in self.scores})


def read_measured(path: Path, corpora: str = "free") -> Measured:
    """Reads a folder of runs, or a scores.csv.

    # Raises

    UserError
        Where there is neither, or no subset in it.
    DataError
        Where the file has other columns, or a value that is none.
    """
    rows = _rows_of_runs(path, corpora) if path.is_dir() else _rows_of_file(path)
    setups = {(corpora, setup) for setup in SETUPS}
    by_seed: Dict[int, SubsetScores] = {}
    found = set()
    for number, row in enumerate(rows, start=2):
        task = row["task"]
        wanted = (row["corpora"], row["setup"]) in setups and row["figure"] == _FIGURES.get(task, STRICT)
        if not wanted or str(row["gold_mentions"]) == "True":
            continue
        found.add(row["setup"])
        subset = tuple(sorted(row["tasks"].split("+")))
        try:
            by_seed.setdefault(int(row["seed"]), {})[subset, task] = float(row["f1"]) / 100
        except ValueError:
            raise DataError("expected seed and f1, numbers", path, number) from None
    if not found:
        raise UserError(f"{path}: no run of a subset of the four tasks; expected some of {', '.join(SETUPS)}")
    keys = sorted({key for of_seed in by_seed.values() for key in of_seed})
    of_key = {key: [of_seed[key] for of_seed in by_seed.values() if key in of_seed] for key in keys}
    scores = {key: sum(values) / len(values) for key, values in of_key.items()}
    return Measured(scores, by_seed, [setup for setup in SETUPS if setup not in found])


def keep_scores(path: Path, folder: Path, corpora: str = "free") -> None:
    """Writes what a folder of runs, or a scores.csv, has of the subsets into `folder`, and what the runs took.

    # Raises

    UserError, DataError
        As of `read_measured`.
    """
    read_measured(path, corpora)
    folder.mkdir(parents=True, exist_ok=True)
    rows = _rows_of_runs(path, corpora) if path.is_dir() else _rows_of_file(path)
    setups = {(corpora, setup) for setup in SETUPS}
    wanted = [row for row in rows if (row["corpora"], row["setup"]) in setups and str(row["gold_mentions"]) == "False"]
    Table(HIERARCHY_SCORES.removesuffix(".csv"), wanted).write(folder)
    if path.is_dir():
        minutes: Dict[str, List[float]] = {}
        for one in read_results(path)[0]:
            if one.corpora == corpora and one.setup in SETUPS:
                of_run = sum(part["cpu_seconds"] or 0.0 for part in one.record["parts"]) / 60
                minutes.setdefault(kind_of_runs(len(one.tasks)), []).append(of_run)
                if one.setup == BASE:
                    minutes.setdefault("base", [of_run])
        rows_of_costs = [
            {"part": part, "runs": len(of_part), "cpu_minutes": round(sum(of_part), 1)}
            for part, of_part in minutes.items()
        ]
        write_csv(folder / COSTS, COSTS_COLUMNS, rows_of_costs)


def gains_of_subsets(scores: SubsetScores) -> Gains:
    """What each main task gains from each auxiliary task: F1 of the pair / F1 alone - 1, in percent."""
    gains: Gains = {}
    for (subset, main), score in scores.items():
        alone = scores.get(((main,), main), 0.0)
        if len(subset) == 2 and alone > 0:
            (auxiliary,) = set(subset) - {main}
            gains[main, auxiliary] = 100 * (score / alone - 1)
    return gains


def without_pairs(scores: SubsetScores) -> SubsetScores:
    """What a surrogate is fitted to whose ranking of pairs is to be tested: all subsets but these."""
    return {(subset, task): score for (subset, task), score in scores.items() if len(subset) != 2}


def best_subsets(scores: SubsetScores) -> Dict[str, Tuple[Subset, float]]:
    """For each main task the subset in which it scored most, and its score."""
    found: Dict[str, Tuple[Subset, float]] = {}
    for (subset, task), score in sorted(scores.items()):
        if task not in found or score > found[task][1]:
            found[task] = subset, score
    return found


def _rows_of_runs(path: Path, corpora: str) -> List[Dict[str, Any]]:
    results, _ = read_results(path)
    return scores_table([result for result in results if result.corpora == corpora]).rows


def _rows_of_file(path: Path) -> List[Dict[str, Any]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file or directory; expected runs of 'research.paper reproduce' or scores.csv")
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not set(reader.fieldnames or ()) >= _COLUMNS:
            raise DataError(f"expected the columns {','.join(sorted(_COLUMNS))}, found {reader.fieldnames}", path, 1)
        return list(reader)
