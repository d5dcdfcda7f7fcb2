"""The gradients of a trained run: per sample, on shared texts, projected, and the estimates that come of them."""

import json

import numpy as np
import pytest
import torch
from tiny_tasks import tiny_tasks

from hmtl.errors import UserError
from research.task_relations.__main__ import main
from research.task_relations.gradients.linearized import Projection, fine_tuned, margins_of
from research.task_relations.gradients.measure import GradientStudy, Options, read_estimates, read_shared_inputs
from research.task_relations.gradients.run_model import RunModel, flat, text_key
from research.task_relations.gradients.shared_inputs import measure_shares

OPTIONS = ["--dim", "50", "--train-samples", "12", "--validation-samples", "6", "--batches", "3"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Three tasks: two of the same texts, one of others; and their base run, measured."""
    folder = tmp_path_factory.mktemp("gradients")
    tasks = tiny_tasks(folder)
    (folder / "other").mkdir()
    other = tiny_tasks(folder / "other")["nouns"]
    other["reader"]["label_namespace"] = "other_labels"
    (folder / "study").mkdir()
    (folder / "study" / "tasks.json").write_text(json.dumps({**tasks, "other": other}))
    main(["gradients", str(folder / "study"), "--steps", "30", *OPTIONS])
    return folder / "study"


@pytest.fixture(scope="module")
def run(study):
    return RunModel(study / "gradients" / "base", validation=paths(study))


def paths(study):
    return json.loads((study / "gradients" / "validation.json").read_text())


def test_gradients_of_samples_are_those_of_autograd_one_by_one(run):
    assert set(run.parameters) == {
        name for name, _ in run.model.named_parameters() if name.startswith(("text_field_embedder", "shared_encoder"))
    }
    projection = Projection(run.num_parameters(), dim=30, seed=3)
    samples = run.sample("nouns", "train", 5, seed=2)
    found = run.linearized("nouns", samples, projection)
    signs = projection.lift(torch.eye(30)[0]), projection.lift(torch.eye(30)[29])
    for row, instance in enumerate(samples):
        labels = [run.model.vocab.get_token_index(label, "nouns_labels") for label in instance["labels"].labels]
        batch = run.batch("nouns", [instance])
        encoding = run.model.shared_encoder(
            run.model.text_field_embedder(batch["text"]), torch.ones(1, len(labels), dtype=torch.bool), ["nouns"]
        )["nouns"]
        logits = run.model.heads["nouns"].exported_scores(encoding, encoding)[0]
        probability = logits.log_softmax(-1)[torch.arange(len(labels)), torch.tensor(labels)].mean().exp()
        margin = torch.log(probability / (1 - probability))
        assert found.margins[row] == pytest.approx(margin.item(), abs=1e-4)
        gradient = torch.cat([one.flatten() for one in torch.autograd.grad(margin, list(run.parameters.values()))])
        for place, column in zip((0, 29), signs):
            assert found.gradients[row, place] == pytest.approx((gradient @ column).item(), abs=1e-4)


def test_the_model_is_changed_only_within(run):
    before = [parameter.clone() for parameter in run.parameters.values()]
    change = torch.arange(run.num_parameters(), dtype=torch.float32)
    with run.moved(change):
        moved = flat([now - then for now, then in zip(run.parameters.values(), before)])
        torch.testing.assert_close(moved, change, atol=1e-2, rtol=1e-4)
    assert all(torch.equal(now, then) for now, then in zip(run.parameters.values(), before))


def test_losses_are_the_same_each_time_and_change_as_the_linearization_says(run):
    batch = run.batch("pairs", run.sample("pairs", "train", 1, seed=1))
    margin = margins_of(run.loss(batch))
    assert margins_of(run.loss(batch)).item() == margin.item()
    gradient = flat(run.gradients(margin))
    step = 1e-3 * gradient / gradient.norm()
    with run.moved(step), torch.no_grad():
        assert (margins_of(run.loss(batch)) - margin).item() == pytest.approx((gradient @ step).item(), rel=0.05)


def test_affinities_at_each_share_by_hand(run):
    found = list(measure_shares(run, num_batches=1, batch_size=8, learning_rate=0.5, shares=(0.0, 0.5, 1.0), seed=4))
    keys = {(one.share, one.source, one.target) for one in found}
    together = {(share, a, b) for share in (0.0, 0.5, 1.0) for a in ("nouns", "pairs") for b in ("nouns", "pairs")}
    apart = {(0.0, "other", "nouns"), (0.0, "other", "pairs"), (0.0, "nouns", "other"), (0.0, "pairs", "other")}
    assert keys == together | apart | {(share, "other", "other") for share in (0.0, 0.5, 1.0)}
    # The same task on the same texts.
    own = next(one for one in found if (one.share, one.source, one.target) == (1.0, "nouns", "nouns"))
    assert own.cosine == pytest.approx(1, abs=1e-5) and own.affinity > 0
    # The batch of the first group, drawn again.
    rows = {text_key(instance, False): instance for instance in run.instances("nouns", "train")}
    order = [sorted(rows)[index] for index in np.random.default_rng(4).permutation(len(rows))][:8]
    targets = run.batch("nouns", [rows[key] for key in order])
    sources = {text_key(instance, False): instance for instance in run.instances("pairs", "train")}
    gradient = flat(run.gradients(run.loss(run.batch("pairs", [sources[key] for key in order]))))
    before = run.loss(targets)
    target_gradient = flat(run.gradients(before))
    with run.moved(-0.5 * gradient), torch.no_grad():
        expected = 1 - run.loss(targets).item() / before.item()
    one = next(one for one in found if (one.share, one.source, one.target) == (1.0, "pairs", "nouns"))
    assert one.affinity == pytest.approx(expected, abs=1e-5)
    cosine = gradient @ target_gradient / (gradient.norm() * target_gradient.norm())
    assert one.cosine == pytest.approx(cosine.item(), abs=1e-5)


def test_estimates_come_from_what_was_measured_and_nothing_is_measured_twice(study, run, capsys):
    folder = study / "gradients"
    estimates = read_estimates(folder / "estimates.csv")
    assert len(estimates["linear"]) == 3 + 6 + 3 and len(estimates["network"]) == 3 + 6
    # The network with the changed weights, on the samples of validation.
    with np.load(folder / "projected" / "nouns_train.npz") as arrays:
        assert arrays["margins"].shape == (12,) and arrays["gradients"].shape == (12, 50)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != "options.json"}
    costs = (folder / "costs.json").read_text()
    main(["gradients", str(study), "--steps", "30", *OPTIONS])
    assert "12 estimates of 3 tasks" in capsys.readouterr().out
    assert all(path.stat().st_mtime_ns == time for path, time in before.items() if path.name != "run.lock")
    assert (folder / "costs.json").read_text() == costs
    assert set(json.loads(costs)) == {"base", "affinities", "gradients", "estimates", "network estimates"}
    assert {one.share for one in read_shared_inputs(folder / "shared_inputs.csv")} == {0, 0.25, 0.5, 0.75, 1}
    with pytest.raises(UserError, match="measured with other options, see options.json"):
        GradientStudy(folder, Options(dim=51))


def test_the_network_is_evaluated_where_the_weights_are_lifted_to(study, run):
    from research.task_relations.gradients.linearized import Linearized, best_ridge

    folder = study / "gradients"
    loaded = {}
    for split in ("train", "validation"):
        loaded[split] = {}
        for task in run.tasks:
            with np.load(folder / "projected" / f"{task}_{split}.npz") as arrays:
                loaded[split][task] = Linearized(arrays["margins"], arrays["gradients"])
    ridge = best_ridge(loaded["train"], loaded["validation"])
    weights = fine_tuned([loaded["train"]["nouns"], loaded["train"]["pairs"]], ridge)
    change = Projection(run.num_parameters(), 50, seed=1).lift(torch.from_numpy(weights).float())
    batch = run.batch("nouns", run.sample("nouns", "validation", 6, seed=1))
    with run.moved(change), torch.no_grad():
        expected = run.loss(batch).item()
    found = read_estimates(folder / "estimates.csv")
    assert found["network"][("nouns", "pairs"), "nouns"] == pytest.approx(expected, abs=1e-4)
    own = loaded["validation"]["nouns"].loss(weights)
    assert found["linear"][("nouns", "pairs"), "nouns"] == pytest.approx(own, abs=1e-6)
