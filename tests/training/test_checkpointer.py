import json
import logging
import os
import resource
from pathlib import Path
from typing import Any, Iterator, List

import pytest
import torch
from allennlp.common import Params
from allennlp.training.checkpointer import Checkpointer
from allennlp.training.trainer import Trainer, TrainerCheckpoint

from hmtl.errors import ConfigurationError, UserError
from hmtl.training.checkpointer import VerifiedCheckpointer


class Counting(Trainer):
    """Counts; its weights, larger than any other of its files, tell how far."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, cuda_device=-1)
        self.epochs = self.batches = 0

    def get_checkpoint_state(self) -> TrainerCheckpoint:
        state = {"epochs_completed": self.epochs, "batches_in_epoch_completed": self.batches}
        return TrainerCheckpoint({"weight": torch.full((5000,), 100.0 * self.epochs + self.batches)}, state)

    def save(self, checkpointer: Checkpointer, epochs: int, batches: int = 0) -> None:
        self.epochs, self.batches = epochs, batches
        checkpointer.save_checkpoint(self)


@pytest.fixture
def trainer(tmp_path: Path) -> Counting:
    return Counting(tmp_path)


@pytest.fixture
def saved(tmp_path: Path, trainer: Counting) -> Path:
    """A directory with the checkpoints of epochs 2 and 3."""
    checkpointer = VerifiedCheckpointer(tmp_path)
    for epochs in (1, 2, 3):
        trainer.save(checkpointer, epochs)
    return tmp_path


def files(directory: Path) -> List[str]:
    return sorted(path.name for path in directory.iterdir())


def files_of(*points: str) -> List[str]:
    parts = [("checkpoint", "json"), ("model_state", "th"), ("training_state", "th")]
    return sorted(f"{stem}_{point}.{suffix}" for stem, suffix in parts for point in points)


def epochs_loaded(directory: Path) -> int:
    """The epochs of the checkpoint that is loaded; weights and state must be of one moment."""
    checkpoint = VerifiedCheckpointer(directory).load_checkpoint()
    assert checkpoint is not None
    epochs = checkpoint.trainer_state["epochs_completed"]
    assert torch.equal(checkpoint.model_state["weight"], torch.full((5000,), 100.0 * epochs))
    return epochs


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def test_the_newest_checkpoint_is_loaded(saved: Path) -> None:
    assert files(saved) == files_of("e2_b0", "e3_b0")
    assert epochs_loaded(saved) == 3
    newest = str(saved / "model_state_e3_b0.th"), str(saved / "training_state_e3_b0.th")
    assert VerifiedCheckpointer(saved).find_latest_checkpoint() == newest


@pytest.mark.parametrize("name", ["model_state_e3_b0.th", "training_state_e3_b0.th"])
@pytest.mark.parametrize(
    "damage, message",
    [(truncate, "bytes instead of"), (flip_a_bit, "its checksum is not the one"), (Path.unlink, "is missing")],
)
def test_a_damaged_newest_checkpoint_is_left_for_the_one_before(
    name: str, damage: Any, message: str, saved: Path, trainer: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    damage(saved / name)
    before = files(saved)
    assert VerifiedCheckpointer(saved).find_latest_checkpoint() is not None
    assert files(saved) == before
    with caplog.at_level(logging.WARNING):
        assert epochs_loaded(saved) == 2
    assert f"{saved / name} is " in caplog.text
    assert message in caplog.text
    assert "falling back" in caplog.text
    # It does not count among those to keep.
    checkpointer = VerifiedCheckpointer(saved)
    checkpointer.load_checkpoint()
    trainer.save(checkpointer, 2, 5)
    assert files(saved) == files_of("e2_b0", "e2_b5")


def test_a_damaged_manifest_is_damage(saved: Path, caplog: pytest.LogCaptureFixture) -> None:
    (saved / "checkpoint_e3_b0.json").write_text('{"model_state_e3_b0.th": {')
    assert epochs_loaded(saved) == 2
    assert f"{saved / 'checkpoint_e3_b0.json'} is damaged" in caplog.text


def test_without_an_intact_checkpoint_nothing_is_thrown_away(saved: Path) -> None:
    flip_a_bit(saved / "model_state_e3_b0.th")
    truncate(saved / "training_state_e2_b0.th")
    with pytest.raises(UserError, match="model_state_e3_b0.th is damaged.*training_state_e2_b0.th is damaged"):
        VerifiedCheckpointer(saved).load_checkpoint()
    assert files(saved) == files_of("e2_b0", "e3_b0")


def test_what_a_kill_left_is_no_checkpoint(saved: Path, trainer: Counting, caplog: pytest.LogCaptureFixture) -> None:
    (saved / "model_state_e3_b4.th").write_bytes((saved / "model_state_e3_b0.th").read_bytes())
    assert epochs_loaded(saved) == 3
    assert f"{saved / 'model_state_e3_b4.th'}: not used" in caplog.text
    trainer.save(VerifiedCheckpointer(saved), 3, 2)
    assert files(saved) == files_of("e3_b0", "e3_b2")


def test_a_kill_while_a_moment_is_written_again_leaves_no_manifest_of_other_files(
    saved: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Other(Counting):
        """Comes to the same moment with other weights."""

        def get_checkpoint_state(self) -> TrainerCheckpoint:
            model_state, training_state = super().get_checkpoint_state()
            return TrainerCheckpoint({name: -tensor for name, tensor in model_state.items()}, training_state)

    fsync, before = os.fsync, (saved / "model_state_e3_b0.th").read_bytes()

    def killed(descriptor: int) -> None:
        if any(saved.glob("training_state_e3_b0.th.*.partial")):
            raise KeyboardInterrupt
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        Other(saved).save(VerifiedCheckpointer(saved), 3)
    monkeypatch.undo()
    # The new weights beside the training state of the old ones.
    assert (saved / "model_state_e3_b0.th").read_bytes() != before and (saved / "training_state_e3_b0.th").exists()
    assert not (saved / "checkpoint_e3_b0.json").exists()
    assert epochs_loaded(saved) == 2
    assert "was never completed" in caplog.text and "is damaged" not in caplog.text


def test_nothing_to_load(tmp_path: Path) -> None:
    assert VerifiedCheckpointer(tmp_path).load_checkpoint() is None
    assert VerifiedCheckpointer(tmp_path).find_latest_checkpoint() is None


@pytest.fixture
def small_disk(saved: Path) -> Iterator[None]:
    """No file may grow beyond 8 KiB: the system refuses the rest of a write, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_clear_line_and_spares_the_older(saved: Path, trainer: Counting, small_disk: None) -> None:
    with pytest.raises(UserError) as caught:
        trainer.save(VerifiedCheckpointer(saved), 4)
    assert str(caught.value) == f"{saved / 'model_state_e4_b0.th'}: cannot be written: file too large"
    assert files(saved) == files_of("e2_b0", "e3_b0")
    assert epochs_loaded(saved) == 3


def test_checkpoints_of_many_updates_are_told_apart(tmp_path: Path, trainer: Counting) -> None:
    """AllenNLP removes `e1_b10` together with `e1_b1`, and so does a comparison of names."""
    checkpointer = VerifiedCheckpointer(tmp_path)
    for batches in (10, 9, 1):
        trainer.save(checkpointer, 1, batches)
    assert files(tmp_path) == files_of("e1_b10", "e1_b9")


def test_a_moment_is_written_once(saved: Path, trainer: Counting) -> None:
    checkpointer = VerifiedCheckpointer(saved)
    checkpointer.load_checkpoint()
    before = (saved / "model_state_e3_b0.th").stat().st_mtime_ns
    trainer.save(checkpointer, 3)
    assert (saved / "model_state_e3_b0.th").stat().st_mtime_ns == before


@pytest.mark.parametrize("count, age, kept", [(3, None, 3), (None, None, 5), (None, 0, 2), (None, 1000, 5)])
def test_as_many_are_kept_as_asked(count: Any, age: Any, kept: int, tmp_path: Path, trainer: Counting) -> None:
    checkpointer = VerifiedCheckpointer(tmp_path, keep_most_recent_by_count=count, keep_most_recent_by_age=age)
    for epochs in range(1, 6):
        trainer.save(checkpointer, epochs)
    assert files(tmp_path) == files_of(*(f"e{epochs}_b0" for epochs in range(6 - kept, 6)))


def test_a_single_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected at least 2"):
        VerifiedCheckpointer(tmp_path, keep_most_recent_by_count=1)


@pytest.mark.parametrize("settings", [{}, {"type": "verified"}])
def test_configurations_need_not_name_it(settings: Any, tmp_path: Path) -> None:
    settings = Params({**settings, "save_every_num_batches": 7})
    checkpointer = VerifiedCheckpointer.from_params(settings, serialization_dir=tmp_path)
    assert isinstance(checkpointer, VerifiedCheckpointer)
    assert checkpointer._save_every_num_batches == 7


def test_the_manifest_names_length_and_checksum(saved: Path) -> None:
    manifest = json.loads((saved / "checkpoint_e3_b0.json").read_text())
    assert sorted(manifest) == ["model_state_e3_b0.th", "training_state_e3_b0.th"]
    for name, written in manifest.items():
        assert written["length"] == (saved / name).stat().st_size
        assert len(written["sha256"]) == 64
