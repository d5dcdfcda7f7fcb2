"""Training runs as TensorBoard and Weights & Biases have them, read from the files that they write."""

import json
import struct
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
import torch
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.training.callbacks import TrainerCallback
from tensorboardX.proto.event_pb2 import Event

from hmtl.common.weights import load_weights
from hmtl.errors import UserError
from hmtl.training.callbacks import WeightsAndBiases
from hmtl.training.callbacks.task_log_writer import by_task

TASKS = ["ner", "emd", "relation", "coref"]
Scalars = Dict[Tuple[str, int], float]


@TrainerCallback.register("stops_in_the_middle")
class StopsInTheMiddle(TrainerCallback):
    """Of the second epoch, once for each directory."""

    def on_batch(self, trainer: Any, *args: Any, **kwargs: Any) -> None:
        mark = Path(self.serialization_dir) / "stopped"
        if trainer.updates_completed == 8 and not mark.exists():
            mark.touch()
            raise KeyboardInterrupt


def train(fixtures: Path, directory: Path, *callbacks: Any, recover: bool = False, **trainer: Any) -> None:
    overrides: Dict[str, Any] = {"trainer.callbacks": list(callbacks), "trainer.num_epochs": 2}
    overrides.update({f"trainer.{key}": value for key, value in trainer.items()})
    train_model(Params.from_file(fixtures / "tiny.jsonnet", json.dumps(overrides)), str(directory), recover=recover)


def metrics_of(directory: Path, epoch: int) -> Dict[str, Any]:
    return json.loads((directory / f"metrics_epoch_{epoch}.json").read_text())


def event_scalars(directory: Path) -> Scalars:
    """All scalars in the event files of a directory, which are records of a length, its checksum, an event, another."""
    scalars: Scalars = {}
    for path in sorted(directory.iterdir()):
        content, start = path.read_bytes(), 0
        while start < len(content):
            (length,) = struct.unpack_from("<Q", content, start)
            event = Event.FromString(content[start + 12 : start + 12 + length])
            start += 12 + length + 4
            scalars.update({(value.tag, event.step): value.simple_value for value in event.summary.value})
    return scalars


def expected_scalars(directory: Path, epoch: int, task: str) -> Dict[str, Dict[str, float]]:
    """What the metrics file of an epoch says of a task."""
    expected: Dict[str, Dict[str, float]] = {"train": {}, "validation": {}}
    for key, value in metrics_of(directory, epoch).items():
        if key.startswith(f"training_{task}_"):
            expected["train"][key.replace(f"training_{task}_", f"{task}/")] = value
        elif key.startswith(f"validation_{task}_"):
            expected["validation"][key.replace(f"validation_{task}_", f"{task}/")] = value
        elif key.startswith(f"best_validation_{task}_"):
            expected["validation"][key.replace(f"best_validation_{task}_", f"{task}/best_")] = value
        elif key == f"best_epoch_{task}":
            expected["validation"][f"{task}/best_epoch"] = value
    return expected


def test_names() -> None:
    metrics = {
        "epoch": 3,
        "training_ner_loss": 1.0,
        "training_ner_fine_updates": 2,
        "training_duration": "0:00:01",
        "validation_ner_f1": 0.5,
        "validation_ner_fine_f1": 0.25,
        "validation_score": 0.75,
        "best_epoch": 1,
        "best_epoch_ner_fine": 2,
        "best_validation_ner_fine_f1": 0.125,
    }
    assert by_task(metrics, ["ner", "ner_fine"]) == (
        {"ner/loss": 1.0, "ner_fine/updates": 2},
        {
            "ner/f1": 0.5,
            "ner_fine/f1": 0.25,
            "score": 0.75,
            "best_epoch": 1,
            "ner_fine/best_epoch": 2,
            "ner_fine/best_f1": 0.125,
        },
    )


@pytest.fixture(scope="module")
def tensorboard_run(fixtures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tensorboard") / "run"
    train(fixtures, directory, {"type": "hmtl_tensorboard", "summary_interval": 1})
    return directory


def test_tensorboard_has_the_metrics_of_every_epoch(tensorboard_run: Path) -> None:
    for part in ("train", "validation"):
        scalars = event_scalars(tensorboard_run / "log" / part)
        for epoch in range(2):
            expected = {k: v for task in TASKS for k, v in expected_scalars(tensorboard_run, epoch, task)[part].items()}
            of_updates = ("/batch_loss", "/gradient_norm", "/learning_rate")
            found = {name: v for (name, step), v in scalars.items() if step == epoch and not name.endswith(of_updates)}
            if part == "validation":
                metrics = metrics_of(tensorboard_run, epoch)
                expected.update(score=metrics["validation_score"], best_epoch=metrics["best_epoch"])
            assert found == pytest.approx(expected, rel=1e-6)
    assert {f"{task}/f1" for task in TASKS} <= {name for name, _ in scalars}


def test_tensorboard_has_the_loss_of_every_update(tensorboard_run: Path) -> None:
    scalars = event_scalars(tensorboard_run / "log" / "train")
    losses = {(step, name.split("/")[0]): v for (name, step), v in scalars.items() if name.endswith("/batch_loss")}
    first = metrics_of(tensorboard_run, 0)
    num_updates = sum(first[f"training_{task}_updates"] for task in TASKS)
    assert sorted(step for step, _ in losses) == list(range(1, 2 * num_updates + 1))
    for task in TASKS:
        of_task = [loss for (step, name), loss in losses.items() if name == task and step <= num_updates]
        assert len(of_task) == first[f"training_{task}_updates"]
        if of_task:
            assert sum(of_task) / len(of_task) == pytest.approx(first[f"training_{task}_loss"], rel=1e-5)


def test_tensorboard_has_a_learning_rate_a_task(fixtures: Path, tmp_path: Path) -> None:
    for shared in (False, True):
        directory = tmp_path / str(shared)
        callback = {"type": "hmtl_tensorboard", "summary_interval": 1}
        train(
            fixtures, directory, callback, shared_optimizer=shared, num_epochs=1, optimizer={"type": "sgd", "lr": 0.5}
        )
        scalars = event_scalars(directory / "log" / "train")
        rates = {name.split("/")[0]: value for (name, _), value in scalars.items() if name.endswith("/learning_rate")}
        trained = {task for task in TASKS if metrics_of(directory, 0)[f"training_{task}_updates"]}
        assert rates == dict.fromkeys(trained, 0.5)


def test_the_gradient_norm_is_measured_where_the_trainer_does_not(fixtures: Path, tmp_path: Path) -> None:
    norms = {}
    for grad_norm in (None, 1e9):
        directory = tmp_path / str(grad_norm)
        callback = {"type": "hmtl_tensorboard", "summary_interval": 1}
        train(fixtures, directory, callback, grad_norm=grad_norm, grad_clipping=None, num_epochs=1)
        scalars = event_scalars(directory / "log" / "train")
        norms[grad_norm] = {key: value for key, value in scalars.items() if key[0].endswith("/gradient_norm")}
    assert norms[None] == pytest.approx(norms[1e9], rel=1e-5)
    assert len(norms[None]) > 3 and all(norm > 0 for norm in norms[None].values())


def test_an_interval_counts_the_updates_of_a_task(fixtures: Path, tmp_path: Path) -> None:
    # Tasks that take turns: every fourth of all updates would always be of the same one.
    callback = {"type": "hmtl_tensorboard", "summary_interval": 2}
    train(fixtures, tmp_path / "run", callback, sampler="round_robin", num_epochs=3)
    scalars = event_scalars(tmp_path / "run" / "log" / "train")
    logged = {task: [step for name, step in scalars if name == f"{task}/batch_loss"] for task in TASKS}
    updates = {
        task: sum(metrics_of(tmp_path / "run", epoch)[f"training_{task}_updates"] for epoch in range(3))
        for task in TASKS
    }
    assert {task: len(steps) for task, steps in logged.items()} == {task: n // 2 for task, n in updates.items()}
    assert all(logged.values())


def test_an_interrupted_run_goes_on_where_it_was(fixtures: Path, tmp_path: Path) -> None:
    callback = {"type": "hmtl_tensorboard", "summary_interval": 2}
    train(fixtures, tmp_path / "whole", callback)
    with pytest.raises(KeyboardInterrupt):
        train(fixtures, tmp_path / "run", callback, "stops_in_the_middle")
    # The writers were closed: what came before the interruption is there.
    before = event_scalars(tmp_path / "run" / "log" / "train")
    assert before and max(step for _, step in before) <= 8
    train(fixtures, tmp_path / "run", callback, "stops_in_the_middle", recover=True)
    for part in ("train", "validation"):
        assert event_scalars(tmp_path / "run" / "log" / part) == event_scalars(tmp_path / "whole" / "log" / part)


def test_parameter_statistics_only_where_they_are_wanted(fixtures: Path, tmp_path: Path, tensorboard_run: Path) -> None:
    callback = {"type": "hmtl_tensorboard", "summary_interval": 1, "should_log_parameter_statistics": True}
    train(fixtures, tmp_path / "run", callback, num_epochs=1)
    for directory, wanted in ((tmp_path / "run", True), (tensorboard_run, False)):
        names = {name for name, _ in event_scalars(directory / "log" / "train")}
        assert any(name.startswith("gradient_mean/heads.ner.") for name in names) is wanted


# Weights & Biases.


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    # It reads its environment once for the whole process.
    wandb.teardown()
    yield
    wandb.teardown()


def records_of(directory: Path) -> Iterator[Any]:
    """The records of an offline run: a log of LevelDB's, in blocks of 32 KiB, after a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    full, last = 1, 4
    [path] = directory.glob("*.wandb")
    content, start, parts = path.read_bytes(), 7, b""
    while start < len(content):
        left_in_block = -start % 32768
        if left_in_block < 7 and start % 32768:
            start += left_in_block
            continue
        _, length, kind = struct.unpack_from("<IHB", content, start)
        parts += content[start + 7 : start + 7 + length]
        start += 7 + length
        if kind in (full, last):
            yield Record.FromString(parts)
            parts = b""


def offline_runs(directory: Path) -> List[Path]:
    import wandb

    # Its own process writes the files, and may be behind until it has ended.
    wandb.teardown()
    return sorted((directory / "wandb").glob("offline-run-*"))


def history_of(directory: Path) -> List[Dict[str, Any]]:
    """What was logged, a dictionary for each step."""
    rows = [record.history for record in records_of(directory) if record.HasField("history")]
    return [{(item.key or "/".join(item.nested_key)): json.loads(item.value_json) for item in row.item} for row in rows]


def test_wandb_has_the_metrics_of_every_epoch(fixtures: Path, tmp_path: Path, offline: None) -> None:
    run = tmp_path / "my_run"
    train(fixtures, run, {"type": "hmtl_wandb", "summary_interval": 1, "tags": ["tiny"]})
    [written] = offline_runs(run)
    epochs = {row["epoch"]: row for row in history_of(written) if "epoch" in row}
    assert list(epochs) == [0, 1]
    for epoch, row in epochs.items():
        for task in TASKS:
            expected = expected_scalars(run, epoch, task)
            loss = expected["validation"].pop(f"{task}/loss")
            expected["validation"][f"{task}/validation_loss"] = loss
            for name, value in {**expected["train"], **expected["validation"]}.items():
                assert row[name] == value, name
        assert row["score"] == metrics_of(run, epoch)["validation_score"]
    [described] = [record.run for record in records_of(written) if record.HasField("run")]
    assert (described.project, described.display_name, list(described.tags)) == ("hmtl", "my_run", ["tiny"])
    config = {(item.key or item.nested_key[0]): item.value_json for item in described.config.update}
    assert json.loads(config["trainer"])["type"] == "multi_task"
    [ended] = [record.exit for record in records_of(written) if record.HasField("exit")]
    assert ended.exit_code == 0


def test_a_recovered_run_is_the_same_run_of_wandb(fixtures: Path, tmp_path: Path, offline: None) -> None:
    run, callback = tmp_path / "run", {"type": "hmtl_wandb", "summary_interval": 2}
    with pytest.raises(KeyboardInterrupt):
        train(fixtures, run, callback, "stops_in_the_middle")
    [first] = offline_runs(run)
    [ended] = [record.exit for record in records_of(first) if record.HasField("exit")]
    assert ended.exit_code == 1
    train(fixtures, run, callback, "stops_in_the_middle", recover=True)
    both = offline_runs(run)
    ids = [record.run.run_id for path in both for record in records_of(path) if record.HasField("run")]
    assert len(both) == len(ids) == 2 and len(set(ids)) == 1
    assert [row["epoch"] for row in history_of(both[-1]) if "epoch" in row] == [1]


def test_wandb_changes_nothing_of_the_training(fixtures: Path, tmp_path: Path, offline: None) -> None:
    train(fixtures, tmp_path / "with", {"type": "hmtl_wandb", "summary_interval": 1}, num_epochs=1)
    train(fixtures, tmp_path / "without", num_epochs=1)
    weights, others = (load_weights(tmp_path / name / "best.safetensors") for name in ("with", "without"))
    assert all(torch.equal(weights[name], others[name]) for name in others)


def test_without_a_key_there_is_one_line(
    fixtures: Path, tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    with pytest.raises(UserError, match=r"Weights & Biases refuses: [^\n]+'wandb login'[^\n]+WANDB_MODE=offline"):
        train(fixtures, tmp_path / "run", "hmtl_wandb")


def test_without_wandb_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'hmtl\[wandb\]'"):
        WeightsAndBiases(str(tmp_path))
