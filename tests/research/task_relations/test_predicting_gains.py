"""Cross-validation, baselines, coefficients and predictions: against scikit-learn, by hand, and on planted rules."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from relation_study import PUBLISHED, TASKS, needs_published, steeper_helps, write_study
from scipy.stats import spearmanr
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from hmtl.errors import UserError
from research.task_relations.cross_validation import (
    ablation,
    accuracy_and_f1,
    baselines,
    coefficients,
    cross_validate,
    unseen_tasks,
)
from research.task_relations.fit import Fit
from research.task_relations.pair_data import PairData, read_pair_data
from research.task_relations.prediction import Preparation, predict, predicted_gains
from research.task_relations.study_report import advice_scores


def random_data(num_tasks=6, num_names=3, seed=1):
    """Gains that depend on the first feature of the main task, and noise."""
    generator = np.random.default_rng(seed)
    tasks = [f"t{number}" for number in range(num_tasks)]
    pairs = [(Path("study"), main, other) for main in tasks for other in tasks if main != other]
    matrix = generator.normal(size=(len(pairs), 3 * num_names))
    gains = 10 * matrix[:, 0] + 5 * generator.normal(size=len(pairs))
    return PairData(pairs, ["labels", "curve_b", "curve_c"][:num_names], matrix, gains, [])


@needs_published
def test_curves_alone_predict_the_published_gains_as_well_as_known():
    data = read_pair_data([PUBLISHED], published_fit=True)
    performance = cross_validate(data, repeats=30, scaler_sees_all=True)
    assert performance.f1 == pytest.approx(0.572, abs=0.02)
    assert performance.accuracy == pytest.approx(0.684, abs=0.02)


@needs_published
@pytest.mark.slow
def test_over_a_hundred_repeats_a_scaler_in_the_fold_changes_little():
    data = read_pair_data([PUBLISHED], published_fit=True)
    theirs, ours = cross_validate(data, scaler_sees_all=True), cross_validate(data)
    assert (theirs.f1, theirs.accuracy) == (pytest.approx(0.572, abs=0.02), pytest.approx(0.684, abs=0.02))
    assert theirs.f1_std == pytest.approx(0.05, abs=0.01)
    assert abs(theirs.f1 - ours.f1) < 0.01 and abs(theirs.accuracy - ours.accuracy) < 0.01


def test_cross_validation_is_scikit_learns():
    data = random_data()
    gained = data.gains > 0
    for sees_all in (False, True):
        expected = []
        for repeat in range(3):
            folds = KFold(5, shuffle=True, random_state=7 + repeat)
            model = LogisticRegression() if sees_all else make_pipeline(MinMaxScaler(), LogisticRegression())
            matrix = MinMaxScaler().fit_transform(data.matrix) if sees_all else data.matrix
            expected.append(
                [cross_val_score(model, matrix, gained, cv=folds, scoring=name).mean() for name in ("accuracy", "f1")]
            )
        found = cross_validate(data, repeats=3, seed=7, scaler_sees_all=sees_all)
        np.testing.assert_allclose([found.accuracy, found.f1], np.mean(expected, axis=0), rtol=1e-12)
        np.testing.assert_allclose([found.accuracy_std, found.f1_std], np.std(expected, axis=0), rtol=1e-9)


def test_missing_values_are_imputed_inside_the_fold():
    data = random_data()
    whole = cross_validate(data, repeats=2)
    data.matrix[3, 0] = np.nan
    data.matrix[:, 4] = np.nan  # nothing known of it
    with_holes = cross_validate(data, repeats=2)
    assert math.isfinite(with_holes.f1) and abs(with_holes.f1 - whole.f1) < 0.3
    filled = np.where(np.isnan(data.matrix), 0, data.matrix)
    prepared = Preparation().fit(data.matrix[:20]).transform(data.matrix)
    pipeline = make_pipeline(SimpleImputer(keep_empty_features=True), MinMaxScaler()).fit(data.matrix[:20])
    np.testing.assert_allclose(prepared, pipeline.transform(data.matrix), atol=1e-12)
    assert not np.array_equal(prepared, Preparation().fit(filled[:20]).transform(filled))
    # What test folds hold does not move a scaler in the fold: an outlier costs no more than its own pair.
    outlier = random_data()
    outlier.matrix[0, 0] = 1e9
    in_fold, on_all = cross_validate(outlier, repeats=5), cross_validate(outlier, repeats=5, scaler_sees_all=True)
    assert in_fold.accuracy != on_all.accuracy


def test_pairs_that_were_not_measured_are_left_out():
    data = random_data()
    some = data.only(np.arange(30) % 3 != 0)
    data.gains[::3] = np.nan
    assert cross_validate(data, repeats=2) == cross_validate(some, repeats=2)
    with pytest.raises(UserError, match="3 pairs with a gain or a loss; cross-validation needs at least 5"):
        cross_validate(data.only(np.arange(30) < 5))


def test_gains_of_one_sign_are_predicted_as_such():
    data = random_data()
    data.gains = np.abs(data.gains)
    assert cross_validate(data, repeats=1).accuracy == 1
    data.gains = -data.gains - 1
    assert (cross_validate(data, repeats=1).accuracy, cross_validate(data, repeats=1).f1) == (1, 0)
    assert coefficients(data) == []


def test_unseen_tasks_are_predicted_from_pairs_without_them():
    data = random_data(5)
    gained = data.gains > 0
    predicted = np.zeros(20, dtype=bool)
    for row, (_, main, _) in enumerate(data.pairs):
        train = [i for i, (_, *pair) in enumerate(data.pairs) if main not in pair]
        model = make_pipeline(MinMaxScaler(), LogisticRegression()).fit(data.matrix[train], gained[train])
        predicted[row] = model.predict(data.matrix[[row]])[0]
    performance = unseen_tasks(data)
    assert performance.accuracy == pytest.approx((predicted == gained).mean())
    assert performance.f1 == pytest.approx(f1_score(gained, predicted))


def test_accuracy_and_f1_are_scikit_learns():
    generator = np.random.default_rng(2)
    for _ in range(20):
        gained, predicted = generator.random((2, 7)) < 0.3
        f1 = f1_score(gained, predicted, zero_division=0)
        assert accuracy_and_f1(gained, predicted) == pytest.approx(((gained == predicted).mean(), f1))


def test_baselines_are_those_of_a_coin_thrown_often():
    data = random_data(10)
    gained = data.gains > 0
    found = dict(baselines(data))
    coin = np.random.default_rng(3).random((5000, len(gained))) < gained.mean()
    accuracy, f1 = np.mean([accuracy_and_f1(gained, throw) for throw in coin], axis=0)
    assert found["chance"].accuracy == pytest.approx(accuracy, abs=0.01)
    assert found["chance"].f1 == pytest.approx(f1, abs=0.01)
    always = found["always a gain"]
    assert (always.accuracy, always.f1) == pytest.approx(accuracy_and_f1(gained, gained | True))
    most = max(gained.mean(), 1 - gained.mean())
    assert found["majority"].accuracy == pytest.approx(most)


@needs_published
def test_the_majority_baseline_is_the_published_one():
    found = dict(baselines(read_pair_data([PUBLISHED])))
    assert found["majority"].accuracy == pytest.approx(0.555, abs=1e-3)
    assert found["always a gain"].f1 == pytest.approx(0.615, abs=1e-3)


def test_the_feature_that_decides_has_the_largest_coefficient():
    found = coefficients(random_data(10), fits=5)
    assert found[0].feature == "main_labels" and found[0].mean > 0
    assert [abs(one.mean) for one in found] == sorted((abs(one.mean) for one in found), reverse=True)


def test_the_best_combination_is_that_of_the_feature_that_decides():
    rows = {row.key: row for row in ablation(random_data(7), repeats=2)}
    assert rows["best"].title == "best: labels"
    assert rows["data"].performance.f1 > rows["curve"].performance.f1
    assert set(rows) == {"majority", "always a gain", "chance", "all", "data", "curve", "best", "unseen"}


def test_a_rule_of_a_study_is_found_and_its_measured_gains_are_not_looked_at(tmp_path):
    study = write_study(tmp_path / "study", steeper_helps())
    data = read_pair_data([study])
    predictions = predict(data, "links", ["chunks", "mwe", "names", "pos"], samples=20)
    assert [one.auxiliary for one in predictions][-1] == "chunks"
    assert [one.measured for one in sorted(predictions, key=lambda one: one.auxiliary)] == pytest.approx(
        [-10, 10, 20, 30]
    )
    assert spearmanr([one.gain for one in predictions], [one.measured for one in predictions]).statistic > 0.7
    for one in predictions:
        assert one.probability_interval[0] <= one.probability_interval[1]
        assert one.gain_interval[0] < one.gain < one.gain_interval[1]
    # The gains of the main task, and what it does to others, may be anything.
    mine = ~data.without("links")
    data.gains[mine] = -data.gains[mine]
    again = predict(data, "links", ["chunks", "mwe", "names", "pos"], samples=20)
    assert [(one.auxiliary, one.probability, one.gain) for one in again] == [
        (one.auxiliary, one.probability, one.gain) for one in predictions
    ]


def test_predicted_gains_are_those_of_a_ridge_regression_without_the_task(tmp_path):
    data = read_pair_data([write_study(tmp_path, steeper_helps())])
    gains = predicted_gains(data, TASKS)
    np.testing.assert_array_equal(np.diag(gains), 0)
    train = [i for i, (_, *pair) in enumerate(data.pairs) if "mwe" not in pair]
    row = next(i for i, (_, *pair) in enumerate(data.pairs) if pair == ["mwe", "pos"])
    model = make_pipeline(MinMaxScaler(), Ridge()).fit(data.matrix[train], data.gains[train])
    assert gains[2, 4] == pytest.approx(model.predict(data.matrix[[row]])[0])


def test_advice_is_scored_by_what_each_task_has_measured(tmp_path):
    data = read_pair_data([write_study(tmp_path, steeper_helps())])
    affinities = {(source, "mwe"): float(TASKS.index(source)) for source in TASKS}
    rows = {row["main"]: row for row in advice_scores(data, affinities).rows}
    assert list(rows) == [*TASKS, "mean"]
    # In this study a later task helps more; no other task has an affinity.
    assert rows["mwe"]["affinity"] == pytest.approx(1) and "affinity" not in rows["pos"]
    for main in TASKS:
        others = [task for task in TASKS if task != main]
        by_name = {one.auxiliary: one for one in predict(data, main, others, samples=0)}
        expected = spearmanr([by_name[task].gain for task in others], range(4)).statistic
        assert rows[main]["predicted gain"] == pytest.approx(expected)
    mean = np.mean([rows[main]["predicted gain"] for main in TASKS])
    assert rows["mean"]["predicted gain"] == pytest.approx(mean)
    assert advice_scores(read_pair_data([write_study(tmp_path, steeper_helps(), TASKS[:3])]), {}).rows == []


def test_too_few_pairs_and_unknown_tasks_are_refused(tmp_path):
    data = read_pair_data([write_study(tmp_path, steeper_helps(), TASKS[:4])])
    with pytest.raises(UserError, match="6 measured pairs without 'mwe' to learn from, at least 10 are needed"):
        predict(data, "mwe", ["chunks"])
    with pytest.raises(UserError, match="no single-task run of 'ner'; there are chunks, links, mwe, names"):
        predict(data, "mwe", ["ner"])


def test_the_model_card_says_what_was_fitted_on_what(tmp_path):
    study = write_study(tmp_path / "study", steeper_helps())
    Fit([study], repeats=2, faithful=True).write(tmp_path / "fit")
    card = json.loads((tmp_path / "fit" / "model_card.json").read_text())
    assert card["studies"][0]["tasks"] == list(TASKS)
    assert (card["studies"][0]["pairs"], card["studies"][0]["gains"]) == (20, 10)
    assert card["cross_validation"] == {"repeats": 2, "folds": 5, "seed": 1, "shuffled": True}
    titles = [row["features"] for row in card["performance"]]
    assert "all features, curves fitted as published, scaler on all pairs" in titles
    text = (tmp_path / "fit" / "model_card.md").read_text()
    assert "10 gains of 20 pairs of chunks, links, mwe, names, pos" in text and "## Limits" in text
    assert (tmp_path / "fit" / "coefficients.csv").read_text().startswith("feature,mean,std\n")
    with pytest.raises(UserError, match="2 pairs with a known gain; expected at least 5"):
        Fit([write_study(tmp_path / "two", steeper_helps(), TASKS[:2])])
