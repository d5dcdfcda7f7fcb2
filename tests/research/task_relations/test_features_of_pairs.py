"""The 42 features of a pair, and the file of those of tasks."""

import math

import numpy as np
import pytest
from relation_study import TASKS, steeper_helps, write_study

from hmtl.errors import DataError
from research.task_relations.features import (
    TASK_FEATURES,
    TaskFeatures,
    pair_matrix,
    pair_names,
    read_features,
    study_features,
)
from research.task_relations.pair_data import read_pair_data, scaled_by_itself
from research.task_relations.study import read_study

FEATURES = TaskFeatures({"a": {"labels": 6.0, "curve_b": -1.0}, "b": {"labels": 3.0, "curve_b": 0.0}})


def test_there_are_fourteen_of_a_task_and_forty_two_of_a_pair():
    assert len(TASK_FEATURES) == len(set(TASK_FEATURES)) == 14
    assert len(set(pair_names(TASK_FEATURES))) == 42


def test_a_pair_has_both_tasks_and_their_ratio():
    names = ["labels", "curve_b"]
    matrix = pair_matrix(FEATURES, [("a", "b"), ("b", "a")], names)
    assert pair_names(names)[0] == "main_labels" and pair_names(names)[5] == "ratio_curve_b"
    # A ratio to zero is missing.
    np.testing.assert_array_equal(matrix, [[6, -1, 3, 0, 2, np.nan], [3, 0, 6, -1, 0.5, -0.0]])


def test_the_file_of_features_keeps_all_and_what_is_missing(tmp_path):
    study = read_study(write_study(tmp_path, steeper_helps()))
    sentences = [(["x", "y", "x"], ["O", "B", "O"])]
    features = study_features(study, {"mwe": (sentences, sentences)})
    features.values["pos"]["curve_c"] = math.nan
    features.write(tmp_path / "features.csv")
    read = read_features(tmp_path / "features.csv")
    assert features.names() == list(TASK_FEATURES)
    for task in TASKS:
        for name in TASK_FEATURES:
            assert read.values[task][name] == pytest.approx(
                features.values[task].get(name, math.nan), rel=1e-15, nan_ok=True
            )
    assert math.isnan(read.values["chunks"]["labels"]) and read.values["mwe"]["labels"] == 2


def test_a_malformed_file_of_features_is_refused(tmp_path):
    path = tmp_path / "features.csv"
    path.write_text("task,size\na,1\n")
    with pytest.raises(DataError, match="features.csv:1: expected columns among task, sentences"):
        read_features(path)
    path.write_text("task,labels\na,many\n")
    with pytest.raises(DataError, match="features.csv:2: expected a name and numbers"):
        read_features(path)


def test_the_features_of_several_studies_are_those_of_all_each_on_its_own_scale(tmp_path):
    first = write_study(tmp_path / "first", steeper_helps())
    second = write_study(tmp_path / "second", steeper_helps(), records=300)
    alone = read_pair_data([first])
    study_features(read_study(first), {"mwe": ([(["x"], ["O"])], [(["x"], ["O"])])}).write(first / "features.csv")
    both = read_pair_data([first, second])
    assert "labels" in read_pair_data([first]).names
    assert both.names == alone.names and len(both.pairs) == 40
    np.testing.assert_allclose(both.matrix[:20], (alone.matrix - alone.matrix.min(0)) / np.ptp(alone.matrix, axis=0))
    assert both.matrix.min() == 0 and both.matrix.max() == 1
    assert both.without("mwe").sum() == 24  # of either study the pairs of the other four


def test_a_constant_column_is_scaled_to_zero_and_a_missing_one_stays():
    matrix = np.array([[1.0, np.nan, 5.0], [3.0, np.nan, 5.0], [np.nan, np.nan, 5.0]])
    np.testing.assert_array_equal(scaled_by_itself(matrix), [[0, np.nan, 0], [1, np.nan, 0], [np.nan, np.nan, 0]])
