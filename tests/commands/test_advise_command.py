"""hmtl advise."""

import csv
import json
from pathlib import Path

import pytest
from relation_study import PUBLISHED, TASKS, needs_published, steeper_helps, write_study
from scipy.stats import spearmanr

from hmtl.advice.order_runs import OrderRuns
from hmtl.advice.predictions import rank_correlation
from hmtl.cli import main
from hmtl.errors import DataError
from research.task_relations.study import read_affinities

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = write_study(tmp_path_factory.mktemp("study"), steeper_helps())
    lines = [f"{source},links,{number / 100}\n" for number, source in enumerate(("pos", "chunks", "mwe"))]
    (directory / "affinity.csv").write_text("source,target,affinity\n" + "".join(lines))
    return directory


def advise(capsys, *arguments):
    main(["advise", *map(str, arguments)])
    return capsys.readouterr().out


def test_candidates_are_ranked_beside_affinities_and_measured_gains(study, tmp_path, capsys):
    output = tmp_path / "advice.csv"
    out = advise(capsys, "--main", "links", "--study", study, "--output", output, "--groups", 2)
    with open(output, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["auxiliary"] for row in rows} == set(TASKS) - {"links"}
    probabilities = [float(row["probability"]) for row in rows]
    assert probabilities == sorted(probabilities, reverse=True)
    measured = {row["auxiliary"]: float(row["measured_gain_percent"]) for row in rows}
    assert measured == pytest.approx({"chunks": -10, "mwe": 10, "names": 20, "pos": 30})
    expected = spearmanr(probabilities, [float(row["measured_gain_percent"]) for row in rows]).statistic
    assert f"of predicted probability with the measured gain, 4 pairs: {expected:+.2f}" in out
    # pos 0, chunks 0.01, mwe 0.02 against 30, -10, 10: by hand -0.5.
    assert "of affinity with the measured gain, 3 pairs: -0.50" in out
    assert "Learned from 12 pairs without links" in out and "At most 2 models" in out


@needs_published
def test_published_pairs_are_learned_from_too(study, capsys):
    # Of either study the pairs of four or nine tasks: a task of the same name is not learned from.
    out = advise(capsys, "--main", "mwe", "--candidates", "pos,chunks", "--study", study, "--fitted-on", PUBLISHED)
    assert "Learned from 84 pairs without mwe" in out


def test_levels_are_ordered_by_what_they_gain_from_those_below(study, tmp_path, capsys):
    levels = {name: {"encoder": {"type": "lstm"}} for name in ("chunks", "mwe", "pos")}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model": {"levels": levels}, "trainer": {}}))
    out = advise(capsys, "--order", config, "--study", study)
    # Later tasks help earlier ones: they go below.
    assert out.splitlines()[2].endswith("pos < mwe < chunks")
    assert len([line for line in out.splitlines() if "<" in line]) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected either --main TASK or --order CONFIG"),
        (["--main", "links", "--try", "1"], "--try goes with --order"),
        (["--order", "x.json", "--groups", "2"], "--groups goes with --main"),
        (["--main", "ner"], "no single-task losses of ner, and no study.json"),
        (["--order", "x.json"], "x.json: expected a configuration file"),
    ],
)
def test_mistakes_are_one_line(study, arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        advise(capsys, "--study", study, *arguments)
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_a_configuration_is_cut_to_some_levels_in_their_order(monkeypatch):
    monkeypatch.chdir(ROOT)
    runs = OrderRuns(Path("configs/quickstart.jsonnet"), None, 100)
    assert runs.levels == ["coref", "emd", "ner", "relation"]
    configuration = runs.configuration(["relation", "ner"])
    levels = configuration["model"]["levels"]
    assert {name: level["reads"] for name, level in levels.items()} == {"relation": [], "ner": ["relation"]}
    assert set(configuration["dataset_reader"]["readers"]) == set(configuration["train_data_path"]) == set(levels)
    assert configuration["trainer"]["sampler"] == {"type": "uniform_updates", "num_updates": 40}
    assert configuration["trainer"]["num_epochs"] == 5  # 40 * 5 updates: 100 of each


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


@pytest.mark.slow
def test_orders_are_trained_and_compared(study, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = tmp_path / "two_levels.json"
    config.write_text(
        json.dumps(OrderRuns(Path("tests/fixtures/tiny.jsonnet"), None, 20).configuration(["ner", "emd"]))
    )
    arguments = ("--order", config, "--study", study, "-s", tmp_path / "orders")
    arguments = (*arguments, "--updates", 20, "--try", 1)
    out = advise(capsys, *arguments)
    first = next(line for line in out.splitlines() if line.startswith("   1."))
    assert out.splitlines()[-1].endswith(first.split("%")[1].strip())
    made = {path: path.stat().st_mtime for path in tmp_path.rglob("metrics.json")}
    assert advise(capsys, *arguments) == out
    assert {path: path.stat().st_mtime for path in tmp_path.rglob("metrics.json")} == made


def test_rank_correlations_leave_out_what_is_not_known():
    assert rank_correlation([1, 2, None, 4, 3], [10, 30, 5, None, 20]) == (pytest.approx(0.5), 3)
    assert rank_correlation([1, 2], [1, 2]) is None
    score, count = rank_correlation([1, 1, 1], [1, 2, 3])
    assert score != score and count == 3


def test_a_malformed_affinity_is_named(tmp_path):
    assert read_affinities(tmp_path) == {}
    (tmp_path / "affinity.csv").write_text("source,target,affinity\na,b,high\n")
    with pytest.raises(DataError, match="affinity.csv:2: affinity is high; expected a number"):
        read_affinities(tmp_path)
