"""The made-up documents of the benchmark are what it says, and it runs; nothing here is timed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hmtl.corpora.preparation.sources.ace_source import Ace05Source

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / "prepare_ace.py"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def files(folder: Path) -> dict:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_documents_are_of_a_realistic_size_and_lose_nothing(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run("--generate", str(tmp_path / name), "--documents", "40", "--seed", "3")
    # The same seed, the same bytes.
    assert files(tmp_path / "one") == files(tmp_path / "two")
    source = Ace05Source(tmp_path / "one", tmp_path / "one" / "splits")
    converted = [source.convert(unit) for units in source.splits().values() for unit in units]
    documents = [document for outcome in converted for document in outcome.documents]
    assert len(documents) == 40
    assert not [dropped for outcome in converted for dropped in outcome.dropped]
    means = {
        "sentences": sum(len(document.sentences) for document in documents) / 40,
        "mentions": sum(len(document.spans["emd"]) for document in documents) / 40,
        "relations": sum(len(document.relations or []) for document in documents) / 40,
    }
    assert means == {
        "sentences": 43,  # 3 lines of the header
        "mentions": pytest.approx(75, abs=2),
        "relations": pytest.approx(15, abs=2),
    }


@pytest.mark.slow
def test_the_benchmark_runs(tmp_path: Path) -> None:
    printed = run("--documents", "20", "--factor", "2", "--output", str(tmp_path / "figures.json"))
    assert "documents a second" in printed
    runs = json.loads((tmp_path / "figures.json").read_text())["runs"]
    assert [row["documents"] for row in runs] == [20, 40]
    assert all(row["seconds"] > 0 and row["cpu seconds"] > 0 for row in runs)
