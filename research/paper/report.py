"""The report of an experiment: tables of its runs as CSV, and from these alone the report in Markdown and the plots."""

from pathlib import Path
from typing import Iterator, List, Mapping, Sequence

from hmtl.common.files import atomic_write
from hmtl.errors import UserError
from research.paper import plots
from research.paper.blocks import (
    PAGE_BLOCKS,
    baseline_note,
    claims_lines,
    comparison_lines,
    convergence_lines,
    cost_lines,
    made_by_lines,
    matrix_lines,
    runs_lines,
    scores_lines,
    statement_lines,
)
from research.paper.comparisons import FAMILIES, JMT, SHARING, SIZES, SPANS
from research.paper.results import read_results
from research.paper.table_files import Tables, read_table, read_tables, write_tables
from research.paper.tables import Bootstrap, make_tables

REPORT = "report.md"
# What a run took without the cache of frozen vectors and with it, beside the tables: measured, not made here.
CACHE = "cache.csv"
NO_RUNS = "*No runs yet.*"
WITHOUT_MATPLOTLIB = "no plots without matplotlib: pip install 'hmtl[plots]'"

# Of the folders of configurations that belong together; others come first.
_ORDER = ("free", SPANS, SIZES, SHARING, JMT)


def write_report(runs: Path, output: Path, bootstrap: Bootstrap) -> List[str]:
    """Writes the tables of all runs as CSV files, then `report.md` and plots from these; returns notes for the user.

    # Raises

    UserError
        Where no run is finished, or the runs of a corpora have several presets.
    """
    results, unfinished = read_results(runs)
    write_tables(make_tables(results, unfinished, bootstrap), output)
    return [*(f"not finished, and left out: {path}" for path in unfinished), *draw(output)]


def draw(directory: Path) -> List[str]:
    """Writes `report.md` and the plots from the CSV files of a folder; returns notes for the user.

    # Raises

    UserError
        Where there are no such files.
    """
    tables = read_tables(directory)
    notes = []
    try:
        plots.draw(tables, directory)
    except ImportError:
        notes.append(WITHOUT_MATPLOTLIB)
    with atomic_write(directory / REPORT) as file:
        file.write(report_text(directory, with_images=not notes))
    return notes


def report_text(directory: Path, with_images: bool = True) -> str:
    """The report of the tables of a folder."""
    tables = read_tables(directory)
    images = {corpora: list(by_name) for corpora, by_name in plots.figures(tables).items()} if with_images else {}
    return "\n".join(report_lines(tables, images, directory)).rstrip() + "\n"


def page_lines(directory: Path, block: str, *arguments: str) -> Iterator[str]:
    """The lines of one of `PAGE_BLOCKS`, from the tables of a folder; of corpora that have no runs it says so.

    # Raises

    UserError
        Where there is no such block.
    """
    if block not in PAGE_BLOCKS:
        raise UserError(f"{block}: no block of tables; there are {', '.join(PAGE_BLOCKS)}")
    tables = read_tables(directory)
    if arguments and arguments[0] not in corpora_of(tables):
        return iter([NO_RUNS])
    cache = [read_table(directory / CACHE)] if block == "cost" else []
    return PAGE_BLOCKS[block](tables, *cache, *arguments)


def corpora_of(tables: Tables) -> List[str]:
    """The folders of configurations that there are runs of, in the order of reports."""
    found = dict.fromkeys(row["corpora"] for row in tables["scores"].rows)
    return sorted(found, key=lambda corpora: _ORDER.index(corpora) if corpora in _ORDER else -1)


def report_lines(tables: Tables, images: Mapping[str, Sequence[str]], directory: Path) -> Iterator[str]:
    """The lines of the report."""
    yield from ("# Results", "")
    if tables["claims"].rows:
        yield from ("## The paper's claims", "")
        yield from statement_lines(tables)
        yield from _images(images.get("", []))
        yield from claims_lines(tables)
    for corpora in corpora_of(tables):
        preset = next(row["preset"] for row in tables["runs"].rows if row["corpora"] == corpora)
        yield from (f"## Corpora: {corpora}; preset: {preset}", "")
        yield from _section(tables, corpora, images.get(corpora, []))
    yield from ("## What it took", "")
    yield from cost_lines(tables, read_table(directory / CACHE))


def _section(tables: Tables, corpora: str, images: Sequence[str]) -> Iterator[str]:
    yield from ("### Test F1 x 100", "")
    yield from scores_lines(tables, corpora)
    yield from baseline_note(tables, corpora)
    families = {row["family"] for row in tables["comparisons"].rows if row["corpora"] == corpora}
    for family in FAMILIES:
        if family.name in families:
            yield from (f"### {family.title}", "", family.what, "")
            yield from matrix_lines(tables, corpora, family.name)
            yield from comparison_lines(tables, corpora, family.name)
    if not families:
        yield from ("No setup has the runs of another to be compared with.", "")
    yield from ("### Updates to convergence", "")
    yield from convergence_lines(tables, corpora)
    if images:
        yield from ("### Plots", "")
        yield from _images(images)
    yield from ("### Runs", "")
    yield from runs_lines(tables, corpora)
    yield from made_by_lines(tables, corpora)


def _images(images: Sequence[str]) -> Iterator[str]:
    for image in images:
        yield from (f"![{plots.caption_of(image)}]({image})", "", plots.caption_of(image), "")
