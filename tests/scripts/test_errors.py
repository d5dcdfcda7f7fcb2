import json
import re
import runpy
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Callable, List

import pytest

from hmtl.document import Span
from hmtl.evaluation.error_analysis import (
    Example,
    RunErrors,
    Section,
    TaskErrors,
    analyse_run,
    errors_as_page,
    errors_as_text,
)
from hmtl.evaluation.evaluate import evaluate_run, load_run

ROOT = Path(__file__).resolve().parents[2]
main: Callable[[List[str]], None] = runpy.run_path(str(ROOT / "scripts" / "errors.py"))["main"]
TASKS = ["ner", "emd", "coref", "relation"]


def error_of(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith("errors.py: error: ")
    return last


class Balanced(HTMLParser):
    """Checks that all elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: List[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag


def hostile_errors() -> RunErrors:
    section = Section("spans", ["correct", "missed", "spurious"], 1, has_confusion=True)
    tokens = ["<script>alert(1)</script>", "\x1b[31m", "&amp;"]
    section.add("missed", "<b>", None, Example("<i>", 0, tokens, [Span(0, 1, "<b>")], [], "<u>"))
    section.add("spurious", None, "<b>", Example("<i>", 0, tokens, [], [Span(1, 2, "<b>"), Span(0, 1, "<b>")]))
    section.gold = section.predicted = 1
    return RunErrors("<run>", "test", {"<task>": TaskErrors("<w>", "<path>", {"f1": 0.0}, [section])})


def test_arguments_of_relations_are_marked_on_the_page() -> None:
    section = Section("relations", ["correct", "missed"], 1)
    marks = [Span(0, 0, "lives:1"), Span(2, 2, "lives:2")]
    section.add("missed", "lives", None, Example("a", 0, ["Ada", "in", "Rome"], marks, []))
    page = "".join(errors_as_page(RunErrors("run", "test", {"relation": TaskErrors("w", "path", {}, [section])})))
    for number, word in enumerate(("Ada", "Rome")):
        assert f'<mark class="hue-{number}">{word}<small>lives:{number + 1}</small>' in page
        assert f".hue-{number} {{ --hue: " in page


def test_each_task_is_predicted_with_its_own_weights(tiny_run):
    run = load_run(tiny_run)
    errors = analyse_run(run)
    scores = evaluate_run(load_run(tiny_run), with_baselines=False).scores
    assert list(errors.tasks) == TASKS
    for task, found in errors.tasks.items():
        assert found.weights == f"best_{task}.safetensors"
        assert found.metrics == scores[f"best_{task}"][task].metrics


def test_counts_agree_with_the_evaluation(tiny_run):
    errors = analyse_run(load_run(tiny_run), split="validation")
    for task in ("ner", "emd", "relation"):
        (section,) = errors.tasks[task].sections
        correct, metrics = section.totals["correct"], errors.tasks[task].metrics
        assert section.gold > 0
        assert correct / section.gold == pytest.approx(metrics["recall"])
        assert correct == pytest.approx(metrics["precision"] * section.predicted)
    mentions = errors.tasks["coref"].sections[0]
    assert mentions.totals["correct"] / mentions.gold == pytest.approx(errors.tasks["coref"].metrics["mention_recall"])


def test_all_outputs(tiny_run, tmp_path, capsys):
    page, output = tmp_path / "errors.html", tmp_path / "errors.json"
    main([str(tiny_run), "--tasks", "emd", "ner", "--examples", "1", "--html", str(page), "--output", str(output)])
    out = capsys.readouterr().out
    assert out.startswith(f"{tiny_run}: errors on test data\n\n\nner: F1 ")
    assert "missed" in out and "coref" not in out
    record = json.loads(output.read_text())
    assert list(record["tasks"]) == ["ner", "emd"]
    patterns = record["tasks"]["ner"]["sections"][0]["patterns"]["missed"]
    assert patterns and all(len(pattern["examples"]) == 1 for pattern in patterns)
    counts = [pattern["count"] for pattern in patterns]
    assert counts == sorted(counts, reverse=True)
    text = page.read_text()
    Balanced().feed(text)
    assert '<h2 id="t0">ner</h2>' in text and "src=" not in text and "://" not in text


def test_the_parts_of_the_page_are_found_and_have_names_of_their_own(tiny_run, tmp_path):
    page = tmp_path / "errors.html"
    main([str(tiny_run), "--html", str(page)])
    text = page.read_text(encoding="utf-8")
    targets, places = re.findall(r'href="#([^"]*)"', text), re.findall(r' id="([^"]*)"', text)
    assert {"t0", "t1", "t1-0"} <= set(targets) <= set(places)
    regions = re.findall(r'role="region" aria-label="([^"]*)"', text)
    assert len(regions) > 4 and len(set(regions)) == len(regions)


def test_the_page_escapes_what_it_shows():
    text = "".join(errors_as_page(hostile_errors()))
    parser = Balanced()
    parser.feed(text)
    assert parser.opened == []
    for tag in ("<script>alert", "<i>", "<u>", "<run>", "<task>", "<w>", "<path>"):
        assert tag not in text and escape(tag) in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text and "&amp;amp;" in text and "\x1b" not in text


def test_the_terminal_gets_no_control_characters():
    text = errors_as_text(hostile_errors())
    assert "\x1b" not in text and "[<script>alert(1)</script> \\x1b[31m <b>] &amp;" in text


def test_the_figures_of_relations_are_named():
    metrics = {"f1": 0.25, "f1_last_tokens": 0.5, "f1_typed": 0.125}
    errors = RunErrors("run", "test", {"links": TaskErrors("w", "p", metrics, [])})
    words = "F1 25.00, last tokens 50.00, typed 12.50"
    assert f"links: {words} (w, p)" in errors_as_text(errors)
    assert f"<p>{words}, w, p</p>" in "".join(errors_as_page(errors))


def test_nested_marks_and_a_shortened_context():
    section = Section("spans", ["correct", "missed"], 1)
    tokens = [f"t{number}" for number in range(40)]
    section.add("missed", "A", None, Example("d", 2, tokens, [Span(20, 22, "A"), Span(21, 22, "B")]))
    text = errors_as_text(RunErrors("run", "test", {"ner": TaskErrors("w", "p", {"f1": 0.5}, [section])}))
    assert "d, sentence 3" in text
    assert "... t12 t13 t14 t15 t16 t17 t18 t19 [t20 [t21 t22 B] A] t23" in text and "t30 ..." in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--tasks", "nre"], "no task 'nre' with test data; it has: ner, emd, coref, relation"),
        (["--html", "no/such/folder/x.html"], "there is no directory no/such/folder"),
        (["--output", "no/such/folder/x.json"], "there is no directory no/such/folder"),
        (["--examples", "-1"], "argument --examples: expected a number from 0, got -1"),
        (["--include-package", "no_such_package"], "no_such_package"),
        (["--device", "tpu"], "--device tpu: expected cpu, cuda or cuda:N"),
    ],
)
def test_arguments_that_cannot_be(tiny_run, capsys, arguments, message):
    assert message in error_of(capsys, str(tiny_run), *arguments)


def test_a_directory_that_is_no_run(tmp_path, capsys):
    assert "no: no such archive" in error_of(capsys, str(tmp_path / "no"))
    assert "no config.json" in error_of(capsys, str(tmp_path))
