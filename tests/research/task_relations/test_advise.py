"""`python -m research.task_relations advise` and `predict`: what `hmtl advise` does, and the runs that it needs."""

import json
from pathlib import Path

import pytest
from relation_study import PUBLISHED, TASKS, needs_published, steeper_helps, write_study

from hmtl.advice.order_runs import OrderRuns
from hmtl.cli import main as library
from hmtl.errors import DataError
from research.task_relations.__main__ import main
from research.task_relations.study import read_affinities

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = write_study(tmp_path_factory.mktemp("study"), steeper_helps())
    lines = [f"{source},links,{number / 100}\n" for number, source in enumerate(("pos", "chunks", "mwe"))]
    (directory / "affinity.csv").write_text("source,target,affinity\n" + "".join(lines))
    return directory


def advise(capsys, *arguments):
    main(["advise", *map(str, arguments)])
    return capsys.readouterr().out


def test_it_gives_the_advice_that_is_read_from_predictions(study, tmp_path, capsys):
    config = tmp_path / "config.json"
    levels = {name: {"encoder": {"type": "lstm"}} for name in ("chunks", "mwe", "pos")}
    config.write_text(json.dumps({"model": {"levels": levels}, "trainer": {}}))
    main(["predict", str(study)])
    assert f"predictions for 5 of 5 tasks: {study / 'predictions.csv'}" in capsys.readouterr().out
    for arguments in (
        ["--main", "links", "--groups", 2],
        ["--main", "pos", "--candidates", "mwe,chunks", "--groups", 3],
        ["--order", config],
    ):
        arguments = [*arguments, "--study", study]
        own = advise(capsys, *arguments)
        library(["advise", *map(str, arguments)])
        assert own == capsys.readouterr().out and own.count("\n") > 4


def test_a_task_of_which_too_little_is_left_to_learn_from_has_no_prediction(tmp_path, capsys):
    # Without one of three tasks two pairs are left.
    study = write_study(tmp_path / "study", steeper_helps(), tasks=TASKS[:3])
    main(["predict", str(study)])
    out, err = capsys.readouterr()
    assert "predictions for 0 of 3 tasks" in out
    assert "mwe: fewer than 10 measured pairs without it; nothing is predicted" in err


def test_a_task_that_cannot_be_run_is_one_line(study, capsys):
    with pytest.raises(SystemExit) as end:
        advise(capsys, "--study", study, "--main", "ner")
    assert end.value.code == 2 and "no single-task losses of ner, and no study.json" in capsys.readouterr().err


@pytest.mark.slow
def test_levels_that_no_study_has_are_trained_alone_first(study, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = tmp_path / "two_levels.json"
    tiny = OrderRuns(Path("tests/fixtures/tiny.jsonnet"), None, 20)
    config.write_text(json.dumps(tiny.configuration(["ner", "emd"])))
    arguments = ("--order", config, "--study", study, "-s", tmp_path / "orders", "--updates", 20)
    arguments = (*arguments, "--try", 1)
    out = advise(capsys, *arguments)
    first = next(line for line in out.splitlines() if line.startswith("   1."))
    assert out.splitlines()[-1].endswith(first.split("%")[1].strip())
    assert {line.split("%")[1].strip() for line in out.splitlines() if "%" in line} == {"ner < emd", "emd < ner"}
    losses = (tmp_path / "orders" / "alone" / "single_task_training_loss.csv").read_text()
    assert losses.count("ner,") == losses.count("emd,") == 20
    assert advise(capsys, *arguments) == out  # nothing is run again


@needs_published
def test_published_pairs_are_learned_from_too(study, capsys):
    # Of either study the pairs of four or nine tasks: a task of the same name is not learned from.
    out = advise(capsys, "--main", "mwe", "--candidates", "pos,chunks", "--study", study, "--fitted-on", PUBLISHED)
    assert "Learned from 84 pairs without mwe" in out


@needs_published
@pytest.mark.slow
def test_a_task_without_a_curve_is_run_alone_first(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("HMTL_DATA", raising=False)
    paths = {
        "train": "data/sample/train.jsonl",
        "validation": "data/sample/dev.jsonl",
        "test": "data/sample/test.jsonl",
    }
    tasks = {
        name: {"reader": {"type": "hmtl_token_labels", "corpus": "jsonl", "layer": layer}, **paths}
        for name, layer in (("entities", "ner"), ("mentions", "emd"))
    }
    study = tmp_path / "study"
    study.mkdir()
    (study / "tasks.json").write_text(json.dumps(tasks))
    (study / "study.json").write_text(json.dumps({"preset": "short", "steps": 100, "glove": None, "seed": 1}))
    for name, columns in (("single_task_training_loss", "task,iteration,loss"), ("f1", "run,task,iteration,f1")):
        (study / f"{name}.csv").write_text(columns + "\n")
    arguments = ("--main", "mentions", "--candidates", "entities", "--study", study, "--fitted-on", PUBLISHED)
    assert "Learned from 90 pairs without mentions" in advise(capsys, *arguments)
    losses = (study / "single_task_training_loss.csv").read_text()
    assert losses.count("mentions,") == losses.count("entities,") == 10
    assert "is finished" not in advise(capsys, *arguments)  # nothing is run again


def test_a_malformed_affinity_is_named(tmp_path):
    assert read_affinities(tmp_path) == {}
    (tmp_path / "affinity.csv").write_text("source,target,affinity\na,b,high\n")
    with pytest.raises(DataError, match="affinity.csv:2: affinity is high; expected a number"):
        read_affinities(tmp_path)
