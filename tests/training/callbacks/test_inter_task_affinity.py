"""The references: losses whose affinities are worked out by hand, and a linear model stepped by torch's own SGD."""

import copy
import json
import math

import pytest
import torch
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from workers import run_workers

from hmtl.errors import ConfigurationError
from hmtl.training.callbacks import InterTaskAffinity
from hmtl.training.callbacks.inter_task_affinity import affinities, mean_affinities

# Two parabolas, (theta - 3)^2 and 2 (theta + 1)^2, at theta = 1.
MINIMA = {"a": (1.0, 3.0), "b": (2.0, -1.0)}
TASKS = ["coref", "emd", "ner", "relation"]


def test_parabolas():
    theta = torch.nn.Parameter(torch.tensor([1.0]))

    def loss_of(task):
        factor, minimum = MINIMA[task]
        return (factor * (theta - minimum) ** 2).sum()

    found = affinities(loss_of, ["a", "b"], [theta], learning_rate=0.05)
    # The gradients are -4 and 8: theta goes to 1.2 and to 0.6; the losses were 4 and 8.
    expected = {
        ("a", "a"): 1 - 1.8**2 / 4,
        ("a", "b"): 1 - 2 * 2.2**2 / 8,
        ("b", "a"): 1 - 2.4**2 / 4,
        ("b", "b"): 1 - 2 * 1.6**2 / 8,
    }
    assert found == pytest.approx(expected, rel=1e-5)
    assert found["a", "b"] < 0 < found["a", "a"]
    assert theta.item() == 1.0 and theta.grad is None


def test_against_steps_of_sgd():
    shared = torch.nn.Linear(4, 3)
    heads = {task: torch.nn.Linear(3, 2) for task in ("a", "b", "c")}
    data = {task: (torch.randn(6, 4), torch.randint(0, 2, (6,))) for task in heads}
    # A part of what is shared that one task does not reach.
    own_of_c = torch.nn.Parameter(torch.randn(2))

    def loss(layer, extra, task):
        inputs, targets = data[task]
        logits = heads[task](layer(inputs).tanh()) + (extra if task == "c" else 0.0)
        return torch.nn.functional.cross_entropy(logits, targets)

    before = [parameter.clone() for parameter in shared.parameters()]
    parameters = [*shared.parameters(), own_of_c]
    found = affinities(lambda task: loss(shared, own_of_c, task), list(heads), parameters, 0.3)
    assert all(map(torch.equal, before, shared.parameters()))
    for source in heads:
        layer, extra = copy.deepcopy(shared), copy.deepcopy(own_of_c)
        optimizer = torch.optim.SGD([*layer.parameters(), extra], lr=0.3)
        loss(layer, extra, source).backward()
        optimizer.step()
        for target in heads:
            after = loss(layer, extra, target).item()
            assert found[source, target] == pytest.approx(1 - after / loss(shared, own_of_c, target).item(), abs=1e-5)


def test_the_parameters_are_restored_where_a_loss_fails():
    theta = torch.nn.Parameter(torch.tensor([1.0]))
    calls = []

    def loss_of(task):
        calls.append(task)
        if len(calls) > 1:
            raise RuntimeError("no memory")
        return (theta**2).sum()

    with pytest.raises(RuntimeError, match="no memory"):
        affinities(loss_of, ["a"], [theta], 0.1)
    assert theta.item() == 1.0


def test_a_loss_of_zero_has_no_affinity(tmp_path):
    theta = torch.nn.Parameter(torch.tensor([1.0]))
    found = affinities(lambda task: (theta * (task == "a")).sum(), ["a", "z"], [theta], 0.1)
    assert math.isnan(found["a", "z"])
    assert found["a", "a"] == pytest.approx(0.1)
    path = tmp_path / "x.csv"
    path.write_text("iteration,source,target,affinity\n1,a,z,nan\n1,a,a,0.5\n2,a,a,0.25\n2,a,z,0.5\n2,z,z,nan\n")
    means = mean_affinities(path)
    assert (means["a", "a"], means["a", "z"]) == (0.375, 0.5)
    assert math.isnan(means["z", "z"])


@pytest.mark.parametrize("options", [{"every": 0}, {"learning_rate": 0.0}])
def test_options_out_of_range(options, tmp_path):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        InterTaskAffinity(str(tmp_path), **options)


def measured(fixtures, directory, batch_size, num_parts=1, dropout=0.0, num_measurements=5):
    """The rows of some measurements of one model, and how many parts of each batch this worker got."""
    overrides = {
        **{f"model.levels.{task}.{where}": dropout for task in TASKS for where in ("input_dropout", "head.dropout")},
        "model.levels.coref.head.spans_per_word": 4.0,
        "data_loader.batch_size": batch_size,
        "trainer.gradient_accumulation_steps": num_parts,
    }
    params = Params.from_file(fixtures / "tiny.jsonnet", json.dumps(overrides))
    for key in ("random_seed", "numpy_seed", "pytorch_seed"):
        params.pop(key)
    torch.manual_seed(1)
    trainer = TrainModel.from_params(params, serialization_dir=str(directory), local_rank=0).trainer
    trainer.model.train()
    callback = InterTaskAffinity(str(directory), every=1, learning_rate=0.01)
    num_parts_of, stream = [], trainer.data_loader.stream

    def noting(task, num_consumed):
        for parts in stream(task, num_consumed):
            num_parts_of.append(len(parts))
            yield parts

    trainer.data_loader.stream = noting
    for update in range(num_measurements):
        trainer.state.updates_completed = update
        callback.on_batch(trainer)
    return callback._rows, num_parts_of


def assert_same_rows(rows, expected):
    assert [row[:3] for row in rows] == [row[:3] for row in expected]
    assert [row[3] for row in rows] == pytest.approx([row[3] for row in expected], abs=2e-5, nan_ok=True)


def test_the_batch_of_all_workers_and_parts_is_measured(fixtures, tmp_path):
    expected, _ = measured(fixtures, tmp_path, batch_size=2)
    values = [row[3] for row in expected if not math.isnan(row[3])]
    assert len(expected) == 5 * 16 and max(map(abs, values)) > 1e-3
    in_parts, num_parts = measured(fixtures, tmp_path, batch_size=1, num_parts=2)
    assert_same_rows(in_parts, expected)
    assert set(num_parts) == {1, 2}
    (first, parts_of_first), (second, parts_of_second) = run_workers(measured, fixtures, tmp_path, 1)
    assert_same_rows(first, expected)
    assert_same_rows(second, first)
    # Of a last, small batch one of them has nothing.
    assert set(parts_of_first) == {1} and set(parts_of_second) == {0, 1}


def test_dropout_is_drawn_alike_before_and_after_the_step_and_leaves_no_trace(fixtures, tmp_path):
    measured(fixtures, tmp_path, batch_size=2, dropout=0.5, num_measurements=0)
    before = torch.get_rng_state()
    # `measured` seeds for itself.
    rows, _ = measured(fixtures, tmp_path, batch_size=2, dropout=0.5, num_measurements=2)
    assert torch.equal(torch.get_rng_state(), before)
    # So small a step changes a loss by little; other draws of dropout change it by much.
    of_others = [row[3] for row in rows if row[1] != row[2] and not math.isnan(row[3])]
    assert max(map(abs, of_others)) < 0.05
