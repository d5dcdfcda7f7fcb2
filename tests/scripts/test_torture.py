"""The torture itself, with a few kills; `make torture` deals out more."""

import importlib
from pathlib import Path

import pytest

from hmtl.common.weights import load_weights, save_weights

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "torture.py"


@pytest.fixture
def torture(monkeypatch: pytest.MonkeyPatch):
    """The script as a module, whose functions other processes can import by its name."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return importlib.import_module("torture")


@pytest.mark.slow
@pytest.mark.parametrize("shared_optimizer", [False, True])
def test_killed_runs_end_as_if_they_had_not_been(torture, tmp_path, shared_optimizer):
    phases = torture.torture(tmp_path, kills=3, epochs=4, seed=1, shared_optimizer=shared_optimizer)
    assert sum(phases.values()) == 3


def test_a_difference_is_noticed(torture, tiny_run, tmp_path):
    same, other = tmp_path / "same", tmp_path / "other"
    for directory in (same, other):
        directory.mkdir()
        for path in (*tiny_run.glob("*.th"), *tiny_run.glob("*.safetensors"), *tiny_run.glob("metrics*.json")):
            (directory / path.name).write_bytes(path.read_bytes())
    weights = load_weights(other / "best_ner.safetensors")
    name = next(iter(weights))
    weights[name].view(-1)[0] += 1e-6
    save_weights(other / "best_ner.safetensors", weights)
    (other / "metrics_epoch_1.json").unlink()
    reference = torture.Run(tiny_run, {})
    assert torture.differences(torture.Run(same, {}), reference) == []
    different = torture.differences(torture.Run(other, {}), reference)
    assert f"best_ner.safetensors: {name}" in different
    assert all(each.startswith(("best_ner.safetensors: ", "metrics_epoch_1.json: ")) for each in different)
