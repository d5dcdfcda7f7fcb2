"""The best method of a study, its reliability in words, and rankings by its scores."""

import pytest

from hmtl.advice.methods import read_methods
from hmtl.advice.predictions import Advice, Prediction
from hmtl.errors import DataError, UserError

HEADER = "tasks,method,title,rank_correlation,mains,low,high,pairs,cpu_minutes\n"
ROWS = [
    "all 5,curves,curves of losses,0.2,5,-0.1,0.4,20,80.0\n",
    "all 5,surrogate,surrogate of 60 random subsets,0.25,5,0.1,0.5,20,16.04\n",
    "all 5,affinity,affinity,0.25,5,0.0,0.3,20,20.0\n",
    "all 5,chosen,the best of these,0.12,5,-0.3,0.4,20,\n",
    "all 5,repeat,the runs themselves,0.51,5,0.3,0.7,20,\n",
    "hierarchy,surrogate,surrogate,0.9,4,0.8,1.0,12,\n",
]
SCORES = "method,main,auxiliary,score\nsurrogate,a,b,-0.5\nsurrogate,a,c,0.125\ncurves,a,b,3.0\n"


def write(study, rows=ROWS, scores=SCORES):
    study.mkdir(exist_ok=True)
    (study / "methods.csv").write_text(HEADER + "".join(rows))
    (study / "method_scores.csv").write_text(scores)
    return study


def test_the_best_method_of_all_tasks_is_told_with_its_reliability(tmp_path):
    methods = read_methods(write(tmp_path))
    assert set(methods.found) == {"curves", "surrogate", "affinity"}
    # As good as affinity, and cheaper.
    best = methods.best()
    assert (best.method, best.mains, best.cpu_minutes) == ("surrogate", 5, 16.04)
    assert list(methods.lines(best)) == [
        "Ranked by surrogate of 60 random subsets (--method surrogate).",
        "Its rank correlation with measured gains is +0.25 on average over 5 main tasks (95 % interval +0.10 to "
        "+0.50), none of whose gains it learned from.",
        "It took 16.0 CPU minutes for all tasks of the study.",
        "It is the best of 3 methods on these tasks, which flatters it: chosen on the other main tasks, the best has "
        "+0.12.",
        "The same runs with another seed have +0.51: no advice can do better.",
        "No method beats +0.3 on this study: take the order for a weak hint, and run the first few pairs.",
    ]


def test_a_method_that_is_better_is_not_called_weak_unless_its_choice_is(tmp_path):
    better = [ROWS[0].replace("0.2,5", "0.45,5"), *ROWS[1:3]]
    lines = list(read_methods(write(tmp_path, better)).lines(read_methods(tmp_path).best()))
    assert lines[0] == "Ranked by curves of losses (--method curves)." and not any("hint" in line for line in lines)
    lines = list(read_methods(write(tmp_path, [*better, ROWS[3]])).lines(read_methods(tmp_path).best()))
    assert lines[-1].startswith(
        "Without the choice by these very tasks no method beats +0.3: take the order for a weak"
    )
    # Of one that was asked for, not that it is the best.
    methods = read_methods(write(tmp_path))
    assert not any("flatters" in line for line in methods.lines(methods.named("affinity")))


def test_candidates_are_ordered_by_the_scores_of_a_method(tmp_path):
    methods = read_methods(write(tmp_path))
    advice = Advice("a", [Prediction(name, 0.5, (0, 1), 1.0, (0, 2)) for name in ("d", "b", "c")], 12)
    ranked = advice.ranked(methods.scores["surrogate"])
    assert [(one.auxiliary, one.score) for one in ranked.predictions] == [("c", 0.125), ("b", -0.5), ("d", None)]
    lines = list(ranked.lines())
    assert lines[2].split()[:3] == ["auxiliary", "score", "P(gain)"] and lines[3].split()[:2] == ["c", "+0.12"]
    # What is not ranked has no such column.
    assert "score" not in list(advice.lines())[2]


def test_a_study_without_methods_has_none_and_malformed_files_are_named(tmp_path):
    assert read_methods(tmp_path) is None
    with pytest.raises(UserError, match="--method magic: the study has no such method; there are surrogate, affinity"):
        read_methods(write(tmp_path)).named("magic")
    with pytest.raises(DataError, match=r"methods\.csv:2: expected numbers"):
        read_methods(write(tmp_path, [ROWS[0].replace("0.2", "good")]))
    with pytest.raises(DataError, match=r"method_scores\.csv:2: score is high; expected a number"):
        read_methods(write(tmp_path, scores=SCORES.replace("-0.5", "high")))
    (tmp_path / "methods.csv").write_text("method\n")
    with pytest.raises(DataError, match=r"methods\.csv:1: expected the columns tasks,method,title"):
        read_methods(tmp_path)
    write(tmp_path)
    (tmp_path / "method_scores.csv").unlink()
    with pytest.raises(UserError, match="no such file; 'python -m research.task_relations methods' writes it"):
        read_methods(tmp_path)
