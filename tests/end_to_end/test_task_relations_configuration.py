"""The configuration of task relations trains, is evaluated and predicts, on small files in the layout of corpora."""

import json
from pathlib import Path

import pytest
from gum_with_trees import copy_with_trees

from hmtl.cli import main
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.predictors import HMTLPredictor

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "task_relations.jsonnet"


@pytest.fixture
def data(fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GUM with a noun phrase for each sentence, and reviews of two words each."""
    copy_with_trees(fixtures, tmp_path / "gum")
    splits = tmp_path / "streusle" / "splits"
    splits.mkdir(parents=True)
    # The last reviews of those to train on, from the 771st, are for validation.
    names = [f"r.{number}.1" for number in range(780)]
    tags = "1\tgo\tgo\tVB\tB\t0\t\t\t{0}\n2\ton\ton\tRP\tĪ\t1\t_\t\t{0}\n3\tnow\tnow\tRB\tO\t0\t\t\t{0}\n\n"
    (tmp_path / "streusle" / "streusle.tags").write_text("".join(map(tags.format, names)), encoding="utf-8")
    (splits / "mwe-train.sentids").write_text("\n".join(names[:775]))
    (splits / "mwe-test.sentids").write_text("\n".join(names[775:]))
    monkeypatch.setenv("HMTL_DATA", str(tmp_path))
    return tmp_path


def test_from_training_to_prediction(data, tmp_path):
    overrides = {"trainer.num_epochs": 2, "trainer.sampler.num_updates": 40}
    run = tmp_path / "run"
    main(["train", str(CONFIG), "-s", str(run), "-o", json.dumps(overrides)])

    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["training_chunks_updates"] + metrics["training_mwe_updates"] == 40
    evaluation = evaluate_run(load_run(run))
    assert sorted(evaluation.tasks) == ["chunks", "mwe"]
    assert len((run / "batch_losses.csv").read_text().splitlines()) == 1 + 80 // 10
    sentences = [["go", "on", "now"], ["The", "garden"]]
    from_directory, from_archive = (
        HMTLPredictor.load(path).predict_json({"sentences": sentences}) for path in (run, run / "model.tar.gz")
    )
    assert from_directory == from_archive
    assert {"chunks", "mwe"} <= set(from_directory)
