"""Runs as a table, a column for each."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from hmtl.common.tables import aligned_within
from hmtl.runs.summaries import RunSummary, TaskSummary

# Of the options that differ between runs only these sections are shown, in this order, and only so many.
SECTIONS = ("seed", "trainer", "model", "data_loader")
MAX_OPTIONS = 8
# The number of epochs has a row of its own, and callbacks do not change the weights.
_NOT_SHOWN = ("trainer.num_epochs", "trainer.callbacks")
_OTHER_FIGURES = ("test F1, last tokens", "test F1, typed")
# The most characters that are shown of a value.
MAX_WIDTH = 30


def side_by_side(runs: List[RunSummary], width: int = 120, all_options: bool = False) -> str:
    """A table with a column for each run; where `width` characters do not hold them all, several one below another.

    Of the options that differ between the runs it has a few, or all of them.
    """
    tasks = tasks_of(runs)
    differences = differing_options([run.options for run in runs])
    shown = differences if all_options else telling_options(differences)
    rows = _run_rows(runs) + _option_rows(shown)
    rows += [row for task in tasks for row in _task_rows(task, [run.tasks.get(task) for run in runs])]
    left_out = len(differences) - len(shown)
    problems = [f"{name}: {line}" for name, run in zip(names_of(runs), runs) for line in run.problems()]
    notes = [f"{left_out} more {'option differs' if left_out == 1 else 'options differ'}: see --all"] * bool(left_out)
    if tasks:
        notes += [
            "validation: the best score x 100 (F1 unless named) and its epoch, counted from 0",
            *["baseline: that of the validation data, fitted to the training data (x 100)"]
            * any(task.baseline is not None for run in runs for task in run.tasks.values()),
            "updates: in all epochs that are done, and their share in those of all tasks",
            "test F1 (x 100): of the weights that were best for the task, from evaluation.json",
        ]
        if any(row[0].endswith(_OTHER_FIGURES[0]) for row in rows):
            notes.append(
                "of relations, test F1: both spans and the type are right; last tokens: those of both arguments, and "
                "the type; typed: test F1, and the types of both arguments, too"
            )
    tables = aligned_within(width, [["", *names_of(runs)], *rows])
    return "\n\n".join([*tables, *["\n".join(notes)] * bool(notes), *["\n".join(problems)] * bool(problems)])


def tasks_of(runs: List[RunSummary]) -> List[str]:
    """The tasks of all runs; those with the most know best how these follow one another."""
    return list(dict.fromkeys(task for run in sorted(runs, key=lambda run: -len(run.tasks)) for task in run.tasks))


def telling_options(differences: List[Tuple[str, List[Any]]]) -> List[Tuple[str, List[Any]]]:
    """Of the options that differ those that are shown where not all are."""
    telling = [(key, values) for key, values in differences if _section(key) in SECTIONS and key not in _NOT_SHOWN]
    return telling[:MAX_OPTIONS]


def differing_options(configurations: List[Dict[str, Any]]) -> List[Tuple[str, List[Any]]]:
    """The options (see `RunSummary.options`) that are not the same in all runs, and their values, `None` if absent.

    Those of the trainer come first, then the model's and the data loader's. The seeds of a run are one option if they
    are equal.
    """
    keys = dict.fromkeys(key for options in configurations for key in options)
    values = {key: [options.get(key) for options in configurations] for key in keys}
    differing = {key: found for key, found in values.items() if any(value != found[0] for value in found)}
    seeds = {key: differing[key] for key in differing if key.rpartition(".")[2].endswith("seed")}
    if len(seeds) > 1 and all(found == next(iter(seeds.values())) for found in seeds.values()):
        differing = {"seed": next(iter(seeds.values())), **{k: v for k, v in differing.items() if k not in seeds}}
    return sorted(differing.items(), key=lambda item: _rank(item[0]))


def _section(key: str) -> str:
    return key.split(".")[0]


def _rank(key: str) -> int:
    return SECTIONS.index(_section(key)) if _section(key) in SECTIONS else len(SECTIONS)


def _run_rows(runs: List[RunSummary]) -> List[List[str]]:
    limits = ["" if run.num_epochs is None else f" of {run.num_epochs}" for run in runs]
    rows = [
        ["configuration", *("-" if run.configuration is None else Path(run.configuration).stem for run in runs)],
        ["status", *(run.status for run in runs)],
        ["epochs", *(f"{run.epochs}{limit}" for run, limit in zip(runs, limits))],
        ["duration", *(str(timedelta(seconds=round(run.seconds))) for run in runs)],
        ["last change", *(run.last_change for run in runs)],
    ]
    return rows if any(run.configuration is not None for run in runs) else rows[1:]


def _option_rows(differences: List[Tuple[str, List[Any]]]) -> List[List[str]]:
    return [[key, *("-" if value is None else short(value) for value in values)] for key, values in differences]


def short(value: Any) -> str:
    """A value of an option, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) <= MAX_WIDTH:
        return text
    # The end of a path tells more than its beginning.
    return f"...{text[3 - MAX_WIDTH :]}" if isinstance(value, str) else f"{text[: MAX_WIDTH - 3]}..."


def _task_rows(name: str, tasks: List[Optional[TaskSummary]]) -> List[List[str]]:
    """The rows of a task, which some runs do not have."""
    own = list(dict.fromkeys(title for task in tasks if task is not None for title in task.test_figures))
    labels = ["validation", "baseline", "patience", "updates", "test F1", *_OTHER_FIGURES]
    labels += [f"test {title}" for title in own]
    cells = [["-"] * len(labels) if task is None else _task_cells(task, own) for task in tasks]
    # Without a limit, or other figures, there is nothing to tell; nor of F1, where a task has others instead.
    optional = ("baseline", "patience", *_OTHER_FIGURES, *(["test F1"] if own else []))
    return [
        [f"{name} {label}", *row]
        for label, row in zip(labels, zip(*cells))
        if label not in optional or set(row) != {"-"}
    ]


def _task_cells(task: TaskSummary, own: List[str]) -> List[str]:
    """The cells of a task; `own` are the titles of figures that not every kind of prediction has."""
    best = "-"
    if task.best_score is not None:
        # Every figure but the loss lies between 0 and 1.
        score = f"{task.best_score:.4g}" if task.metric == "loss" else f"{100 * task.best_score:.2f}"
        best = f"{score}{'' if task.metric == 'f1' else f' {task.metric}'} (epoch {task.best_epoch})"
    figures = [task.test_f1, task.test_f1_last_tokens, task.test_f1_typed, *map(task.test_figures.get, own)]
    test = ["-" if value is None else f"{100 * value:.2f}" for value in figures]
    patience = "-" if task.patience_left is None else f"{task.patience_left} left"
    baseline = "-" if task.baseline is None else f"{100 * task.baseline:.2f}{' not passed' if task.problem else ''}"
    return [best, baseline, patience, f"{task.updates} ({task.share:.0%})", *test]


def names_of(runs: List[RunSummary]) -> List[str]:
    """The names of the directories, or where two are the same the paths."""
    names = [Path(run.run).resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [run.run for run in runs]
