"""`hmtl advise`, on a study of which the predictions are made."""

import csv
import json
from pathlib import Path

import pytest
from relation_study import TASKS, steeper_helps, write_study
from scipy.stats import spearmanr

from hmtl.advice.order_runs import OrderRuns
from hmtl.cli import main
from research.task_relations.__main__ import main as make_predictions

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    directory = write_study(tmp_path_factory.mktemp("study"), steeper_helps())
    lines = [f"{source},links,{number / 100}\n" for number, source in enumerate(("pos", "chunks", "mwe"))]
    (directory / "affinity.csv").write_text("source,target,affinity\n" + "".join(lines))
    make_predictions(["predict", str(directory)])
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


def test_the_best_method_of_a_study_ranks_and_its_reliability_is_told(tmp_path, capsys):
    study = write_study(tmp_path / "study", steeper_helps())
    make_predictions(["predict", str(study)])
    make_predictions(["methods", str(study)])
    capsys.readouterr()
    out = advise(capsys, "--main", "links", "--study", study)
    with open(study / "methods.csv", encoding="utf-8", newline="") as file:
        best = max((row for row in csv.DictReader(file)), key=lambda row: float(row["rank_correlation"]))
    assert f"(--method {best['method']})" in out and f"{float(best['rank_correlation']):+.2f} on average over 5" in out
    with open(study / "method_scores.csv", encoding="utf-8", newline="") as file:
        scores = {(row["method"], row["main"], row["auxiliary"]): float(row["score"]) for row in csv.DictReader(file)}
    for method in (best["method"], "probability"):
        out = advise(capsys, "--main", "links", "--study", study, "--method", method, "--candidates", "pos,chunks,mwe")
        shown = [line.split()[0] for line in out.splitlines() if line.split()[:1] and line.split()[0] in TASKS]
        assert shown == sorted(shown, key=lambda auxiliary: -scores[method, "links", auxiliary])


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
        (["--main", "ner"], "no prediction for 'ner'; there are chunks, links, mwe, names, pos; in a checkout"),
        (["--main", "pos", "--candidates", "ner"], "no prediction for 'ner'; there are chunks, links, mwe, names; in"),
        (["--main", "pos", "--method", "usual"], "has no methods.csv"),
        (["--order", "x.json"], "x.json: expected a configuration file"),
    ],
)
def test_mistakes_are_one_line(study, arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        advise(capsys, "--study", study, *arguments)
    assert end.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.slow
def test_orders_are_trained_and_compared(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    tasks = ("chunks", "emd", "mwe", "ner", "pos")
    study = write_study(tmp_path / "study", steeper_helps(tasks), tasks)
    make_predictions(["predict", str(study)])
    capsys.readouterr()
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


def test_a_study_without_predictions(tmp_path, capsys):
    study = write_study(tmp_path / "study", steeper_helps())
    with pytest.raises(SystemExit) as end:
        advise(capsys, "--main", "pos", "--study", study)
    assert end.value.code == 2
    assert f"'python -m research.task_relations predict {study}' writes it" in capsys.readouterr().err


def test_candidates_are_chosen_and_ordered_by_their_probability(study, tmp_path, capsys):
    output = tmp_path / "advice.csv"
    advise(capsys, "--main", "links", "--candidates", "mwe,links,chunks", "--study", study, "--output", output)
    with open(output, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["auxiliary"] for row in rows} == {"mwe", "chunks"} and rows[0]["auxiliary"] == "mwe"
    assert [row["pairs"] for row in rows] == ["12", "12"]
