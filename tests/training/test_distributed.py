"""Workers that talk to one another, and two workers with half the batch each against one process."""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
import torch
from allennlp.training.callbacks import TrainerCallback
from test_trainer import TASKS, assert_same_results, last_weights, tiny_params, train
from workers import environments, processes, run_workers

from hmtl.cli import main
from hmtl.common.distributed import (
    all_reduce_max,
    all_reduce_sum,
    broadcast,
    broadcast_object,
    get_rank,
    get_world_size,
)


def talk():
    mine = get_rank()
    matrix, number = torch.full((2, 3), mine + 1.0), torch.tensor(10.0**mine)
    all_reduce_sum([matrix, number])
    copied = torch.tensor([mine, mine])
    broadcast([copied])
    told = broadcast_object({"from": mine})
    return get_world_size(), mine, matrix.tolist(), number.item(), all_reduce_max(7 * mine), told, copied.tolist()


def test_workers_talk():
    for number, found in enumerate(run_workers(talk)):
        assert found == (2, number, [[3.0] * 3] * 2, 11.0, 7, {"from": 0}, [0, 0])


def test_without_workers_each_function_does_what_one_would_do():
    tensor = torch.tensor([2.0])
    all_reduce_sum([tensor])
    broadcast([tensor])
    assert (get_world_size(), get_rank(), tensor.item(), all_reduce_max(3), broadcast_object("x")) == (
        1,
        0,
        2.0,
        3,
        "x",
    )


def train_on_workers(fixtures, directory, num_workers=2, recover=False, **overrides):
    """Trains as `torchrun` would; returns the exit codes."""
    params = tiny_params(fixtures, **overrides).as_dict(quiet=True)
    configuration = directory.with_suffix(".json")
    configuration.write_text(json.dumps(params))
    arguments = ["train", str(configuration), "-s", str(directory)] + ["--recover"] * recover
    workers = [
        processes().Process(target=run_command_line, args=(arguments, environment))
        for environment in environments(num_workers)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [worker.exitcode for worker in workers]


def run_command_line(arguments, environment):
    os.environ.update(environment)
    torch.set_num_threads(1)
    main(arguments)


def settings(fixtures, batch_size, weights=None, **trainer):
    """52 updates with SGD and without dropout, validated on the training data, from trained weights where given."""
    train_data = str(fixtures / "jsonl" / "train.jsonl")
    start = {"type": "normal", "std": 1.0}
    if weights is not None:
        start = {"type": "pretrained", "weights_file_path": str(weights), "parameter_name_overrides": {}}
    return {
        "model": {
            **{f"levels.{task}.input_dropout": 0.0 for task in TASKS},
            **{f"levels.{task}.head.dropout": 0.0 for task in TASKS},
            **{f"levels.{task}.encoder.hidden_size": 24 for task in TASKS},
            "initializer.regexes": [[".*" if weights is not None else "token_embedder_tokens.weight", start]],
            "levels.relation.head.prior_probability": 0.1,
            "levels.relation.head.threshold": 0.06,
            "levels.coref.head.spans_per_word": 8.0,
        },
        "validation_data_path": dict.fromkeys(TASKS, train_data),
        "data_loader": {"batch_size": batch_size},
        # The mean loss of batches depends on their size.
        "validation_data_loader": {"batch_size": batch_size},
        "trainer": {
            "optimizer": {"type": "sgd", "lr": 0.05},
            "sampler": "uniform",
            "num_epochs": 4,
            "patience": 4,
            **trainer,
        },
    }


def metrics_of(directory):
    """The metrics of all epochs, without the times."""
    paths = sorted(directory.glob("metrics_epoch_*.json"))
    found = {(path.name, name): value for path in paths for name, value in json.loads(path.read_text()).items()}
    return {key: value for key, value in found.items() if key[1] != "training_duration"}


@pytest.fixture(scope="module")
def trained(fixtures, tmp_path_factory):
    """Weights that predict something for each task, so that F1 is a number to compare."""
    directory = tmp_path_factory.mktemp("trained") / "run"
    adam = {"optimizer": {"type": "adam", "lr": 0.02}, "num_epochs": 15, "patience": 15}
    train(fixtures, directory, **settings(fixtures, batch_size=2, **adam))
    return directory / "best.safetensors"


@pytest.fixture(scope="module")
def one_process(fixtures, tmp_path_factory, trained):
    """The run of one process."""
    directory = tmp_path_factory.mktemp("one") / "run"
    train(fixtures, directory, **settings(fixtures, batch_size=2, weights=trained))
    metrics = metrics_of(directory)
    updates = sum(value for (_, name), value in metrics.items() if re.fullmatch(r"training_[a-z]+_updates", name))
    assert updates >= 50
    for task in TASKS:
        scores = {value for (_, name), value in metrics.items() if name == f"validation_{task}_f1"}
        assert max(scores) > 0
    return directory


def assert_same_training(directory, reference):
    ours, theirs = metrics_of(directory), metrics_of(reference)
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert ours[key] == pytest.approx(value, rel=1e-5, abs=1e-5), key
    ours, theirs = last_weights(directory), last_weights(reference)
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


def test_two_workers_with_half_the_batch_train_as_one_process(fixtures, tmp_path, trained, one_process):
    same = settings(fixtures, batch_size=1, weights=trained)
    assert train_on_workers(fixtures, tmp_path / "run", **same) == [0, 0]
    assert_same_training(tmp_path / "run", one_process)


def test_a_batch_in_two_parts_trains_as_the_whole(fixtures, tmp_path, trained, one_process):
    train(
        fixtures, tmp_path / "run", **settings(fixtures, batch_size=1, weights=trained, gradient_accumulation_steps=2)
    )
    ours, theirs = last_weights(tmp_path / "run"), last_weights(one_process)
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


def test_heads_of_spans_train_alike_on_workers_and_in_parts(fixtures, tmp_path):
    """Nothing is drawn at random: a draw is for the rows of a worker."""

    def of_spans(batch_size, **trainer):
        found = settings(fixtures, batch_size, num_epochs=3, **trainer)
        drawing = {"levels.relation.head.num_drawn_spans": 0, "levels.emd.head.negative_share": 1.0}
        # So many spans are likely from the start that not all are candidates for relations.
        likely = {f"levels.{task}.head.prior_probability": 0.6 for task in ("ner", "emd")}
        found["model"].update({**drawing, **likely})
        return {**found, "configuration": "tiny_spans.jsonnet"}

    train(fixtures, tmp_path / "one", **of_spans(batch_size=2))
    assert train_on_workers(fixtures, tmp_path / "two", **of_spans(batch_size=1)) == [0, 0]
    assert_same_training(tmp_path / "two", tmp_path / "one")
    train(fixtures, tmp_path / "parts", **of_spans(batch_size=1, gradient_accumulation_steps=2))
    for name, tensor in last_weights(tmp_path / "one").items():
        torch.testing.assert_close(last_weights(tmp_path / "parts")[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


def test_labels_that_are_texts_train_alike_on_workers_and_in_parts(fixtures, tmp_path):
    """Each part embeds them for itself."""

    def of_texts(batch_size, **trainer):
        dropout = {"levels.mentions.input_dropout": 0.0, "levels.mentions.head.dropout": 0.0}
        return {
            "configuration": "text_labels.jsonnet",
            "model": {**dropout, "levels.mentions.head.prior_probability": 0.6},
            "data_loader": {"batch_size": batch_size},
            # The mean loss of batches depends on their size.
            "validation_data_loader": {"batch_size": batch_size},
            "trainer": {"optimizer": {"type": "sgd", "lr": 0.01}, "num_epochs": 2, **trainer},
        }

    train(fixtures, tmp_path / "one", **of_texts(batch_size=4))
    assert train_on_workers(fixtures, tmp_path / "two", **of_texts(batch_size=2)) == [0, 0]
    assert_same_training(tmp_path / "two", tmp_path / "one")
    train(fixtures, tmp_path / "parts", **of_texts(batch_size=2, gradient_accumulation_steps=2))
    for name, tensor in last_weights(tmp_path / "one").items():
        torch.testing.assert_close(last_weights(tmp_path / "parts")[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


def test_questions_train_alike_on_workers_and_in_parts(fixtures, tmp_path):
    """Each part reads its own; the windows of a document may be on several workers."""

    def of_questions(batch_size, **trainer):
        dropout = {"levels.questions.input_dropout": 0.0, "levels.questions.head.dropout": 0.0}
        options = {"levels.questions.head.unanswered_share": 1.0, "levels.questions.head.prior_probability": 0.6}
        return {
            "configuration": "questions.jsonnet",
            "model": {**dropout, **options},
            "data_loader": {"batch_size": batch_size},
            "validation_data_loader": {"batch_size": batch_size},
            "trainer": {"optimizer": {"type": "sgd", "lr": 0.001}, "num_epochs": 2, **trainer},
        }

    train(fixtures, tmp_path / "one", **of_questions(batch_size=4))
    assert train_on_workers(fixtures, tmp_path / "two", **of_questions(batch_size=2)) == [0, 0]
    assert_same_training(tmp_path / "two", tmp_path / "one")
    train(fixtures, tmp_path / "parts", **of_questions(batch_size=2, gradient_accumulation_steps=2))
    for name, tensor in last_weights(tmp_path / "one").items():
        torch.testing.assert_close(last_weights(tmp_path / "parts")[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


# Everything that has a say in an update, at once.
EVERYTHING = {
    "shared_optimizer": True,
    "tasks_per_update": 2,
    "objective": "uncertainty",
    "gradient_aggregator": "nash_mtl",
    "successive_regularization": {"strength": 0.1, "since": "epoch"},
    "gradient_accumulation_steps": 2,
}


def test_all_of_an_update_works_with_workers(fixtures, tmp_path):
    several = {**EVERYTHING, "num_epochs": 8, "optimizer": {"type": "sgd", "lr": 0.05}}
    train(fixtures, tmp_path / "one", **settings(fixtures, batch_size=2, **several))
    assert train_on_workers(fixtures, tmp_path / "two", **settings(fixtures, batch_size=1, **several)) == [0, 0]
    assert_same_training(tmp_path / "two", tmp_path / "one")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_workers_compute_in_16_bits(fixtures, tmp_path, precision):
    trainer = {**EVERYTHING, "num_epochs": 2, "precision": precision}
    assert train_on_workers(fixtures, tmp_path / "run", **settings(fixtures, batch_size=1, **trainer)) == [0, 0]
    assert all(tensor.isfinite().all() for tensor in last_weights(tmp_path / "run").values())


@TrainerCallback.register("end_of_worker")
class EndOfWorker(TrainerCallback):
    """Sends worker 1 a signal after some updates, once."""

    def __init__(self, serialization_dir, signum, updates):
        super().__init__(serialization_dir)
        self.signum, self.updates = signum, updates

    def on_batch(self, trainer, *args, is_primary=True, **kwargs):
        done = Path(self.serialization_dir) / "ended"
        if not is_primary and trainer.updates_completed == self.updates and not done.exists():
            done.touch()
            os.kill(os.getpid(), self.signum)


def interrupted(signum, updates):
    return {
        "callbacks": [{"type": "end_of_worker", "signum": int(signum), "updates": updates}],
        "checkpointer": {"save_every_num_batches": 2},
    }


@pytest.mark.parametrize("signum, codes", [(signal.SIGTERM, [143, 143]), (signal.SIGKILL, [2, -signal.SIGKILL])])
def test_a_run_whose_worker_ended_goes_on_as_if_it_had_not(fixtures, tmp_path, signum, codes):
    """SIGTERM to one worker makes all of them save and stop; SIGKILL ends the other within a minute."""
    whole = settings(fixtures, batch_size=1, **interrupted(signum, updates=0))
    assert train_on_workers(fixtures, tmp_path / "whole", **whole) == [0, 0]
    begin = time.monotonic()
    ended = settings(fixtures, batch_size=1, **interrupted(signum, updates=9))
    assert train_on_workers(fixtures, tmp_path / "run", **ended) == codes
    assert time.monotonic() - begin < 60
    assert train_on_workers(fixtures, tmp_path / "run", recover=True, **ended) == [0, 0]
    assert_same_results(tmp_path / "run", tmp_path / "whole")
