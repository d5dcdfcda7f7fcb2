from typing import Any, Dict, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from hmtl.modules import CrossStitchEncoder, SharedEncoder, SluiceEncoder

TASKS = ["a", "b", "c"]
LSTM = {"type": "hmtl_lstm", "hidden_size": 4}
ONE_DIRECTION = {"type": "lstm", "hidden_size": 6}


def build(**options: Any) -> SluiceEncoder:
    params = Params({"type": "sluice", "layer": LSTM, **options})
    encoder = SharedEncoder.from_params(params, shared_embedding_dim=5, sharing_tasks=TASKS)
    assert isinstance(encoder, SluiceEncoder)
    return encoder


def by_loops(encoder: SluiceEncoder, units: List[List[int]], embedding: torch.Tensor, mask: torch.Tensor) -> Any:
    """What each task gets, unit by unit; `units` says which units make up each subspace."""
    inputs = dict.fromkeys(TASKS, embedding)
    totals = {task: torch.zeros(()) for task in TASKS}
    for number, columns in enumerate(encoder.layers):
        outputs = {task: columns[task](inputs[task], mask) for task in TASKS}
        for task in TASKS:
            mixture = torch.zeros_like(outputs[task])
            for own, own_units in enumerate(units):
                for column, source in enumerate(TASKS):
                    for other, other_units in enumerate(units):
                        share = encoder.alphas[number][task][own, column, other]
                        for target, origin in zip(own_units, other_units):
                            mixture[..., target] += share * outputs[source][..., origin]
            inputs[task] = mixture
            totals[task] = totals[task] + encoder.betas[task][number] * mixture
    return totals


@pytest.mark.parametrize(
    "options,units",
    [
        # Units 0 to 3 are the forward direction's, 4 to 7 the backward direction's.
        ({}, [[0, 1, 4, 5], [2, 3, 6, 7]]),
        ({"num_layers": 3, "num_subspaces": 4}, [[0, 4], [1, 5], [2, 6], [3, 7]]),
        ({"num_layers": 1, "num_subspaces": 1}, [[0, 1, 2, 3, 4, 5, 6, 7]]),
        ({"layer": ONE_DIRECTION, "num_subspaces": 3}, [[0, 1], [2, 3], [4, 5]]),
    ],
    ids=["default", "four subspaces", "one of each", "one direction"],
)
def test_outputs_equal_sums_in_loops(options: Dict[str, Any], units: List[List[int]]) -> None:
    encoder = build(**options).eval()
    for parameter in [*encoder.alphas.parameters(), *encoder.betas.parameters()]:
        torch.nn.init.normal_(parameter)
    embedding = torch.randn(2, 6, 5)
    mask = torch.tensor([[True] * 6, [True] * 2 + [False] * 4])
    with torch.no_grad():
        expected = by_loops(encoder, units, embedding, mask)
        found = encoder(embedding, mask, TASKS)
    for task in TASKS:
        torch.testing.assert_close(found[task], expected[task], rtol=1e-4, atol=1e-5)


def test_the_first_weights() -> None:
    encoder = build(num_layers=4)
    for task in TASKS:
        assert encoder.betas[task].tolist() == [0.25] * 4
    # A share for each of two subspaces, in each of six.
    rows = torch.cat([encoder.alphas[2][task].view(2, 6) for task in TASKS])
    torch.testing.assert_close(rows, torch.full((6, 6), 0.02) + torch.eye(6) * 0.88)


def test_the_last_layer_alone_without_subspaces_is_a_cross_stitch_network() -> None:
    sluice = build(num_layers=3, num_subspaces=1).eval()
    params = Params({"type": "cross_stitch", "layer": LSTM, "num_layers": 3})
    cross_stitch = SharedEncoder.from_params(params, shared_embedding_dim=5, sharing_tasks=TASKS).eval()
    assert type(cross_stitch) is CrossStitchEncoder
    weights = {name: value for name, value in sluice.state_dict().items() if not name.startswith("betas")}
    cross_stitch.load_state_dict(weights)
    for beta in sluice.betas.values():
        beta.data = torch.tensor([0.0, 0.0, 1.0])
    embedding, mask = torch.randn(2, 6, 5), torch.ones(2, 6, dtype=torch.bool)
    outputs = [encoder(embedding, mask, TASKS) for encoder in (sluice, cross_stitch)]
    for task in TASKS:
        torch.testing.assert_close(outputs[0][task], outputs[1][task])


@pytest.mark.parametrize("connection", ["skip", "concatenation", "none"])
def test_other_connections_of_layers(connection: str) -> None:
    encoder = build(num_layers=3, layer_connection=connection).eval()
    weights = encoder.state_dict()
    assert not any(name.startswith("betas") for name in weights)
    embedding, mask = torch.randn(2, 6, 5), torch.ones(2, 6, dtype=torch.bool)
    # The mixtures after each layer, as a network with learned weights has them.
    layers = []
    for number in range(3):
        single = build(num_layers=3).eval()
        for beta in single.betas.values():
            beta.data = torch.eye(3)[number]
        single.load_state_dict({**single.state_dict(), **weights})
        layers.append(single(embedding, mask, TASKS))
    found = encoder(embedding, mask, TASKS)
    for task in TASKS:
        first, second, third = (layer[task] for layer in layers)
        assert not torch.allclose(first, third, atol=1e-3)
        expected = {
            "skip": first + second + third,
            "concatenation": torch.cat([first, second, third], dim=-1),
            "none": third,
        }
        torch.testing.assert_close(found[task], expected[connection])
        assert encoder.get_output_dim() == found[task].size(-1)


def squared_dot_products(weight: torch.Tensor, num_gates: int, num_subspaces: int) -> float:
    """Of the weights of each two units of a gate that belong to different subspaces, pair by pair."""
    total, hidden_size = 0.0, len(weight) // num_gates
    size = hidden_size // num_subspaces
    for gate in range(num_gates):
        for one in range(hidden_size):
            for other in range(one + 1, hidden_size):
                if one // size != other // size:
                    product = weight[gate * hidden_size + one] @ weight[gate * hidden_size + other]
                    total += float(product) ** 2
    return total


@pytest.mark.parametrize(
    "layer, num_gates, num_subspaces",
    [
        (LSTM, 4, 2),
        (LSTM, 4, 4),
        (ONE_DIRECTION, 4, 3),
        ({"type": "gru", "hidden_size": 4, "bidirectional": True}, 3, 2),
    ],
    ids=["two subspaces", "four subspaces", "one direction", "gru"],
)
def test_the_penalty_is_the_sum_of_squared_dot_products(layer: Any, num_gates: int, num_subspaces: int) -> None:
    encoder = build(layer=layer, num_subspaces=num_subspaces, orthogonality_weight=0.25)
    weights = [weight for name, weight in encoder.layers.named_parameters() if "weight_" in name]
    # Matrices of inputs and of states, of each direction, two layers and three tasks.
    assert len(weights) == 2 * (1 if layer is ONE_DIRECTION else 2) * 2 * 3
    expected = 0.25 * sum(squared_dot_products(weight.detach(), num_gates, num_subspaces) for weight in weights)
    penalty = encoder.penalty()
    assert penalty is not None and expected > 0
    assert penalty.item() == pytest.approx(expected, rel=1e-4)
    penalty.backward()
    assert {name for name, weight in encoder.named_parameters() if weight.grad is not None} == {
        name for name, _ in encoder.named_parameters() if "weight_" in name
    }


def test_the_penalty_by_hand() -> None:
    """An LSTM of two units, one a subspace: in each gate the product of their two rows."""
    encoder = SharedEncoder.from_params(
        Params(
            {
                "type": "sluice",
                "layer": {"type": "lstm", "hidden_size": 2},
                "num_layers": 1,
                "orthogonality_weight": 2.0,
            }
        ),
        shared_embedding_dim=3,
        sharing_tasks=["a"],
    )
    lstm = encoder.layers[0]["a"]._module
    lstm.weight_hh_l0.data.zero_()
    lstm.weight_ih_l0.data = torch.tensor(
        # (1 * 4 + 2 * 5 + 3 * 6)^2 = 1024 of the first gate, (-2)^2 of the third, and rows at right angles.
        [[1, 2, 3], [4, 5, 6], [1, 0, 0], [0, 1, 0], [1, 1, 0], [-1, -1, 0], [0, 0, 0], [7, 7, 7]],
        dtype=torch.float,
    )
    penalty = encoder.penalty()
    assert penalty is not None and penalty.item() == 2 * (1024 + 4)


def test_of_a_layer_of_several_the_last_is_kept_orthogonal() -> None:
    encoder = build(layer={**LSTM, "num_layers": 2}, orthogonality_weight=1.0)
    penalty = encoder.penalty()
    assert penalty is not None
    penalty.backward()
    penalised = {name for name, weight in encoder.named_parameters() if weight.grad is not None}
    assert penalised and all("_layers.1." in name for name in penalised)


def test_without_a_weight_there_is_no_penalty() -> None:
    assert build().penalty() is None


@pytest.mark.parametrize(
    "options, message",
    [
        ({"layer_connection": "sum"}, "layer_connection is 'sum', not one of: mixture, skip, concatenation, none"),
        ({"orthogonality_weight": -1.0}, "orthogonality_weight is -1.0; at least 0 is due"),
        ({"orthogonality_weight": 0.1, "num_subspaces": 1}, "num_subspaces is 1; remove one of them"),
        (
            {"orthogonality_weight": 0.1, "num_subspaces": 5, "layer": {"type": "pass_through"}},
            "a PassThroughEncoder is none; remove it, or choose another layer",
        ),
    ],
)
def test_mistakes(options: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build(**options)


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("tasks", [["a"], ["c"], ["a", "c"], TASKS])
def test_parameters_of_tasks_are_those_that_get_a_gradient(num_layers: int, tasks: List[str]) -> None:
    encoder = build(num_layers=num_layers)
    outputs = encoder(torch.randn(2, 6, 5), torch.ones(2, 6, dtype=torch.bool), tasks)
    assert list(outputs) == tasks
    sum(output.square().sum() for output in outputs.values()).backward()
    with_gradient = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    assert {name for name, _ in encoder.parameters_of(tasks)} == with_gradient
    idle = {name for name, _ in encoder.named_parameters()} - with_gradient
    others = [task for task in TASKS if task not in tasks]
    assert idle == {f"{group}.{task}" for group in (f"alphas.{num_layers - 1}", "betas") for task in others}
