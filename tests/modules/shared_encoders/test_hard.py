import torch
from allennlp.common import Params

from hmtl.modules import HardSharingEncoder, SharedEncoder

LSTM = {"type": "hmtl_lstm", "hidden_size": 4, "num_layers": 2, "dropout": 0.5}


def build() -> SharedEncoder:
    params = Params({"type": "hard", "encoder": LSTM})
    return SharedEncoder.from_params(params, shared_embedding_dim=5, sharing_tasks=["a", "b", "c"])


def test_every_task_gets_the_output_of_one_encoder_that_runs_once() -> None:
    encoder = build()
    assert isinstance(encoder, HardSharingEncoder)
    embedding, mask = torch.randn(2, 3, 5), torch.tensor([[True] * 3, [True, False, False]])
    calls = []
    encoder.encoder.register_forward_hook(lambda module, inputs, output: calls.append(output))
    # In training: two runs would draw different dropout.
    outputs = encoder.train()(embedding, mask, ["a", "c"])
    assert list(outputs) == ["a", "c"] and len(calls) == 1
    assert all(torch.equal(output, calls[0]) for output in outputs.values())
    assert encoder.get_output_dim() == outputs["a"].size(-1) == 8


def test_both_tasks_gradients_add_up() -> None:
    encoder = build().eval()
    embedding, mask = torch.randn(2, 3, 5), torch.ones(2, 3, dtype=torch.bool)
    weights = {"a": torch.randn(2, 3, 8), "b": torch.randn(2, 3, 8)}
    gradients = {}
    for task, weight in weights.items():
        encoder.zero_grad()
        (encoder(embedding, mask, [task])[task] * weight).sum().backward()
        gradients[task] = {name: parameter.grad.clone() for name, parameter in encoder.named_parameters()}
    encoder.zero_grad()
    outputs = encoder(embedding, mask, ["a", "b"])
    sum((outputs[task] * weight).sum() for task, weight in weights.items()).backward()
    for name, parameter in encoder.named_parameters():
        assert gradients["a"][name].any() and gradients["b"][name].any()
        torch.testing.assert_close(parameter.grad, gradients["a"][name] + gradients["b"][name])


def test_all_parameters_belong_to_every_task() -> None:
    encoder = build()
    names = {name for name, _ in encoder.named_parameters()}
    # Two layers of two directions, with two matrices and two biases each.
    assert len(names) == 16
    assert {name for name, _ in encoder.parameters_of(["b"])} == names
