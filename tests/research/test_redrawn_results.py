"""What docs/results shows is what its files hold."""

import shutil
from pathlib import Path

import pytest

from hmtl.errors import UserError
from research.paper.report import report_text
from research.results import fill, main, pages, redraw

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results"
STUDIES = sorted(path.parent.name for path in RESULTS.glob("*/scores.csv"))


@pytest.mark.parametrize("study", STUDIES)
def test_the_report_of_a_study_is_that_of_its_tables(study):
    assert report_text(RESULTS / study) == (RESULTS / study / "report.md").read_text(encoding="utf-8")


def test_the_tables_of_pages_are_those_of_the_files():
    found = pages(RESULTS)
    assert {ROOT / "docs" / "results.md", RESULTS / "heads.md", RESULTS / "probing" / "report.md"} <= set(found)
    for page in found:
        text = page.read_text(encoding="utf-8")
        assert fill(text, RESULTS, page) == text, f"{page}: 'make results' draws it otherwise"


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
