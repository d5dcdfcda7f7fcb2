"""An update stands beside the encoder's own work on what it reads; nothing here is timed."""

import importlib
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, List

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch, transformer: str) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("HMTL_TRANSFORMER", transformer)
    monkeypatch.chdir(ROOT)
    return importlib.import_module("encoders")


def test_the_loss_is_a_share_of_the_length_of_words_alone(encoders: ModuleType) -> None:
    # Shape: (1, 1, 3, 2): a layer, a sentence, two words and padding
    vectors = torch.tensor([[[[3.0, 4.0], [0.0, 2.0], [7.0, 7.0]]]])
    others = torch.tensor([[[[3.0, 4.5], [0.0, 1.0], [0.0, 0.0]]]])
    lost = encoders.loss(lambda number: vectors, lambda number: others, [{"mask": torch.tensor([[1, 1, 0]])}])
    # 0.5 of 5, and 1 of 2; torch's median of an even number is the lower one.
    assert lost == pytest.approx({"median": 0.1, "largest": 0.5})


@pytest.mark.slow
def test_updates_and_number_formats_are_measured(encoders: ModuleType) -> None:
    experiment = encoders.Experiment(encoders.CONFIG, torch.device("cpu"))
    updates: Dict[str, Any] = encoders.updates(experiment, 1)
    assert set(updates) == {"ner", "emd", "relation", "coref"}
    for row in updates.values():
        assert row["word pieces"] > 0 and set(row["seconds"]) == {encoders.UPDATE, encoders.BARE, encoders.STEP}
        assert all(seconds > 0 for of_rounds in row["seconds"].values() for seconds in of_rounds)
    frozen = encoders.frozen(experiment, os.environ["HMTL_TRANSFORMER"], 1)
    losses: List[float] = [row["lost"]["median"] for row in frozen.values() if row["lost"]]
    assert len(losses) == 4 and all(0 < lost < 0.1 for lost in losses)
    assert frozen["kept in fp16"]["lost"]["median"] < frozen["kept in bf16"]["lost"]["median"]
    results = {"machine": encoders.machine(), "share": 1.0, "rounds": 1, "updates": updates, "frozen": frozen}
    assert "| coref |" in encoders.table(results) and "| bf16, autocast |" in encoders.table(results)


def test_the_documentation_shows_the_measured_tables(encoders: ModuleType) -> None:
    results = json.loads((ROOT / "docs" / "results" / "speed" / "encoders.json").read_text())
    page = (ROOT / "docs" / "speed.md").read_text()
    _, updates, frozen = encoders.table(results).split("\n\n")
    assert updates in page and frozen in page
