"""Adapters in a small random BERT, against the BERT that it was."""

import copy

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.modules.token_embedders import TokenEmbedder
from transformers import BertConfig, BertModel

from hmtl.common.weights import load_into, save_weights
from hmtl.modules import TransformerEmbedder, adapters
from hmtl.modules.adapters import Adapters, AdapterSettings

pytest.importorskip("peft")

INPUT = {"input_ids": torch.tensor([[3, 1, 4, 1, 5]])}


def encoder_of() -> BertModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 6}
    return BertModel(BertConfig(vocab_size=9, **sizes), add_pooling_layer=False).eval()


def adapted(tasks=None, kind="LORA", **options):
    encoder = encoder_of()
    return encoder, Adapters(encoder, AdapterSettings(kind, tasks, {"r": 2, **options} if kind == "LORA" else options))


def vectors(encoder):
    with torch.no_grad():
        return encoder(**INPUT).last_hidden_state


def train(encoder, seed=1):
    """As training would, changes what has a gradient, and nothing else."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter))


def test_new_adapters_change_nothing():
    assert torch.equal(vectors(adapted()[0]), vectors(encoder_of()))


def test_the_weights_of_the_encoder_are_frozen_and_come_back_without_adapters():
    encoder, parts = adapted()
    trained = [name for name, parameter in encoder.named_parameters() if parameter.requires_grad]
    # Two matrices beside each linear layer: query, key, value, output, and both of the feed-forward network.
    assert len(trained) == 2 * 2 * 6 and all("lora_" in name for name in trained)
    train(encoder)
    assert not torch.allclose(vectors(encoder), vectors(encoder_of()))
    parts.use(None)
    assert torch.equal(vectors(encoder), vectors(encoder_of()))
    parts.use(adapters.SHARED)
    assert not torch.allclose(vectors(encoder), vectors(encoder_of()))


def test_a_layer_with_lora_is_the_layer_and_a_product_of_two_matrices():
    encoder, _ = adapted(lora_alpha=6)
    train(encoder)
    layer = encoder.encoder.layer[0].attention.self.query
    inputs = torch.randn(3, 8)
    first, second = layer.lora_A[adapters.SHARED].weight, layer.lora_B[adapters.SHARED].weight
    expected = inputs @ layer.base_layer.weight.T + layer.base_layer.bias + 6 / 2 * (inputs @ first.T @ second.T)
    torch.testing.assert_close(layer(inputs), expected)


def test_each_task_has_an_adapter_that_reads_by_itself():
    encoder, parts = adapted(["ner", "emd"])
    assert torch.equal(vectors(encoder), vectors(encoder_of()))
    train(encoder)
    of_task = {}
    for task in ("ner", "emd", "ner"):
        parts.use(task)
        of_task.setdefault(task, []).append(vectors(encoder))
    assert torch.equal(*of_task["ner"]) and not torch.allclose(of_task["ner"][0], of_task["emd"][0])
    names = {id(parameter): name for name, parameter in encoder.named_parameters()}
    others = [names[id(parameter)] for parameter in parts.parameters_of_others(encoder, ["ner"])]
    assert len(others) == 24 and all(".emd." in name for name in others)


def test_gradients_flow_into_the_adapters_of_all_that_was_read():
    encoder, parts = adapted(["ner", "emd"])
    train(encoder)
    total = torch.zeros(())
    for task in ("ner", "emd"):
        parts.use(task)
        total = total + encoder(**INPUT).last_hidden_state.square().mean() * (2.0 if task == "emd" else 1.0)
    total.backward()
    both = {name: parameter.grad.clone() for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert len(both) == 48
    for task, weight in (("ner", 1.0), ("emd", 2.0)):
        encoder.zero_grad()
        parts.use(task)
        (encoder(**INPUT).last_hidden_state.square().mean() * weight).backward()
        for name, parameter in encoder.named_parameters():
            if f".{task}." in name:
                torch.testing.assert_close(parameter.grad, both[name])
            else:
                assert parameter.grad is None


def test_what_is_frozen_stays_frozen():
    encoder, parts = adapted(["ner", "emd"])
    encoder.requires_grad_(False)
    parts.use("emd")
    parts.use(None)
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_other_kinds_of_adapters():
    encoder, _ = adapted(kind="IA3", target_modules=["key", "value"], feedforward_modules=[])
    trained = [name for name, parameter in encoder.named_parameters() if parameter.requires_grad]
    assert len(trained) == 4 and all("ia3_l" in name for name in trained)


@pytest.mark.parametrize(
    "kind, options, message",
    [
        ("LORRA", {}, "peft has no 'LORRA'; it has: .*LORA"),
        ("LORA", {"rank": 4}, "peft refuses LORA .*rank"),
        ("LORA", {"target_modules": ["nowhere"]}, "peft refuses LORA .*nowhere"),
    ],
)
def test_what_peft_does_not_know_is_refused(kind, options, message):
    with pytest.raises(ConfigurationError, match=message):
        Adapters(encoder_of(), AdapterSettings(kind, None, options))


def test_an_embedder_with_adapters_from_configuration_to_weights(transformer, tmp_path):
    config = {"type": "hmtl_transformer", "model_name": transformer, "adapters": {"options": {"r": 2}}}
    embedder = TokenEmbedder.from_params(Params(copy.deepcopy(config)))
    assert embedder._scalar_mix is None and embedder.train().transformer_model.training
    train(embedder)
    save_weights(tmp_path / "weights.safetensors", embedder.state_dict())
    # As an archive is loaded: nothing is read but what it holds.
    loaded = TokenEmbedder.from_params(Params({**copy.deepcopy(config), "load_weights": False}))
    load_into(loaded, tmp_path / "weights.safetensors")
    inputs = {"token_ids": torch.tensor([[2, 5, 6, 3]]), "mask": torch.ones(1, 2, dtype=torch.bool)}
    inputs["wordpiece_mask"] = torch.ones(1, 4, dtype=torch.bool)
    inputs["word_numbers"] = torch.tensor([[0, 1, 2, 0]])
    expected = embedder.eval()(**inputs)
    assert torch.equal(loaded.eval()(**inputs), expected)
    assert not torch.allclose(expected, TransformerEmbedder(transformer, last_layer_only=True)(**inputs))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"train_parameters": True, "adapters": AdapterSettings()}, "adapters are trained in the place of"),
        ({"gradient_checkpointing": True, "adapters": AdapterSettings(tasks=["ner"])}, "gradient_checkpointing reads"),
    ],
)
def test_what_does_not_go_with_adapters_is_refused(transformer, options, message):
    with pytest.raises(ConfigurationError, match=message):
        TransformerEmbedder(transformer, **options)
