"""Flaw 3: a task is out of patience once its score is the lowest of the last 11, and stays so."""

from typing import List

import pytest
from allennlp.common.checks import ConfigurationError

from hmtl.training.task_state import LowestScoreTracker, ScoreTracker, tracker_for

# A dip in the middle of a rise, and a rise that does not reach the first score.
DIP = [0.5, 0.6, 0.4, 0.7, 0.8]
BELOW_THE_FIRST = [0.9, 0.5, 0.6, 0.7, 0.8]


def stops(tracker: ScoreTracker, scores: List[float]) -> List[bool]:
    """Whether the task wants to stop, after each score."""
    found = []
    for score in scores:
        tracker.add_metrics({"f1": score})
        found.append(tracker.should_stop_early())
    return found


def test_a_dip() -> None:
    # Right: after the dip there is one validation without improvement, then a new best.
    assert stops(tracker_for("no_improvement", "+f1", 2), DIP) == [False] * 5
    # Faithful: 0.4 is the lowest of 0.5, 0.6, 0.4, and the better scores that follow do not take it back.
    assert stops(tracker_for("lowest_score", "+f1", 2), DIP) == [False, False, True, True, True]


def test_a_rise_below_the_first_score() -> None:
    # Right: 0.5 and 0.6 are two validations without improvement.
    assert stops(tracker_for("no_improvement", "+f1", 2), BELOW_THE_FIRST) == [False, False, True, True, True]
    # Faithful: no score is the lowest of three.
    assert stops(tracker_for("lowest_score", "+f1", 2), BELOW_THE_FIRST) == [False] * 5


def test_the_window_of_the_paper() -> None:
    # Patience 10: eleven scores are needed, the eleventh being the lowest.
    assert stops(LowestScoreTracker("+f1", 10), [0.5] * 9 + [0.4, 0.3]) == [False] * 10 + [True]
    assert stops(LowestScoreTracker("+f1", 10), [0.2] + [0.5] * 9 + [0.3]) == [False] * 11


def test_best_weights_are_those_of_the_highest_score_in_both() -> None:
    for rule in ("no_improvement", "lowest_score"):
        tracker = tracker_for(rule, "+f1", 2)
        stops(tracker, DIP)
        assert (tracker.best_epoch, tracker.best_score) == (4, 0.8)


def test_a_score_that_is_not_a_number_is_not_the_lowest() -> None:
    assert stops(LowestScoreTracker("+f1", 1), [0.5, float("nan"), 0.4, 0.3]) == [False, False, False, True]


def test_without_patience_no_task_stops() -> None:
    assert stops(LowestScoreTracker("+f1"), [0.5, 0.4, 0.3]) == [False] * 3


def test_patience_left() -> None:
    tracker = LowestScoreTracker("+f1", 3)
    left = [tracker.patience_left]
    for score in (0.5, 0.6, 0.7, 0.8, 0.4):
        tracker.add_metrics({"f1": score})
        left.append(tracker.patience_left)
    assert left == [4, 3, 2, 1, 1, 0]


def test_what_it_remembers_survives_a_checkpoint() -> None:
    first, second = LowestScoreTracker("+f1", 2), LowestScoreTracker("+f1", 2)
    stops(first, DIP[:2])
    second.load_state_dict(first.state_dict())
    assert stops(second, DIP[2:3]) == [True]
    third = LowestScoreTracker("+f1", 2)
    third.load_state_dict(second.state_dict())
    assert stops(third, DIP[3:]) == [True, True]


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="patience_rule must be 'no_improvement' or 'lowest_score', not 'x'"):
        tracker_for("x", "+f1", 2)
