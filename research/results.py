"""All that docs/results draws from files, drawn again: `python -m research.results`, or `make results`.

    python -m research.results
    python -m research.results --only heads,probing

The folders of `research.paper report` get their report.md and plots again, the study of task relations its report, the
probing its plot, each from the CSV files that lie there; pages get the tables that stand between markers:

    <!-- results: FOLDER BLOCK ARGUMENTS -->
    <!-- end of results -->

such as `paper scores free` and `paper image sizes.png`. What is of no study lies in `tables`, as CSV files of one row a
record: `tables table parsing.csv bold` shows one as it stands there, the best of each column in bold.

Runs are not made: their commands stand in the reports. Exit code 2: something cannot be read, in one line.
"""

import argparse
import csv
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional, Sequence

from hmtl.common.arguments import script_parser
from hmtl.common.explain import user_errors
from hmtl.common.files import atomic_write
from hmtl.common.tables import markdown
from hmtl.errors import UserError

PROGRAM = "research.results"
RESULTS = Path("docs/results")
# The block of an image, whose argument is the name of its file.
IMAGE = "image"
# The block of a CSV file shown as it is: its name, and `bold`, where the best of each column is to stand out.
TABLE, BOLD = "table", "bold"
# The column of such a file that its table leaves out; the text about the table says what the runs are.
SEED = "seed"
_BLOCK = re.compile(r"(<!-- results: (?P<words>[^\n]*?) -->\n).*?(<!-- end of results -->)", re.DOTALL)


def redraw(results: Path, only: Optional[List[str]] = None) -> List[str]:
    """Draws all folders again, or some, then fills the pages; returns notes for the user.

    # Parameters

    results : `Path`
        The folder of the results; the page of all lies beside it, `{results}.md`.

    # Raises

    UserError
        Where files cannot be read, or there is no such folder.
    """
    folders = _folders(results)
    for name in only or []:
        if name not in folders:
            raise UserError(f"{results / name}: nothing to draw; there are {', '.join(folders)}")
    notes = [note for name in only or folders for note in folders[name](results / name)]
    for page in pages(results):
        text = page.read_text(encoding="utf-8")
        filled = fill(text, results, page)
        if filled != text:
            with atomic_write(page) as file:
                file.write(filled)
    return notes


def pages(results: Path) -> List[Path]:
    """The pages that have tables between markers."""
    found = [path for path in (Path(f"{results}.md"), *sorted(results.glob("**/*.md"))) if path.is_file()]
    return [page for page in found if _BLOCK.search(page.read_text(encoding="utf-8"))]


def fill(text: str, results: Path, page: Path) -> str:
    """The text of a page with what stands between its markers made again; where there are no runs, it says so."""

    def block(match: "re.Match[str]") -> str:
        lines = "\n".join(_lines(results, page, *match["words"].split())).strip()
        return f"{match[1]}\n{lines}\n\n{match[3]}"

    return _BLOCK.sub(block, text)


def _lines(results: Path, page: Path, folder: str, block: str, *arguments: str) -> Iterable[str]:
    from research.paper.plots import caption_of
    from research.paper.report import NO_RUNS, page_lines
    from research.probing_data import results as probing
    from research.questions import ANSWERS
    from research.questions import page_lines as question_lines

    if block == IMAGE:
        image = results / folder / arguments[0]
        place = os.path.relpath(image, page.parent)
        return [f"![{caption_of(image.name)}]({place})"] if image.is_file() else [NO_RUNS]
    if block == TABLE:
        return table_lines(results / folder / arguments[0], *arguments[1:])
    if not (results / folder).is_dir():
        return [NO_RUNS]
    if (results / folder / "scores.csv").is_file():
        return page_lines(results / folder, block, *arguments)
    if (results / folder / ANSWERS).is_file():
        return question_lines(results, block)
    return probing.page_lines(results / folder, block, *arguments)


def table_lines(path: Path, *options: str) -> Iterable[str]:
    """The lines of a table that is a CSV file: its titles and figures as they stand there, all but the seeds.

    Columns are to the right where all but the first hold numbers.

    # Parameters

    path : `Path`
    options : `str`, optional
        `bold`: the largest numbers of each column of numbers are bold.

    # Raises

    UserError
        Where there is no such file, a row has another number of cells than the first line, or an option is unknown.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the CSV of a table")
    if set(options) - {BOLD}:
        raise UserError(f"{path}: no option {' '.join(options)}; there is {BOLD}")
    with open(path, encoding="utf-8", newline="") as file:
        titles, *rows = csv.reader(file)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(titles):
            raise UserError(f"{path}: row {number} has {len(row)} cells; expected {len(titles)}, as in the first line")
    columns: List[Sequence[str]] = [column for column in zip(titles, *rows) if column[0] != SEED]
    numbers = [_numbers(column[1:]) for column in columns]
    if BOLD in options:
        columns = [_with_bold(column, found) if found else column for column, found in zip(columns, numbers)]
    shown = list(zip(*columns))
    return markdown(shown[0], shown[1:], numbers=all(numbers[1:]))


def _numbers(cells: Sequence[str]) -> List[float]:
    """The numbers of a column, which may have empty cells; none where it has texts."""
    try:
        return [float(cell) for cell in cells if cell]
    except ValueError:
        return []


def _with_bold(column: Sequence[str], numbers: Sequence[float]) -> List[str]:
    title, *cells = column
    return [title, *(f"**{cell}**" if cell and float(cell) == max(numbers) else cell for cell in cells)]


def _folders(results: Path) -> Dict[str, Callable[[Path], List[str]]]:
    """How each folder is drawn again, by its name."""
    from research.paper.report import draw

    found: Dict[str, Callable[[Path], List[str]]] = {
        path.parent.name: draw for path in sorted(results.glob("*/scores.csv"))
    }
    for name, way in (("task_relations", _task_relations), ("probing", _probing)):
        if (results / name).is_dir():
            found[name] = way
    return found


def _task_relations(folder: Path) -> List[str]:
    """The report is fitted again to the study beside it; of what it writes, what lies there is replaced."""
    from research.task_relations.study_report import write_report

    with tempfile.TemporaryDirectory() as made:
        notes = write_report(folder / "study", Path(made), faithful=True)
        for path in Path(made).iterdir():
            if (folder / path.name).is_file():
                shutil.copyfile(path, folder / path.name)
    return notes


def _probing(folder: Path) -> List[str]:
    from research.probing_data.results import draw

    return draw(folder)


def main(argv: Optional[List[str]] = None) -> None:
    """Runs the command line."""
    parser = script_parser(__doc__, prog=f"python -m {PROGRAM}")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="(default: %(default)s)")
    names = "folders, by their names; default: all. Pages are filled in any case"
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="A,B,...", help=names)
    arguments: argparse.Namespace = parser.parse_args(argv)
    with user_errors(program=PROGRAM):
        for note in redraw(arguments.results, arguments.only):
            print(note, file=sys.stderr)


if __name__ == "__main__":
    main()
