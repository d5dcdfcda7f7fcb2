import csv
import json
from pathlib import Path

import pytest
from allennlp.commands.train import TrainModel, train_model
from allennlp.common import Params

from hmtl.training.callbacks import LearningCurves


def train(fixtures: Path, directory: Path, **trainer) -> None:
    overrides = {f"trainer.{key}": value for key, value in {"num_epochs": 1, **trainer}.items()}
    train_model(Params.from_file(fixtures / "tiny.jsonnet", json.dumps(overrides)), str(directory))


def test_a_run_ends_with_its_curves(tiny_run):
    pytest.importorskip("matplotlib")
    with open(tiny_run / "curves.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    assert (tiny_run / "curves.png").is_file()


def test_without_default_callbacks_only_where_they_are_named(fixtures, tmp_path):
    train(fixtures, tmp_path / "without", enable_default_callbacks=False)
    assert not (tmp_path / "without" / "curves.csv").exists()
    train(fixtures, tmp_path / "named", enable_default_callbacks=False, callbacks=["learning_curves"])
    assert (tmp_path / "named" / "curves.csv").exists()


def test_a_trainer_built_in_python_leaves_curves_but_no_configuration(fixtures, tmp_path):
    params = Params.from_file(fixtures / "tiny.jsonnet", json.dumps({"trainer.num_epochs": 1}))
    for key in ("random_seed", "numpy_seed", "pytorch_seed"):
        params.pop(key)
    TrainModel.from_params(params, serialization_dir=str(tmp_path), local_rank=0).trainer.train()
    assert (tmp_path / "curves.csv").exists() and not (tmp_path / "config.json").exists()


@pytest.mark.parametrize("arguments", [{"metrics": None}, {"metrics": {}, "is_primary": False}])
def test_nothing_is_written_by_an_interrupted_or_a_second_process(tmp_path, arguments):
    (tmp_path / "metrics_epoch_0.json").write_text('{"training_loss": 1.0}')
    LearningCurves(str(tmp_path)).on_end(None, **arguments)
    assert not (tmp_path / "curves.csv").exists()
    LearningCurves(str(tmp_path)).on_end(None, metrics={})
    assert (tmp_path / "curves.csv").exists()
