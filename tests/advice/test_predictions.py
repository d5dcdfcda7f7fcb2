"""Predictions as a file, as a table and as a matrix."""

import pytest

from hmtl.advice.predictions import Advice, Prediction, gains_matrix, rank_correlation, read_predictions
from hmtl.advice.predictions import write_predictions as write
from hmtl.errors import DataError, UserError

ADVICE = [
    Advice(
        "a",
        [
            Prediction("b", 0.75, (0.5, 0.9), 12.25, (-1.5, 30.0), measured=3.125, affinity=-0.00012),
            Prediction("c", 0.1, (0.0, 1 / 3), -0.5, (-2.0, 2.0)),
        ],
        num_pairs=12,
    ),
    Advice("b", [Prediction("a", 0.5, (0.25, 0.5), 1.0, (0.5, 2.0))], num_pairs=20),
]


def test_they_are_read_as_they_were_written(tmp_path):
    write(tmp_path / "predictions.csv", ADVICE)
    assert read_predictions(tmp_path) == {"a": ADVICE[0], "b": ADVICE[1]}


def test_the_table_by_hand():
    assert list(ADVICE[0].lines()) == [
        "What a may gain from an auxiliary task:",
        "",
        "auxiliary  P(gain)  90 % interval  gain %  90 % interval  affinity  measured %",
        "b             0.75   0.50 to 0.90   +12.2  -1.5 to +30.0  -1.2e-04        +3.1",
        "c             0.10   0.00 to 0.33    -0.5   -2.0 to +2.0",
        "",
        "Learned from 12 pairs without a; intervals: 200 bootstrap samples.",
    ]
    # Neither an affinity nor a measured gain: no columns of them.
    assert "affinity" not in list(ADVICE[1].lines())[2] and "measured" not in list(ADVICE[1].lines())[2]


def test_gains_are_of_the_rows_task_from_the_columns():
    assert gains_matrix({one.main: one for one in ADVICE}, ["b", "a"]).tolist() == [[0, 1.0], [12.25, 0]]


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda text: text.replace("main,", "task,"), r"predictions\.csv:1: expected the columns main,auxiliary"),
        (lambda text: text.replace("0.75", "high"), r"predictions\.csv:2: expected two names and numbers"),
        (lambda text: text + "b,c,0.5\n", r"predictions\.csv:5: expected two names and numbers"),
    ],
)
def test_a_malformed_file_is_named(tmp_path, spoil, message):
    path = tmp_path / "predictions.csv"
    write(path, ADVICE)
    path.write_text(spoil(path.read_text()))
    with pytest.raises(DataError, match=message):
        read_predictions(tmp_path)


def test_a_study_without_predictions_is_told_how_to_make_them(tmp_path):
    with pytest.raises(UserError, match="no predictions.csv; in a checkout of hmtl 'python -m research.task_relations"):
        read_predictions(tmp_path)


def test_rank_correlations_leave_out_what_is_not_known():
    assert rank_correlation([1, 2, None, 4, 3], [10, 30, 5, None, 20]) == (pytest.approx(0.5), 3)
    assert rank_correlation([1, 2], [1, 2]) is None
    score, count = rank_correlation([1, 1, 1], [1, 2, 3])
    assert score != score and count == 3
