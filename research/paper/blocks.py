"""Parts of reports in Markdown, each made of the tables that `tables.py` makes: of what CSV files hold, and no run."""

from collections import Counter
from typing import Callable, Dict, Iterator, List, Optional, Sequence

from hmtl.common.figures import LAS, LAST_TOKENS, TYPED
from hmtl.common.tables import Table, markdown
from research.paper.claims import CONTRADICTED, HOLDS, NOT_SHOWN
from research.paper.comparisons import FAMILIES, Family
from research.paper.paper import paper_f1, setup_in_words, setup_words, task_title
from research.paper.significance import p_text
from research.paper.table_files import CONVERGENCE, Row, Tables, column_of, columns_in, groups, mean_with_std, rows_of
from research.paper.tables import BETTER, NO_DIFFERENCE, WORSE

# What a measurement of the cache is of, in its column `what`.
WITHOUT_CACHE, WITH_CACHE, FILLING = "without cache", "with cache", "filling the cache"


def scores_lines(tables: Tables, corpora: str, places: int = 2, with_runs: bool = True) -> Iterator[str]:
    """Test F1 of each setup: mean and sample standard deviation over the seeds, the paper's figures beside."""
    rows = rows_of(tables["scores"], corpora=corpora)
    columns = columns_in(rows)
    cells = groups(rows, "setup", "task", "gold_mentions", "figure")
    setups = groups(rows, "setup")
    paper = {(setup, column): paper_f1(corpora, setup, column) for (setup,) in setups for column in columns}
    with_paper = [c for c in columns if any(paper[s, c] and (s, *c) in cells for (s,) in setups)]
    titles = ["setup", "tasks"]
    for column in columns:
        titles += [column.title] + ["paper"] * (column in with_paper)
    lines = []
    for (setup,), of_setup in setups.items():
        line = [setup, ", ".join(map(task_title, of_setup[0]["tasks"].split("+")))]
        for column in columns:
            cell = cells.get((setup, *column), [])
            line.append(_mean_and_std(cell, places, with_runs))
            if column in with_paper:
                alike = bool(cell) and all(row["chosen_alike"] for row in cell)
                line.append(_number(paper[setup, column] if alike else None))
        lines.append(line)
    baselines = {column_of(row): row["f1"] for row in rows_of(tables["baselines"], corpora=corpora)}
    if baselines:
        line = ["baseline", ""]
        for column in columns:
            line += [_number(baselines.get(column), f".{places}f")] + [""] * (column in with_paper)
        lines.append(line)
    yield from (*markdown(titles, lines), "")
    yield (
        "Mean ± sample standard deviation over the seeds (n runs), each task with the weights that were best for it in "
        "validation. CR is the average of MUC, B-cubed and CEAF-phi4."
    )
    if any(column.figure in (LAST_TOKENS, TYPED) for column in columns):
        yield (
            "Of relations, strict: both spans and the type are right; last tokens: the last tokens of both arguments "
            "and the type, as in the paper; typed: strict, and the types of both arguments, too."
        )
    if any(column.figure == LAS for column in columns):
        yield (
            "Each token has one part of speech, one head and one relation to it, so that F1 is the share that is "
            "right: of heads and relations LAS, of heads UAS, of all tokens, punctuation too."
        )
    if any(not row["chosen_alike"] for row in rows):
        yield "† Gold mentions were given in the test alone: the weights were chosen without them."
    yield ""


def _mean_and_std(cell: Sequence[Row], places: int, with_runs: bool) -> str:
    if not cell:
        return ""
    given_in_test_alone = not all(row["chosen_alike"] for row in cell)
    shown = mean_with_std([row["f1"] for row in cell], places)
    return f"{shown}{f' ({len(cell)})' * with_runs}{' †' * given_in_test_alone}"


def baseline_note(tables: Tables, corpora: str) -> Iterator[str]:
    if rows_of(tables["baselines"], corpora=corpora):
        yield from ("The baselines are those of `hmtl evaluate`, fitted to the same training data.", "")


def main_scores_lines(tables: Tables, corpora: str) -> Iterator[str]:
    """The same in short: what weights scored in the setup that chose them, without notes."""
    rows = [row for row in rows_of(tables["scores"], corpora=corpora) if row["chosen_alike"] and row["figure"] != TYPED]
    columns = columns_in(rows)
    lines = []
    for (setup, tasks), of_setup in groups(rows, "setup", "tasks").items():
        cells = groups(of_setup, "task", "gold_mentions", "figure")
        words = setup_in_words(setup, tasks.split("+"))
        lines.append([words, *(_mean_and_std(cells.get(column, []), 1, with_runs=False) for column in columns)])
    baselines = {column_of(row): row["f1"] for row in rows_of(tables["baselines"], corpora=corpora)}
    if baselines:
        lines.append(["baseline", *(_number(baselines.get(column), ".1f") for column in columns)])
    seeds = sorted({len(group) for group in groups(rows, "setup", "task", "gold_mentions", "figure").values()})
    yield from (*markdown(["", *(column.title for column in columns)], lines), "")
    yield f"Mean ± standard deviation over {' to '.join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))} seeds."
    yield ""


def family_named(name: str) -> Family:
    return next(family for family in FAMILIES if family.name == name)


def comparison_lines(tables: Tables, corpora: str, name: str) -> Iterator[str]:
    """All comparisons of a family, with what they are tested by."""
    family = family_named(name)
    rows = rows_of(tables["comparisons"], corpora=corpora, family=name)
    settings = {row["name"]: row["value"] for row in tables["settings"].rows}
    outcomes = Counter(row["outcome"] for row in rows if row["outcome"])
    yield (
        f"Of {outcomes.total()} comparisons, {family.subject} is better in {outcomes[BETTER]}, worse in "
        f"{outcomes[WORSE]}, and no difference is shown in {outcomes[NO_DIFFERENCE]} (a difference: corrected "
        f"p < {settings['level']:g} and all seeds agree)."
    )
    yield ""
    yield from (*markdown(_titles(family, rows), [_comparison_cells(row, rows) for row in rows]), "")
    by_document = settings["whole_documents"]
    unit = "whole documents" if by_document else "sentences (CR: documents)"
    yield (
        "Differences of mean test F1 x 100, ± sample standard deviation over pairs of runs with the same seed. p: "
        f"paired bootstrap over the {unit} of the test set and over the pairs of runs together, two-sided, "
        f"{settings['num_samples']} samples, seed {settings['seed']} (Koehn 2004; Berg-Kirkpatrick et al. 2012; Sellam "
        "et al. 2022), widened for small numbers. Corrected p: Holm's for the "
        f"{outcomes.total()} comparisons of this table. The words follow the corrected p, and show no difference where "
        "seeds disagree in its sign."
    )
    if not by_document:
        yield "Sentences of one document depend on one another: p is too small where documents differ."
    if any(row["n"] == 1 and row["difference"] is not None for row in rows):
        yield "Of one seed p is about these two models, not about the way of training."
    yield ""


def _titles(family: Family, rows: Sequence[Row]) -> List[str]:
    first = [family.first, "task", family.second]
    first += ["less"] * _has(rows, "less") + ["% of data"] * _has(rows, "percent")
    return [*first, "difference", "seeds better", "95 % interval", "p", "corrected p", "in words"]


def _comparison_cells(row: Row, rows: Sequence[Row]) -> List[str]:
    first = [row["system"], column_of(row).title, row["other"]]
    first += [row["less"] or ""] * _has(rows, "less") + [_number(row["percent"], "d")] * _has(rows, "percent")
    if row["difference"] is None:
        return [*first, "", "", "", "", "", row["verdict"]]
    spread = "" if row["std"] is None else f" ± {row['std']:.2f}"
    return [
        *first,
        f"{row['difference']:+.2f}{spread}",
        f"{row['seeds_better']} of {row['n']}",
        f"{row['low']:+.2f} to {row['high']:+.2f}",
        p_text(row["p_value"]),
        p_text(row["p_corrected"]),
        row["verdict"],
    ]


def matrix_lines(tables: Tables, corpora: str, name: str) -> Iterator[str]:
    """The same in short: a line a pair, a column a score; of sizes a line a score, a column a size."""
    rows = rows_of(tables["comparisons"], corpora=corpora, family=name)
    if not rows:
        yield from ("Nothing to compare.", "")
        return
    columns = columns_in(rows)
    if rows[0]["percent"] is not None:
        sizes = sorted({row["percent"] for row in rows})
        of_size = {(column_of(row), row["percent"]): _in_short(row) for row in rows}
        titles = ["", *(f"{size} %" for size in sizes)]
        lines = [[column.title, *(of_size.get((column, size), "") for size in sizes)] for column in columns]
    else:
        titles, lines = ["", *(column.title for column in columns)], []
        tasks = {row["setup"]: row["tasks"].split("+") for row in rows_of(tables["scores"], corpora=corpora)}
        # Of tasks alone each column has another setup, which needs no name.
        by = ("system",) if name == "alone" else ("system", "other", "less")
        for pair, of_pair in groups(rows, *by).items():
            cells = {column_of(row): _in_short(row) for row in of_pair}
            words = setup_in_words(pair[0], tasks[pair[0]]) if name == "alone" else _pair_in_words(*pair)
            lines.append([words, *(cells.get(column, "") for column in columns)])
    yield from (*markdown(titles, lines), "")
    compared = sum(row["difference"] is not None for row in rows)
    yield (
        "Differences of test F1 x 100 with their 95 % intervals over documents and seeds; bold: shown after Holm's "
        f"correction for the {compared} figures of this table."
    )
    yield ""


def _pair_in_words(system: str, other: str, less: Optional[str]) -> str:
    if less is not None:
        return f"({system} - {other}) - ({less})"
    words = setup_words(system)
    return f"{system} - {other}{f': {words}' if words else ''}"


def _in_short(row: Row) -> str:
    if row["difference"] is None:
        return "not compared"
    # Of one seed nothing is known of others.
    shown = "**" if row["outcome"] in (BETTER, WORSE) and row["n"] > 1 else ""
    return f"{shown}{row['difference']:+.1f}{shown} ({row['low']:+.1f} to {row['high']:+.1f})"


def convergence_lines(tables: Tables, corpora: str, *setups: str) -> Iterator[str]:
    """The updates of tasks against those of the task alone, in all setups, or in those that are named."""
    rows = rows_of(tables[CONVERGENCE], corpora=corpora)
    rows = [row for row in rows if not setups or row["setup"] in setups]
    if not rows:
        yield from ("Nothing to compare.", "")
        return
    with_paper = any(row["paper_change_percent"] is not None for row in rows)
    titles = ["setup", "task", "alone", "updates", "change", "95 % interval", "corrected p"]
    titles += ["paper"] * with_paper + ["until the best alone", "change", "95 % interval", "corrected p", "reached"]
    lines = []
    for (setup, task), (best, alone) in groups(rows, "setup", "task").items():
        title = task_title(task) + ", gold mentions" * best["gold_mentions"]
        line = [setup, title, f"{best['updates_single']:.0f} ({best['single']})", f"{best['updates']:.0f}"]
        line += _change_cells(best) + [_number(best["paper_change_percent"], "+.0f", " %")] * with_paper
        at_least = alone["reached"] < alone["n"]
        line += ["≥ " * at_least + f"{alone['updates']:.0f}", *_change_cells(alone, "≥ " * at_least)]
        lines.append([*line, f"{alone['reached']} of {alone['n']}"])
    yield from (*markdown(titles, lines), "")
    yield (
        "Updates of the task until the end of its best epoch in validation, means over the seeds; and until the end "
        "of the first epoch whose validation is as good as the best of the task alone with the same seed. Seeds that "
        "never get there count with all of their updates, so that the figure is a lower bound (≥). Change: the "
        "geometric mean of the ratios, with Student's interval of their logarithms over the seeds; corrected p: "
        "Holm's, of a column."
    )
    yield ""


def _change_cells(row: Row, bound: str = "") -> List[str]:
    if row["low"] is None:
        return [_number(row["change_percent"], "+.0f", " %"), "", ""]
    interval = f"{row['low']:+.0f} to {row['high']:+.0f} %"
    return [bound + _number(row["change_percent"], "+.0f", " %"), interval, p_text(row["p_corrected"])]


def statement_lines(tables: Tables) -> Iterator[str]:
    """Each claim of the paper's with what follows for it, score by score."""
    if not tables["claims"].rows:
        yield "Nothing to compare."
    for (claim,), rows in groups(tables["claims"].rows, "claim").items():
        yield f"- **{claim}**"
        for (corpora,), of_corpora in groups(rows, "corpora").items():
            parts = []
            for outcome in (HOLDS, CONTRADICTED, NOT_SHOWN):
                told = [_told(row, of_corpora) for row in of_corpora if row["outcome"] == outcome]
                parts += [f"{outcome} for {'; '.join(told)}"] if told else []
            yield f"  - `{corpora}`: {'. It '.join(parts)}."
    yield ""


def _told(row: Row, rows: Sequence[Row]) -> str:
    """The score, the pair where there are several, and the figure with its interval."""
    pairs = {(other["system"], other["other"]) for other in rows if other["task"] == row["task"]}
    pair = f", {row['system']} against {row['other']}" if len(pairs) > 1 else ""
    return f"{_score_title(row)}{pair} ({_figure_and_interval(row)})"


def _score_title(row: Row) -> str:
    return task_title(row["task"]) if row["unit"] == "percent" else column_of(row).title


def _figure_and_interval(row: Row) -> str:
    places, unit = (0, " %") if row["unit"] == "percent" else (1, "")
    bound = "at least " if row["reached"] is not None and row["reached"] < row["n"] else ""
    figure = f"{bound}{row['difference']:+.{places}f}{unit}"
    return figure if row["low"] is None else f"{figure}, {row['low']:+.{places}f} to {row['high']:+.{places}f}"


def claims_lines(tables: Tables) -> Iterator[str]:
    """All that speaks to the paper's claims, a line a row."""
    lines = []
    for row in tables["claims"].rows:
        pair = f"{row['system']} - {row['other']}"
        lines.append(
            [
                row["claim"],
                row["corpora"],
                _score_title(row),
                pair if row["less"] is None else f"({pair}) - ({row['less']})",
                _number(row["difference"], "+.2f", " %" * (row["unit"] == "percent")),
                "" if row["low"] is None else f"{row['low']:+.2f} to {row['high']:+.2f}",
                p_text(row["p_corrected"]),
                row["outcome"],
            ]
        )
    titles = ["claim", "corpora", "score", "setups", "difference", "95 % interval", "corrected p", "the claim"]
    yield from (*markdown(titles, lines), "")
    yield (
        "A claim holds, or is contradicted, for a score where p is below the level after Holm's correction for the "
        "rows of this claim on these corpora, and all seeds agree; all else is not shown, which does not say that it "
        "is false. Intervals are not corrected. Differences are of test F1 x 100, those of updates in percent."
    )
    yield ""


def runs_lines(tables: Tables, corpora: str) -> Iterator[str]:
    """What the runs took, a line a setup."""
    rows = rows_of(tables["runs"], corpora=corpora)
    lines = []
    for (setup,), runs in groups(rows, "setup").items():
        unknown = "+" * any(run["killed"] for run in runs)
        epochs = sorted({run["epochs"] for run in runs})
        line = [setup, str(len(runs)), " to ".join(map(str, dict.fromkeys((epochs[0], epochs[-1]))))]
        line += [str(sum(run["updates"] for run in runs))]
        line += [duration(sum(run[key] for run in runs)) + unknown for key in ("seconds", "cpu_seconds")]
        lines.append(line)
    total = [str(sum(row["updates"] for row in rows))]
    total += [duration(sum(row[key] for row in rows)) for key in ("seconds", "cpu_seconds")]
    lines.append(["all", str(len(rows)), "", *total])
    yield from (*markdown(["setup", "runs", "epochs", "updates", "time", "CPU time"], lines), "")
    yield "Sums over the runs; times are of training and evaluation, in h:mm:ss. `runs.csv` has each run."
    if any(row["killed"] for row in rows):
        yield "+ A process of the run was killed; its time is not known, and not counted."
    yield from (f"- {row['note']}" for row in rows_of(tables["notes"], corpora=corpora))
    yield ""


def made_by_lines(tables: Tables, corpora: str) -> Iterator[str]:
    """The commands, versions and machines of the runs."""
    rows = rows_of(tables["runs"], corpora=corpora)
    yield from ("Made by:", "", "```", *dict.fromkeys(row["command"] for row in rows), "```", "")
    for name in ("versions", "machine"):
        yield from (f"- {name}: {described}" for described in dict.fromkeys(row[name] for row in rows))
    yield ""


def cost_lines(tables: Tables, cache: Table) -> Iterator[str]:
    """The CPU time of all runs, and how far the cache of frozen vectors cuts it, where that was measured."""
    lines = []
    for (corpora,), rows in groups(tables["runs"].rows, "corpora").items():
        lines.append([corpora, str(len(rows)), hours(sum(row["cpu_seconds"] for row in rows))])
    rows = tables["runs"].rows
    lines.append(["all", str(len(rows)), hours(sum(row["cpu_seconds"] for row in rows))])
    yield from (*markdown(["corpora", "runs", "CPU hours"], lines), "")
    measured = {row["what"]: row["cpu_seconds"] for row in cache.rows}
    if {WITHOUT_CACHE, WITH_CACHE} <= measured.keys():
        without, with_it = measured[WITHOUT_CACHE], measured[WITH_CACHE]
        yield (
            f"The same run took {duration(without)} of CPU without the cache of the frozen encoder's vectors and "
            f"{duration(with_it)} with it, {100 * (1 - with_it / without):.0f} % less."
        )
        if FILLING in measured:
            yield f"Filling the cache took {duration(measured[FILLING])}, once for all runs."
        yield ""


def commands_lines(tables: Tables) -> Iterator[str]:
    """The commands that all runs were made by."""
    yield from ("```", *dict.fromkeys(row["command"] for row in tables["runs"].rows), "```", "")


# Those that pages have between markers, by the names that these give them.
PAGE_BLOCKS: Dict[str, Callable[..., Iterator[str]]] = {
    "scores": main_scores_lines,
    "differences": matrix_lines,
    "claims": statement_lines,
    "convergence": convergence_lines,
    "commands": commands_lines,
    "cost": cost_lines,
}


def hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f}"


def duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    whole_hours, minutes = divmod(minutes, 60)
    return f"{whole_hours}:{minutes:02}:{seconds:02}"


def _has(rows: Sequence[Row], name: str) -> bool:
    return any(row[name] is not None for row in rows)


def _number(value: Optional[float], form: str = ".2f", unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"
