import json
import os
import time
from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from hmtl.analysis.runs import TaskSummary, find_runs, side_by_side, summarize
from hmtl.errors import UserError


def write_run(directory: Path, *epochs: Dict[str, Any], trainer: Optional[Dict[str, Any]] = None) -> Path:
    """A run as its files have it; the log was written just now."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({"trainer": trainer or {"num_epochs": 20}}))
    (directory / "out.log").write_text("")
    for number, metrics in enumerate(epochs):
        write_json(directory / f"metrics_epoch_{number}.json", {"epoch": number, **metrics})
    return directory


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def leave_alone(directory: Path, seconds: float) -> None:
    for path in directory.iterdir():
        os.utime(path, (time.time() - seconds,) * 2)


def epoch(duration: str = "0:00:01", **metrics: Any) -> Dict[str, Any]:
    return {"training_ner_updates": 3, "training_ner_share": 1.0, "training_duration": duration, **metrics}


def test_a_run_of_the_trainer(tiny_run):
    summary = summarize(tiny_run)
    newest = json.loads((tiny_run / "metrics.json").read_text())
    per_epoch = [json.loads((tiny_run / f"metrics_epoch_{number}.json").read_text()) for number in range(2)]
    assert (summary.run, summary.status) == (str(tiny_run), "finished")
    assert (summary.epochs, summary.num_epochs) == (2, 2)
    assert 0 < summary.seconds < 600
    assert set(summary.tasks) == {"ner", "emd", "relation", "coref"}
    for name, task in summary.tasks.items():
        scores = [metrics[f"validation_{name}_f1"] for metrics in per_epoch]
        assert task.best_score == max(scores) and task.best_epoch == scores.index(max(scores))
        assert task.best_epoch == newest[f"best_epoch_{name}"]
        assert task.updates == sum(metrics[f"training_{name}_updates"] for metrics in per_epoch) > 0
        assert task.metric == "f1" and task.test_f1 is None
    assert sum(task.share for task in summary.tasks.values()) == pytest.approx(1)


def test_updates_and_shares_are_those_of_all_epochs(tmp_path):
    first = epoch(training_emd_updates=1, training_emd_share=0.25)
    second = epoch(training_emd_updates=9, training_emd_share=0.75)
    tasks = summarize(write_run(tmp_path / "run", first, second)).tasks
    assert (tasks["ner"].updates, tasks["ner"].share) == (6, 0.375)
    assert (tasks["emd"].updates, tasks["emd"].share) == (10, 0.625)


def test_epochs_are_in_the_order_of_their_numbers(tmp_path):
    epochs = [epoch(best_epoch_ner=number, best_validation_ner_f1=number / 100) for number in range(12)]
    task = summarize(write_run(tmp_path / "run", *epochs)).tasks["ner"]
    assert (task.best_epoch, task.best_score) == (11, 0.11)


@pytest.mark.parametrize("metric", ["-loss", {"ner": "-loss"}])
def test_the_metric_of_a_task_is_the_configured_one(tmp_path, metric):
    metrics = epoch(best_epoch_ner=0, best_validation_ner_f1=0.5, best_validation_ner_loss=31.25)
    run = summarize(write_run(tmp_path / "run", metrics, trainer={"validation_metric": metric}))
    assert run.tasks["ner"] == TaskSummary("loss", 31.25, 0, updates=3, share=1.0, test_f1=None)
    assert "31.25 loss (epoch 0)" in side_by_side([run])


def test_test_f1_is_the_diagonal_of_the_evaluation(tmp_path):
    run = write_run(tmp_path / "run", epoch(training_emd_updates=1))
    scores = {
        weights: {"ner": {"metrics": {"f1": ner}}, "emd": {"metrics": {"f1": emd}}}
        for weights, ner, emd in (("best_ner", 0.1, 0.2), ("best_emd", 0.3, 0.4), ("best", 0.5, 0.6))
    }
    write_json(run / "evaluation.json", {"split": "test", "scores": scores})
    assert {name: task.test_f1 for name, task in summarize(run).tasks.items()} == {"ner": 0.1, "emd": 0.4}
    write_json(run / "evaluation.json", {"split": "validation", "scores": scores})
    assert {task.test_f1 for task in summarize(run).tasks.values()} == {None}


def test_running_while_it_writes_and_then_stopped(tmp_path):
    run = write_run(tmp_path / "run", epoch())
    assert summarize(run).status == "running"
    leave_alone(run, seconds=3600)
    (run / "evaluation.json").write_text("{}")  # written now, but not by training
    assert summarize(run).status == "stopped"


def test_a_finished_run_that_trains_on_is_not_finished(tmp_path):
    run = write_run(tmp_path / "run", epoch())
    write_json(run / "metrics.json", {"epoch": 0})
    assert summarize(run).status == "finished"
    write_json(run / "metrics_epoch_1.json", epoch())
    assert summarize(run).status == "running"


def test_a_run_that_has_only_begun(tmp_path):
    run = summarize(write_run(tmp_path / "run"))
    assert (run.status, run.epochs, run.seconds, run.tasks) == ("running", 0, 0, {})
    assert "0 of 20" in side_by_side([run])


@pytest.mark.parametrize(
    "durations, seconds",
    [
        (["0:00:10.5", "0:00:21.25"], 21.25),
        (["1 day, 0:00:01"], 86401),
        (["2 days, 1:00:00"], 2 * 86400 + 3600),
        (["0:00:10", "0:00:20", "0:00:12", "0:00:24"], 44),  # recovered after the second epoch
    ],
)
def test_duration(tmp_path, durations, seconds):
    assert summarize(write_run(tmp_path / "run", *map(epoch, durations))).seconds == seconds


def test_runs_are_found_in_a_directory_and_one_level_below(tmp_path):
    a, b = write_run(tmp_path / "runs" / "a"), write_run(tmp_path / "runs" / "b")
    write_run(tmp_path / "runs" / "deeper" / "c")
    (tmp_path / "runs" / "config.json").write_text("{}")  # a configuration is no run
    assert find_runs([tmp_path / "runs"]) == [a, b]
    assert find_runs([b, tmp_path / "runs", tmp_path / "runs" / "deeper" / ".." / "a"]) == [b, a]


def test_a_directory_without_runs_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    write_run(tmp_path / "run")
    with pytest.raises(UserError, match=r"empty: no run in this directory"):
        find_runs([tmp_path / "run", tmp_path / "empty"])
    with pytest.raises(UserError, match=r"missing: no such directory"):
        find_runs([tmp_path / "missing"])


@pytest.mark.parametrize("content, message", [("{", "not valid JSON"), ("[]", "expected a JSON object, found list")])
def test_a_damaged_file_is_named(tmp_path, content, message):
    run = write_run(tmp_path / "run", epoch())
    (run / "metrics_epoch_0.json").write_text(content)
    with pytest.raises(UserError, match=f"metrics_epoch_0.json: {message}"):
        summarize(run)


def test_the_table(tmp_path):
    scores = {"best_epoch_ner": 1, "best_validation_ner_f1": 0.4567}
    one = write_run(tmp_path / "one", epoch(), epoch("1:01:01", **scores))
    two = write_run(tmp_path / "two", {"training_emd_updates": 7, "training_ner_updates": 21})
    write_json(one / "evaluation.json", {"split": "test", "scores": {"best_ner": {"ner": {"metrics": {"f1": 0.5}}}}})
    runs = [summarize(one), summarize(two)]
    for run in runs:
        run.last_change = "then"
    assert side_by_side(runs).splitlines()[:11] == [
        "                one              two",
        "status          running          running",
        "epochs          2 of 20          1 of 20",
        "duration        1:01:01          0:00:00",
        "last change     then             then",
        "emd validation  -                -",
        "emd updates     -                7 (25%)",
        "emd test F1     -                -",
        "ner validation  45.67 (epoch 1)  -",
        "ner updates     6 (100%)         21 (75%)",
        "ner test F1     50.00            -",
    ]


def test_runs_that_do_not_fit_stand_below(tmp_path):
    runs = [summarize(write_run(tmp_path / name, epoch())) for name in ("one", "two", "three")]
    tables = [table.splitlines() for table in side_by_side(runs, width=60).split("\n\n")[:-1]]
    assert [table[0].split() for table in tables] == [["one", "two"], ["three"]]
    assert max(len(line) for table in tables for line in table) <= 60


def test_runs_of_the_same_name_are_told_apart_by_their_paths(tmp_path):
    paths = [write_run(tmp_path / parent / "run") for parent in ("a", "b")]
    table = side_by_side([summarize(path) for path in paths])
    assert all(str(path) in table for path in paths)
