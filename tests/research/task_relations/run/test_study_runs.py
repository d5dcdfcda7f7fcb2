import argparse
import csv
import json
import os
import signal
import threading
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any, Dict, List

import pytest
from tiny_tasks import tiny_tasks

from hmtl.common.stop_signals import TrainingStopped
from hmtl.errors import DataError, UserError
from research.task_relations.run.command import add_arguments, run
from research.task_relations.run.plan import Plan, Settings, random_subsets, write_tables
from research.task_relations.run.tasks import Tasks, labelled_sentences, read_tasks
from research.task_relations.run.worker import train_one
from research.task_relations.study import read_costs, read_study, read_subsets


@pytest.fixture
def tasks(tmp_path: Path) -> Tasks:
    return tiny_tasks(tmp_path)


def planned(directory: Path, tasks: Tasks, **settings: Any) -> Plan:
    plan = Plan(directory, tasks, Settings(**{"preset": "short", "steps": 20, **settings}))
    plan.write()
    return plan


def figures(plan: Plan, name: str) -> Dict[str, Any]:
    result = json.loads(plan.result(name).read_text())
    for name in ("seconds", "cpu_seconds"):
        result.pop(name)
    return result


def rows(path: Path) -> List[Dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_pair_has_scores_of_both_tasks_and_twice_the_updates(tmp_path, tasks):
    plan = planned(tmp_path / "study", tasks, steps=40)
    for name in ("nouns", "nouns_pairs"):
        train_one(plan, name)
    single, pair = figures(plan, "nouns"), figures(plan, "nouns_pairs")
    assert [(row["task"], row["iteration"]) for row in single["f1"]] == [("nouns", n) for n in range(8, 41, 8)]
    expected = [(task, n) for n in range(8, 81, 8) for task in ("nouns", "pairs")]
    assert [(row["task"], row["iteration"]) for row in pair["f1"]] == expected
    assert [row["iteration"] for row in single["losses"]] == [10, 20, 30, 40]
    assert [row["iteration"] for row in pair["losses"]] == list(range(10, 81, 10))
    assert {row["task"] for row in pair["losses"]} == {"nouns", "pairs"}
    # The words tell the label, which forty updates suffice to see.
    assert single["f1"][-1]["f1"] > 0.9
    assert single["losses"][-1]["loss"] < 0.5 * single["losses"][0]["loss"]
    assert sorted(path.name for path in (tmp_path / "study" / "runs").iterdir()) == ["nouns.json", "nouns_pairs.json"]


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, tasks):
    whole, parts = (planned(tmp_path / name, tasks, steps=60) for name in ("whole", "parts"))
    train_one(whole, "nouns_pairs")
    directory = tmp_path / "parts" / "runs" / "nouns_pairs"

    def interrupt() -> None:
        while not list(directory.glob("checkpoint_e*.json")):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(TrainingStopped):
        train_one(parts, "nouns_pairs")
    thread.join()
    assert not parts.is_finished("nouns_pairs")
    train_one(parts, "nouns_pairs")
    assert figures(parts, "nouns_pairs") == figures(whole, "nouns_pairs")


def test_what_is_left_of_a_run_without_a_checkpoint_is_begun_anew(tmp_path, tasks):
    plan = planned(tmp_path / "study", tasks)
    (tmp_path / "study" / "runs" / "nouns").mkdir()
    (tmp_path / "study" / "runs" / "nouns" / "out.log").write_text("killed")
    train_one(plan, "nouns")
    assert plan.is_finished("nouns")


def test_a_study_from_the_command_line(tmp_path, tasks, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    tasks["pairs"]["validation"] = str(tmp_path / "broken.jsonl")
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{\n")
    (tmp_path / "mine.json").write_text(json.dumps(tasks))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    output = tmp_path / "study"
    command = ["--task-file", str(tmp_path / "mine.json"), "--preset", "short", "--steps", "10", "--seed", "3"]
    arguments = parser.parse_args([*command, "--output", str(output)])
    monkeypatch.setenv("HMTL_DATA", "")

    with pytest.raises(SystemExit) as stopped:
        run(arguments)
    assert stopped.value.code == 1
    told = capsys.readouterr()
    assert f"1 of 3 runs are finished in {output}" in told.out
    assert f"failed: pairs: {broken}:1: not valid JSON" in told.err
    assert {row["run"] for row in rows(output / "f1.csv")} == {"nouns"}
    finished = output / "runs" / "nouns.json"
    before = finished.stat().st_mtime_ns

    broken.write_text((tmp_path / "dev.jsonl").read_text())
    run(arguments)
    assert "3 of 3 runs are finished" in capsys.readouterr().out
    assert finished.stat().st_mtime_ns == before
    assert {row["task"] for row in rows(output / "single_task_training_loss.csv")} == {"nouns", "pairs"}
    # As the analysis reads it, and as another process, this one, finds it.
    study = read_study(output)
    assert study.missing() == [] and set(study.pairs) == {("nouns", "pairs"), ("pairs", "nouns")}
    again = planned(tmp_path / "again", tasks, steps=10, seed=3)
    train_one(again, "nouns_pairs")
    assert figures(again, "nouns_pairs") == figures(Plan.read(output), "nouns_pairs")
    assert read_tasks(output / "tasks.json") == tasks


def test_random_subsets_are_balanced_and_differ():
    tasks = list("abcdefghij")
    found = random_subsets(tasks, size=4, number=25, seed=3)
    assert len(set(found)) == 25 and all(list(subset) == sorted(set(subset)) and len(subset) == 4 for subset in found)
    counts = Counter(task for subset in found for task in subset)
    # 100 places for ten tasks.
    assert set(counts) == set(tasks) and set(counts.values()) == {10}
    assert random_subsets(tasks, 4, 25, seed=3) == found != random_subsets(tasks, 4, 25, seed=4)
    assert sorted(random_subsets(tasks[:4], 3, 99, seed=1)) == sorted(combinations("abcd", 3))
    with pytest.raises(UserError, match="--subset-size 5: expected 2 to 4"):
        random_subsets(tasks[:4], 5, 1, seed=1)


def test_subsets_are_scored_at_their_end_in_a_table_of_their_own(tmp_path, tasks, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HMTL_DATA", "")
    third = json.loads(json.dumps(tasks["nouns"]))
    (tmp_path / "mine.json").write_text(json.dumps({**tasks, "again": third}))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    output = tmp_path / "study"
    command = [
        "--task-file",
        str(tmp_path / "mine.json"),
        "--preset",
        "short",
        "--steps",
        "10",
        "--output",
        str(output),
    ]
    run(parser.parse_args([*command, "--subsets", "5", "--subset-size", "3"]))
    # There is one subset of all three.
    found = rows(output / "subsets.csv")
    assert [(row["run"], row["task"], row["iteration"]) for row in found] == [
        ("again_nouns_pairs", task, "30") for task in ("again", "nouns", "pairs")
    ]
    scores = read_subsets(output / "subsets.csv")
    assert scores[("again", "nouns", "pairs"), "pairs"] == float(found[2]["f1"])
    (cost,) = rows(output / "costs.csv")
    assert (cost["part"], cost["runs"]) == ("subset runs", "1")
    assert read_costs(output / "costs.csv") == {"subset runs": float(cost["cpu_minutes"])}
    with pytest.raises(UserError, match=r"a study with another subsets \(5\)"):
        run(parser.parse_args(command))
    with pytest.raises(UserError, match="--subset-size goes with --subsets"):
        run(parser.parse_args([*command, "--subset-size", "3"]))
    (output / "subsets.csv").write_text("run,task,iteration,f1\na_b_c,d,10,0.5\n")
    with pytest.raises(DataError, match=r"subsets\.csv:2: run 'a_b_c' has no task 'd'"):
        read_subsets(output / "subsets.csv")


def test_tables_of_a_study_that_is_not_finished(tmp_path, tasks):
    plan = planned(tmp_path / "study", tasks)
    assert write_tables(plan.directory) == 0
    assert (plan.directory / "f1.csv").read_text() == "run,task,iteration,f1\n"
    assert (plan.directory / "single_task_training_loss.csv").read_text() == "task,iteration,loss\n"
    assert plan.runs() == ["nouns", "pairs", "nouns_pairs"]


def test_a_study_keeps_its_settings_and_its_tasks(tmp_path, tasks):
    planned(tmp_path, {"nouns": tasks["nouns"]})
    planned(tmp_path, {"pairs": tasks["pairs"]})
    assert sorted(Plan.read(tmp_path).tasks) == ["nouns", "pairs"]
    with pytest.raises(UserError, match=r"a study with another steps \(20\)"):
        planned(tmp_path, tasks, steps=21)
    tasks["nouns"]["train"] = "elsewhere"
    with pytest.raises(UserError, match="'nouns' has other data"):
        planned(tmp_path, tasks)


def test_labelled_sentences_are_what_the_reader_makes(tmp_path, tasks):
    sentences = labelled_sentences(tasks["pairs"], "validation")
    assert len(sentences) == 12
    for tokens, labels in sentences:
        expected = ["O"] * len(tokens)
        for n, (first, second) in enumerate(zip(tokens, tokens[1:])):
            if first in ("red", "blue", "green") and second in ("ant", "bee", "cat"):
                expected[n : n + 2] = ["B-p", "I-p"]
        assert labels == expected
    with pytest.raises(UserError, match="no split 'dev'"):
        labelled_sentences(tasks["pairs"], "dev")
    tasks["pairs"]["reader"] = {"type": "hmtl_tagging", "layer": "pairs"}
    with pytest.raises(UserError, match="expected 'hmtl_token_labels'"):
        labelled_sentences(tasks["pairs"], "test")


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"--tasks": "nouns,verbs"}, "--tasks verbs: there is no such task; there are nouns, pairs"),
        ({"--task-file": "{folder}/none.json"}, "none.json: cannot be read as JSON"),
        ({"--glove": "none.txt"}, "--glove none.txt: no such file"),
        ({"--resources": "{}"}, "--resources is for --executor ray"),
        ({"--task-file": "{folder}/odd.json"}, "'a_b': the name of a task"),
        ({"--task-file": "{folder}/few.json"}, "'a': expected an object with the keys reader, test, train, validation"),
    ],
)
def test_mistakes_on_the_command_line(changes, message, tmp_path, tasks, monkeypatch):
    monkeypatch.setenv("HMTL_DATA", "")
    (tmp_path / "mine.json").write_text(json.dumps(tasks))
    (tmp_path / "odd.json").write_text(json.dumps({"a_b": tasks["nouns"]}))
    (tmp_path / "few.json").write_text(json.dumps({"a": {"train": "x"}}))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = {"--task-file": str(tmp_path / "mine.json"), "--output": str(tmp_path / "study"), **changes}
    flat = [text.replace("{folder}", str(tmp_path)) for pair in given.items() for text in pair]
    with pytest.raises(UserError) as raised:
        run(parser.parse_args(flat))
    assert message in str(raised.value)


@pytest.mark.slow
def test_a_study_on_a_ray_cluster(tmp_path, tasks, capsys, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HMTL_DATA", "")
    (tmp_path / "mine.json").write_text(json.dumps(tasks))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    output = tmp_path / "study"
    where = ["--executor", "ray", "--jobs", "2", "--output", str(output)]
    run(parser.parse_args(["--task-file", str(tmp_path / "mine.json"), "--preset", "short", "--steps", "10", *where]))
    assert "3 of 3 runs are finished" in capsys.readouterr().out
    here = planned(tmp_path / "here", tasks, steps=10)
    train_one(here, "nouns_pairs")
    assert figures(here, "nouns_pairs") == figures(Plan.read(output), "nouns_pairs")
