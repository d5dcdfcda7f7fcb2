"""The benchmark of number formats runs from a configuration to tables; nothing here is timed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TASKS = ["ner", "emd", "relation", "coref"]


def run(output: Path, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / "precision.py"), "--quick", "--device", "cpu"]
    command += ["--config", str(ROOT / "tests" / "fixtures" / "tiny.jsonnet"), "--output", str(output), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_updates_in_each_number_format(tmp_path: Path) -> None:
    printed = run(tmp_path / "results.json")
    tables = json.loads((tmp_path / "results.json").read_text())["tables"]
    assert set(tables) == {f"an update of {task}" for task in TASKS}
    for title, rows in tables.items():
        assert title in printed
        assert list(rows) == ["fp32", "bf16"]
        assert rows["fp32"]["ratio"] == 1
        assert all(row["seconds"] > 0 and row["ratio"] > 0 and row["megabytes"] > 0 for row in rows.values())


@pytest.mark.slow
def test_a_whole_epoch_in_each_number_format(tmp_path: Path) -> None:
    printed = run(tmp_path / "results.json", "--epoch")
    rows = json.loads((tmp_path / "results.json").read_text())["tables"]["an epoch"]
    assert "an epoch" in printed
    losses = [{name: row[name] for name in row if name.endswith("_loss")} for row in rows.values()]
    assert list(rows) == ["fp32", "bf16"] and losses[0]
    # The same updates of the same batches, with other dropout.
    assert losses[1] == pytest.approx(losses[0], rel=0.2)


@pytest.mark.slow
def test_a_transformer_with_each_option(tmp_path: Path, transformer: str) -> None:
    run(tmp_path / "results.json", "--transformer", transformer)
    tables = json.loads((tmp_path / "results.json").read_text())["tables"]
    trained, frozen = (tables[f"32 sentences in a {kind} transformer"] for kind in ("trained", "frozen"))
    assert len(trained) == 4 and len(frozen) == 2
    assert trained["fp32, trained, checkpointing"]["megabytes"] < trained["fp32, trained"]["megabytes"]
    assert frozen["fp32, frozen"]["megabytes"] < trained["fp32, trained"]["megabytes"]
