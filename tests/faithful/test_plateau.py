"""Flaw 2: the plateau schedule is in mode `min` and fed an F1, so that the rate falls although the score rises."""

import random
from typing import Any, List

import pytest
import torch
from allennlp.common import Params
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

from hmtl.training.task_state import OptimizerState

RISING = [number / 100 for number in range(1, 15)]


def state_of(**params: Any) -> OptimizerState:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    return OptimizerState(optimizer, LearningRateScheduler.from_params(Params(params), optimizer=optimizer))


def faithful(**params: Any) -> OptimizerState:
    return state_of(type="reduce_unless_score_falls", **params)


def rates(state: OptimizerState, scores: List[float]) -> List[float]:
    found = []
    for score in scores:
        state.end_epoch(score)
        found.append(state.learning_rate)
    return found


def published(scores: List[float], patience: int = 5) -> List[float]:
    """The rate after each score, as the options of 2018 describe it: mode `min`, factor 0.5, a threshold of 0.0001 that
    is absolute."""
    rate, lowest, num_bad, found = 1.0, float("inf"), 0, []
    for score in scores:
        if score < lowest - 0.0001:
            lowest, num_bad = score, 0
        else:
            num_bad += 1
        if num_bad > patience:
            rate, num_bad = rate / 2, 0
        found.append(rate)
    return found


def test_right_keeps_the_rate_while_the_score_rises() -> None:
    assert rates(state_of(type="reduce_on_plateau", mode="max", factor=0.5, patience=5), RISING) == [1.0] * 14


def test_faithful_halves_it_every_six_validations() -> None:
    # The first score is the lowest; after it, the sixth that is not lower (7th, 13th) is one more than 5.
    expected = [1.0] * 6 + [0.5] * 6 + [0.25] * 2
    assert rates(faithful(factor=0.5, patience=5), RISING) == expected == published(RISING)


def test_faithful_keeps_it_while_the_score_falls() -> None:
    assert rates(faithful(factor=0.5, patience=0), RISING[::-1]) == [1.0] * 14


@pytest.mark.parametrize("patience", [0, 1, 5])
def test_faithful_is_the_published_schedule(patience: int) -> None:
    generator = random.Random(patience)
    for _ in range(100):
        # Steps of about the size of the threshold.
        scores = [0.5 + generator.randint(-6, 6) * 0.00004 for _ in range(20)]
        assert rates(faithful(factor=0.5, patience=patience), scores) == published(scores, patience)


def test_the_threshold_is_absolute() -> None:
    """0.49992 is lower than 0.5 by more than a ten-thousandth of it, but by less than 0.0001."""
    assert rates(faithful(factor=0.5, patience=0), [0.5, 0.49992]) == [1.0, 0.5]
    assert rates(faithful(factor=0.5, patience=0), [0.5, 0.49988]) == [1.0, 1.0]


def test_faithful_goes_on_from_its_state() -> None:
    first, second = (faithful(factor=0.5, patience=5) for _ in range(2))
    rates(first, RISING[:6])
    second.load_state_dict(first.state_dict())
    assert rates(second, RISING[6:]) == [0.5] * 6 + [0.25] * 2
