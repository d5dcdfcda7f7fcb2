"""Every notebook runs from top to bottom, and is kept with its plots."""

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_PRINTED, MAX_FILE = 6000, 300_000

ONE_EPOCH: Dict[str, object] = {"num_epochs": 1}
WHAT_IT_PRINTS = {
    "1_train_and_inspect": "88 train 18 dev 18 test documents",
    "2_your_own_task": "coref reads emd pronouns",
    "3_what_each_level_knows": "dev: 1805 tokens",
}
# How many plots it has, and what begins the pages and tables that results show themselves as.
NUM_PLOTS = {"1_train_and_inspect": 4, "2_your_own_task": 3, "3_what_each_level_knows": 2}
VIEWS = {
    "1_train_and_inspect": ["<table>", "<iframe srcdoc=", "<iframe srcdoc="],
    "2_your_own_task": ["<iframe srcdoc="],
    "3_what_each_level_knows": [],
}


def outputs(notebook: Dict[str, Any]) -> Iterator[Tuple[str, str]]:
    """The form and the content of each output, in order."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            forms = {"text": output["text"]} if output["output_type"] == "stream" else output["data"]
            for form, content in forms.items():
                yield form, content if isinstance(content, str) else "".join(content)


def check_outputs(name: str, notebook: Dict[str, Any]) -> None:
    """There are the plots, which are no empty pictures, and the views."""
    image = pytest.importorskip("PIL.Image")
    plots = [content for form, content in outputs(notebook) if form == "image/png"]
    assert len(plots) == NUM_PLOTS[name]
    for plot in plots:
        picture = image.open(io.BytesIO(base64.b64decode(plot)))
        assert min(picture.size) > 100 and len(picture.convert("RGB").getcolors(1 << 20)) > 20
    views = [content for form, content in outputs(notebook) if form == "text/html"]
    assert [view[: len(start)] for view, start in zip(views, VIEWS[name], strict=True)] == VIEWS[name]


@pytest.fixture
def run_notebook(monkeypatch, tmp_path):
    """Runs a notebook, with values for some of its assignments, and checks what it shows."""
    for package in ("nbclient", "ipykernel", "matplotlib"):
        pytest.importorskip(package)
    monkeypatch.syspath_prepend(str(ROOT / "notebooks"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    from run import executed

    def run(path: Path, settings: Dict[str, object]) -> None:
        notebook = executed(path, tmp_path, settings)
        check_outputs(path.stem, notebook)
        printed = "".join(content for form, content in outputs(notebook) if form == "text")
        assert WHAT_IT_PRINTS[path.stem] in printed
        # Progress is seen in the cell that trains: a row an epoch.
        assert "validation scores x 100" in printed

    return run


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_it_runs(path, run_notebook):
    run_notebook(path, ONE_EPOCH)


@pytest.mark.slow
def test_the_training_notebook_learns(run_notebook, tmp_path):
    run_notebook(ROOT / "notebooks" / "1_train_and_inspect.ipynb", {})
    run = json.loads((tmp_path / "runs" / "sample" / "evaluation.json").read_text())
    learned = run["scores"]["best_ner"]["ner"]["metrics"]["f1"]
    assert learned > run["baselines"]["ner"]["metrics"]["f1"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_it_is_kept_with_its_plots_and_little_else(path):
    """What is printed is little, and no log; nothing tells where it was run; the file is small."""
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    check_outputs(path.stem, notebook)
    assert len(text) < MAX_FILE
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        assert cell.get("execution_count") is None
        for output in cell.get("outputs", []):
            assert output["output_type"] in ("stream", "display_data")
    assert all(len(content) < MAX_PRINTED for form, content in outputs(notebook) if form == "text")
    assert "INFO" not in text and str(Path.home()) + "/" not in text and "/tmp/" not in text
    assert "/" + sys.prefix.strip("/") not in text


def test_its_page_has_what_is_printed_and_drawn_in_order(monkeypatch):
    """Pictures with what they are of, views as they are, texts as blocks."""
    pytest.importorskip("myst_parser")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    from notebooks import to_markdown

    printed_and_drawn = [
        {"output_type": "stream", "name": "stdout", "text": ["one\n", "\x1b[1mtwo\x1b[0m\n"]},
        {"output_type": "display_data", "data": {"image/png": "iVBO\nRw==\n"}},
        {"output_type": "display_data", "data": {"text/html": ["<iframe srcdoc='```'>", "</iframe>"]}},
        {"output_type": "display_data", "data": {"text/plain": "42"}},
    ]
    code = {"cell_type": "code", "source": 'print("one")\ndraw("two")', "outputs": printed_and_drawn}
    text = {"cell_type": "markdown", "source": "## One & two\n\nSee [the next](2_next.ipynb)."}
    assert to_markdown({"cells": [text, code]}).split("\n\n") == [
        "## One & two",
        "See {doc}`the next <2_next>`.",
        '````python\nprint("one")\ndraw("two")\n````',
        "````text\none\ntwo\n````",
        "```{raw} html",
        '<img alt="One &amp; two: what the code above draws" src="data:image/png;base64,iVBORw==">\n```',
        "````{raw} html",
        "<iframe srcdoc='```'></iframe>\n````",
        "````text\n42\n````",
    ]
