"""The report of an experiment: its tables in Markdown and CSV, and plots."""

import shlex
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

from hmtl.common.figures import STRICT
from hmtl.common.files import atomic_write
from hmtl.common.tables import Table, markdown
from hmtl.errors import UserError
from research.paper import plots
from research.paper.paper import Column, task_title
from research.paper.results import Result, by_setup, columns_of, read_results
from research.paper.tables import (
    BETTER,
    NO_DIFFERENCE,
    WORSE,
    Bootstrap,
    comparisons_table,
    curves_table,
    p_text,
    runs_table,
    scores_table,
    updates_table,
)

REPORT = "report.md"
WITHOUT_MATPLOTLIB = "no plots without matplotlib: pip install 'hmtl[plots]'"


def write_report(runs: Path, output: Path, bootstrap: Bootstrap) -> List[str]:
    """Writes `report.md`, and for each corpora a folder with CSV files and plots; returns notes for the user.

    # Raises

    UserError
        Where no run is finished, or the runs of a corpora have several presets.
    """
    results, unfinished = read_results(runs)
    notes = [f"not finished, and left out: {path}" for path in unfinished]
    sections: List[str] = ["# Results", ""]
    for corpora in dict.fromkeys(result.corpora for result in results):
        of_corpora = [result for result in results if result.corpora == corpora]
        folder = output / corpora
        folder.mkdir(parents=True, exist_ok=True)
        tables = _tables(of_corpora, bootstrap)
        for table in tables.values():
            table.write(folder)
        try:
            images = plots.draw(of_corpora, folder)
        except ImportError:
            images = []
            notes.append(WITHOUT_MATPLOTLIB)
        left_out = [path for path in unfinished if path.parts[-3] == corpora]
        sections += _section(corpora, of_corpora, tables, images, left_out, bootstrap)
    with atomic_write(output / REPORT) as file:
        file.write("\n".join(sections).rstrip() + "\n")
    return list(dict.fromkeys(notes))


def _tables(results: Sequence[Result], bootstrap: Bootstrap) -> Dict[str, Table]:
    presets = sorted({str(result.record["preset"]) for result in results})
    if len(presets) > 1:
        raise UserError(
            f"{results[0].directory.parents[1]}: runs with several presets ({', '.join(presets)}); keep each in a "
            "directory of its own"
        )
    made = [
        scores_table(results),
        comparisons_table(results, bootstrap),
        updates_table(results),
        curves_table(results),
        runs_table(results),
    ]
    return {table.name: table for table in made}


def _section(
    corpora: str,
    results: Sequence[Result],
    tables: Dict[str, Table],
    images: Sequence[str],
    unfinished: Sequence[Path],
    bootstrap: Bootstrap,
) -> Iterator[str]:
    yield from (f"## Corpora: {corpora}; preset: {results[0].record['preset']}", "")
    yield from ("### Test F1 x 100", "")
    yield from _scores(results, tables["scores"])
    yield from ("### Multi-task against single-task", "")
    yield from _comparisons(tables["comparisons"], bootstrap)
    yield from ("### Updates to convergence", "")
    yield from _updates(tables["updates"])
    if images:
        yield from ("### Plots", "")
        yield from ("Scores: dots are seeds, bars the mean ± standard deviation, stars the paper's figures.", "")
        yield from (line for image in images for line in (f"![{image}]({corpora}/{image})", ""))
    yield from ("### Runs", "")
    yield from _runs(results, tables["runs"], unfinished)


def _scores(results: Sequence[Result], table: Table) -> Iterator[str]:
    columns = columns_of(results)
    cells = {(row["setup"], Column(row["task"], row["gold_mentions"], row["figure"])): row for row in table.rows}
    with_paper = [
        column for column in columns if any(cells.get((s, column), {}).get("paper") for s in by_setup(results))
    ]
    titles = ["setup", "tasks"]
    for column in columns:
        titles += [column.title] + ["paper"] * (column in with_paper)
    rows = []
    for setup, runs in by_setup(results).items():
        row = [setup, ", ".join(task_title(task) for task in runs[0].tasks)]
        for column in columns:
            cell = cells.get((setup, column))
            row.append(_mean_and_std(cell))
            if column in with_paper:
                row.append(_number(cell["paper"] if cell else None))
        rows.append(row)
    baseline = _baseline_row(results, columns, with_paper)
    yield from _markdown(titles, rows + baseline)
    yield (
        "Mean ± sample standard deviation over the seeds (n runs), each task with the weights that were best for it in "
        "validation. CR is the average of MUC, B-cubed and CEAF-phi4."
    )
    if any(column.figure != STRICT for column in columns):
        yield (
            "Of relations, strict: both spans and the type are right; last tokens: the last tokens of both arguments "
            "and the type, as in the paper; typed: strict, and the types of both arguments, too."
        )
    if any(not row["chosen_alike"] for row in table.rows):
        yield "† Gold mentions were given in the test alone: the weights were chosen without them."
    if baseline:
        yield "The baselines are those of `scripts/evaluate.py`, fitted to the same training data."
    yield ""


def _mean_and_std(cell: Optional[Dict[str, Any]]) -> str:
    if cell is None:
        return ""
    spread = "" if cell["std"] is None else f" ± {cell['std']:.2f}"
    return f"{cell['mean']:.2f}{spread} ({cell['n']}){'' if cell['chosen_alike'] else ' †'}"


def _baseline_row(
    results: Sequence[Result], columns: Sequence[Column], with_paper: Sequence[Column]
) -> List[List[str]]:
    """The baselines, where all runs have the same."""
    row, known = ["baseline", ""], False
    for column in columns:
        values = {round(100 * run.baselines[column], 2) for run in results if column in run.baselines}
        known = known or len(values) == 1
        row += [f"{values.pop():.2f}" if len(values) == 1 else ""] + [""] * (column in with_paper)
    return [row] if known else []


def _comparisons(table: Table, bootstrap: Bootstrap) -> Iterator[str]:
    if not table.rows:
        yield from ("No multi-task setup has the runs of one of its tasks alone to be compared with.", "")
        return
    outcomes = Counter(row["outcome"] for row in table.rows if "outcome" in row)
    yield (
        f"Of {outcomes.total()} comparisons, multi-task is better in {outcomes[BETTER]}, worse in {outcomes[WORSE]}, "
        f"and no difference is shown in {outcomes[NO_DIFFERENCE]} (a difference: corrected p < {bootstrap.level:g} "
        "and all seeds agree)."
    )
    yield ""
    rows = []
    for row in table.rows:
        told = "difference" in row
        rows.append(
            [
                row["setup"],
                Column(row["task"], row["gold_mentions"], row["figure"]).title,
                row["single"],
                f"{row['difference']:+.2f}{'' if row['std'] is None else ' ± ' + format(row['std'], '.2f')}"
                if told
                else "",
                f"{row['seeds_better']} of {row['n']}" if told else "",
                f"{row['low']:+.2f} to {row['high']:+.2f}" if told else "",
                p_text(row["p_value"]) if told else "",
                p_text(row["p_corrected"]) if told else "",
                row["verdict"],
            ]
        )
    titles = ["setup", "task", "alone", "difference", "seeds better", "95 % interval", "p", "corrected p", "in words"]
    yield from _markdown(titles, rows)
    unit = "whole documents" if bootstrap.whole_documents else "sentences (CR: documents)"
    yield (
        "Differences of mean test F1 x 100, ± sample standard deviation over pairs of runs with the same seed. p: "
        f"paired bootstrap over the {unit} of the test set and over the pairs of runs together, two-sided, "
        f"{bootstrap.num_samples} samples, seed {bootstrap.seed} (Koehn 2004; Berg-Kirkpatrick et al. 2012; Sellam et "
        f"al. 2022), widened for small numbers. Corrected p: Holm's for the {outcomes.total()} comparisons of this "
        "table. The words follow the corrected p, and show no difference where seeds disagree in its sign."
    )
    if not bootstrap.whole_documents:
        yield "Sentences of one document depend on one another: p is too small where documents differ."
    if any(row["n"] == 1 and "difference" in row for row in table.rows):
        yield "Of one seed p is about these two models, not about the way of training."
    yield ""


def _updates(table: Table) -> Iterator[str]:
    if not table.rows:
        yield from ("Nothing to compare.", "")
        return
    with_paper = any(row["paper_change_percent"] is not None for row in table.rows)
    rows = []
    for row in table.rows:
        title = task_title(row["task"]) + ", gold mentions" * row["gold_mentions"]
        cells = [row["setup"], title, _number(row["updates"], ".0f")]
        cells += [
            f"{_number(row['updates_single'], '.0f')} ({row['single']})",
            _number(row["change_percent"], "+.0f", " %"),
        ]
        rows.append(cells + [_number(row["paper_change_percent"], "+.0f", " %")] * with_paper)
    yield from _markdown(["setup", "task", "updates", "alone", "change"] + ["paper"] * with_paper, rows)
    yield from ("Updates of the task until the end of its best epoch in validation, means over the seeds.", "")


def _runs(results: Sequence[Result], table: Table, unfinished: Sequence[Path]) -> Iterator[str]:
    rows = [
        [
            row["setup"],
            str(row["seed"]),
            str(row["epochs"]),
            str(row["updates"]),
            _duration(row["seconds"]) + "+" * bool(row["killed"]),
            _duration(row["cpu_seconds"]) + "+" * bool(row["killed"]),
            str(row["threads"]),
        ]
        for row in table.rows
    ]
    seconds, cpu = (sum(row[key] for row in table.rows) for key in ("seconds", "cpu_seconds"))
    rows.append(["all", "", "", str(sum(row["updates"] for row in table.rows)), _duration(seconds), _duration(cpu), ""])
    yield from _markdown(["setup", "seed", "epochs", "updates", "time", "CPU time", "threads"], rows)
    yield "Times are of training and evaluation, in h:mm:ss."
    if any(row["killed"] for row in table.rows):
        yield "+ A process of the run was killed; its time is not known, and not counted."
    for path in unfinished:
        yield f"- not finished, and left out: {'/'.join(path.parts[-3:])}"
    for setup, runs in by_setup(results).items():
        changed = _changed_options(runs)
        if changed:
            yield f"- the runs of {setup} differ in more than their seeds: {', '.join(changed[:5])}"
    yield from ("", "Made by:", "", "```")
    yield from dict.fromkeys(shlex.join(result.record["command"]) for result in results)
    yield from ("```", "")
    for name in ("versions", "machine"):
        for described in dict.fromkeys(_described(result.record.get(name, {})) for result in results):
            yield f"- {name}: {described}"
    yield ""


def _changed_options(runs: Sequence[Result]) -> List[str]:
    first, *others = (run.options() for run in runs)
    return sorted({key for other in others for key in first.keys() | other.keys() if first.get(key) != other.get(key)})


def _described(values: Dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)


def _markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from markdown(titles, rows)
    yield ""


def _number(value: Optional[float], form: str = ".2f", unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
