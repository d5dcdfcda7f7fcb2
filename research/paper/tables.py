"""The tables of an experiment, made of its runs: all that reports and figures are drawn from.

| table | a row is |
|---|---|
| `scores` | F1 x 100 of a run on a task's test set, by the weights that were best for that task in validation |
| `baselines` | the same of a baseline, where all runs of the corpora have the same |
| `comparisons` | two setups in one score, over their seeds: see `comparisons.py` |
| `updates` | of a seed, the updates of a task in a setup and alone |
| `convergence` | the same over the seeds |
| `claims` | a row of `comparisons` or `convergence` that speaks to a claim of the paper's |
| `curves` | the validation of a task at the end of an epoch of a run |
| `runs` | what a run took, and how it was made |
| `notes` | what else a reader has to know of the corpora |
| `settings` | a name and its value |
"""

import shlex
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Union

from hmtl.common.figures import TYPED
from hmtl.common.tables import Table
from hmtl.errors import UserError
from research.paper.claims import claims_table, convergence_table, updates_table
from research.paper.comparisons import FAMILIES, Arm, Family, Pair, Runs
from research.paper.counts import Counts
from research.paper.paper import Column
from research.paper.results import Result, by_setup, columns_of, counts_of
from research.paper.significance import Comparison, contrast_bootstrap, holm, p_text
from research.paper.table_files import Row, Tables

BETTER, WORSE, NO_DIFFERENCE = "better", "worse", "no difference shown"


@dataclass
class Bootstrap:
    """How differences are tested: the samples, their seed, whole documents or sentences, and the level."""

    num_samples: int = 10000
    seed: int = 1
    whole_documents: bool = True
    level: float = 0.05


def make_tables(results: Sequence[Result], unfinished: Sequence[Path], bootstrap: Bootstrap) -> Tables:
    """All tables, by name.

    # Raises

    UserError
        Where the runs of a corpora have several presets.
    """
    for of_corpora in _by_corpora(results).values():
        presets = sorted({str(result.record["preset"]) for result in of_corpora})
        if len(presets) > 1:
            raise UserError(
                f"{of_corpora[0].directory.parents[1]}: runs with several presets ({', '.join(presets)}); keep each in "
                "a directory of its own"
            )
    runs: Runs = {}
    for result in results:
        runs.setdefault(Arm(result.corpora, result.setup), []).append(result)
    comparisons, updates = comparisons_table(runs, bootstrap), updates_table(runs)
    convergence = convergence_table(updates)
    made = [
        scores_table(results),
        baselines_table(results),
        comparisons,
        updates,
        convergence,
        claims_table(comparisons, convergence, bootstrap.level),
        curves_table(results),
        runs_table(results),
        notes_table(results, unfinished),
        Table("settings", [{"name": name, "value": value} for name, value in asdict(bootstrap).items()]),
    ]
    return {table.name: table for table in made}


def scores_table(results: Sequence[Result]) -> Table:
    """Test F1 times 100 of each run and task."""
    table = Table("scores")
    for setup in _setups(results):
        for column in columns_of(setup):
            for run in setup:
                if column not in run.scores:
                    continue
                table.rows.append(
                    {
                        **_named(run),
                        "tasks": "+".join(run.tasks),
                        **_about(column),
                        "chosen_alike": run.scores[column].chosen_alike,
                        "seed": run.seed,
                        "f1": round(100 * run.scores[column].f1, 4),
                    }
                )
    return table


def baselines_table(results: Sequence[Result]) -> Table:
    """Test F1 times 100 of the baselines, where all runs have the same."""
    table = Table("baselines")
    for corpora, runs in _by_corpora(results).items():
        for column in columns_of(runs):
            values = {round(100 * run.baselines[column], 4) for run in runs if column in run.baselines}
            if len({round(value, 2) for value in values}) == 1:
                table.rows.append({"corpora": corpora, **_about(column), "f1": min(values)})
    return table


def comparisons_table(runs: Runs, bootstrap: Bootstrap) -> Table:
    """The comparisons of all families, with the same seeds.

    Outcomes follow the p-values that are corrected for the number of comparisons in the family, of one corpora.
    """
    table, counted = Table("comparisons"), Counted(bootstrap.whole_documents)
    for family in FAMILIES:
        pairs: Dict[str, List[Pair]] = {}
        for pair in family.pairs(runs):
            if _is_compared(pair, runs):
                pairs.setdefault(pair.corpora, []).append(pair)
        for of_corpora in pairs.values():
            compared = [(pair, _compare(pair, runs, counted, bootstrap)) for pair in of_corpora]
            known = [comparison for _, comparison in compared if isinstance(comparison, Comparison)]
            corrected = iter(holm([comparison.p_value for comparison in known]))
            for pair, comparison in compared:
                row = _pair_row(family, pair, _shared_seeds(pair, runs))
                if isinstance(comparison, str):
                    row["verdict"] = f"not compared: {comparison}"
                else:
                    row.update(_comparison_cells(comparison, next(corrected), bootstrap.level, family.subject))
                table.rows.append(row)
    return table


def _is_compared(pair: Pair, runs: Runs) -> bool:
    # Runs note no counts of typed relations, which say little beside the other two figures. Weights that were chosen
    # without gold mentions are no setup with them.
    scores = [run.scores[pair.column] for _, arm in pair.arms for run in runs[arm] if pair.column in run.scores]
    return pair.column.figure != TYPED and all(score.chosen_alike for score in scores)


def _pair_row(family: Family, pair: Pair, seeds: Sequence[int]) -> Row:
    return {
        "family": family.name,
        "corpora": pair.corpora,
        "system": pair.named(pair.system),
        "other": pair.named(pair.other),
        "less": pair.less and " - ".join(map(pair.named, pair.less)),
        "percent": pair.percent,
        **_about(pair.column),
        "n": len(seeds),
        "seeds": " ".join(map(str, seeds)),
        **dict.fromkeys(_OF_COMPARISONS),
    }


_OF_COMPARISONS = (
    "difference",
    "differences",
    "std",
    "seeds_better",
    "seeds_agree",
    "low",
    "high",
    "p_value",
    "p_corrected",
    "outcome",
    "verdict",
)


def _comparison_cells(comparison: Comparison, p_corrected: float, level: float, subject: str) -> Row:
    differences = [100 * difference for difference in comparison.differences]
    return {
        "difference": 100 * comparison.mean,
        "differences": " ".join(f"{difference:.4f}" for difference in differences),
        "std": statistics.stdev(differences) if len(differences) > 1 else None,
        "seeds_better": sum(difference > 0 for difference in differences),
        "seeds_agree": comparison.seeds_agree,
        "low": 100 * comparison.interval[0],
        "high": 100 * comparison.interval[1],
        "p_value": comparison.p_value,
        "p_corrected": p_corrected,
        "outcome": outcome_of(comparison, p_corrected, level),
        "verdict": verdict(comparison, p_corrected, level, subject),
    }


def curves_table(results: Sequence[Result]) -> Table:
    """The validation of each task at the end of each epoch of each run."""
    rows = [
        {**_named(run), "seed": run.seed, "task": task, "epoch": epoch, "updates": updates, "score": score}
        for run in results
        for task in run.tasks
        for epoch, updates, score in run.curve(task)
    ]
    return Table("curves", rows)


def runs_table(results: Sequence[Result]) -> Table:
    """What each run took, and how it was made."""
    return Table("runs", [_run_row(run) for run in results])


def notes_table(results: Sequence[Result], unfinished: Sequence[Path]) -> Table:
    """Runs that are not finished, and setups whose runs differ in more than their seeds."""
    table = Table("notes")
    for path in unfinished:
        note = f"not finished, and left out: {'/'.join(path.parts[-3:])}"
        table.rows.append({"corpora": path.parts[-3], "note": note})
    for runs in _setups(results):
        changed = _changed_options(runs)
        if changed:
            note = f"the runs of {runs[0].setup} differ in more than their seeds: {', '.join(changed[:5])}"
            table.rows.append({"corpora": runs[0].corpora, "note": note})
    return table


def outcome_of(comparison: Comparison, p_corrected: float, level: float) -> str:
    if p_corrected >= level or not comparison.seeds_agree:
        return NO_DIFFERENCE
    return BETTER if comparison.mean > 0 else WORSE


def verdict(comparison: Comparison, p_corrected: float, level: float, subject: str) -> str:
    """The comparison in words."""
    words = outcome_of(comparison, p_corrected, level)
    if words != NO_DIFFERENCE:
        words = f"{subject} is {words}"
    if len(comparison.differences) == 1:
        words += " (one seed: spread over seeds unknown)"
    elif p_corrected < level and not comparison.seeds_agree:
        words += " (seeds disagree)"
    return f"{100 * comparison.mean:+.2f}, corrected {p_text(p_corrected)}: {words}"


class Counted:
    """What runs counted, each file read once.

    # Parameters

    whole_documents : `bool`
        Whether the units are documents.
    """

    def __init__(self, whole_documents: bool) -> None:
        self.whole_documents = whole_documents
        self._counts: Dict[Path, Counts] = {}

    def of(self, run: Result, column: Column) -> Counts:
        path = run.scores[column].counts_path
        if path not in self._counts:
            self._counts[path] = counts_of(run, column, self.whole_documents)
        return self._counts[path]


def _compare(pair: Pair, runs: Runs, counted: Counted, bootstrap: Bootstrap) -> Union[Comparison, str]:
    """The comparison of runs with the same seeds, or why there is none."""
    seeds = _shared_seeds(pair, runs)
    if not seeds:
        return "no seed in common"
    terms = []
    for weight, arm in pair.arms:
        of_seeds = {run.seed: run for run in runs[arm]}
        terms.append((weight, [counted.of(of_seeds[seed], pair.column) for seed in seeds]))
    every = [counts for _, of_term in terms for counts in of_term]
    first = every[0]
    if any(counts.units != first.units for counts in every):
        return "other test data"
    if any((counts.gold != first.gold).any() for counts in every):
        return "other gold of the same test data"
    if len(first.units) < 2:
        return "the test set is one document" if bootstrap.whole_documents else "the test set is one sentence"
    return contrast_bootstrap(
        first.kind,
        [(weight, [counts.values for counts in of_term]) for weight, of_term in terms],
        bootstrap.num_samples,
        bootstrap.seed,
    )


def _shared_seeds(pair: Pair, runs: Runs) -> List[int]:
    with_score = [{run.seed for run in runs[arm] if pair.column in run.scores} for _, arm in pair.arms]
    return sorted(set.intersection(*with_score))


def _run_row(run: Result) -> Row:
    parts, machine = run.record["parts"], run.record.get("machine", {})
    return {
        **_named(run),
        "seed": run.seed,
        "preset": run.record["preset"],
        "epochs": len(run.epochs),
        "updates": sum(metrics.get(f"training_{task}_updates", 0) for metrics in run.epochs for task in run.tasks),
        "seconds": round(sum(part["seconds"] or 0 for part in parts), 1),
        "cpu_seconds": round(sum(part["cpu_seconds"] or 0 for part in parts), 1),
        "processes": len(parts),
        "killed": sum(part["seconds"] is None for part in parts),
        "threads": machine.get("threads"),
        "gpu": machine.get("gpu"),
        "machine": _described(machine),
        "versions": _described(run.record.get("versions", {})),
        "command": shown_command(run.record["command"]),
    }


# What stands for the values of options that name places of one machine.
_PLACES = {"--data": "DATA", "--output": "RUNS"}


def shown_command(words: Sequence[str]) -> str:
    """A command as others can give it: without the places of the machine that it was given on."""
    shown: List[str] = []
    for word in words:
        place = _PLACES.get(shown[-1]) if shown else None
        if place is not None and word.startswith("/"):
            word = place
        shown.append(word)
    return shlex.join(shown)


def _changed_options(runs: Sequence[Result]) -> List[str]:
    first, *others = (run.options() for run in runs)
    return sorted({key for other in others for key in first.keys() | other.keys() if first.get(key) != other.get(key)})


def _described(values: Dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)


def _named(run: Result) -> Row:
    return {"corpora": run.corpora, "setup": run.setup}


def _about(column: Column) -> Row:
    return {"task": column.task, "gold_mentions": column.gold_mentions, "figure": column.figure}


def _setups(results: Sequence[Result]) -> Iterator[List[Result]]:
    for runs in _by_corpora(results).values():
        yield from by_setup(runs).values()


def _by_corpora(results: Sequence[Result]) -> Dict[str, List[Result]]:
    found: Dict[str, List[Result]] = {}
    for result in results:
        found.setdefault(result.corpora, []).append(result)
    return found
