import math

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from hmtl.training.objectives import Objective, SumObjective, UncertaintyObjective, WeightsObjective

TASKS = ["ner", "emd", "coref"]


def made(objective):
    objective.set_tasks(TASKS)
    return objective.double()


def losses_of(**values):
    return {task: torch.tensor(value, dtype=torch.float64, requires_grad=True) for task, value in values.items()}


def uncertainty_with(**log_variances):
    objective = made(UncertaintyObjective())
    for task, value in log_variances.items():
        objective.log_variances[task].data.fill_(value)
    return objective


@pytest.mark.parametrize(
    "objective, losses, value, weights",
    [
        (made(SumObjective()), {"ner": 2.5}, 2.5, {"ner": 1.0}),
        (made(SumObjective()), {"ner": 2.5, "coref": 4.0}, 6.5, {"ner": 1.0, "coref": 1.0}),
        (made(WeightsObjective({"ner": 2.0, "emd": 0.5, "coref": 3.0})), {"emd": 7.0}, 3.5, {"emd": 0.5}),
        (
            made(WeightsObjective({"ner": 2.0, "emd": 0.5, "coref": 3.0})),
            {"ner": 1.0, "coref": 2.0},
            8.0,
            {"ner": 2.0, "coref": 3.0},
        ),
        # exp(0) 2.5 + 0 / 2
        (uncertainty_with(), {"ner": 2.5}, 2.5, {"ner": 1.0}),
        # sigma^2 = 4: 6 / 4 + log(2); sigma^2 = 1/2: 3 * 2 + log(1/2) / 2
        (
            uncertainty_with(ner=math.log(4), emd=math.log(0.5)),
            {"ner": 6.0, "emd": 3.0},
            1.5 + math.log(2) + 6.0 - math.log(2) / 2,
            {"ner": 0.25, "emd": 2.0},
        ),
    ],
)
def test_value_and_weights_of_hand_worked_cases(objective, losses, value, weights):
    losses = losses_of(**losses)
    total = objective(losses)
    assert total.shape == () and total.item() == pytest.approx(value)
    total.backward()
    assert {task: loss.grad.item() for task, loss in losses.items()} == pytest.approx(weights)


def test_gradients_of_uncertainty_against_central_differences():
    values = torch.tensor([0.3, 5.0, 1.7, 0.4, -1.2, 2.0], dtype=torch.float64, requires_grad=True)

    def of(values):
        objective = made(UncertaintyObjective())
        named = {f"log_variances.{task}": value for task, value in zip(TASKS, values[3:])}
        return torch.func.functional_call(objective, named, (dict(zip(TASKS, values[:3])),))

    assert torch.autograd.gradcheck(of, (values,))


def test_backward_fills_the_gradients_of_the_tasks_of_the_update_alone():
    objective = uncertainty_with(ner=0.7)
    objective(losses_of(ner=2.0)).backward()
    [(name, parameter)] = objective.parameters_of("ner")
    assert dict(objective.named_parameters())[name] is parameter
    # d/ds (exp(-s) L + s / 2)
    assert parameter.grad.item() == pytest.approx(-math.exp(-0.7) * 2.0 + 0.5)
    for task in ("emd", "coref"):
        [(_, other)] = objective.parameters_of(task)
        assert other.grad is None


@pytest.mark.parametrize("loss", [0.05, 0.5, 30.0])
def test_for_a_constant_loss_the_log_variance_comes_to_log_of_twice_the_loss(loss):
    objective = made(UncertaintyObjective(initial_log_variance=1.0))
    [(_, parameter)] = objective.parameters_of("emd")
    optimizer = torch.optim.Adam([parameter], lr=0.05)
    for _ in range(2_000):
        optimizer.zero_grad()
        objective({"emd": torch.tensor(loss, dtype=torch.float64)}).backward()
        optimizer.step()
    assert parameter.item() == pytest.approx(math.log(2 * loss), abs=1e-4)


def test_the_default_sums_and_has_no_parameters():
    objective = Objective.from_params(Params({}))
    assert isinstance(objective, SumObjective)
    objective.set_tasks(TASKS)
    assert list(objective.parameters()) == objective.parameters_of("ner") == []


def test_learned_weights_are_saved_and_loaded():
    objective = Objective.from_params(Params({"type": "uncertainty", "initial_log_variance": 0.5}))
    objective.set_tasks(TASKS)
    assert [p.item() for p in objective.parameters()] == [0.5] * 3
    other = UncertaintyObjective()
    other.set_tasks(TASKS)
    other.load_state_dict(objective.state_dict())
    assert [p.item() for p in other.parameters()] == [0.5] * 3


def weights_for(tasks, **weights):
    WeightsObjective(weights).set_tasks(tasks)


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: WeightsObjective({"ner": 0.0}), "the weight of 'ner' is 0.0; it must be above 0"),
        (lambda: WeightsObjective({"ner": float("nan")}), "the weight of 'ner' is nan"),
        (lambda: weights_for(["ner", "emd"], ner=1.0), r"must weigh each of \['emd', 'ner'\], and weighs \['ner'\]"),
        (lambda: weights_for(["ner"], ner=1.0, srl=1.0), r"and weighs \['ner', 'srl'\]"),
        (lambda: UncertaintyObjective(math.inf), "initial_log_variance is inf"),
    ],
)
def test_what_cannot_be_used_is_refused(use, message):
    with pytest.raises(ConfigurationError, match=message):
        use()
