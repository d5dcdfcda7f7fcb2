"""The shipped configuration of fine-tuning, from a quickstart that was trained before."""

import json
from pathlib import Path

import pytest
import torch

from hmtl.cli import main
from hmtl.common.weights import load_weights
from hmtl.evaluation.evaluate import evaluate_run, load_run

ROOT = Path(__file__).resolve().parents[2]
TASKS = ["ner", "emd", "relation", "coref"]


@pytest.mark.slow
def test_a_quickstart_is_taught_other_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    overrides = {"trainer.num_epochs": 1, **{f"dataset_reader.readers.{task}.max_instances": 8 for task in TASKS}}
    overrides.update({f"dataset_reader.readers.{task}.allow_unknown_labels": True for task in TASKS})
    quickstart, run = tmp_path / "quickstart", tmp_path / "run"
    main(["train", "configs/quickstart.jsonnet", "-s", str(quickstart), "-o", json.dumps(overrides)])
    monkeypatch.setenv("HMTL_ARCHIVE", str(quickstart))
    main(["train", "configs/finetune_sample.jsonnet", "-s", str(run), "-o", json.dumps(overrides)])

    report = json.loads((run / "finetuning.json").read_text())
    assert list(report["reinitialised"]) == ["heads.ner"]
    assert len(report["taken"]) == 9 and report["unused"] == []
    assert all(counts["left_out"] == 0 for counts in report["entries"].values())
    old, new = load_weights(quickstart / "best.safetensors"), load_weights(run / "best.safetensors")
    frozen = {name for name in old if name.startswith("text_field_embedder.")}
    assert {name for name in old if old[name].shape == new[name].shape and torch.equal(old[name], new[name])} == frozen
    labels = set(load_run(run).model.head("ner").labels)
    assert labels == set(load_run(run).model.head("emd").labels) != set(load_run(quickstart).model.head("ner").labels)
    assert sorted(evaluate_run(load_run(run), with_baselines=False).tasks) == sorted(TASKS)
