"""The benchmark of probing goes from files to a table; nothing here is timed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "probing.py"


@pytest.mark.slow
def test_extraction_is_measured_against_prediction(tiny_run: Path, fixtures: Path, tmp_path: Path) -> None:
    data, output = fixtures / "jsonl" / "train.jsonl", tmp_path / "results.json"
    command = [sys.executable, str(BENCHMARK), "--archive", str(tiny_run), "--data", str(data), "--quick"]
    done = subprocess.run([*command, "--output", str(output)], cwd=BENCHMARK.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads(output.read_text())
    assert results["ratio"] == results["extract"] / results["predict"] > 0
    num_sentences = sum(len(json.loads(line)["sentences"]) for line in data.read_text().splitlines())
    assert results["sentences"] == num_sentences and "ratio" in done.stdout
