"""The recipe of `experiment.finetune`, from the configuration to archives, with a tiny random encoder."""

import json
import re
from pathlib import Path
from typing import Any, Dict, Set

import pytest
import torch
from _jsonnet import evaluate_snippet
from allennlp.commands.train import TrainModel, train_model
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.training.callbacks import TrainerCallback

import hmtl  # noqa: F401  (registers everything)
from hmtl.cli import main
from hmtl.common.weights import load_weights
from hmtl.models import HMTL
from hmtl.predictors import HMTLPredictor
from hmtl.training.trainer import MultiTaskTrainer

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
TASKS = ["emd", "ner", "relation"]

CONFIGURATION = """
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';
local tasks = corpora.jsonl('%(fixtures)s/jsonl');
local all = levels.spans();
local names = ['ner', 'emd', 'relation'];
experiment.finetune(
  tasks={ [task]: tasks[task] { batch_size: 4 } for task in names },
  embedding=embedders.combine([embedders.transformer('%(transformer)s', %(encoder)s)]),
  levels=%(levels)s,
  num_epochs=2,
  %(options)s
)
"""
DIRECT = "levels.direct({ [task]: all[task] for task in names })"
SHALLOW = "{ [task]: all[task] { encoder+: { hidden_size: 4 } } for task in names }"
ADAPTERS = {
    "all weights": "train=true",
    "one adapter": "adapters=embedders.lora(rank=2)",
    "an adapter a task": "adapters=embedders.lora(rank=2, tasks=names)",
}


def configuration(transformer: str, encoder: str = "train=true", levels: str = DIRECT, options: str = "") -> Any:
    if "adapters" in encoder:
        pytest.importorskip("peft")
    values = dict(locals(), fixtures=FIXTURES)
    return json.loads(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), CONFIGURATION % values))


def trainer_of(config: Dict[str, Any], directory: Path) -> MultiTaskTrainer:
    params = Params(config)
    for key in ("random_seed", "numpy_seed", "pytorch_seed"):
        params.pop(key)
    trainer = TrainModel.from_params(params, serialization_dir=str(directory), local_rank=0).trainer
    assert isinstance(trainer, MultiTaskTrainer)
    return trainer


def changed(model: HMTL, task: str, trainer: MultiTaskTrainer) -> Set[str]:
    """The parameters that an update of the task moves."""
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    model.train()
    trainer.loop.update({task: next(trainer.data_loader.stream(task))})
    return {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}


def test_one_optimizer_holds_every_parameter_once(transformer: str, tmp_path: Path) -> None:
    trainer = trainer_of(configuration(transformer, options="layer_decay=0.5, encoder_lr=0.004, lr=0.01"), tmp_path)
    (state,) = trainer.state.optimizers.values()
    held = [id(each) for group in state.optimizer.param_groups for each in group["params"]]
    trained = {id(each): name for name, each in trainer.model.named_parameters() if each.requires_grad}
    assert sorted(held) == sorted(trained)
    rates: Dict[str, Set[float]] = {}
    for group in state.optimizer.param_groups:
        rates.setdefault(group["part"], set()).add(group["initial_lr"])
        assert all(
            (group["part"] == "heads") == (not trained[id(each)].startswith("text_field_embedder."))
            and (group["weight_decay"] == 0) == (each.dim() < 2)
            for each in group["params"]
        )
    of_layers = {"encoder.embeddings": {0.001}, "encoder.layer.1": {0.002}, "encoder.layer.2": {0.004}}
    assert rates == {"heads": {0.01}, "encoder": {0.004}, **of_layers}


def test_the_rate_follows_the_updates_of_all_tasks(transformer: str, tmp_path: Path) -> None:
    config = configuration(transformer, options="lr=1.0, warmup=0.25, sampler='round_robin'")
    trainer = trainer_of(config, tmp_path)
    num_updates = 2 * sum(trainer.data_loader.num_batches.values())
    warmup = round(num_updates / 4)
    rates = []

    class Watch(TrainerCallback):
        def on_batch(self, trainer: Any, *args: Any, **kwargs: Any) -> None:
            rates.append(trainer.learning_rate("ner"))

    trainer.callbacks.append(Watch(str(tmp_path)))
    trainer.train()
    expected = [
        update / warmup if update <= warmup else (num_updates - update) / (num_updates - warmup)
        for update in range(1, num_updates + 1)
    ]
    assert rates == pytest.approx(expected, abs=1e-9)


def test_heads_straight_on_the_encoder_read_the_nearest_spans_alone(transformer: str, tmp_path: Path) -> None:
    model = trainer_of(configuration(transformer), tmp_path).model
    assert {task: model.encoding_dim(task) for task in model.tasks} == {"ner": 8, "emd": 8, "relation": 8}
    assert model.tasks[-1] == "relation" and model.reads == {task: [] for task in model.tasks}
    assert model.reads_labels == {"ner": [], "emd": [], "relation": ["emd"]}
    assert model.span_tasks["relation"] == ["emd"]
    assert list(model.head("relation").read_labels) == list(model.head("emd").labels)
    reached = {name.split(".")[0] + "." + name.split(".")[1] for name, _ in model.parameters_of("relation")}
    assert reached == {"heads.relation", "text_field_embedder.token_embedder_transformer"}


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_update_moves_what_its_task_reaches_alone(name: str, transformer: str, tmp_path: Path) -> None:
    # Without warm-up the first update has the full rate.
    config = configuration(transformer, ADAPTERS[name], SHALLOW, "warmup=0.0")
    trainer = trainer_of(config, tmp_path)
    names = changed(trainer.model, "emd", trainer)
    assert any(each.startswith("heads.emd.") for each in names)
    assert not any(re.match(r"(heads|encoders)\.relation|heads\.ner", each) for each in names)
    of_encoder = {each.partition("transformer_model.")[2] for each in names if "transformer_model." in each}
    assert of_encoder
    if name == "all weights":
        assert "encoder.layer.0.attention.self.query.weight" in of_encoder
    else:
        assert all("lora_" in each for each in of_encoder)
    if name == "an adapter a task":
        # EMD reads NER's output, which was read with NER's adapter.
        assert {re.search(r"lora_.\.(\w+)\.", each)[1] for each in of_encoder} == {"emd", "ner"}  # type: ignore


@TrainerCallback.register("stop_after_updates")
class StopAfterUpdates(TrainerCallback):
    """Ends training as a kill would, between two updates."""

    updates = 0

    def on_batch(self, trainer: Any, *args: Any, **kwargs: Any) -> None:
        if self.updates and trainer.updates_completed == self.updates:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_resumed_run_ends_with_the_same_weights(name: str, transformer: str, tmp_path: Path) -> None:
    options = "accumulate=2, layer_decay=0.9, trainer={ checkpointer: { save_every_num_batches: 1 }, "
    options += "callbacks: ['stop_after_updates'] }"
    config = configuration(transformer, ADAPTERS[name], options=options)
    StopAfterUpdates.updates = 0
    train_model(Params(json.loads(json.dumps(config))), str(tmp_path / "whole"))
    StopAfterUpdates.updates = 4
    with pytest.raises(KeyboardInterrupt):
        train_model(Params(json.loads(json.dumps(config))), str(tmp_path / "resumed"))
    StopAfterUpdates.updates = 0
    train_model(Params(json.loads(json.dumps(config))), str(tmp_path / "resumed"), recover=True)
    newest = [
        torch.load(max(folder.glob("model_state_e*"), key=lambda path: path.stat().st_mtime_ns))
        for folder in (tmp_path / "whole", tmp_path / "resumed")
    ]
    assert newest[0].keys() == newest[1].keys()
    for key, weight in newest[0].items():
        assert torch.equal(weight, newest[1][key]), key


@pytest.mark.parametrize("name", ADAPTERS)
def test_run_and_archive_predict_the_same_without_the_encoder_s_files(
    name: str, transformer: str, tmp_path: Path
) -> None:
    config = configuration(transformer, ADAPTERS[name], options="encoder_lr=0.01, lr=0.02")
    (tmp_path / "config.json").write_text(json.dumps(config))
    main(["train", str(tmp_path / "config.json"), "-s", str(tmp_path / "run")])
    text = {"sentences": [["Mara", "Lind", "lives", "in", "Oslo", "."], ["She", "slept", "."]]}
    run, archive = (
        HMTLPredictor.load(path).predict_json(text) for path in (tmp_path / "run", tmp_path / "run" / "model.tar.gz")
    )
    assert run == archive and set(TASKS) <= set(run)
    weights = load_weights(tmp_path / "run" / "best.safetensors")
    assert any("lora_" in key for key in weights) == ("adapters" in ADAPTERS[name])


def test_adapters_are_those_of_the_levels(transformer: str, tmp_path: Path) -> None:
    config = configuration(transformer, "adapters=embedders.lora(tasks=['ner', 'coref'])")
    with pytest.raises(ConfigurationError, match="for coref, ner, and the levels that read it are emd, ner, relation"):
        trainer_of(config, tmp_path)


def test_a_level_that_does_not_read_the_encoder_has_no_adapters(transformer: str, tmp_path: Path) -> None:
    config = configuration(transformer, "adapters=embedders.lora(tasks=['ner', 'emd'])")
    config["model"]["levels"]["relation"].update(reads=["emd"], reads_embedding=False)
    model = trainer_of(config, tmp_path).model
    names = [name for name, _ in model.parameters_of("relation") if "lora_" in name]
    assert names and {name.split(".")[-2] for name in names} == {"emd"}


def test_layers_may_be_mixed(transformer: str, tmp_path: Path) -> None:
    mixed = configuration(transformer, "train=true, layers='mix'")
    assert not mixed["model"]["text_field_embedder"]["token_embedders"]["transformer"]["last_layer_only"]
    model = trainer_of(mixed, tmp_path).model
    names = [name for name, _ in model.parameters_of("ner")]
    assert any("_scalar_mix." in name for name in names) and any("transformer_model." in name for name in names)


@pytest.mark.parametrize("options", ["precision='bf16', decay='cosine'", "trainer={ tasks_per_update: 2 }"])
def test_other_settings_train(options: str, transformer: str, tmp_path: Path) -> None:
    metrics = trainer_of(configuration(transformer, options=options), tmp_path).train()
    assert all(0 <= metrics[f"best_validation_{task}_f1"] <= 1 for task in TASKS)
