"""The benchmark runs from files to tables; nothing here is timed."""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TASKS = ["ner", "emd", "relation", "coref"]
LONG_DOCUMENT = "a document of 20000 tokens"


@pytest.fixture(scope="module")
def corpus(fixtures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixtures' training documents as every split, in the layout of 2018."""
    folder = tmp_path_factory.mktemp("corpus")
    ontonotes, ace = fixtures / "ontonotes" / "train.v4_gold_conll", fixtures / "ace" / "train.like_conll"
    for long, short in (("train", "train"), ("development", "dev"), ("test", "test")):
        copies = {
            f"conll-2012/v4/data/{long}/a.v4_gold_conll": ontonotes,
            f"conll-2012_single_file/{short}.english.v4_gold_conll": ontonotes,
            f"ace2005/{short}/a.like_conll": ace,
            f"ace2005/single_file_{short}_rahman.gold_conll": ace,
        }
        for target, source in copies.items():
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / target)
    return folder


def run(*arguments: object) -> str:
    command = [sys.executable, str(BENCHMARKS / "run.py"), *map(str, arguments)]
    done = subprocess.run(command, cwd=BENCHMARKS.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_cost_is_measured(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "results.json"
    printed = run("--corpus", corpus, "--quick", "--output", output)
    results = json.loads(output.read_text())
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    figures = importlib.import_module("figures_2018")
    # Every figure of 2018 stands beside one of ours.
    assert set(figures.CAL) <= set(results["costs"])
    assert set(figures.PEAK_GB) <= set(results["peak_gb"])
    for name, cost in results["costs"].items():
        assert cost["cal"] > 0, name
        assert (cost["ratio"] is not None) == (name in figures.CAL), name
    for task in TASKS:
        update = results["costs"][f"{task} update"]["rounds"]["cpu_seconds"]
        parts = ["batch", "forward", "backward", "clipping", "optimizer"]
        seconds = [results["costs"][f"{task} update: {part}"]["rounds"]["cpu_seconds"] for part in parts]
        for total, *of_parts in zip(update, *seconds):
            assert 0 < sum(of_parts) <= total
        found = results["floors"][task]
        assert found["floor_cal"] > 0 and found["update_cal"] > 0 and found["ratio"] > 0
        if task != "coref":
            row = results["heads of spans"][task]
            assert row["spans"] > 0 and row["spans / shallow"] > 0 and row["spans / paper"] > 0
    peaks = [results["peak_gb"][f"heads of spans, {what}"]["ours"] for what in ("no document", LONG_DOCUMENT)]
    assert 0 < peaks[0] < peaks[1]
    assert "coref validation" in printed
    assert "an update with heads of spans" in printed
    assert "an update and its floor" in printed


@pytest.mark.slow
def test_a_profile_shows_the_backward_pass(corpus: Path) -> None:
    assert "_backward" in run("--corpus", corpus, "--profile", "relation")


def test_the_meter_keeps_one_reading_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    calibration = importlib.import_module("calibration")
    meter, other = calibration.Meter(), calibration.Meter()
    for seconds in (3.0, 1.0, 8.0):
        with meter.round():
            meter.add("work", seconds / 2)
            meter.add("work", seconds / 2)
    with other.round():
        other.add("work", 2.0)
    meter.update(other.readings)
    readings = meter.readings["work"]
    assert readings.seconds == [3.0, 1.0, 8.0, 2.0]
    assert readings.median_seconds == 2.5
    readings.calibrations = [0.5, 0.5, 2.0, 2.0]
    # 6, 2, 4 and 1 cal.
    assert readings.median_cal == 3.0


def test_the_floor_repeats_the_kernels_of_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    floor = importlib.import_module("floor")
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as profiler:
        floor.run([floor.product(3, 4, 5), floor.product(2, 4, 5, times=2)])
    products = [event.input_shapes for event in profiler.events() if event.name == "aten::mm"]
    once = [[3, 4], [4, 5]], [[3, 5], [5, 4]], [[5, 3], [3, 4]]
    twice = [[2, 4], [4, 5]], [[2, 5], [5, 4]], [[5, 2], [2, 4]]
    assert sorted(products) == sorted([*once, *twice, *twice])


def test_ratios_are_medians_of_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    floor, calibration = importlib.import_module("floor"), importlib.import_module("calibration")
    readings = {}
    for task in TASKS:
        readings[f"{task} floor"] = calibration.Readings([1.0, 2.0, 4.0], [0.5, 0.5, 0.5])
        readings[f"{task} floor: update"] = calibration.Readings([3.0, 3.0, 4.0], [0.5, 0.5, 0.5])
    assert floor.ratios(readings)["ner"] == {"floor_cal": 4.0, "update_cal": 6.0, "ratio": 1.5}


def test_heads_of_spans_cost_the_median_of_the_ratios_of_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    span_heads, calibration = importlib.import_module("span_heads"), importlib.import_module("calibration")
    readings = {}
    for task in span_heads.TASKS:
        for levels, seconds in (("paper", [1.0, 2.0, 4.0]), ("shallow", [1.0, 1.0, 1.0]), ("spans", [3.0, 3.0, 4.0])):
            readings[f"{task} update, {levels}"] = calibration.Readings(seconds, [0.5, 0.5, 0.5])
    found = span_heads.ratios(readings)
    expected = {"paper": 4.0, "shallow": 2.0, "spans": 6.0, "spans / paper": 1.5, "spans / shallow": 3.0}
    assert found["emd"] == expected
    assert "spans / paper" in span_heads.table(found)
