"""All that docs/results draws from files, drawn again: `python -m research.results`, or `make results`.

    python -m research.results
    python -m research.results --only heads,probing

The folders of `research.paper report` get their report.md and plots again, the study of task relations its report, the
probing its plot, each from the CSV files that lie there; pages get the tables that stand between markers:

    <!-- results: FOLDER BLOCK ARGUMENTS -->
    <!-- end of results -->

such as `paper scores free` and `paper image sizes.png`.

Runs are not made: their commands stand in the reports. Exit code 2: something cannot be read, in one line.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional

from hmtl.common.arguments import script_parser
from hmtl.common.explain import user_errors
from hmtl.common.files import atomic_write
from hmtl.errors import UserError

PROGRAM = "research.results"
RESULTS = Path("docs/results")
# The block of an image, whose argument is the name of its file.
IMAGE = "image"
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
    if not (results / folder).is_dir():
        return [NO_RUNS]
    if (results / folder / "scores.csv").is_file():
        return page_lines(results / folder, block, *arguments)
    if (results / folder / ANSWERS).is_file():
        return question_lines(results, block)
    return probing.page_lines(results / folder, block, *arguments)


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
