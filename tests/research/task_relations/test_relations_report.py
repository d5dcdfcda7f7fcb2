"""The report of whole and partial studies, and its heat map."""

import csv
from itertools import combinations

import numpy as np
import pytest
from relation_study import PUBLISHED, TASKS, needs_published, steeper_helps, write_study

from hmtl.errors import UserError
from research.task_relations.features import TASK_FEATURES, pair_names
from research.task_relations.methods_report import write_methods
from research.task_relations.published import COEFFICIENTS, NUM_GAINS, NUM_PAIRS
from research.task_relations.study_report import gains_matrix, write_report


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_report_has_gains_tables_and_the_papers_figures_beside(tmp_path):
    pytest.importorskip("matplotlib")
    study, output = write_study(tmp_path / "study", steeper_helps()), tmp_path / "report"
    assert write_report(study, output, repeats=2) == []
    text = (output / "report.md").read_text()
    assert "10 of 20 directed pairs gain; in the paper 40 of 90." in text
    assert "| chunks |  | +10.0 | +20.0 | +30.0 | +40.0 | +25.0 |" in text
    assert "| majority | 0.500 | 0.000 | 0.555 | 0.615 |" in text
    assert "| main_gradient_30 |" in text and "| -1.566 |" in text
    assert "## Missing" not in text and all(line == line.rstrip() for line in text.splitlines())
    assert (output / "gains.png").read_bytes().startswith(b"\x89PNG")
    gains = {(row["main"], row["auxiliary"]): float(row["gain_percent"]) for row in rows(output / "gains.csv")}
    assert len(gains) == 20 and gains["pos", "mwe"] == pytest.approx(-20)
    assert float(next(row for row in rows(output / "single_tasks.csv") if row["task"] == "pos")["f1"]) == 0.5
    beside = {row["feature"]: row["paper"] for row in rows(output / "coefficients.csv")}
    assert beside["main_curve_c"] == "1.007" and (output / "model_card.json").is_file()


def test_methods_of_advice_are_reported_where_they_have_been_compared(tmp_path):
    pytest.importorskip("matplotlib")
    study = write_study(tmp_path / "study", steeper_helps())
    # Subsets of three, in which a later task helps more, as in the pairs.
    effects = {task: (number - 2) / 10 for number, task in enumerate(TASKS)}
    lines = [
        f"{'_'.join(subset)},{main},100,{0.5 + sum(effects[other] for other in subset if other != main)}\n"
        for subset in combinations(TASKS, 3)
        for main in subset
    ]
    (study / "subsets.csv").write_text("run,task,iteration,f1\n" + "".join(lines))
    (study / "costs.csv").write_text("part,runs,cpu_minutes\nsubset runs,10,2.5\n")
    write_methods(study, repeats=[study])
    write_report(study, tmp_path / "report", repeats=1)
    text = (tmp_path / "report" / "report.md").read_text()
    assert "## Methods of advice" in text and (tmp_path / "report" / "methods.png").read_bytes().startswith(b"\x89PNG")
    row = next(line for line in text.splitlines() if line.startswith("| surrogate of 10 random subsets |"))
    assert row.endswith("| 10 | 2.5 |") and "| +1.00 (+1.00 to +1.00) |" in row
    rows_of = {line["method"]: line for line in rows(study / "methods.csv")}
    assert float(rows_of["repeat"]["rank_correlation"]) == pytest.approx(1)
    scores = {
        (line["main"], line["auxiliary"]): float(line["score"])
        for line in rows(study / "method_scores.csv")
        if line["method"] == "surrogate"
    }
    assert scores["mwe", "pos"] == pytest.approx(0.2) and scores["mwe", "chunks"] == pytest.approx(-0.2)
    assert [line["subsets"] for line in rows(study / "surrogate_sizes.csv")] == ["10"]


def test_the_same_report_twice_is_the_same(tmp_path):
    study = write_study(tmp_path / "study", steeper_helps())
    for name in ("one", "two"):
        write_report(study, tmp_path / name, repeats=1)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_a_part_of_a_study_is_reported_with_what_is_missing(tmp_path):
    study = write_study(tmp_path / "study", steeper_helps())
    (study / "single_task_training_loss.csv").unlink()
    text = (study / "f1.csv").read_text()
    (study / "f1.csv").write_text("".join(line for line in text.splitlines(True) if not line.startswith("mwe_pos")))
    notes = write_report(study, tmp_path / "report")
    assert "1 of 10 pairs not run: mwe+pos" in notes
    assert "no single_task_training_loss.csv: nothing to predict gains from" in notes
    report = (tmp_path / "report" / "report.md").read_text()
    assert "9 of 18 directed pairs gain" in report and "## Predicting gains" not in report
    assert "- no single-task losses of chunks" in report


def test_a_study_without_pairs_is_refused(tmp_path):
    study = write_study(tmp_path / "study", steeper_helps(), TASKS[:1])
    with pytest.raises(UserError, match="no pair whose gain is known"):
        write_report(study, tmp_path / "report")


@needs_published
def test_the_heat_map_has_main_tasks_in_rows(tmp_path):
    pytest.importorskip("matplotlib")
    from research.task_relations.study import gains_of, read_study
    from research.task_relations.study_report import heat_map_figure

    study = read_study(PUBLISHED)
    gains, _ = gains_of(study)
    matrix = gains_matrix(gains, study.tasks)
    place = study.tasks.index
    assert matrix[place("mwe"), place("ccg")] == gains["mwe", "ccg"] and np.isnan(np.diag(matrix)).all()
    axes = heat_map_figure(gains, study.tasks).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("auxiliary task", "main task")
    shown = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in axes.texts}
    assert len(shown) == 90 and shown[place("mwe"), place("ccg")] == f"{gains['mwe', 'ccg']:.1f}"
    # Where the task alone is poor, numbers have no colour, and the others have the whole scale.
    marked = heat_map_figure(gains, study.tasks, {"mwe": 0.094, "ccg": 0.9}).axes[0]
    assert np.isnan(marked.images[0].get_array().filled(np.nan)[place("mwe")]).all()
    assert marked.get_yticklabels()[place("mwe")].get_text() == "mwe\n(alone F1 9.4)"
    assert len(marked.texts) == 90
    others = [abs(gain) for (main, _), gain in gains.items() if main != "mwe"]
    assert marked.images[0].get_clim()[1] == pytest.approx(np.quantile(others, 0.95))


def test_the_papers_coefficients_are_of_the_features_of_pairs():
    assert set(COEFFICIENTS) == set(pair_names(TASK_FEATURES)) and (NUM_GAINS, NUM_PAIRS) == (40, 90)
