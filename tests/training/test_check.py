"""What is said of a configuration before any data are read."""

import json
import time
from pathlib import Path

import pytest
import torch
from allennlp.common import Params

import hmtl  # noqa: F401
from hmtl.common.explain import explain
from hmtl.common.overrides import read_overrides
from hmtl.training.check import check_configuration

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATIONS = sorted(path for path in (ROOT / "configs").rglob("*.jsonnet") if path.parent.name != "search")


def checked(fixtures: Path, override: str) -> str:
    """What is said of the tiny configuration with an override; nothing where it passes."""
    params = Params.from_file(fixtures / "tiny.jsonnet", json.dumps([read_overrides(override)]))
    before = json.dumps(params.as_dict(quiet=True))
    try:
        check_configuration(params)
    except Exception as error:
        return explain(error) or "no mistake of the user's"
    finally:
        assert json.dumps(params.as_dict(quiet=True)) == before
    return ""


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=[str(path.relative_to(ROOT)) for path in CONFIGURATIONS])
def test_every_shipped_configuration_passes_without_any_data(path, monkeypatch):
    for name in ("HMTL_DATA", "HMTL_TRANSFORMER", "HMTL_GLOVE", "HMTL_ELMO", "HMTL_ARCHIVE"):
        monkeypatch.setenv(name, "nowhere")
    check_configuration(Params.from_file(path))


MISTAKES = [
    ("trainer.num_epoch=3", "trainer.num_epoch: MultiTaskTrainer has no such key; did you mean 'num_epochs'?"),
    ("model.levls=3", "model.levls: HMTL has no such key; did you mean 'levels'?"),
    ("trainr=3", "trainr: TrainModel has no such key; did you mean 'trainer'?"),
    ("data_loader.batchsize=3", "data_loader.batchsize: PerTaskDataLoader has no such key; did you mean 'batch_size'?"),
    ("vocabulary.min_cnt=3", "vocabulary.min_cnt: Vocabulary has no such key; did you mean 'min_count'?"),
    (
        # Handed on to AllenNLP's reader by **kwargs.
        "dataset_reader.readers.ner.max_instance=3",
        "dataset_reader.readers.ner.max_instance: TaggingReader has no such key; did you mean 'max_instances'?",
    ),
    (
        "model.levels.ner.encoder.hidden_sise=3",
        "model.levels.ner.encoder.hidden_sise: PaddedLstmEncoder has no such key; did you mean 'hidden_size'?",
    ),
    (
        "trainer.sampler={type: 'power', alhpa: 1}",
        "trainer.sampler.alhpa: PowerSampler has no such key; did you mean 'alpha'?",
    ),
    ("trainer.sampler=powr", "trainer.sampler.type: no class is registered as 'powr'; did you mean 'power'?"),
    ("trainer.callbacks=['learning_curve']", "trainer.callbacks.0.type: no class is registered as 'learning_curve'"),
    ("trainer.num_epochs=three", 'trainer.num_epochs: expected a whole number, found "three"'),
    ("trainer.num_epochs=2.5", "trainer.num_epochs: expected a whole number, found 2.5"),
    ("trainer.grad_norm=yes", 'trainer.grad_norm: expected a number, found "yes"'),
    ("trainer.shared_optimizer=no", 'trainer.shared_optimizer: expected true or false, found "no"'),
    ("trainer.precision=16", "trainer.precision: expected a string, found 16"),
    ("model=[]", "model: expected an object, found []"),
    ("trainer.optimizer.lr=-1", "trainer.optimizer: Invalid learning rate: -1"),
    ("trainer.optimizer.betas=[2, 3]", "trainer.optimizer: Invalid beta parameter at index 0: 2"),
    (
        "trainer.learning_rate_scheduler={type: 'reduce_on_plateau', factor: 2}",
        "trainer.learning_rate_scheduler: Factor should be < 1.0.",
    ),
    ("model.levels.ner.encoder.hidden_size=0", "model.levels.ner.encoder: hidden_size must be greater than zero"),
    (
        "model.levels.ner.encoder={type: 'pytorch_transformer', input_dim: 40, num_layers: 1, num_attention_heads: 7}",
        "model.levels.ner.encoder: embed_dim must be divisible by num_heads",
    ),
    ("model.levels.ner.reads=['x']", "level 'ner' reads the unknown level 'x'"),
    ("model.levels.ner.reads_label_embeddings=['x']", "level 'ner' reads the unknown level 'x'"),
    ("model.levels.ner.label_embedding_dim=0", "model.levels.ner.label_embedding_dim is 0; it must be at least 1"),
    (f"trainer.cuda_device={torch.cuda.device_count()}", "trainer.cuda_device: no GPU "),
]


@pytest.mark.parametrize("override, message", MISTAKES, ids=[override for override, _ in MISTAKES])
def test_a_mistake_is_named_by_its_key(fixtures, override, message):
    assert checked(fixtures, override).startswith(message)


@pytest.mark.parametrize(
    "override",
    [
        # As many heads as divide what is not known here, 12 of 60 say.
        "model.levels.ner.encoder={type: 'pytorch_transformer', num_layers: 1, num_attention_heads: 12}",
        "model.levels.ner.encoder={type: 'pass_through'}",
        "model.levels.ner.encoder={type: 'gated-cnn-encoder', layers: [[[4, 16]]]}",
        "trainer.learning_rate_scheduler={type: 'linear_with_warmup', warmup_steps: 100}",
        "trainer.learning_rate_scheduler={type: 'slanted_triangular', gradual_unfreezing: true}",
        "trainer.optimizer={type: 'adamw', parameter_groups: [[['embedder'], {lr: 1e-5}]]}",
        "trainer.optimizer.lr=0",
        "trainer.cuda_device=-1",
        "distributed={cuda_devices: [-1, -1]}",
    ],
)
def test_what_only_the_data_can_tell_passes(fixtures, override):
    assert checked(fixtures, override) == ""


def test_it_takes_a_moment(fixtures):
    params = Params.from_file(fixtures / "tiny.jsonnet")
    check_configuration(params)
    start = time.process_time()
    check_configuration(params)
    assert time.process_time() - start < 1
