"""What the runs of an experiment have scored, as their directories tell."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from hmtl.common.figures import LAST_TOKENS, STRICT, figures_of
from hmtl.errors import UserError
from hmtl.runs.run_directory import RunDirectory, best_stem
from hmtl.runs.summaries import Metrics, flat_options, metrics_by_epoch, validation_metric
from research.paper.counts import Counts, counts_name
from research.paper.experiment import SEED_KEYS, Record, read_record
from research.paper.paper import TITLES, Column, task_place
from research.paper.table_files import in_order


@dataclass
class Score:
    """What the weights that were best for a task in validation score on its test set.

    # Attributes

    f1 : `float`
        From 0 to 1.
    counts_path : `Path`
    chosen_alike : `bool`
        Whether validation had the gold mentions as the test has; of other tasks always true.
    """

    f1: float
    counts_path: Path
    chosen_alike: bool = True


@dataclass
class Result:
    """A finished run.

    # Attributes

    directory : `Path`
    corpora, setup, seed
    tasks : `List[str]`
    gives_gold_mentions : `bool`
        Whether the setup itself gives coreference the gold mentions.
    scores, baselines : `Dict[Column, Score]`, `Dict[Column, float]`
    record : `Record`
    """

    directory: Path
    corpora: str
    setup: str
    seed: int
    tasks: List[str]
    gives_gold_mentions: bool
    scores: Dict[Column, Score]
    baselines: Dict[Column, float]
    record: Record = field(repr=False)

    @cached_property
    def epochs(self) -> List[Metrics]:
        return metrics_by_epoch(self.directory)

    def curve(self, task: str) -> List[Tuple[int, int, float]]:
        """The task's validation: the epoch, the updates of the task until its end, and the score."""
        key, updates, points = f"validation_{task}_{validation_metric(self.directory, task)}", 0, []
        for metrics in self.epochs:
            updates += metrics.get(f"training_{task}_updates", 0)
            if metrics.get(key) is not None:
                points.append((metrics["epoch"], updates, float(metrics[key])))
        return points

    def updates_to_best(self, task: str) -> Optional[int]:
        """The task's updates until the end of the epoch that was best for it in validation (the paper's table 9)."""
        best = self.epochs[-1].get(f"best_epoch_{task}") if self.epochs else None
        if best is None:
            return None
        return sum(metrics.get(f"training_{task}_updates", 0) for metrics in self.epochs if metrics["epoch"] <= best)

    def options(self) -> Dict[str, Any]:
        """Its configuration by dotted keys, without seeds."""
        options = flat_options(_read(RunDirectory(self.directory).config))
        return {key: value for key, value in options.items() if key not in SEED_KEYS}

    def embedding(self) -> Dict[str, Any]:
        """The options of its shared embedding: setups without the same are no matter of tasks alone."""
        return {key: value for key, value in self.options().items() if key.startswith("model.text_field_embedder")}


def read_results(runs: Path) -> Tuple[List[Result], List[Path]]:
    """The finished runs of `{runs}/{corpora}/{setup}/seed_{n}`, in order, and the directories of the others.

    # Raises

    UserError
        Where there are none, or they cannot be read.
    """
    results, unfinished = [], []
    for directory in sorted(runs.glob("*/*/seed_*"), key=_order):
        if not directory.is_dir():
            continue
        record = read_record(directory)
        if record is None or not record["finished"]:
            unfinished.append(directory)
        else:
            results.append(_result(directory, record))
    if not results:
        raise UserError(
            f"{runs}: no finished run of 'research.paper reproduce', CORPORA/SETUP/seed_N, in this directory"
        )
    return results, unfinished


def by_setup(results: Sequence[Result]) -> Dict[str, List[Result]]:
    """The runs of each setup."""
    found: Dict[str, List[Result]] = {}
    for result in results:
        found.setdefault(result.setup, []).append(result)
    return found


def columns_of(results: Sequence[Result]) -> List[Column]:
    """What the runs have scores of: the paper's tasks in its order, then others."""
    columns = {column for result in results for column in result.scores}
    return in_order(columns)


def tasks_in_order(tasks: Sequence[str]) -> List[str]:
    return sorted(tasks, key=task_place)


def counts_of(result: Result, column: Column, whole_documents: bool) -> Counts:
    """What a run counted on the units of the test set."""
    counts = Counts.read(result.scores[column].counts_path)
    return counts.by_document() if whole_documents else counts


def _result(directory: Path, record: Record) -> Result:
    evaluation = _read(RunDirectory(directory).evaluation())
    given = evaluation["gold_mentions"]
    scores, baselines = {}, {}
    for task in evaluation["tasks"]:
        for figure, f1 in _own_figures(evaluation, task, directory).items():
            scores[Column(task, task in given, figure)] = Score(f1, directory / counts_name(task, figure=figure))
        for figure, f1 in _baseline_figures(evaluation, task).items():
            baselines[Column(task, task in given, figure)] = f1
    with_gold = RunDirectory(directory).evaluation(gold_mentions=True)
    if with_gold.is_file():
        evaluation_with_gold = _read(with_gold)
        for task in evaluation_with_gold["gold_mentions"]:
            for figure, f1 in _own_figures(evaluation_with_gold, task, directory).items():
                path = directory / counts_name(task, gold_mentions=True, figure=figure)
                scores.setdefault(Column(task, True, figure), Score(f1, path, chosen_alike=False))
            for figure, f1 in _baseline_figures(evaluation_with_gold, task).items():
                baselines.setdefault(Column(task, True, figure), f1)
    corpora, setup = directory.parts[-3:-1]
    tasks = tasks_in_order(evaluation["tasks"])
    return Result(directory, corpora, setup, int(record["seed"]), tasks, bool(given), scores, baselines, record)


def _own_figures(evaluation: Dict[str, Any], task: str, directory: Path) -> Dict[str, float]:
    """The figures of the weights that were best for the task."""
    figures = figures_of(evaluation["scores"][best_stem(task)][task]["metrics"], TITLES)
    if LAST_TOKENS in figures and STRICT not in figures:
        raise UserError(
            f"{directory}: evaluated by an earlier version, which scored relations by their last tokens alone; remove "
            "experiment.json and run reproduce.py again"
        )
    return figures


def _baseline_figures(evaluation: Dict[str, Any], task: str) -> Dict[str, float]:
    return figures_of(evaluation["baselines"].get(task, {"metrics": {}})["metrics"], TITLES)


def _read(path: Path) -> Dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); remove experiment.json and run it again") from error


def _order(directory: Path) -> Tuple[str, str, int]:
    number = directory.name.removeprefix("seed_")
    return directory.parts[-3], directory.parts[-2], int(number) if number.isdigit() else 0
