"""The groups of FinetuningAdamW, and fused kernels against Adam written out (Kingma and Ba 2015, algorithm 1; AdamW:
Loshchilov and Hutter 2019)."""

import copy
import math

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.training.optimizers import Optimizer
from transformers import BertConfig, BertModel

from hmtl.training.optimizers import use_fused_kernels

BETAS, EPS, LR = (0.9, 0.999), 1e-8, 0.01


def parameters():
    torch.manual_seed(0)
    return [(name, torch.nn.Parameter(torch.randn(*shape))) for name, shape in (("a", (7, 5)), ("b", (3,)))]


def optimizer_of(named, **options):
    optimizer = Optimizer.from_params(Params({"lr": LR, **options}), model_parameters=[list(pair) for pair in named])
    use_fused_kernels(optimizer)
    return optimizer


def give_gradients(named, step):
    torch.manual_seed(step)
    for _, parameter in named:
        parameter.grad = torch.randn_like(parameter)


def written_out(value, gradients, weight_decay=0.0):
    """The parameter after steps along `gradients`, in double precision."""
    value, mean, square = value.double(), 0.0, 0.0
    for step, gradient in enumerate(gradients, start=1):
        gradient = gradient.double()
        value = value * (1 - LR * weight_decay)
        mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
        square = BETAS[1] * square + (1 - BETAS[1]) * gradient**2
        corrected = mean / (1 - BETAS[0] ** step)
        value = value - LR * corrected / (torch.sqrt(square / (1 - BETAS[1] ** step)) + EPS)
    return value


@pytest.mark.parametrize("kind, decay", [("adam", 0.0), ("adamw", 0.1)])
def test_steps_are_those_of_the_algorithm(kind, decay):
    named = parameters()
    before = [parameter.detach().clone() for _, parameter in named]
    optimizer = optimizer_of(named, type=kind, weight_decay=decay)
    assert [group["fused"] for group in optimizer.param_groups] == [True]
    gradients = []
    for step in range(5):
        give_gradients(named, step)
        gradients.append([parameter.grad.clone() for _, parameter in named])
        optimizer.step()
    for (_, parameter), value, of_steps in zip(named, before, zip(*gradients)):
        expected = written_out(value, of_steps, decay)
        torch.testing.assert_close(parameter.detach().double(), expected, rtol=0, atol=1e-6)


def test_a_parameter_without_a_gradient_is_left_alone():
    named = parameters()
    optimizer = optimizer_of(named, type="adam")
    give_gradients(named, 0)
    optimizer.step()
    before, named[1][1].grad = named[1][1].detach().clone(), None
    optimizer.step()
    assert torch.equal(named[1][1], before)
    assert [float(optimizer.state[parameter]["step"]) for _, parameter in named] == [2, 1]


@pytest.mark.parametrize("saved_fused", [False, True])
def test_a_saved_state_goes_on_in_its_own_way(saved_fused):
    named = parameters()
    saved = Optimizer.from_params(Params({"type": "adam", "lr": LR}), model_parameters=[list(pair) for pair in named])
    if saved_fused:
        use_fused_kernels(saved)
    give_gradients(named, 0)
    saved.step()
    copied = [(name, torch.nn.Parameter(parameter.detach().clone())) for name, parameter in named]
    loaded = optimizer_of(copied, type="adam")
    loaded.load_state_dict(copy.deepcopy(saved.state_dict()))
    for pairs, optimizer in ((named, saved), (copied, loaded)):
        give_gradients(pairs, 1)
        optimizer.step()
    assert loaded.param_groups[0]["fused"] == (True if saved_fused else None)
    for (_, expected), (_, found) in zip(named, copied):
        assert torch.equal(found, expected)


def test_other_optimizers_and_explicit_choices_stay_as_they_are():
    named = parameters()
    assert optimizer_of(named, type="sgd").param_groups[0]["fused"] is None
    groups = [[["a"], {"fused": False}], [["b"], {}]]
    by_name = {
        group["params"][0].shape: group["fused"]
        for group in optimizer_of(named, type="adam", parameter_groups=groups).param_groups
        if group["params"]
    }
    assert by_name == {(7, 5): False, (3,): True}


def test_the_parts_of_several_optimizers_are_fused():
    named = parameters()
    parts = {"default": {"type": "adam", "lr": LR}, "other": {"type": "sgd", "lr": LR}}
    groups = [[["b"], {"optimizer_name": "other"}]]
    optimizer = optimizer_of_several(named, parts, groups)
    assert optimizer.optimizers["default"].param_groups[0]["fused"] is True
    before = [parameter.detach().clone() for _, parameter in named]
    give_gradients(named, 0)
    gradients = [parameter.grad.clone() for _, parameter in named]
    optimizer.step()
    expected = [written_out(before[0], gradients[:1]), before[1].double() - LR * gradients[1].double()]
    for (_, parameter), value in zip(named, expected):
        torch.testing.assert_close(parameter.detach().double(), value, rtol=0, atol=1e-6)


def optimizer_of_several(named, parts, groups):
    params = Params({"type": "multi", "optimizers": parts, "parameter_groups": groups})
    optimizer = Optimizer.from_params(params, model_parameters=[list(pair) for pair in named])
    use_fused_kernels(optimizer)
    return optimizer


def test_a_scaler_leaves_out_steps_along_infinite_gradients():
    named = parameters()
    optimizer = optimizer_of(named, type="adam")
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    before = [parameter.detach().clone() for _, parameter in named]
    for broken in (True, False):
        give_gradients(named, 0)
        scaler.scale(torch.zeros(()))
        if broken:
            named[0][1].grad[0, 0] = math.inf
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        for (_, parameter), value in zip(named, before):
            assert torch.equal(parameter, value) == broken
    assert float(optimizer.state[named[0][1]]["step"]) == 1


class WithEncoder(torch.nn.Module):
    """Names as those of a model: an encoder of two layers, and a head."""

    def __init__(self):
        super().__init__()
        sizes = {"hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 4}
        self.embedder = torch.nn.ModuleDict({"transformer_model": BertModel(BertConfig(vocab_size=9, **sizes))})
        self.embedder["mix"] = torch.nn.Linear(3, 1)
        # A number that is none of the encoder's layers.
        self.heads = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.LayerNorm(3))


def groups_of(model, **options):
    params = Params({"type": "finetuning_adamw", "lr": 0.01, "encoder_lr": 0.001, "weight_decay": 0.1, **options})
    optimizer = Optimizer.from_params(params, model_parameters=[list(pair) for pair in model.named_parameters()])
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [(group, [name_of[id(each)] for each in group["params"]]) for group in optimizer.param_groups]
    assert sorted(name for _, names in groups for name in names) == sorted(name_of.values())
    return {name: group for group, names in groups for name in names}


def test_groups_hold_every_parameter_once_with_its_rate_and_decay():
    model = WithEncoder()
    found = groups_of(model)
    for name, _ in model.named_parameters():
        of_encoder = name.startswith("embedder.transformer_model.")
        no_decay = name.endswith("bias") or "LayerNorm" in name or name == "heads.1.weight"
        assert found[name]["lr"] == (0.001 if of_encoder else 0.01), name
        assert found[name]["weight_decay"] == (0.0 if no_decay else 0.1), name
        assert found[name]["part"] == ("encoder" if of_encoder else "heads")
    assert len({id(group) for group in found.values()}) == 4


def test_lower_layers_learn_more_slowly():
    found = groups_of(WithEncoder(), layer_decay=0.5)
    of = "embedder.transformer_model."
    rates = {
        f"{of}embeddings.word_embeddings.weight": 0.00025,
        f"{of}embeddings.LayerNorm.weight": 0.00025,
        f"{of}encoder.layer.0.output.dense.weight": 0.0005,
        f"{of}encoder.layer.1.output.dense.bias": 0.001,
        f"{of}pooler.dense.weight": 0.001,
        "embedder.mix.weight": 0.01,
        "heads.0.weight": 0.01,
    }
    assert {name: found[name]["lr"] for name in rates} == rates
    assert found[f"{of}encoder.layer.0.output.dense.weight"]["part"] == "encoder.layer.1"
    assert found[f"{of}embeddings.LayerNorm.weight"]["part"] == "encoder.embeddings"


def test_a_task_that_reaches_the_upper_layers_alone_has_the_same_rates():
    model = WithEncoder()
    whole = groups_of(model, layer_decay=0.5)
    model.embedder["transformer_model"].encoder.layer[0].requires_grad_(False)
    reached = [[name, each] for name, each in model.named_parameters() if each.requires_grad]
    params = Params({"type": "finetuning_adamw", "lr": 0.01, "encoder_lr": 0.001, "layer_decay": 0.5})
    name_of = {id(parameter): name for name, parameter in reached}
    for group in Optimizer.from_params(params, model_parameters=reached).param_groups:
        assert all(whole[name_of[id(each)]]["lr"] == group["lr"] for each in group["params"])


def test_a_step_is_that_of_adamw_with_these_rates():
    model = WithEncoder()
    named = dict(model.named_parameters())
    before = {name: parameter.detach().clone() for name, parameter in named.items()}
    groups = groups_of(model, lr=LR, encoder_lr=LR / 2)
    optimizer = Optimizer.from_params(
        Params({"type": "finetuning_adamw", "lr": LR, "encoder_lr": LR, "weight_decay": 0.1}),
        model_parameters=[list(pair) for pair in named.items()],
    )
    use_fused_kernels(optimizer)
    give_gradients(list(named.items()), 0)
    gradients = {name: parameter.grad.clone() for name, parameter in named.items()}
    optimizer.step()
    for name, parameter in named.items():
        expected = written_out(before[name], [gradients[name]], groups[name]["weight_decay"])
        torch.testing.assert_close(parameter.detach().double(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 1.1])
def test_a_layer_decay_that_is_none_is_refused(decay):
    with pytest.raises(ConfigurationError, match="layer_decay is"):
        groups_of(WithEncoder(), layer_decay=decay)
