import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.models import Model

from hmtl.cli import main
from hmtl.common.weights import load_weights
from hmtl.evaluation.evaluate import load_run
from hmtl.models import HMTL
from hmtl.models.finetuning import FinetunedHMTL
from hmtl.predictors import HMTLPredictor

TEXT = {"sentences": [["Mara", "Lind", "lives", "in", "Oslo", "."], ["She", "slept", "."]]}


@pytest.fixture
def archive(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the tiny run, to take away."""
    return Path(shutil.copytree(tiny_run, tmp_path / "archive"))


def train(fixtures: Path, target: Path, archive: Path, *arguments: str, **overrides: Any) -> None:
    overrides = {"trainer.num_epochs": 1, "model.type": "hmtl_finetuned", **overrides}
    overrides["model.pretrained_file"] = str(archive)
    main(["train", str(fixtures / "tiny.jsonnet"), "-s", str(target), *arguments, "-o", json.dumps(overrides)])


def error_of(capsys: pytest.CaptureFixture, *arguments: Any, **overrides: Any) -> str:
    with pytest.raises(SystemExit) as stopped:
        train(*arguments, **overrides)
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return err.splitlines()[-1]


def report_of(run: Path) -> Dict[str, Any]:
    return json.loads((run / "finetuning.json").read_text())


def test_a_run_starts_from_the_archive_and_writes_what_it_took(fixtures, archive, tmp_path):
    run = tmp_path / "run"
    # Nothing moves, so that the run ends as it began.
    train(fixtures, run, archive, **{"trainer.optimizer.lr": 0.0})
    report = report_of(run)
    assert report["archive"] == str(archive)
    assert len(report["taken"]) == 10 and report["reinitialised"] == {} and report["frozen"] == []
    old = load_weights(archive / "best.safetensors")
    for name, weight in load_weights(run / "best.safetensors").items():
        assert torch.equal(weight, old[name]), name
    assert HMTLPredictor.load(run).predict_json(TEXT) == HMTLPredictor.load(archive).predict_json(TEXT)
    assert "taken: text_field_embedder.token_embedder_token_characters, " in (run / "out.log").read_text()


def test_changed_labels_are_said(fixtures, archive, tmp_path):
    run = tmp_path / "run"
    train(fixtures, run, archive / "model.tar.gz", **{"dataset_reader.readers.ner.layer": "emd"})
    report = report_of(run)
    assert list(report["reinitialised"]) == ["heads.ner"]
    assert "new: FAC, PER" in report["reinitialised"]["heads.ner"]
    assert "heads.ner: reinitialised: its labels are others" in (run / "out.log").read_text()
    assert set(load_run(run).model.head("ner").labels) == {"PER", "GPE", "ORG", "FAC"}


FROZEN = ["embedding", "ner.encoder", "emd.encoder", "coref.head"]
FROZEN_PARTS = [
    "text_field_embedder.token_embedder_token_characters",
    "text_field_embedder.token_embedder_tokens",
    "encoders.ner",
    "encoders.emd",
    "heads.coref",
]


def is_frozen(name: str) -> bool:
    return name.startswith(tuple(f"{part}." for part in FROZEN_PARTS))


@pytest.mark.parametrize("shared_optimizer", [False, True])
def test_frozen_parts_stay_as_they_are_and_the_others_move(fixtures, archive, tmp_path, shared_optimizer):
    run = tmp_path / "run"
    # Decay alone would move what an optimizer holds.
    options: Dict[str, Any] = {"trainer.optimizer.weight_decay": 0.1, "trainer.shared_optimizer": shared_optimizer}
    options["trainer.sampler"] = "round_robin"
    train(fixtures, run, archive, **options, **{"model.freeze": FROZEN})
    assert report_of(run)["frozen"] == FROZEN_PARTS
    old, new = load_weights(archive / "best.safetensors"), load_weights(run / "best.safetensors")
    assert {name for name in old if torch.equal(old[name], new[name])} == set(filter(is_frozen, old))


def test_a_reinitialised_part_is_not_frozen(fixtures, archive, tmp_path):
    run = tmp_path / "run"
    train(fixtures, run, archive, **{"dataset_reader.readers.ner.layer": "emd", "model.freeze": ["ner"]})
    assert report_of(run)["frozen"] == ["encoders.ner"]
    assert "heads.ner is trained all the same, as it is reinitialised" in (run / "out.log").read_text()


def finetuned(archive: Path, **options: Any) -> FinetunedHMTL:
    config = json.loads((archive / "config.json").read_text())["model"]
    vocab = Vocabulary.from_files(archive / "vocabulary")
    model = Model.from_params(Params({**config, "type": "hmtl_finetuned", **options}), vocab=vocab)
    assert isinstance(model, FinetunedHMTL)
    return model


def test_frozen_parameters_are_in_no_list_of_trainable_ones(archive):
    model = finetuned(archive, pretrained_file=str(archive), freeze=FROZEN)
    trainable = {name for task in model.tasks for name, _ in model.parameters_of(task)}
    assert trainable == {name for name, _ in model.named_parameters() if not is_frozen(name)}


def test_without_a_pretrained_file_nothing_is_frozen(archive):
    assert all(parameter.requires_grad for parameter in finetuned(archive, freeze=FROZEN).parameters())


def interrupted(run: Path, target: Path) -> Path:
    """A copy of a run of two epochs as a kill in the second one leaves it."""
    shutil.copytree(run, target)
    of_the_end = ["*_e2_b0.*", "metrics_epoch_1.json", "metrics.json", "model.tar.gz", "curves.*"]
    for path in [path for pattern in of_the_end for path in target.glob(pattern)]:
        path.unlink()
    assert (target / "checkpoint_e1_b0.json").exists()
    return target


def test_a_run_is_loaded_recovered_and_fine_tuned_without_its_archive(fixtures, archive, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    options = {"model.freeze": ["embedding", "ner.encoder"], "trainer.num_epochs": 2}
    train(fixtures, whole, archive, **options)
    interrupted(whole, run)
    shutil.rmtree(archive)
    for path in (whole, whole / "model.tar.gz"):
        assert isinstance(HMTL.from_archive(path), FinetunedHMTL)
    from_directory, from_archive = (
        HMTLPredictor.load(path).predict_json(TEXT) for path in (whole, whole / "model.tar.gz")
    )
    assert from_directory == from_archive

    train(fixtures, run, archive, "--recover", **options)
    expected, found = (torch.load(path / "model_state_e2_b0.th") for path in (whole, run))
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())
    assert report_of(run) == report_of(whole)

    # A fine-tuned run is an archive like any other.
    again = tmp_path / "again"
    train(fixtures, again, run / "model.tar.gz")
    assert len(report_of(again)["taken"]) == 10


def test_a_run_that_was_killed_before_its_first_checkpoint_reads_the_archive_again(fixtures, archive, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    train(fixtures, whole, archive)
    shutil.copytree(whole, run)
    for path in run.iterdir():
        if path.name not in ("config.json", "meta.json", "command.json", "vocabulary", "finetuning.json"):
            path.unlink()
    train(fixtures, run, archive, "--recover")
    expected, found = load_weights(whole / "best.safetensors"), load_weights(run / "best.safetensors")
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


def test_a_recovered_run_whose_report_is_gone(fixtures, archive, tmp_path, capsys):
    run = tmp_path / "run"
    train(fixtures, run, archive)
    os.remove(run / "finetuning.json")
    assert "finetuning.json: no such file" in error_of(capsys, fixtures, run, archive, "--recover")


def test_archives_that_cannot_be(fixtures, archive, tmp_path, capsys):
    missing = tmp_path / "gone"
    assert f"{missing}: no such archive; expected a model.tar.gz" in error_of(capsys, fixtures, tmp_path / "a", missing)
    (tmp_path / "empty").mkdir()
    assert "holds neither best.safetensors nor model.tar.gz" in error_of(
        capsys, fixtures, tmp_path / "b", tmp_path / "empty"
    )
    (archive / "best.safetensors").write_bytes((archive / "best.safetensors").read_bytes()[:1000])
    assert f"{archive / 'best.safetensors'}: damaged" in error_of(capsys, fixtures, tmp_path / "c", archive)
    # The mended command can run as it stands.
    assert not any((tmp_path / name).exists() for name in "abc")


def test_levels_that_cannot_be_frozen(fixtures, archive, tmp_path, capsys):
    message = error_of(capsys, fixtures, tmp_path / "run", archive, **{"model.freeze": ["nre"]})
    assert "model.freeze: the model has no 'nre'; it has: embedding, ner, ner.encoder, ner.head, emd" in message
    assert "shared_encoder" not in message


@pytest.mark.parametrize("shared_optimizer", [False, True])
def test_a_wholly_frozen_level_is_validated_and_not_drawn(fixtures, archive, tmp_path, shared_optimizer):
    run = tmp_path / "run"
    train(
        fixtures, run, archive, **{"model.freeze": ["embedding", "ner"], "trainer.shared_optimizer": shared_optimizer}
    )
    metrics = json.loads((run / "metrics_epoch_0.json").read_text())
    assert metrics["training_ner_updates"] == 0 and metrics["training_emd_updates"] > 0
    assert "validation_ner_f1" in metrics and (run / "best_ner.safetensors").exists()
    old, new = load_weights(archive / "best.safetensors"), load_weights(run / "best.safetensors")
    assert all(torch.equal(old[name], new[name]) for name in old if name.startswith(("encoders.ner.", "heads.ner.")))


def test_nothing_is_left_to_train(fixtures, archive, tmp_path, capsys):
    frozen = {"model.freeze": ["embedding", "ner", "emd", "relation", "coref"]}
    assert "every parameter of the model is frozen" in error_of(capsys, fixtures, tmp_path / "run", archive, **frozen)
