import copy
import io

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from hmtl.training.successive_regularization import SuccessiveRegularization


def shared_parameters():
    return {
        "embedding": torch.nn.Parameter(torch.randn(5, 3)),
        "encoder.weight": torch.nn.Parameter(torch.randn(3, 2)),
        "encoder.bias": torch.nn.Parameter(torch.randn(2)),
    }


def move(parameters):
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.add_(torch.randn_like(parameter))


def values_of(parameters):
    return {name: parameter.detach().clone() for name, parameter in parameters.items()}


def theta_of(regularization, parameters):
    """theta', read off the gradients that the penalty gives: theta - gradient / (2 * strength)."""
    for parameter in parameters.values():
        parameter.grad = torch.zeros_like(parameter)
    regularization.add_gradients(list(parameters.items()))
    return {name: (p - p.grad / (2 * regularization._strength)).detach() for name, p in parameters.items()}


def assert_near(found, expected):
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-5)


@pytest.mark.parametrize("since", ["task", "epoch"])
def test_the_gradient_is_that_of_the_penalty_written_out(since):
    parameters, strength = shared_parameters(), 0.3
    regularization = SuccessiveRegularization(strength, since)
    regularization.start_epoch(parameters)
    regularization.before_update(("ner",), parameters)
    before = values_of(parameters)
    move(parameters)
    regularization.before_update(("ner",), parameters)

    inputs = torch.randn(4, 5)
    loss = (inputs @ parameters["embedding"] @ parameters["encoder.weight"] + parameters["encoder.bias"]).tanh().sum()
    penalised = ["embedding", "encoder.bias"]
    penalty = strength * sum(((parameters[name] - before[name]) ** 2).sum() for name in penalised)
    expected = torch.autograd.grad(loss + penalty, list(parameters.values()), retain_graph=True)
    loss.backward()
    regularization.add_gradients([(name, parameters[name]) for name in penalised])
    for parameter, gradient in zip(parameters.values(), expected):
        torch.testing.assert_close(parameter.grad, gradient)


def test_what_belongs_to_heads_may_be_held_by_a_strength_of_its_own():
    parameters = {name: torch.nn.Parameter(torch.ones(2)) for name in ("encoders.pos.weight", "heads.pos.weight")}
    for options, of_heads in (({}, 2 * 0.5 * 3), ({"head_strength": 0.25}, 2 * 0.25 * 3)):
        regularization = SuccessiveRegularization(0.5, **options)
        regularization.before_update(("chunks",), parameters)
        for parameter in parameters.values():
            parameter.data.add_(3.0)
            parameter.grad = torch.ones(2)
        regularization.add_gradients(list(parameters.items()))
        assert parameters["encoders.pos.weight"].grad.tolist() == [1 + 2 * 0.5 * 3] * 2
        assert parameters["heads.pos.weight"].grad.tolist() == [1 + of_heads] * 2


def test_a_parameter_without_a_gradient_stays_without():
    parameters = shared_parameters()
    regularization = SuccessiveRegularization(since="epoch")
    regularization.start_epoch(parameters)
    move(parameters)
    regularization.add_gradients(list(parameters.items()))
    assert all(parameter.grad is None for parameter in parameters.values())
    parameters["encoder.bias"].grad = torch.zeros(2)
    regularization.add_gradients(list(parameters.items()))
    assert parameters["encoder.bias"].grad.abs().sum() > 0
    assert parameters["embedding"].grad is None


def test_since_task_is_the_moment_at_which_the_task_changed():
    parameters, regularization = shared_parameters(), SuccessiveRegularization(0.5)
    regularization.start_epoch(parameters)
    expected = {}
    # A new epoch is no change of the task.
    for step, task in enumerate(["ner", "ner", "emd", "emd", "emd", "ner"]):
        if step == 4:
            regularization.start_epoch(parameters)
        if step in (0, 2, 5):
            expected = values_of(parameters)
        regularization.before_update((task,), parameters)
        move(parameters)
        assert_near(theta_of(regularization, parameters), expected)


def test_since_epoch_is_the_start_of_the_epoch():
    parameters, regularization = shared_parameters(), SuccessiveRegularization(0.5, since="epoch")
    for _ in range(2):
        regularization.start_epoch(parameters)
        expected = values_of(parameters)
        for tasks in [("ner",), ("emd", "ner"), ("emd",)]:
            regularization.before_update(tasks, parameters)
            move(parameters)
            assert_near(theta_of(regularization, parameters), expected)


@pytest.mark.parametrize("since", ["task", "epoch"])
def test_an_interrupted_sequence_equals_an_uninterrupted_one(since):
    parameters, regularization = shared_parameters(), SuccessiveRegularization(0.1, since)
    regularization.start_epoch(parameters)
    regularization.before_update(("ner",), parameters)
    move(parameters)
    file = io.BytesIO()
    torch.save(regularization.state_dict(), file)
    file.seek(0)
    resumed, others = SuccessiveRegularization(0.1, since), copy.deepcopy(parameters)
    resumed.load_state_dict(torch.load(file, weights_only=False))
    for task in ("ner", "emd", "emd"):
        for each, its_parameters in ((regularization, parameters), (resumed, others)):
            torch.manual_seed(7)
            each.before_update((task,), its_parameters)
            for parameter in its_parameters.values():
                parameter.grad = torch.randn_like(parameter)
            each.add_gradients(list(its_parameters.items()))
            with torch.no_grad():
                for parameter in its_parameters.values():
                    parameter.sub_(parameter.grad)
        for name, parameter in parameters.items():
            assert torch.equal(parameter, others[name])


def test_from_a_configuration():
    regularization = SuccessiveRegularization.from_params(Params({"strength": 0.2, "since": "epoch"}))
    assert regularization._strength == 0.2 and regularization._since == "epoch"


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: SuccessiveRegularization(strength=0.0), "strength is 0.0"),
        (lambda: SuccessiveRegularization(head_strength=0.0), "head_strength is 0.0"),
        (lambda: SuccessiveRegularization(since="update"), "since is 'update'; it must be 'task' or 'epoch'"),
        (lambda: SuccessiveRegularization().before_update(("emd", "ner"), {}), "needs updates of one task.*'epoch'"),
    ],
)
def test_what_cannot_be_used_is_refused(use, message):
    with pytest.raises(ConfigurationError, match=message):
        use()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_loaded_snapshot_goes_to_the_device_of_the_parameters():
    parameters = {"weight": torch.nn.Parameter(torch.ones(3, device="cuda"))}
    regularization = SuccessiveRegularization(0.5, since="epoch")
    regularization.load_state_dict({"task": None, "snapshot": {"weight": torch.zeros(3)}})
    parameters["weight"].grad = torch.zeros(3, device="cuda")
    regularization.add_gradients(list(parameters.items()))
    assert parameters["weight"].grad.tolist() == [1.0] * 3
