import csv
import math

import pytest
import torch
from tiny_tasks import tiny_tasks

from hmtl.errors import DataError, UserError
from research.task_relations.run import affinity
from research.task_relations.run.affinity import measure
from research.task_relations.run.tasks import configuration
from research.task_relations.run.worker import train_in
from research.task_relations.study import read_affinities, write_affinities


def test_one_joint_run(tmp_path, monkeypatch):
    tasks = tiny_tasks(tmp_path)
    found = measure(tmp_path / "study", tasks, steps=40, every=20)
    assert set(found) == {(source, target) for source in tasks for target in tasks}
    # Down its own gradient a task's loss falls.
    assert all(found[task, task] > 0 for task in tasks)
    assert all(math.isfinite(value) for value in found.values())
    with open(tmp_path / "study" / "affinity.csv", newline="") as file:
        rows = {(row["source"], row["target"]): float(row["affinity"]) for row in csv.DictReader(file)}
    assert rows == found
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["affinity.csv"]
    assert measure(tmp_path / "again", tasks, steps=40, every=20) == found
    # What is there is not measured again.
    monkeypatch.setattr(affinity, "train_in", None)
    assert measure(tmp_path / "study", tasks, steps=40, every=20) == found


def test_training_is_not_affected(tmp_path):
    experiment = configuration(tiny_tasks(tmp_path), "short", steps=15)
    measured = {**experiment, "trainer": {**experiment["trainer"]}}
    callback = {"type": "inter_task_affinity", "every": 4}
    measured["trainer"]["callbacks"] = [*experiment["trainer"]["callbacks"], callback]
    for name, each in (("plain", experiment), ("measured", measured)):
        train_in(tmp_path / name, each)
    plain, other = (torch.load(tmp_path / name / "model_state_e10_b0.th") for name in ("plain", "measured"))
    assert set(plain) == set(other)
    assert all(torch.equal(weight, other[name]) for name, weight in plain.items())
    plain_losses, other_losses = ((tmp_path / name / "batch_losses.csv").read_text() for name in ("plain", "measured"))
    assert plain_losses == other_losses
    rows = (tmp_path / "measured" / "inter_task_affinity.csv").read_text().splitlines()
    assert len(rows) == 1 + 30 // 4 * 4


def test_mistakes(tmp_path):
    tasks = tiny_tasks(tmp_path)
    with pytest.raises(UserError, match="needs two tasks at least, got 1"):
        measure(tmp_path, {"nouns": tasks["nouns"]})
    with pytest.raises(UserError, match="20 updates are too few to measure after every 100"):
        measure(tmp_path, tasks, steps=10)
    (tmp_path / "affinity.csv").write_text("source,target\na,b\n")
    with pytest.raises(DataError, match=r"affinity\.csv:1: expected the columns"):
        read_affinities(tmp_path)


def test_an_affinity_that_is_no_number_is_left_empty(tmp_path):
    write_affinities(tmp_path, {("a", "b"): 0.5, ("a", "z"): math.nan})
    assert (tmp_path / "affinity.csv").read_text() == "source,target,affinity\na,b,0.5\na,z,\n"
    assert read_affinities(tmp_path) == {("a", "b"): 0.5}
