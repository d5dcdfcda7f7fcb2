"""What docs/results shows is what its files hold."""

import csv
import re
import runpy
import shutil
from pathlib import Path

import pytest

from hmtl.errors import UserError
from research.paper.report import report_text
from research.results import fill, main, pages, redraw, table_lines

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results"
STUDIES = sorted(path.parent.name for path in RESULTS.glob("*/scores.csv"))
# Pages that are written whole, from the files beside them: other tests compare them.
WRITTEN_WHOLE = {RESULTS / name / "report.md" for name in (*STUDIES, "task_relations")}


@pytest.mark.parametrize("study", STUDIES)
def test_the_report_of_a_study_is_that_of_its_tables(study):
    assert report_text(RESULTS / study) == (RESULTS / study / "report.md").read_text(encoding="utf-8")


def test_the_tables_of_pages_are_those_of_the_files():
    found = pages(RESULTS)
    assert {ROOT / "docs" / "results.md", RESULTS / "heads.md", RESULTS / "probing" / "report.md"} <= set(found)
    for page in found:
        text = page.read_text(encoding="utf-8")
        assert fill(text, RESULTS, page) == text, f"{page}: 'make results' draws it otherwise"


def test_every_table_of_the_results_stands_between_markers():
    checked = {ROOT / "docs" / "results.md", *RESULTS.glob("**/*.md")} - WRITTEN_WHOLE
    assert {RESULTS / "sentences.md", RESULTS / "probing" / "report.md"} <= checked
    for page in checked:
        text = page.read_text(encoding="utf-8")
        outside = re.sub(r"^<!-- results: .*?^<!-- end of results -->$", "", text, flags=re.DOTALL | re.MULTILINE)
        found = re.findall(r"^\s*\|.*\|\n\s*\|[-:| ]+\|$", outside, re.MULTILINE)
        assert not found, f"{page}: a table that no file of docs/results holds: {found[0]}"


def test_every_file_of_tables_is_shown():
    shown = {name for page in pages(RESULTS) for name in re.findall(r"results: tables table (\S+)", page.read_text())}
    assert shown == {path.name for path in (RESULTS / "tables").iterdir()}


def test_a_file_is_shown_as_it_stands_without_its_seeds(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text('system,F1,seed,"RE, strict"\none,9.50,1,\n"two, later",10.0,2,-3.20\n')
    header = ["| system | F1 | RE, strict |", "|---|---:|---:|"]
    assert list(table_lines(table)) == [*header, "| one | 9.50 |  |", "| two, later | 10.0 | -3.20 |"]
    # The largest number, not the text that sorts last; an empty cell is none.
    assert list(table_lines(table, "bold"))[2:] == ["| one | 9.50 |  |", "| two, later | **10.0** | **-3.20** |"]

    table.write_text("system,of,F1\none,spans,1\ntwo,links,1\n")
    rows = ["| one | spans | **1** |", "| two | links | **1** |"]
    assert list(table_lines(table, "bold")) == ["| system | of | F1 |", "|---|---|---|", *rows]


def test_a_file_that_is_no_table_is_refused(tmp_path):
    table = tmp_path / "a.csv"
    with pytest.raises(UserError, match=r"a\.csv: no such file; expected the CSV of a table"):
        table_lines(table)
    table.write_text("system,F1\none,1\ntwo,2,3\n")
    with pytest.raises(UserError, match=r"row 2 has 3 cells; expected 2"):
        table_lines(table)
    with pytest.raises(UserError, match="no option italic; there is bold"):
        table_lines(table, "italic")


def test_the_scores_of_the_model_in_the_box_are_those_of_its_evaluation():
    box = ROOT / "models" / "en_hmtl_mini"
    if not (box / "evaluation.json").is_file():
        pytest.skip("needs the model in the box")
    script = runpy.run_path(str(RESULTS / "en_hmtl_mini.py"))
    with open(RESULTS / "tables" / "en_hmtl_mini.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    again = script["scores"](box, {})
    assert [row["task"] for row in again] == [row["task"] for row in rows]
    for row, figures in zip(rows, again):
        assert {name: row[name] for name in figures} == {name: str(value) for name, value in figures.items()}
    drawn = "\n".join(script["table_lines"](rows)) + "\n"
    assert drawn in (RESULTS / "en_hmtl_mini.md").read_text(encoding="utf-8")
    assert fill(drawn, RESULTS, RESULTS / "en_hmtl_mini.md") == drawn


def test_drawn_twice_it_is_the_same_and_another_figure_comes_through(tmp_path):
    pytest.importorskip("matplotlib")
    results = tmp_path / "results"
    shutil.copytree(RESULTS / "heads", results / "heads")
    shutil.copytree(RESULTS / "probing", results / "probing")
    page = tmp_path / "results.md"
    page.write_text("<!-- results: heads scores heads -->\nold\n<!-- end of results -->\nand\n")
    redraw(results)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert "| 62.8 ± 2.4 |" in page.read_text() and page.read_text().endswith("<!-- end of results -->\nand\n")
    redraw(results)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == first

    scores = results / "heads" / "scores.csv"
    changed = [line.replace("False,f1,True,1,", "False,f1,True,1,9") for line in scores.read_text().splitlines(True)]
    scores.write_text("".join(changed))
    redraw(results, ["heads"])
    text = page.read_text()
    assert "| 62.8 ± 2.4 |" not in text
    assert (results / "heads" / "scores_heads.png").read_bytes() != first[results / "heads" / "scores_heads.png"]


def test_what_has_no_runs_says_so_and_what_does_not_exist_is_refused(tmp_path, capsys):
    shutil.copytree(RESULTS / "heads", tmp_path / "heads")
    page = tmp_path / "page.md"

    def filled(words: str) -> str:
        return fill(f"<!-- results: {words} -->\n<!-- end of results -->\n", tmp_path, page)

    for words in ("later scores free", "heads scores free", "heads image no.png"):
        assert filled(words) == f"<!-- results: {words} -->\n\n*No runs yet.*\n\n<!-- end of results -->\n"
    assert "![Scores: dots are seeds" in filled("heads image scores_heads.png")
    with pytest.raises(UserError, match="skores: no block of tables; there are scores, differences"):
        filled("heads skores heads")
    with pytest.raises(SystemExit) as ended:
        main(["--results", str(tmp_path), "--only", "tails"])
    assert ended.value.code == 2 and "nothing to draw; there are heads" in capsys.readouterr().err


@pytest.mark.slow
def test_the_report_of_task_relations_is_that_of_its_study(tmp_path):
    results = tmp_path / "results"
    shutil.copytree(RESULTS / "task_relations", results / "task_relations")
    redraw(results)
    report = results / "task_relations" / "report.md"
    assert report.read_text(encoding="utf-8") == (RESULTS / "task_relations" / "report.md").read_text(encoding="utf-8")
