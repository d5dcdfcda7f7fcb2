"""Flaw 3: a task is out of patience once its score is the lowest of the last 11 of at least 12, and stays so."""

import random
from typing import List

import pytest
from allennlp.common.checks import ConfigurationError

from hmtl.training.task_state import LowestScoreTracker, ScoreTracker, tracker_for


def stops(tracker: ScoreTracker, scores: List[float]) -> List[bool]:
    """Whether the task wants to stop, after each score."""
    found = []
    for score in scores:
        tracker.add_metrics({"f1": score})
        found.append(tracker.should_stop_early())
    return found


def published(scores: List[float], patience: int) -> List[bool]:
    """The rule of 2018 from the whole history: its window is `patience + 1`, and the history must be longer."""
    found, out_of_patience = [], False
    for number in range(1, len(scores) + 1):
        history = scores[:number]
        window = patience + 1
        if len(history) > window and min(history[len(history) - window :]) >= history[-1]:
            out_of_patience = True
        found.append(out_of_patience)
    return found


@pytest.mark.parametrize("patience", [1, 2, 10])
def test_faithful_is_the_published_rule(patience: int) -> None:
    generator = random.Random(patience)
    gave_up = 0
    for _ in range(200):
        # Few different scores, so that some are equal.
        scores = [generator.randint(0, 30) / 30 for _ in range(25)]
        expected = published(scores, patience)
        assert stops(LowestScoreTracker("+f1", patience), scores) == expected
        gave_up += expected[-1] and not expected[patience + 1]
    assert gave_up > 0


def test_a_dip_at_the_eleventh_validation_is_forgiven_and_one_at_the_twelfth_is_not() -> None:
    rise = [0.50 + 0.01 * number for number in range(10)]
    assert stops(LowestScoreTracker("+f1", 10), [*rise, 0.40, 0.60]) == [False] * 12
    assert stops(LowestScoreTracker("+f1", 10), [*rise, 0.60, 0.40, 0.61]) == [False] * 11 + [True, True]
    # The first of twelve scores is outside the window of eleven.
    assert stops(LowestScoreTracker("+f1", 10), [0.1, *rise, 0.2])[-1]
    assert not stops(LowestScoreTracker("+f1", 10), [0.9, 0.1, *rise[1:], 0.2])[-1]


def test_right_waits_for_an_improvement() -> None:
    # After the dip there is one validation without improvement, then a new best.
    assert stops(tracker_for("no_improvement", "+f1", 2), [0.5, 0.6, 0.7, 0.4, 0.8]) == [False] * 5
    assert stops(tracker_for("lowest_score", "+f1", 2), [0.5, 0.6, 0.7, 0.4, 0.8]) == [False] * 3 + [True, True]
    # 0.5 and 0.6 are two validations without improvement; in 2018 a rise below the first score went on.
    below = [0.9, 0.5, 0.6, 0.7, 0.8]
    assert stops(tracker_for("no_improvement", "+f1", 2), below) == [False, False, True, True, True]
    assert stops(tracker_for("lowest_score", "+f1", 2), below) == [False] * 5


def test_best_weights_are_those_of_the_highest_score_in_both() -> None:
    for rule in ("no_improvement", "lowest_score"):
        tracker = tracker_for(rule, "+f1", 2)
        stops(tracker, [0.5, 0.6, 0.4, 0.7, 0.8])
        assert (tracker.best_epoch, tracker.best_score) == (4, 0.8)


def test_a_score_that_is_not_a_number_is_not_the_lowest() -> None:
    assert stops(LowestScoreTracker("+f1", 1), [0.5, 0.6, float("nan"), 0.4, 0.3]) == [False] * 4 + [True]


def test_without_patience_no_task_stops() -> None:
    assert stops(LowestScoreTracker("+f1"), [0.5, 0.4, 0.3]) == [False] * 3


def test_patience_left() -> None:
    tracker = LowestScoreTracker("+f1", 3)
    left = [tracker.patience_left]
    for score in (0.5, 0.6, 0.7, 0.8, 0.9, 0.4):
        tracker.add_metrics({"f1": score})
        left.append(tracker.patience_left)
    assert left == [5, 4, 3, 2, 1, 1, 0]


def test_what_it_remembers_survives_a_checkpoint() -> None:
    scores = [0.5, 0.6, 0.7, 0.4, 0.8]
    expected = published(scores, 2)
    for cut in range(1, 5):
        first, second = LowestScoreTracker("+f1", 2), LowestScoreTracker("+f1", 2)
        stops(first, scores[:cut])
        second.load_state_dict(first.state_dict())
        assert stops(second, scores[cut:]) == expected[cut:]


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="patience_rule must be 'no_improvement' or 'lowest_score', not 'x'"):
        tracker_for("x", "+f1", 2)
