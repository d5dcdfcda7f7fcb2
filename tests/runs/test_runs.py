import json
import os
import re
import time
from pathlib import Path
from typing import Any, Dict, Optional

import pytest
from allennlp.commands.train import train_model
from allennlp.common import Params
from allennlp.training.callbacks import TrainerCallback

from hmtl.runs.summaries import TaskSummary, find_runs, flat_options, summarize
from hmtl.runs.side_by_side import differing_options, side_by_side
from hmtl.errors import UserError


def write_run(
    directory: Path, *epochs: Dict[str, Any], trainer: Optional[Dict[str, Any]] = None, **sections: Any
) -> Path:
    """A run as its files have it; the log was written just now."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({"trainer": trainer or {"num_epochs": 20}, **sections}))
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


def test_the_figures_of_relations_have_rows_of_their_own(tmp_path):
    one = write_run(
        tmp_path / "one",
        {"training_relation_updates": 3, "best_validation_relation_f1_last_tokens": 0.5, "best_epoch_relation": 0},
        trainer={"validation_metric": {"relation": "+f1_last_tokens"}},
    )
    metrics = {"f1": 0.25, "f1_last_tokens": 0.375, "f1_typed": 0.125}
    write_json(
        one / "evaluation.json", {"split": "test", "scores": {"best_relation": {"relation": {"metrics": metrics}}}}
    )
    # Written when the only F1 was that of last tokens.
    old = write_run(tmp_path / "old", {"training_relation_updates": 3})
    metrics = {"f1": 0.75, "f1_sentences_with_relations": 0.875}
    write_json(
        old / "evaluation.json", {"split": "test", "scores": {"best_relation": {"relation": {"metrics": metrics}}}}
    )
    runs = [summarize(one), summarize(old)]
    assert [run.tasks["relation"].test_f1 for run in runs] == [0.25, None]
    assert [run.tasks["relation"].test_f1_last_tokens for run in runs] == [0.375, 0.75]
    table = side_by_side(runs)
    rows = [re.split("  +", line)[:3] for line in table.splitlines() if line.startswith("relation")]
    assert rows == [
        ["relation validation", "50.00 f1_last_tokens (epoch 0)", "-"],
        ["relation updates", "3 (100%)", "3 (100%)"],
        ["relation test F1", "25.00", "-"],
        ["relation test F1, last tokens", "37.50", "75.00"],
        ["relation test F1, typed", "12.50", "-"],
    ]
    assert "of relations, test F1: both spans and the type are right" in table
    assert "last tokens" not in side_by_side([summarize(write_run(tmp_path / "other", epoch()))])


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


@pytest.mark.parametrize(
    "best_epoch, left",
    [(0, 0), (3, 2), (5, 4), (None, 0)],  # of six epochs: the first is 0
)
def test_patience_left(tmp_path, best_epoch, left):
    epochs = [epoch(best_epoch_ner=best_epoch, best_validation_ner_f1=0.5) for _ in range(6)]
    run = summarize(write_run(tmp_path / "run", *epochs, trainer={"patience": 4}))
    assert run.tasks["ner"].patience_left == left
    assert ["ner", "patience", str(left), "left"] in [line.split() for line in side_by_side([run]).splitlines()]


def test_patience_left_is_what_the_trainer_has(fixtures, tmp_path):
    params = Params.from_file(fixtures / "tiny.jsonnet", json.dumps({"trainer.patience": 3, "trainer.num_epochs": 4}))
    trackers = {}

    class Watch(TrainerCallback):
        def on_end(self, trainer, *args, **kwargs):
            trackers.update(trainer.patience_left())

    TrainerCallback.register("watch", exist_ok=True)(Watch)
    params["trainer"]["callbacks"] = ["watch"]
    train_model(params, str(tmp_path / "run"))
    tasks = summarize(tmp_path / "run").tasks
    assert {name: task.patience_left for name, task in tasks.items()} == trackers


def test_patience_is_whole_while_a_score_is_0(tmp_path):
    epochs = [epoch(best_epoch_ner=0, best_validation_ner_f1=0.0) for _ in range(6)]
    run = summarize(write_run(tmp_path / "run", *epochs, trainer={"patience": 4}))
    assert run.tasks["ner"].patience_left == 4


@pytest.mark.parametrize(
    "score, baseline, problem",
    [
        (0.0, None, "ner never had a validation f1 above 0"),
        (0.0, 0.0, "ner never had a validation f1 above 0"),
        (0.3, 0.4, "ner never rose above its baseline: validation f1 30.00, baseline 40.00"),
        (0.4, 0.4, "ner never rose above its baseline: validation f1 40.00, baseline 40.00"),
        (0.41, 0.4, None),
        # Nothing is above it.
        (1.0, 1.0, None),
        (0.3, None, None),
        (None, None, None),
    ],
)
def test_a_task_that_has_not_learned_is_named_with_what_to_try(tmp_path, score, baseline, problem):
    found = {} if score is None else {"best_validation_ner_f1": score, "best_epoch_ner": 0}
    directory = write_run(tmp_path / "run", epoch(**found))
    if baseline is not None:
        write_json(directory / "metrics.json", {"epoch": 0, "baseline_validation_ner_f1": baseline})
    run = summarize(directory)
    assert run.tasks["ner"].baseline == baseline
    assert run.to_json()["tasks"]["ner"].get("baseline") == baseline
    lines = [line.split(" ", 1)[1] for line in side_by_side([run]).splitlines() if line.startswith("run: ")]
    assert lines == run.problems() and len(lines) == (0 if problem is None else 2)
    if problem is not None:
        assert lines[0] == problem and lines[1].startswith("try more epochs")
    rows = [line.split() for line in side_by_side([run]).splitlines() if line.startswith("ner baseline")]
    mark = ["not", "passed"] if problem is not None else []
    assert rows == ([] if baseline is None else [["ner", "baseline", f"{100 * baseline:.2f}", *mark]])


def test_without_patience_no_row_tells_of_it(tmp_path):
    assert "patience" not in side_by_side([summarize(write_run(tmp_path / "run", epoch()))])


def test_the_name_of_the_configuration(tmp_path):
    one, two = (write_run(tmp_path / name, epoch()) for name in ("one", "two"))
    assert "configuration" not in side_by_side([summarize(one), summarize(two)])
    write_json(one / "command.json", {"configuration": "configs/hmtl_gum.jsonnet", "arguments": ["train"]})
    runs = [summarize(one), summarize(two)]
    assert [run.configuration for run in runs] == ["configs/hmtl_gum.jsonnet", None]
    assert side_by_side(runs).splitlines()[1].split() == ["configuration", "hmtl_gum", "-"]


def test_options_by_dotted_keys():
    configuration = {"a": 1, "b": {"type": "power", "exponent": 0.5}, "type": "top", "c": {"d": {"e": [{"f": 1}]}}}
    assert flat_options(configuration) == {
        "a": 1,
        "b": "power",
        "b.exponent": 0.5,
        "type": "top",
        "c.d.e": [{"f": 1}],
    }


def test_what_differs_between_runs(tmp_path):
    one = {"sampler": "uniform", "optimizer": {"type": "adam", "lr": 0.001}, "patience": 10, "seed": 1}
    two = {"sampler": {"type": "power", "exponent": 0.5}, "optimizer": {"type": "adam", "lr": 0.01}, "patience": 10}
    paths = [
        write_run(tmp_path / "one", epoch(), trainer=one, random_seed=1),
        write_run(tmp_path / "two", epoch(), trainer={**two, "seed": 2}, random_seed=2, train_data_path="a/b"),
    ]
    runs = [summarize(path) for path in paths]
    options = [
        ["seed", "1", "2"],
        ["trainer.sampler", "uniform", "power"],
        ["trainer.optimizer.lr", "0.001", "0.01"],
        ["trainer.sampler.exponent", "-", "0.5"],
    ]
    table = side_by_side(runs)
    assert [line.split() for line in table.splitlines()[5:9]] == options
    assert "1 more option differs: see --all" in table and "train_data_path" not in table
    everything = side_by_side(runs, all_options=True)
    assert [line.split() for line in everything.splitlines()[5:10]] == [*options, ["train_data_path", "-", "a/b"]]
    assert "--all" not in everything


def test_equal_runs_and_a_single_one_differ_in_nothing(tmp_path):
    options = [{"trainer.seed": 1, "trainer.optimizer": "adam"}] * 2
    assert differing_options(options) == differing_options(options[:1]) == []


def test_seeds_that_differ_on_their_own_are_told_apart():
    options = [{"random_seed": 1, "trainer.seed": 1}, {"random_seed": 2, "trainer.seed": 3}]
    assert differing_options(options) == [("trainer.seed", [1, 3]), ("random_seed", [1, 2])]


def test_many_and_long_options_are_cut(tmp_path):
    trainers = [{f"option_{number:02}": f"{'x' * 60}{run}" for number in range(20)} for run in range(2)]
    runs = [
        summarize(write_run(tmp_path / str(number), epoch(), trainer={"list": [0] * 50 + [number], **trainer}))
        for number, trainer in enumerate(trainers)
    ]
    table = side_by_side(runs, width=100)
    assert "13 more options differ: see --all" in table
    assert max(map(len, table.splitlines())) <= 100
    assert "..." + "x" * 26 + "0" in table and json.dumps([0] * 50)[:27] + "..." in table
    assert side_by_side(runs, width=100, all_options=True).count("trainer.option_") == 20
