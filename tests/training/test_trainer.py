import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from allennlp.commands.train import TrainModel, train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from allennlp.training.callbacks import TrainerCallback

from hmtl.cli import main
from hmtl.common.stop_signals import TrainingStopped
from hmtl.common.weights import load_weights
from hmtl.errors import UserError
from hmtl.training import loop as loop_module
from hmtl.training.evaluate_task import TaskEvaluation, evaluate_task
from hmtl.training.loop import UpdateMade
from hmtl.training.trainer import MultiTaskTrainer, best_weights_name

TASKS = ["coref", "emd", "ner", "relation"]
EXTRA_LEVEL = {
    "encoder": {"type": "lstm", "hidden_size": 4},
    "head": {"type": "hmtl_crf", "label_namespace": "ner_labels"},
}


def tiny_params(fixtures, configuration="tiny.jsonnet", **sections):
    """A tiny configuration with some keys of some sections replaced."""
    overrides = {f"{section}.{key}": value for section, keys in sections.items() for key, value in keys.items()}
    return Params.from_file(fixtures / configuration, json.dumps(overrides))


def build(fixtures, directory, **overrides) -> MultiTaskTrainer:
    params = tiny_params(fixtures, **overrides)
    for key in ("random_seed", "numpy_seed", "pytorch_seed"):
        params.pop(key)
    return TrainModel.from_params(params, serialization_dir=str(directory), local_rank=0).trainer


def train(fixtures, directory, recover=False, **overrides):
    train_model(tiny_params(fixtures, **overrides), str(directory), recover=recover)
    return load_weights(directory / "best.safetensors")


def last_weights(directory):
    newest = max(directory.glob("model_state_e*"), key=lambda path: path.stat().st_mtime_ns)
    return torch.load(newest)


def assert_same(weights, others):
    assert weights.keys() == others.keys()
    for name, tensor in weights.items():
        assert torch.equal(tensor, others[name]), name


def test_the_run_writes_the_best_weights_of_each_task(tiny_run):
    for task in TASKS:
        assert (tiny_run / best_weights_name(task)).is_file()
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    for task in TASKS:
        assert metrics[f"best_epoch_{task}"] in (0, 1)
        assert f"best_validation_{task}_f1" in metrics
    assert (tiny_run / "model.tar.gz").is_file()


def test_best_weights_reach_the_best_scores_again(fixtures, tmp_path, tiny_run):
    trainer = build(fixtures, tmp_path)
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    for task in TASKS:
        trainer.model.load_state_dict(load_weights(tiny_run / best_weights_name(task)))
        for name, value in trainer.validate_task(task).items():
            assert value == pytest.approx(metrics[f"best_validation_{task}_{name}"], abs=1e-6), (task, name)


def test_the_same_seed_gives_the_same_run_to_the_last_bit(fixtures, tmp_path, tiny_run):
    train(fixtures, tmp_path / "again")
    assert_same(last_weights(tmp_path / "again"), last_weights(tiny_run))
    train(fixtures, tmp_path / "other", trainer={"seed": 1})
    other, first = last_weights(tmp_path / "other"), last_weights(tiny_run)
    assert any(not torch.equal(tensor, first[name]) for name, tensor in other.items())


@TrainerCallback.register("stop_after")
class StopAfter(TrainerCallback):
    """Ends the process' training as a kill would, between two updates."""

    updates = 0

    def on_batch(self, trainer, *args, **kwargs):
        if StopAfter.updates and trainer.updates_completed == StopAfter.updates:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "updates, shared_optimizer, configuration",
    [
        *((updates, shared, "tiny.jsonnet") for updates in (3, 6, 11) for shared in (False, True)),
        # In the middle of an epoch, with heads that draw spans at random.
        (9, False, "tiny_spans.jsonnet"),
        (6, False, "text_labels.jsonnet"),
    ],
)
def test_a_resumed_run_ends_with_the_same_weights(fixtures, tmp_path, updates, shared_optimizer, configuration):
    settings = {
        "configuration": configuration,
        "trainer": {
            "checkpointer": {"save_every_num_batches": 2},
            "callbacks": ["stop_after"],
            "shared_optimizer": shared_optimizer,
            "num_epochs": 3,
        },
    }
    StopAfter.updates = 0
    train(fixtures, tmp_path / "whole", **settings)
    StopAfter.updates = updates
    with pytest.raises(KeyboardInterrupt):
        train(fixtures, tmp_path / "resumed", **settings)
    StopAfter.updates = 0
    train(fixtures, tmp_path / "resumed", recover=True, **settings)
    assert_same(last_weights(tmp_path / "resumed"), last_weights(tmp_path / "whole"))
    names = [path.name for path in (tmp_path / "whole").glob("best*.safetensors")]
    assert len(names) == (2 if configuration == "text_labels.jsonnet" else 1 + len(TASKS))
    for name in names:
        assert_same(load_weights(tmp_path / "resumed" / name), load_weights(tmp_path / "whole" / name))
    whole, resumed = (json.loads((tmp_path / run / "metrics.json").read_text()) for run in ("whole", "resumed"))
    del whole["training_duration"], resumed["training_duration"]
    assert resumed == pytest.approx(whole, abs=1e-6)


def assert_same_results(run, whole):
    assert_same(last_weights(run), last_weights(whole))
    for name in ("best.safetensors", *map(best_weights_name, TASKS)):
        assert_same(load_weights(run / name), load_weights(whole / name))
    ours, theirs = (json.loads((directory / "metrics.json").read_text()) for directory in (run, whole))
    del ours["training_duration"], theirs["training_duration"]
    assert ours == theirs


@TrainerCallback.register("signal_after")
class SignalAfter(TrainerCallback):
    """Sends this process a signal within an update; the update must come to its end."""

    updates, signum = 0, signal.SIGTERM

    def on_batch(self, trainer, *args, **kwargs):
        if trainer.updates_completed == self.updates:
            os.kill(os.getpid(), self.signum)


@pytest.mark.parametrize("signum, updates", [(signal.SIGTERM, 3), (signal.SIGINT, 9)])
def test_a_signal_ends_training_with_a_checkpoint_of_that_very_update(
    fixtures, tmp_path, tiny_run, monkeypatch, signum, updates
):
    settings = {"trainer": {"callbacks": ["signal_after"]}}
    monkeypatch.setattr(SignalAfter, "signum", signum)
    monkeypatch.setattr(SignalAfter, "updates", updates)
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(TrainingStopped, match="--recover") as stopped:
        train(fixtures, tmp_path / "run", **settings)
    assert stopped.value.exit_code == 128 + signum
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
    newest = max((tmp_path / "run").glob("training_state_e*"), key=lambda path: path.stat().st_mtime_ns)
    assert torch.load(newest)["total_batches_completed"] == updates
    SignalAfter.updates = 0
    train(fixtures, tmp_path / "run", recover=True, **settings)
    assert_same_results(tmp_path / "run", tiny_run)


def test_a_signal_during_validation_ends_it(fixtures, tmp_path, tiny_run, monkeypatch):
    validated = []

    class Evaluation(TaskEvaluation):
        def add(self, batch):
            assert "emd" not in validated, "the batches after the signal are not evaluated"
            validated.append(self.task)
            if self.task == "emd":
                os.kill(os.getpid(), signal.SIGTERM)
            return super().add(batch)

    monkeypatch.setattr(loop_module, "TaskEvaluation", Evaluation)
    # Twice: the recovered run is at the end of the epoch's updates, and is stopped there again.
    for recover in (False, True):
        validated.clear()
        with pytest.raises(TrainingStopped):
            train(fixtures, tmp_path / "run", recover=recover)
        assert validated == ["ner", "emd"]
    monkeypatch.setattr(loop_module, "TaskEvaluation", TaskEvaluation)
    train(fixtures, tmp_path / "run", recover=True)
    assert_same_results(tmp_path / "run", tiny_run)


@pytest.mark.slow
@pytest.mark.parametrize("signum, word", [(signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")])
def test_the_command_line_stops_on_signals(fixtures, tmp_path, signum, word):
    limits = json.dumps({"trainer.num_epochs": 10000, "trainer.patience": 10000})
    command = [sys.executable, "-m", "hmtl", "train", fixtures / "tiny.jsonnet", "-s", tmp_path / "run", "-o", limits]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OMP_NUM_THREADS": "1"}
    with open(tmp_path / "stderr", "w") as stderr:
        # What a test runner in the background ignores, its children would ignore too.
        process = subprocess.Popen(
            command, env=environment, stderr=stderr, preexec_fn=lambda: signal.signal(signum, signal.SIG_DFL)
        )
        while process.poll() is None and not list((tmp_path / "run").glob("checkpoint_e1_*.json")):
            time.sleep(0.05)
        process.send_signal(signum)
        assert process.wait() == 128 + signum
    errors = (tmp_path / "stderr").read_text()
    assert "Traceback" not in errors
    last = errors.splitlines()[-1]
    assert last.startswith(f"hmtl: {word}; a checkpoint is saved") and "--recover" in last
    assert list((tmp_path / "run").glob("checkpoint_e*.json"))


def test_a_full_disk_ends_training_and_the_run_goes_on_from_the_last_checkpoint(
    fixtures, tmp_path, tiny_run, monkeypatch, capsys
):
    run, fsync = tmp_path / "run", os.fsync

    def full_after_the_first_epoch(descriptor):
        if (run / "checkpoint_e1_b0.json").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full_after_the_first_epoch)
    arguments = ["train", str(fixtures / "tiny.jsonnet"), "-s", str(run)]
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    errors = capsys.readouterr().err
    assert stopped.value.code == 2
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith(f"hmtl: error: {run}/")
    assert errors.splitlines()[-1].endswith(": cannot be written: no space left on device")
    monkeypatch.setattr(os, "fsync", fsync)
    main([*arguments, "--recover"])
    assert_same_results(run, tiny_run)


def test_a_run_that_was_killed_while_it_was_archived_is_finished(fixtures, tmp_path, tiny_run):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    (run / "metrics.json").unlink()
    (run / "model.tar.gz").write_bytes((run / "model.tar.gz").read_bytes()[:100])
    main(["train", str(fixtures / "tiny.jsonnet"), "-s", str(run), "--recover"])
    assert_same_results(run, tiny_run)
    assert load_archive(run / "model.tar.gz").model.vocab.get_vocab_size("ner_labels")


def test_a_damaged_checkpoint_costs_the_updates_since_the_one_before_and_nothing_else(
    fixtures, tmp_path, tiny_run, caplog
):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    newest = run / "model_state_e2_b0.th"
    newest.write_bytes(newest.read_bytes()[:-1])
    train(fixtures, run, recover=True)
    assert f"{newest} is damaged" in (run / "out.log").read_text()
    assert_same_results(run, tiny_run)


@pytest.mark.parametrize("shared_optimizer", [False, True])
def test_an_update_moves_what_its_task_reaches_and_nothing_else(fixtures, tmp_path, shared_optimizer):
    settings = {"optimizer": {"type": "adam", "lr": 0.01}, "shared_optimizer": shared_optimizer}
    trainer = build(fixtures, tmp_path, trainer=settings)
    model = trainer.model.train()
    # Momentum of an earlier update of another task must not move anything either.
    trainer.loop.update({"relation": next(trainer.data_loader.stream("relation"))})
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    trainer.loop.update({"ner": next(trainer.data_loader.stream("ner"))})
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    reached = {name for name, _ in model.parameters_of("ner")}
    assert moved <= reached
    assert {name.split(".")[1] for name in moved if name.startswith(("heads", "encoders"))} == {"ner"}
    if not shared_optimizer:
        assert trainer.state.optimizers["emd"].num_steps == 0
        assert not trainer.state.optimizers["emd"].optimizer.state


def test_gradients_are_rescaled_and_clipped(fixtures, tmp_path):
    limits = {"optimizer": {"type": "sgd", "lr": 1.0}, "grad_norm": 0.01, "grad_clipping": 0.002}
    trainer = build(fixtures, tmp_path, trainer=limits)
    parameters = [parameter for _, parameter in trainer.model.parameters_of("emd")]
    before = [parameter.clone() for parameter in parameters]
    trainer.model.train()
    trainer.loop.update({"emd": next(trainer.data_loader.stream("emd"))})
    change = torch.cat([(parameter - old).flatten() for parameter, old in zip(parameters, before)])
    assert 0 < change.norm() <= 0.01 + 1e-6
    assert change.abs().max() <= 0.002 + 1e-6


def test_an_epoch_draws_as_many_batches_as_all_tasks_have(fixtures, tmp_path):
    trainer = build(fixtures, tmp_path)
    made = [event for event in trainer.loop.train_epoch() if isinstance(event, UpdateMade)]
    assert [event.step for event in made] == list(range(len(trainer.data_loader)))
    assert [event.is_last for event in made] == [False] * (len(made) - 1) + [True]
    summary = trainer.state.losses.summary()
    assert sum(summary[f"{task}_updates"] for task in TASKS) == len(trainer.data_loader)
    assert sum(summary[f"{task}_share"] for task in TASKS) == pytest.approx(1.0)


def test_training_ends_when_every_task_is_out_of_patience(fixtures, tmp_path):
    # Without learning no score improves after the first validation; one of 0 would spend no patience.
    settings = {"optimizer": {"type": "sgd", "lr": 0.0}, "min_learning_rate": -1.0, "patience": 2, "num_epochs": 50}
    train(fixtures, tmp_path / "run", trainer={**settings, "validation_metric": "-loss"})
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["epoch"] == 2


def test_training_ends_when_every_learning_rate_is_below_the_minimum(fixtures, tmp_path):
    plateau = {"type": "reduce_on_plateau", "mode": "max", "factor": 0.01, "patience": 0}
    # What so small a rate gains is less than an improvement.
    plateau.update(threshold=1.0, threshold_mode="abs")
    settings = {"optimizer": {"type": "sgd", "lr": 1e-6}, "learning_rate_scheduler": plateau, "num_epochs": 50}
    train(fixtures, tmp_path / "run", trainer={**settings, "validation_metric": "-loss"})
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["epoch"] == 1


def only_ner_learns(learning_rate, of_others):
    """An optimizer that gives the head of NER, which no other task reaches, a learning rate of its own."""
    return {"type": "adam", "lr": of_others, "parameter_groups": [[["heads.ner"], {"lr": learning_rate}]]}


def test_training_goes_on_while_one_task_has_patience(fixtures, tmp_path):
    settings = {
        "optimizer": only_ner_learns(0.03, of_others=0.0),
        # From epoch 4 on nothing learns.
        "learning_rate_scheduler": {"type": "step", "step_size": 4, "gamma": 0.0},
        "validation_metric": "-loss",
        "sampler": "uniform",
        "min_learning_rate": -1.0,
        "patience": 2,
        "num_epochs": 50,
    }
    metrics = build(fixtures, tmp_path, trainer=settings).train()
    best = {task: metrics[f"best_epoch_{task}"] for task in TASKS}
    # The others are out of patience at the end of epoch 2.
    assert best["emd"] == best["relation"] == best["coref"] == 0 < best["ner"]
    assert metrics["epoch"] == best["ner"] + 2


def test_training_goes_on_while_one_learning_rate_is_not_below_the_minimum(fixtures, tmp_path):
    settings = {
        "optimizer": only_ner_learns(0.03, of_others=1e-6),
        # At the ends of epochs 0, 1 and 2 NER's rate is 3e-4, 3e-6 and 3e-8, that of the others 1e-8 and less.
        "learning_rate_scheduler": {"type": "step", "step_size": 1, "gamma": 0.01},
        "min_learning_rate": 1e-7,
        "num_epochs": 50,
    }
    assert build(fixtures, tmp_path, trainer=settings).train()["epoch"] == 2


def test_without_validation_data_the_last_weights_are_kept(fixtures, tmp_path):
    params = tiny_params(fixtures)
    params.pop("validation_data_path")
    params["trainer"].pop("learning_rate_scheduler")
    train_model(params, str(tmp_path / "run"))
    assert_same(load_weights(tmp_path / "run" / "best.safetensors"), last_weights(tmp_path / "run"))


def test_the_penalty_of_a_regularizer_is_part_of_the_loss(fixtures, tmp_path):
    batch_loss = []
    for regularizer in (None, {"regexes": [["encoders.*", {"type": "l2", "alpha": 10.0}]]}):
        torch.manual_seed(0)
        trainer = build(fixtures, tmp_path, model={"regularizer": regularizer} if regularizer else {})
        trainer.model.eval()
        batch = next(trainer.data_loader.batches_of("ner"))
        with torch.no_grad():
            penalty = trainer.model.get_regularization_penalty() if regularizer else 0.0
            batch_loss.append(float(trainer.batch_outputs(batch, for_training=True)["loss"] - penalty))
        assert not regularizer or penalty > 0
    assert batch_loss[0] == pytest.approx(batch_loss[1], rel=1e-5)


def test_tensorboard_writes_the_loss_of_each_task(fixtures, tmp_path):
    callback = {"type": "tensorboard", "summary_interval": 1, "should_log_learning_rate": True}
    train(fixtures, tmp_path / "run", trainer={"callbacks": [callback]})
    events = b"".join(path.read_bytes() for path in (tmp_path / "run" / "log").rglob("events*"))
    for name in (b"batch_emd_loss", b"relation_loss", b"learning_rate"):
        assert name in events


def test_a_loss_that_is_not_a_number_ends_training(fixtures, tmp_path):
    trainer = build(fixtures, tmp_path)
    with torch.no_grad():
        trainer.model.heads["ner"]._projection.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="the loss of task 'ner' became nan in epoch 0"):
        trainer.train()


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"trainer": {"patiense": 3}}, "patiense"),
        ({"trainer": {"validation_metric": {"ner": "+f1"}}}, "validation_metric must name a metric for each"),
        ({"trainer": {"learning_rate_scheduler": {"type": "reduce_on_plateau", "mode": "min"}}}, "mode to 'max'"),
        ({"model": {"levels.extra": EXTRA_LEVEL}}, "no data for extra"),
    ],
)
def test_what_cannot_be_trained_is_refused(fixtures, tmp_path, overrides, message):
    with pytest.raises(ConfigurationError, match=message):
        build(fixtures, tmp_path, **overrides)


def test_a_task_of_the_data_without_a_level_is_refused(fixtures, tmp_path):
    params = tiny_params(fixtures)
    params["model"]["levels"].pop("coref")
    for key in ("random_seed", "numpy_seed", "pytorch_seed"):
        params.pop(key)
    with pytest.raises(ConfigurationError, match="no level for coref"):
        TrainModel.from_params(params, serialization_dir=str(tmp_path), local_rank=0)


def test_recovery_with_other_optimizers_is_refused(fixtures, tmp_path):
    train(fixtures, tmp_path, trainer={"num_epochs": 1})
    trainer = build(fixtures, tmp_path, trainer={"num_epochs": 1, "shared_optimizer": True})
    with pytest.raises(UserError, match="other tasks or optimizers"):
        trainer.train()


def test_evaluation_leaves_no_trace_in_the_metrics(fixtures, tmp_path):
    trainer = build(fixtures, tmp_path)
    trainer.model.eval()
    first = evaluate_task(trainer.model, trainer.validation_data_loader, "emd")
    assert evaluate_task(trainer.model, trainer.validation_data_loader, "emd") == first
    assert trainer.model.get_task_metrics("emd")["f1"] == 0.0
