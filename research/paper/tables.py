"""The tables of an experiment."""

import statistics
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Union

from hmtl.common.figures import TYPED
from hmtl.common.tables import Table
from research.paper.paper import CORPORA, MORE_UPDATES, TEST_F1, Column
from research.paper.results import Result, by_setup, columns_of, counts_of
from research.paper.significance import Comparison, holm, paired_bootstrap

BETTER, WORSE, NO_DIFFERENCE = "multi-task is better", "multi-task is worse", "no difference shown"


@dataclass
class Bootstrap:
    """How differences are tested: the samples, their seed, whole documents or sentences, and the level."""

    num_samples: int = 10000
    seed: int = 1
    whole_documents: bool = True
    level: float = 0.05


def scores_table(results: Sequence[Result]) -> Table:
    """Test F1 times 100 of each setup and task over the seeds: mean and sample standard deviation."""
    table = Table("scores")
    for setup, runs in by_setup(results).items():
        for column in columns_of(runs):
            values = {run.seed: 100 * run.scores[column].f1 for run in runs if column in run.scores}
            chosen_alike = all(run.scores[column].chosen_alike for run in runs if column in run.scores)
            table.rows.append(
                {
                    "setup": setup,
                    "tasks": "+".join(runs[0].tasks),
                    "task": column.task,
                    "gold_mentions": column.gold_mentions,
                    "figure": column.figure,
                    "chosen_alike": chosen_alike,
                    "n": len(values),
                    "mean": statistics.mean(values.values()),
                    "std": statistics.stdev(values.values()) if len(values) > 1 else None,
                    "paper": paper_f1(runs[0].corpora, setup, column) if chosen_alike else None,
                    "seeds": " ".join(map(str, values)),
                    "values": " ".join(f"{value:.4f}" for value in values.values()),
                }
            )
    return table


def comparisons_table(results: Sequence[Result], bootstrap: Bootstrap) -> Table:
    """Each multi-task setup against the setup of one of its tasks alone, with the same seeds.

    Outcomes follow the p-values that are corrected for the number of comparisons in the table.
    """
    table, compared = Table("comparisons"), []
    for setup, multi, single, column in _pairs(results):
        # Runs note no counts of it, and it says little beside the other two.
        if column.figure == TYPED:
            continue
        row: Dict[str, Any] = {
            "setup": setup,
            "task": column.task,
            "gold_mentions": column.gold_mentions,
            "figure": column.figure,
            "single": single[0].setup,
        }
        seeds = sorted({run.seed for run in multi} & {run.seed for run in single})
        comparison = _compare(_of_seeds(multi, seeds), _of_seeds(single, seeds), column, bootstrap)
        row["n"] = len(seeds)
        if isinstance(comparison, str):
            row["verdict"] = f"not compared: {comparison}"
        else:
            compared.append((row, comparison))
            differences = [100 * difference for difference in comparison.differences]
            row.update(
                difference=100 * comparison.mean,
                std=statistics.stdev(differences) if len(differences) > 1 else None,
                seeds_better=sum(difference > 0 for difference in differences),
                low=100 * comparison.interval[0],
                high=100 * comparison.interval[1],
                p_value=comparison.p_value,
            )
        table.rows.append(row)
    corrected = holm([comparison.p_value for _, comparison in compared])
    for (row, comparison), p_corrected in zip(compared, corrected, strict=True):
        outcome = outcome_of(comparison, p_corrected, bootstrap.level)
        row.update(p_corrected=p_corrected, outcome=outcome, verdict=verdict(comparison, p_corrected, bootstrap.level))
    return table


def updates_table(results: Sequence[Result]) -> Table:
    """The updates of each task until its best epoch, against those of the task alone (the paper's table 9)."""
    table = Table("updates")
    for setup, multi, single, column in _pairs(results):
        # The weights of a task are the same for all its figures, and with gold mentions that it only gets afterwards.
        if any((row["setup"], row["task"]) == (setup, column.task) for row in table.rows):
            continue
        ours, theirs = _mean_updates(multi, column.task), _mean_updates(single, column.task)
        of_paper = MORE_UPDATES.get(setup, {}) if multi[0].corpora == CORPORA else {}
        paper = next((change for about, change in of_paper.items() if about.task == column.task), None)
        table.rows.append(
            {
                "setup": setup,
                "task": column.task,
                "gold_mentions": column.gold_mentions,
                "single": single[0].setup,
                "n": len(multi),
                "n_single": len(single),
                "updates": ours,
                "updates_single": theirs,
                "change_percent": 100 * (ours / theirs - 1) if ours and theirs else None,
                "paper_change_percent": paper,
            }
        )
    return table


def curves_table(results: Sequence[Result]) -> Table:
    """The validation of each task at the end of each epoch of each run."""
    rows = [
        {"setup": run.setup, "seed": run.seed, "task": task, "epoch": epoch, "updates": updates, "score": score}
        for run in results
        for task in run.tasks
        for epoch, updates, score in run.curve(task)
    ]
    return Table("curves", rows)


def runs_table(results: Sequence[Result]) -> Table:
    """What each run took."""
    return Table("runs", [_run_row(run) for run in results])


def paper_f1(corpora: str, setup: str, column: Column) -> Optional[float]:
    """The paper's figure; `None` where the corpora are others, or it has none."""
    return TEST_F1.get(setup, {}).get(column) if corpora == CORPORA else None


def outcome_of(comparison: Comparison, p_corrected: float, level: float) -> str:
    if p_corrected >= level or not comparison.seeds_agree:
        return NO_DIFFERENCE
    return BETTER if comparison.mean > 0 else WORSE


def verdict(comparison: Comparison, p_corrected: float, level: float) -> str:
    """The comparison in words."""
    words = outcome_of(comparison, p_corrected, level)
    if len(comparison.differences) == 1:
        words += " (one seed: spread over seeds unknown)"
    elif p_corrected < level and not comparison.seeds_agree:
        words += " (seeds disagree)"
    return f"{100 * comparison.mean:+.2f}, corrected {p_text(p_corrected)}: {words}"


def p_text(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def _pairs(results: Sequence[Result]) -> Iterator[Any]:
    """Each multi-task setup and column with the setup of that task alone, which has the same embedding."""
    setups = by_setup(results)
    for setup, multi in setups.items():
        if len(multi[0].tasks) < 2:
            continue
        for column in columns_of(multi):
            alone = [
                runs
                for runs in setups.values()
                if runs[0].tasks == [column.task]
                and runs[0].embedding() == multi[0].embedding()
                and column in runs[0].scores
                and runs[0].scores[column].chosen_alike == multi[0].scores[column].chosen_alike
            ]
            if alone:
                yield setup, multi, alone[0], column


def _compare(
    multi: Sequence[Result], single: Sequence[Result], column: Column, bootstrap: Bootstrap
) -> Union[Comparison, str]:
    """The comparison of runs with the same seeds, or why there is none."""
    if not multi:
        return "no seed in common"
    ours = [counts_of(run, column, bootstrap.whole_documents) for run in multi]
    theirs = [counts_of(run, column, bootstrap.whole_documents) for run in single]
    if any(counts.units != ours[0].units for counts in ours + theirs):
        return "other test data"
    if len(ours[0].units) < 2:
        return "the test set is one document" if bootstrap.whole_documents else "the test set is one sentence"
    return paired_bootstrap(
        ours[0].kind,
        [counts.values for counts in ours],
        [counts.values for counts in theirs],
        bootstrap.num_samples,
        bootstrap.seed,
    )


def _of_seeds(runs: Sequence[Result], seeds: Sequence[int]) -> List[Result]:
    found = {run.seed: run for run in runs}
    return [found[seed] for seed in seeds]


def _mean_updates(runs: Sequence[Result], task: str) -> Optional[float]:
    updates = [run.updates_to_best(task) for run in runs]
    known = [number for number in updates if number is not None]
    return statistics.mean(known) if known else None


def _run_row(run: Result) -> Dict[str, Any]:
    parts, machine = run.record["parts"], run.record.get("machine", {})
    return {
        "setup": run.setup,
        "seed": run.seed,
        "preset": run.record["preset"],
        "epochs": len(run.epochs),
        "updates": sum(metrics.get(f"training_{task}_updates", 0) for metrics in run.epochs for task in run.tasks),
        "seconds": sum(part["seconds"] or 0 for part in parts),
        "cpu_seconds": sum(part["cpu_seconds"] or 0 for part in parts),
        "processes": len(parts),
        "killed": sum(part["seconds"] is None for part in parts),
        "threads": machine.get("threads"),
        "gpu": machine.get("gpu"),
    }
