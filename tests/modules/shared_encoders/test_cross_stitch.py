from typing import Any, Dict, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from hmtl.modules import CrossStitchEncoder, SharedEncoder

TASKS = ["a", "b", "c"]
LSTM = {"type": "hmtl_lstm", "hidden_size": 4}
LINEAR = {"type": "feedforward", "feedforward": {"num_layers": 1, "hidden_dims": 3, "activations": "linear"}}


def build(tasks: List[str], **options: Any) -> CrossStitchEncoder:
    params = Params({"type": "cross_stitch", "layer": LSTM, **options})
    encoder = SharedEncoder.from_params(params, shared_embedding_dim=5, sharing_tasks=tasks)
    assert isinstance(encoder, CrossStitchEncoder)
    return encoder


def set_shares(encoder: CrossStitchEncoder, layer: int, shares: Dict[str, List[float]]) -> None:
    """The shares of a layer's columns in each task, where there are no subspaces."""
    for task, values in shares.items():
        encoder.alphas[layer][task].data = torch.tensor(values).view(1, -1, 1)


def torch_lstm(encoder: CrossStitchEncoder, task: str) -> torch.nn.LSTM:
    """Torch's own bidirectional LSTM with the weights of one column."""
    lstm = torch.nn.LSTM(5, 4, num_layers=len(encoder.layers), bidirectional=True, batch_first=True)
    weights = {}
    for number, columns in enumerate(encoder.layers):
        for direction, suffix in (("_forward_layers.0", ""), ("_backward_layers.0", "_reverse")):
            for name, parameter in columns[task].get_submodule(direction).named_parameters():
                weights[f"{name[:-1]}{number}{suffix}"] = parameter
    lstm.load_state_dict(weights)
    return lstm


@pytest.mark.parametrize("num_layers", [1, 3])
def test_tasks_that_take_nothing_from_others_have_separate_encoders(num_layers: int) -> None:
    encoder = build(TASKS, num_layers=num_layers, own_share=1.0).eval()
    embedding = torch.randn(2, 6, 5)
    outputs = encoder(embedding, torch.ones(2, 6, dtype=torch.bool), TASKS)
    for task in TASKS:
        torch.testing.assert_close(outputs[task], torch_lstm(encoder, task)(embedding)[0])
    assert not torch.allclose(outputs["a"], outputs["b"])


def test_a_task_alone_has_a_plain_encoder() -> None:
    encoder = build(["a"], num_layers=2, own_share=0.5).eval()
    embedding = torch.randn(2, 6, 5)
    output = encoder(embedding, torch.ones(2, 6, dtype=torch.bool), ["a"])["a"]
    torch.testing.assert_close(output, torch_lstm(encoder, "a")(embedding)[0])


def test_mixtures_worked_by_hand() -> None:
    """Layers that multiply by a number: a's by 1 and 3, b's by 2 and -1."""
    params = Params({"type": "cross_stitch", "layer": LINEAR})
    encoder = SharedEncoder.from_params(params, shared_embedding_dim=3, sharing_tasks=["a", "b"])
    for columns, factors in zip(encoder.layers, ((1.0, 2.0), (3.0, -1.0))):
        for column, factor in zip(columns.values(), factors):
            weight, bias = column.parameters()
            weight.data, bias.data = factor * torch.eye(3), torch.zeros(3)
    set_shares(encoder, 0, {"a": [0.5, 0.25], "b": [-1.0, 1.0]})
    set_shares(encoder, 1, {"a": [0.5, 1.0], "b": [2.0, 0.0]})
    embedding = torch.randn(2, 4, 3)
    outputs = encoder(embedding, torch.ones(2, 4, dtype=torch.bool), ["a", "b"])
    # After layer 1 a has 0.5 * 1 + 0.25 * 2 = 1 and b has -1 * 1 + 1 * 2 = 1; layer 2 makes that 3 and -1.
    torch.testing.assert_close(outputs["a"], (0.5 * 3 + 1.0 * -1) * embedding)
    torch.testing.assert_close(outputs["b"], (2.0 * 3) * embedding)


def test_mixtures_of_lstms() -> None:
    encoder = build(["a", "b"], num_layers=1).eval()
    set_shares(encoder, 0, {"a": [0.25, -0.5], "b": [1.5, 0.125]})
    embedding = torch.randn(2, 6, 5)
    a, b = (torch_lstm(encoder, task)(embedding)[0] for task in "ab")
    outputs = encoder(embedding, torch.ones(2, 6, dtype=torch.bool), ["b", "a"])
    torch.testing.assert_close(outputs["a"], 0.25 * a - 0.5 * b)
    torch.testing.assert_close(outputs["b"], 1.5 * a + 0.125 * b)


def test_the_first_shares() -> None:
    encoder = build(TASKS, num_layers=2)
    for layer in encoder.alphas:
        rows = torch.stack([layer[task].view(-1) for task in TASKS])
        torch.testing.assert_close(rows, torch.tensor([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]]))
    rows = build(TASKS, num_subspaces=2, own_share=0.5).alphas[0]["b"].view(2, 6)
    torch.testing.assert_close(rows, torch.tensor([[0.1, 0.1, 0.5, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.5, 0.1, 0.1]]))


def test_a_task_gets_the_same_whichever_others_are_asked_for() -> None:
    encoder = build(TASKS, num_layers=2, own_share=0.6).eval()
    embedding, mask = torch.randn(2, 6, 5), torch.ones(2, 6, dtype=torch.bool)
    together = encoder(embedding, mask, TASKS)
    for tasks in (["b"], ["c", "a"]):
        some = encoder(embedding, mask, tasks)
        assert list(some) == tasks
        for task in tasks:
            torch.testing.assert_close(some[task], together[task])


@pytest.mark.parametrize("num_subspaces", [1, 2])
def test_padding_does_not_reach_a_token_and_comes_out_as_zero(num_subspaces: int) -> None:
    encoder = build(TASKS, num_layers=2, own_share=0.6, num_subspaces=num_subspaces).eval()
    embedding = torch.randn(2, 6, 5)
    mask = torch.tensor([[True] * 6, [True] * 2 + [False] * 4])
    together = encoder(embedding, mask, TASKS)
    alone = encoder(embedding[1:, :2], mask[1:, :2], TASKS)
    for task in TASKS:
        torch.testing.assert_close(together[task][1, :2], alone[task][0])
        assert not together[task][1, 2:].any()


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("tasks", [["a"], ["b"], ["a", "c"], TASKS])
def test_parameters_of_tasks_are_those_that_get_a_gradient(num_layers: int, tasks: List[str]) -> None:
    encoder = build(TASKS, num_layers=num_layers)
    outputs = encoder(torch.randn(2, 6, 5), torch.ones(2, 6, dtype=torch.bool), tasks)
    sum(output.square().sum() for output in outputs.values()).backward()
    with_gradient = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    assert {name for name, _ in encoder.parameters_of(tasks)} == with_gradient
    # Each task trains the columns of all, but no other task's shares in the last layer.
    assert all(parameter.grad.any() for name, parameter in encoder.named_parameters() if name in with_gradient)
    others = {f"alphas.{num_layers - 1}.{task}" for task in TASKS if task not in tasks}
    assert {name for name, _ in encoder.named_parameters()} - with_gradient == others


def test_dropout_lies_between_layers_in_training_alone() -> None:
    embedding, mask = torch.randn(2, 6, 5), torch.ones(2, 6, dtype=torch.bool)

    def runs_agree(encoder: CrossStitchEncoder) -> bool:
        first, second = (encoder(embedding, mask, TASKS)["b"] for _ in range(2))
        return torch.equal(first, second)

    deep, shallow = (build(TASKS, num_layers=num_layers, dropout=0.5) for num_layers in (2, 1))
    assert not runs_agree(deep.train()) and runs_agree(deep.eval()) and runs_agree(shallow.train())


@pytest.mark.parametrize(
    "options,message",
    [
        ({"own_share": 1.5}, "own_share is 1.5; it must lie between 0 and 1"),
        ({"num_layers": 0}, "num_layers and num_subspaces must be at least 1"),
        ({"num_subspaces": 0}, "num_layers and num_subspaces must be at least 1"),
        ({"num_subspaces": 3}, "a layer's output, 4 units a direction, cannot be split into 3 subspaces of one size"),
    ],
)
def test_options_out_of_range(options: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        build(TASKS, **options)
    assert message in str(raised.value)
