from typing import Any, Dict, List

import pytest
import torch
from allennlp.common import Params

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
