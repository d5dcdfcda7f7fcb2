import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

from hmtl.training.task_state import LowestScoreTracker, OptimizerState, ScoreTracker


def test_a_score_that_is_not_a_number_is_never_the_best():
    tracker = ScoreTracker("+f1", patience=2)
    tracker.add_metrics({"f1": float("nan")})
    assert not tracker.is_best_so_far() and tracker.best_epoch is None and tracker.patience_left == 1
    tracker.add_metrics({"f1": 0.1})
    assert tracker.is_best_so_far() and tracker.best_epoch == 1 and tracker.best_score == 0.1
    tracker.add_metrics({"f1": float("nan")})
    assert not tracker.is_best_so_far() and tracker.best_score == 0.1


def test_patience_is_validations_without_improvement():
    tracker = ScoreTracker("-loss", patience=3)
    for loss in (3.0, 2.0, 2.5, 2.0, 2.1):
        assert not tracker.should_stop_early()
        tracker.add_metrics({"loss": loss})
    assert tracker.should_stop_early() and tracker.best_epoch == 1


def test_patience_is_not_spent_while_a_score_has_never_left_0():
    tracker = ScoreTracker("+f1", patience=2)
    for _ in range(5):
        tracker.add_metrics({"f1": 0.0})
        assert tracker.patience_left == 2 and not tracker.should_stop_early()
    assert tracker.best_epoch == 0
    for f1, left in ((0.1, 2), (0.0, 1), (0.1, 0)):
        tracker.add_metrics({"f1": f1})
        assert tracker.patience_left == left
    assert tracker.should_stop_early() and tracker.best_epoch == 5


def test_the_rule_of_2018_gives_up_a_task_that_stays_at_0():
    tracker = LowestScoreTracker("+f1", patience=2)
    for _ in range(4):
        tracker.add_metrics({"f1": 0.0})
    assert tracker.should_stop_early()


def optimizer_state(**scheduler):
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    plateau = LearningRateScheduler.by_name("reduce_on_plateau")(optimizer=optimizer, **scheduler)
    return OptimizerState(optimizer, plateau)


def test_the_learning_rate_falls_where_a_score_stops_rising():
    state = optimizer_state(mode="max", factor=0.5, patience=1)
    rates = []
    for score in (0.1, 0.2, 0.3, 0.3, 0.3, 0.4):
        state.end_epoch(score)
        rates.append(state.learning_rate)
    assert rates == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5]


def test_the_learning_rate_does_not_fall_while_a_score_has_never_left_0():
    state = optimizer_state(mode="max", factor=0.5, patience=1)
    for score in (0.0, 0.0, 0.0, 0.0):
        state.end_epoch(score)
    assert state.learning_rate == 1.0
    rates = []
    for score in (0.1, 0.0, 0.0):
        state.end_epoch(score)
        rates.append(state.learning_rate)
    assert rates == [1.0, 1.0, 0.5]


def test_the_learning_rate_is_that_of_groups_with_parameters():
    """AllenNLP keeps a group of `parameter_groups` that names nothing of a task."""
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.1, 0.2)] + [
        {"params": [], "lr": 9}
    ]
    assert OptimizerState(torch.optim.SGD(groups, lr=7.0)).learning_rate == 0.2


def test_a_schedule_that_waits_for_the_score_to_fall_is_refused():
    with pytest.raises(ConfigurationError, match="set mode to 'max'"):
        optimizer_state(mode="min")


def test_state_round_trip():
    state, other = (optimizer_state(mode="max", factor=0.1, patience=0) for _ in range(2))
    state.end_epoch(0.5)
    state.end_epoch(0.4)
    state.num_steps = 17
    other.load_state_dict(state.state_dict())
    assert other.learning_rate == pytest.approx(0.1) and other.num_steps == 17
    other.end_epoch(0.6)
    other.end_epoch(0.5)
    assert other.learning_rate == pytest.approx(0.01)
