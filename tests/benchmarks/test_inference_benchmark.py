"""The benchmarks of prediction and of a whole run go from files to tables; nothing here is timed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
from test_run import corpus  # noqa: F401  (fixture)

from hmtl.document import read_jsonl, write_jsonl
from hmtl.predictors import HMTLPredictor

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, str(BENCHMARKS / script), *map(str, arguments)]
    done = subprocess.run(command, cwd=BENCHMARKS.parent, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_number_formats_are_scored_and_measured(tiny_run: Path, fixtures: Path, tmp_path: Path) -> None:
    # What the model itself predicts is the gold standard: fp32 gets all of it.
    predictor = HMTLPredictor.load(tiny_run)
    documents = [predictor.predict_document(document) for document in read_jsonl(fixtures / "jsonl" / "train.jsonl")]
    write_jsonl(documents, tmp_path / "gold.jsonl")
    output = tmp_path / "results.json"
    printed = run(
        "inference.py", "--archive", tiny_run, "--data", tmp_path / "gold.jsonl", "--quick", "--output", output
    )
    results: Dict[str, Dict[str, Any]] = json.loads(output.read_text())
    assert list(results) == ["fp32", "bf16"]
    for name, row in results.items():
        assert name in printed and row["alone"] > 0 and row["batched"] > 0
    assert results["fp32"]["changed"] == 0
    for task, layer in predictor.layers.items():
        found = [
            bool(document.spans[task]) if layer == "spans" else bool(getattr(document, layer)) for document in documents
        ]
        assert results["fp32"][f"{task} f1"] == (1.0 if any(found) else 0.0)


@pytest.mark.slow
def test_a_run_from_end_to_end(corpus: Path, tmp_path: Path) -> None:  # noqa: F811
    output, kept = tmp_path / "results.json", tmp_path / "run"
    printed = run("end_to_end.py", "--corpus", corpus, "--quick", "--run", kept, "--output", output)
    results = json.loads(output.read_text())
    assert results["ours"]["CPU seconds"] == pytest.approx(
        sum(step["CPU seconds"] for step in results["steps"].values())
    )
    # Python with torch alone takes more than 100 MB.
    assert all(0.1 < step["peak memory, GB"] < 10 for step in results["steps"].values())
    assert set(results["2018"]) <= set(results["ours"])
    metrics = json.loads((kept / "metrics.json").read_text())
    assert results["ours"]["emd f1"] == metrics["best_validation_emd_f1"]
    assert (kept / "evaluation.json").exists() and "2018" in printed
