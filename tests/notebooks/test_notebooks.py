"""Every notebook runs from top to bottom."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_OUTPUT = 6000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_it_runs(path, monkeypatch):
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.syspath_prepend(str(ROOT / "notebooks"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    from run import executed

    notebook = executed(path, {"num_epochs": 1})
    printed = "".join(output.text for cell in notebook.cells for output in cell.get("outputs", []))
    assert WHAT_IT_PRINTS[path.stem] in printed


WHAT_IT_PRINTS = {
    "1_train_and_inspect": "coref     reads the embedding and emd",
    "2_your_own_task": "coref reads emd pronouns",
    "3_what_each_level_knows": "1805 tokens",
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_its_differences_read_well(path):
    """Only text is kept of the outputs, little of it, and nothing that differs from run to run."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        assert cell.get("execution_count") is None
        for output in cell.get("outputs", []):
            assert output["output_type"] == "stream"
            assert len("".join(output["text"])) < MAX_OUTPUT
    assert "/" + sys.prefix.strip("/") not in path.read_text(encoding="utf-8")
