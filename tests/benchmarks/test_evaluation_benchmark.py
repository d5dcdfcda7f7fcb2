"""Both ways evaluate all there is, and different scores are no result; nothing here is timed."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("evaluating")


def test_both_ways_have_a_reading_a_round(benchmark: ModuleType, tiny_run: Path) -> None:
    readings = benchmark.measure(tiny_run, "test", rounds=2).readings
    assert {name: len(each.seconds) for name, each in readings.items()} == {benchmark.ALONE: 2, benchmark.ONCE: 2}


def test_different_scores_are_refused(benchmark: ModuleType, tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = benchmark.each_alone(benchmark.load_run(tiny_run), "test")
    found["best_ner"]["emd"]["loss"] += 1e-9
    monkeypatch.setattr(benchmark, "each_alone", lambda run, split: found)
    with pytest.raises(AssertionError, match="the scores differ"):
        benchmark.measure(tiny_run, "test", rounds=1)
