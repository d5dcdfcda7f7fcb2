"""The gradient of an update, against one that torch's autograd takes of the written-out loss."""

from pathlib import Path

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from test_trainer import TASKS, assert_same_results, build, train

from hmtl.metrics import LabelledF1
from hmtl.modules import ConditionalRandomField
from hmtl.tasks import RelationHead
from hmtl.training.gradient_aggregators import GradientAggregator

WITHOUT_DROPOUT = {f"levels.{task}.{where}": 0.0 for task in TASKS for where in ("input_dropout", "head.dropout")}
SGD = {"optimizer": {"type": "sgd", "lr": 1.0}, "shared_optimizer": True, "grad_norm": None, "grad_clipping": None}


def trainer_of(fixtures, directory, **trainer):
    """A trainer whose updates subtract the gradient from the parameters."""
    model = {**WITHOUT_DROPOUT, "levels.coref.head.spans_per_word": 4.0}
    built = build(fixtures, directory, model=model, trainer={**SGD, **trainer}, data_loader={"batch_size": 2})
    for state in built.state.optimizers.values():
        if state.scaler is not None:
            # It begins so high that the first updates overflow.
            state.scaler._init_scale = 8.0
    return built


def batches_of(trainer, *tasks):
    """A batch of each task that has a pair of tokens: without one the relations' loss is 0."""
    return {
        task: next(
            parts for parts in trainer.data_loader.stream(task) if parts[0]["text"]["tokens"]["tokens"].shape[-1] > 1
        )
        for task in tasks
    }


def step(trainer, batches):
    """What an update subtracts from each parameter."""
    trainer.model.train()
    before = {name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()}
    trainer.loop.update(batches)
    return {name: before[name] - parameter.detach() for name, parameter in trainer.model.named_parameters()}


def gradients(trainer, batches, weights=None):
    """The gradient of each task's loss by each parameter, by autograd; 0 where there is none. That of the last task is
    left in the model, for the update to remove."""
    trainer.model.train()
    found = {}
    for task, parts in batches.items():
        trainer.model.zero_grad()
        sum(trainer.model(**part)["loss"] for part in parts).backward()
        found[task] = {
            name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
            for name, parameter in trainer.model.named_parameters()
        }
        assert any(gradient.any() for gradient in found[task].values()), (
            "without a gradient there is nothing to compare"
        )
    return found


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


def summed(of_tasks, weights=None):
    names = next(iter(of_tasks.values()))
    return {name: sum((weights or {}).get(task, 1.0) * of_tasks[task][name] for task in of_tasks) for name in names}


def test_several_tasks_sum_their_gradients(fixtures, tmp_path):
    trainer = trainer_of(fixtures, tmp_path, tasks_per_update=3)
    batches = batches_of(trainer, "coref", "ner", "relation")
    expected = summed(gradients(trainer, batches))
    assert_close(step(trainer, batches), expected)


def test_static_weights_scale_each_gradient(fixtures, tmp_path):
    weights = {"ner": 0.5, "emd": 1.0, "relation": 30.0, "coref": 0.25}
    trainer = trainer_of(fixtures, tmp_path, tasks_per_update=2, objective={"type": "weights", "weights": weights})
    for tasks in (("relation",), ("ner", "relation")):
        batches = batches_of(trainer, *tasks)
        expected = summed(gradients(trainer, batches), weights)
        assert_close(step(trainer, batches), expected)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_uncertainty_weighs_and_learns(fixtures, tmp_path, precision):
    """In fp16 the scaler divides all gradients, those of the objective's own parameters too."""
    objective = {"type": "uncertainty", "initial_log_variance": 0.7}
    trainer = trainer_of(fixtures, tmp_path, tasks_per_update=2, objective=objective, precision=precision)
    batches = batches_of(trainer, "emd", "ner")
    trainer.model.train()
    with trainer.state.updater.precision.autocast():
        loss = {task: trainer.model(**parts[0])["loss"].item() for task, parts in batches.items()}
        weight = float(torch.tensor(-0.7).exp())
        expected = summed(gradients(trainer, batches), dict.fromkeys(batches, weight))
    found = step(trainer, batches)
    tolerance = 1e-4 if precision == "fp32" else 2e-2
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=tolerance, atol=tolerance / 10, msg=name)
    for task in batches:
        ((_, variance),) = trainer.state.updater._objective.parameters_of(task)
        # By hand: d/ds of exp(-s) L + s / 2.
        assert 0.7 - variance.item() == pytest.approx(0.5 - weight * loss[task], rel=tolerance)
    ((_, variance),) = trainer.state.updater._objective.parameters_of("coref")
    assert float(variance) == pytest.approx(0.7)


def test_uncertainty_with_an_optimizer_a_task(fixtures, tmp_path):
    trainer = trainer_of(fixtures, tmp_path, shared_optimizer=False, objective="uncertainty")
    trainer.loop.update(batches_of(trainer, "ner"))
    moved = {task: float(trainer.state.updater._objective.parameters_of(task)[0][1]) != 0 for task in TASKS}
    assert moved == {"ner": True, "emd": False, "relation": False, "coref": False}


@GradientAggregator.register("rows_seen")
class RowsSeen(GradientAggregator):
    """The sum; remembers what it got."""

    def __call__(self, matrix):
        self.matrix = matrix.clone()
        return matrix.sum(0)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_aggregator_gets_the_true_gradients_of_shared_parameters_alone(fixtures, tmp_path, precision):
    trainer = trainer_of(fixtures, tmp_path, tasks_per_update=2, gradient_aggregator="rows_seen", precision=precision)
    batches = batches_of(trainer, "ner", "relation")
    with trainer.state.updater.precision.autocast():
        expected = gradients(trainer, batches)
    found = step(trainer, batches)
    tolerance = 1e-4 if precision == "fp32" else 2e-2
    shared = [name for name, _ in trainer.model.parameters_of("ner") if not name.startswith("heads.")]
    rows = torch.stack([torch.cat([expected[task][name].reshape(-1) for name in shared]) for task in batches])
    torch.testing.assert_close(trainer.state.updater._aggregator.matrix, rows, rtol=tolerance, atol=tolerance)
    for name, tensor in summed(expected).items():
        torch.testing.assert_close(found[name], tensor, rtol=tolerance, atol=tolerance, msg=name)


def test_pcgrad_takes_the_conflict_out(fixtures, tmp_path):
    pytest.importorskip("torchjd")
    trainer = trainer_of(fixtures, tmp_path, tasks_per_update=2, gradient_aggregator="pcgrad")
    batches = batches_of(trainer, "emd", "ner")
    of_tasks = gradients(trainer, batches)
    shared = [name for name, _ in trainer.model.parameters_of("ner") if not name.startswith("heads.")]
    first, second = (torch.cat([of_tasks[task][name].reshape(-1) for name in shared]) for task in batches)
    # Yu et al. 2020, algorithm 1, for two tasks.
    expected = first + second
    if first @ second < 0:
        expected = expected - (first @ second) / second.norm() ** 2 * second
        expected = expected - (first @ second) / first.norm() ** 2 * first
    found = step(trainer, batches)
    torch.testing.assert_close(torch.cat([found[name].reshape(-1) for name in shared]), expected, rtol=1e-3, atol=1e-4)
    assert_close(
        {name: tensor for name, tensor in found.items() if name.startswith("heads.")},
        {name: tensor for name, tensor in summed(of_tasks).items() if name.startswith("heads.")},
    )


def test_successive_regularization_pulls_shared_parameters_back(fixtures, tmp_path):
    trainer = trainer_of(fixtures, tmp_path, successive_regularization={"strength": 0.25, "since": "epoch"})
    trainer.state.updater.start_epoch()
    start = {name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()}
    step(trainer, batches_of(trainer, "relation"))
    batches = batches_of(trainer, "emd")
    expected = gradients(trainer, batches)["emd"]
    now = {name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()}
    found = step(trainer, batches)
    for name in expected:
        below = name.startswith(("text_field_embedder.", "encoders.ner."))
        penalty = 2 * 0.25 * (now[name] - start[name]) if below else 0.0
        torch.testing.assert_close(found[name], expected[name] + penalty, rtol=1e-4, atol=1e-5, msg=name)


def test_a_scaled_loss_leaves_no_trace_but_rounding(fixtures, tmp_path):
    """fp16: the scaler multiplies the loss; what is subtracted is the true gradient, clipped at its true norm."""
    steps = {}
    for precision in ("fp32", "fp16"):
        torch.manual_seed(1)
        trainer = trainer_of(fixtures, tmp_path / precision, precision=precision, grad_norm=0.5)
        steps[precision] = step(trainer, batches_of(trainer, "ner"))
    flat = {name: torch.cat([tensor.reshape(-1) for tensor in found.values()]) for name, found in steps.items()}
    assert float(flat["fp16"].norm()) == pytest.approx(0.5, rel=1e-3)
    assert torch.cosine_similarity(flat["fp16"], flat["fp32"], dim=0) > 0.999


def test_an_update_that_overflows_is_left_out(fixtures, tmp_path):
    trainer = trainer_of(fixtures, tmp_path, precision="fp16")
    (state,) = trainer.state.optimizers.values()
    batches = batches_of(trainer, "ner")
    state.scaler.scale(torch.zeros(()))  # makes the scale
    state.scaler._scale.fill_(3e38)
    found = step(trainer, batches)
    assert all(not tensor.any() for tensor in found.values())
    assert state.loss_scale == pytest.approx(1.5e38)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"tasks_per_update": 2, "shared_optimizer": False}, "set trainer.shared_optimizer to true"),
        ({"gradient_aggregator": "nash_mtl"}, "set trainer.tasks_per_update to 2 or more"),
        ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps must be at least 1"),
        ({"precision": "fp8"}, "expected one of fp32, bf16, fp16, got 'fp8'"),
        ({"objective": {"type": "weights", "weights": {"ner": 1}}}, "weigh"),
    ],
)
def test_what_cannot_work_is_refused(fixtures, tmp_path, settings, message):
    with pytest.raises(ConfigurationError, match=message):
        trainer_of(fixtures, tmp_path, **settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"sampler": {"type": "successive", "order": ["ner", "emd", "relation", "coref"]}}, "one task after the other"),
        ({"successive_regularization": {"since": "task"}}, "epoch"),
        ({"tasks_per_update": 5}, "tasks_per_update"),
    ],
)
def test_what_cannot_work_with_several_tasks_is_refused(fixtures, tmp_path, settings, message):
    with pytest.raises(ConfigurationError, match=message):
        trainer_of(fixtures, tmp_path, **{"tasks_per_update": 2, **settings}).train()


EVERYTHING = {
    "shared_optimizer": True,
    "tasks_per_update": 2,
    "sampler": "by_validation",
    "objective": "uncertainty",
    "gradient_aggregator": "nash_mtl",
    "successive_regularization": {"strength": 0.1, "since": "epoch"},
    "gradient_accumulation_steps": 2,
    "num_epochs": 4,
}
SUCCESSIVELY = {
    "sampler": {"type": "successive", "order": ["ner", "emd", "relation", "coref"]},
    "successive_regularization": {"strength": 0.1, "since": "task"},
    "objective": {"type": "weights", "weights": {"ner": 2.0, "emd": 1.0, "relation": 1.0, "coref": 0.5}},
    "precision": "fp16",
}


@pytest.mark.parametrize("settings", [EVERYTHING, SUCCESSIVELY], ids=["several tasks", "one after the other"])
@pytest.mark.parametrize("updates", [2, 5])
def test_a_resumed_run_ends_as_the_whole(fixtures, tmp_path, monkeypatch, settings, updates):
    import test_trainer

    settings = {
        "trainer": {**settings, "checkpointer": {"save_every_num_batches": 2}, "callbacks": ["stop_after"]},
        "data_loader": {"batch_size": 1},
    }
    monkeypatch.setattr(test_trainer.StopAfter, "updates", 0)
    train(fixtures, tmp_path / "whole", **settings)
    test_trainer.StopAfter.updates = updates
    with pytest.raises(KeyboardInterrupt):
        train(fixtures, tmp_path / "run", **settings)
    test_trainer.StopAfter.updates = 0
    train(fixtures, tmp_path / "run", recover=True, **settings)
    assert_same_results(Path(tmp_path / "run"), Path(tmp_path / "whole"))


@pytest.mark.parametrize("task", TASKS)
def test_an_update_decodes_nothing(fixtures, tmp_path, monkeypatch, task):
    trainer = build(fixtures, tmp_path)
    batches = batches_of(trainer, task)

    def refuse(*args, **kwargs):
        raise AssertionError("not in training")

    for owner, name in (
        (ConditionalRandomField, "viterbi"),
        (RelationHead, "_decode"),
        (LabelledF1, "__call__"),
    ):
        monkeypatch.setattr(owner, name, refuse)
    trainer.model.train()
    trainer.loop.update(batches)


@pytest.mark.parametrize(
    "grad_norm, grad_clipping", [(0.01, None), (0.01, 10.0), (1e6, None), (None, 1e-4), (0.5, 1e-4), (1e-3, 1e-4)]
)
@pytest.mark.parametrize(
    "settings", [{}, {"gradient_accumulation_steps": 2}, {"precision": "fp16"}], ids=["plain", "parts", "fp16"]
)
def test_the_values_are_limited_and_then_the_norm(fixtures, tmp_path, grad_norm, grad_clipping, settings):
    """Of the whole gradient at its true size: summed over the parts of the batch, without the scale of the loss."""
    trainer = trainer_of(fixtures, tmp_path, grad_norm=grad_norm, grad_clipping=grad_clipping, **settings)
    batches = batches_of(trainer, "ner")
    with trainer.state.updater.precision.autocast():
        (gradient,) = gradients(trainer, batches).values()
    if grad_clipping:
        gradient = {name: tensor.clamp(-grad_clipping, grad_clipping) for name, tensor in gradient.items()}
    norm = torch.cat([tensor.flatten().double() for tensor in gradient.values()]).norm().item()
    share = min(1.0, grad_norm / norm) if grad_norm else 1.0
    trainer.model.zero_grad()
    found = step(trainer, batches)
    tolerance = {"rtol": 2e-2, "atol": 1e-5} if "precision" in settings else {"rtol": 1e-3, "atol": 1e-6}
    for name, tensor in gradient.items():
        torch.testing.assert_close(found[name], tensor * share, **tolerance, msg=name)


def test_clipped_values_change_the_direction(fixtures, tmp_path):
    """By hand: (200, 20, 1) is (10, 10, 1) once its values are limited to 10, and 5 / sqrt(201) of that has norm 5."""
    updater = build(fixtures, tmp_path, trainer={"grad_norm": 5.0, "grad_clipping": 10.0}).state.updater
    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.grad = torch.tensor([200.0, 20.0, 1.0])
    assert float(updater._clip([parameter])) == pytest.approx(201**0.5)
    assert parameter.grad.tolist() == pytest.approx([3.5267, 3.5267, 0.35267], rel=1e-4)
