"""Tables of the updates until convergence, and of what speaks to the paper's claims."""

import math
import statistics
from typing import Optional

from hmtl.common.figures import STRICT
from hmtl.common.tables import Table
from research.paper.comparisons import BEST_ALONE, BEST_EPOCH, CLAIMS, Claim, Runs, arm_alone
from research.paper.paper import CORPORA, MORE_UPDATES, Column
from research.paper.results import Result, columns_of
from research.paper.significance import compare_ratios, holm
from research.paper.table_files import CONVERGENCE, Row, groups

HOLDS, CONTRADICTED, NOT_SHOWN = "holds", "is contradicted", "is not shown"


def updates_table(runs: Runs) -> Table:
    """Of each seed the updates of a task until its best epoch (the paper's table 9), and until its validation first
    reaches the best of the task alone with the same seed; `updates_single` are those of the task alone until its best
    epoch. What is never reached is not known: `updates_to_single` is then empty, and `updates_of_all` the least that it
    would have taken."""
    table, seen = Table("updates"), set()
    for multi, results in runs.items():
        for column in columns_of(results):
            alone = arm_alone(runs, multi, column) if column in results[0].scores else None
            # The weights of a task are the same for all its figures, and with gold mentions that it gets afterwards.
            if alone is None or (multi, column.task) in seen:
                continue
            seen.add((multi, column.task))
            singles = {run.seed: run for run in runs[alone]}
            for run in results:
                if run.seed in singles:
                    row = _updates_row(run, singles[run.seed], column)
                    table.rows += [row] if row is not None else []
    return table


def _updates_row(run: Result, single: Result, column: Column) -> Optional[Row]:
    ours, theirs = run.updates_to_best(column.task), single.updates_to_best(column.task)
    if not ours or not theirs:
        return None
    best_alone = max(score for _, _, score in single.curve(column.task))
    reached = [updates for _, updates, score in run.curve(column.task) if score >= best_alone]
    return {
        "corpora": run.corpora,
        "setup": run.setup,
        "task": column.task,
        "gold_mentions": column.gold_mentions,
        "single": single.setup,
        "seed": run.seed,
        "updates": ours,
        "updates_single": theirs,
        "best_single": best_alone,
        "updates_to_single": reached[0] if reached else None,
        "updates_of_all": run.curve(column.task)[-1][1],
    }


def convergence_table(updates: Table) -> Table:
    """The updates of tasks in each setup against those of the task alone: by how many percent more, with the interval
    of Student's t test of the logarithms of the ratios of each seed.

    Of seeds that never reach the best of the task alone the ratio is larger than what it is here, so that fewer updates
    are shown only where all seeds reach it.
    """
    table = Table(CONVERGENCE)
    for (corpora, setup, task), rows in groups(updates.rows, "corpora", "setup", "task").items():
        paper = MORE_UPDATES.get(setup, {}) if corpora == CORPORA else {}
        for until in (BEST_EPOCH, BEST_ALONE):
            name = "updates" if until == BEST_EPOCH else "updates_to_single"
            ours = [row["updates_of_all"] if row[name] is None else row[name] for row in rows]
            theirs = [row["updates_single"] for row in rows]
            comparison = compare_ratios(ours, theirs)
            low, high = (_percent_more(bound) for bound in comparison.interval)
            table.rows.append(
                {
                    "corpora": corpora,
                    "setup": setup,
                    "task": task,
                    "gold_mentions": rows[0]["gold_mentions"],
                    "single": rows[0]["single"],
                    "until": until,
                    "n": len(rows),
                    "reached": sum(row[name] is not None for row in rows),
                    "updates": statistics.mean(ours),
                    "updates_single": statistics.mean(theirs),
                    "change_percent": _percent_more(comparison.mean),
                    "low": low,
                    "high": high,
                    "p_value": comparison.p_value,
                    "seeds_agree": comparison.seeds_agree,
                    "paper_change_percent": next(
                        (more for about, more in paper.items() if about.task == task and until == BEST_EPOCH), None
                    ),
                }
            )
    for rows in groups(table.rows, "corpora", "until").values():
        for row, p_corrected in zip(rows, holm([row["p_value"] for row in rows])):
            row["p_corrected"] = p_corrected
    return table


def _percent_more(logarithm: float) -> Optional[float]:
    return 100 * (math.exp(logarithm) - 1) if math.isfinite(logarithm) else None


def claims_table(comparisons: Table, convergence: Table, level: float) -> Table:
    """What speaks to each of the paper's claims, and what follows: the p-values are corrected for the rows of a claim
    on the same corpora alone, of which each is a question that was asked before."""
    table = Table("claims")
    for claim in CLAIMS:
        source = convergence if claim.table == CONVERGENCE else comparisons
        for corpora in dict.fromkeys(row["corpora"] for row in source.rows):
            rows = [row for row in source.rows if row["corpora"] == corpora and _is_evidence(claim, row)]
            for row, p_corrected in zip(rows, holm([row["p_value"] for row in rows])):
                table.rows.append(_claim_row(claim, row, p_corrected, level))
    return table


def _is_evidence(claim: Claim, row: Row) -> bool:
    if row.get("p_value") is None or (claim.table != CONVERGENCE and row["family"] != claim.table):
        return False
    return claim.is_evidence(row)


def _claim_row(claim: Claim, row: Row, p_corrected: float, level: float) -> Row:
    of_updates = claim.table == CONVERGENCE
    figure = row["change_percent"] if of_updates else row["difference"]
    # Of one seed p is about two models, and no claim about a way of training.
    shown = p_corrected < level and row["seeds_agree"] and row["n"] > 1
    # What was never reached would have taken more.
    as_claimed = figure * claim.sign > 0 and not (of_updates and row["reached"] < row["n"])
    against = figure * claim.sign < 0
    outcome = HOLDS if shown and as_claimed else CONTRADICTED if shown and against else NOT_SHOWN
    return {
        "claim": claim.statement,
        "corpora": row["corpora"],
        "system": row["setup"] if of_updates else row["system"],
        "other": row["single"] if of_updates else row["other"],
        "less": None if of_updates else row["less"],
        "task": row["task"],
        "gold_mentions": row["gold_mentions"],
        "figure": STRICT if of_updates else row["figure"],
        "unit": "percent" if of_updates else "F1 x 100",
        "n": row["n"],
        "reached": row["reached"] if of_updates else None,
        "difference": figure,
        "low": row["low"],
        "high": row["high"],
        "p_value": row["p_value"],
        "p_corrected": p_corrected,
        "outcome": outcome,
    }
