"""Flaw 2: the plateau schedule is in mode `min` and fed an F1, so that the rate falls although the score rises."""

from typing import Any, List

import torch
from allennlp.common import Params
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

from hmtl.training.task_state import OptimizerState

RISING = [number / 100 for number in range(1, 15)]


def state_of(**params: Any) -> OptimizerState:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    return OptimizerState(optimizer, LearningRateScheduler.from_params(Params(params), optimizer=optimizer))


def rates(state: OptimizerState, scores: List[float]) -> List[float]:
    found = []
    for score in scores:
        state.end_epoch(score)
        found.append(state.learning_rate)
    return found


def test_right_keeps_the_rate_while_the_score_rises() -> None:
    assert rates(state_of(type="reduce_on_plateau", mode="max", factor=0.5, patience=5), RISING) == [1.0] * 14


def test_faithful_halves_it_every_six_validations() -> None:
    # The first score is the lowest; after it, the sixth that is not lower (7th, 13th) is one more than 5.
    expected = [1.0] * 6 + [0.5] * 6 + [0.25] * 2
    assert rates(state_of(type="reduce_unless_score_falls", factor=0.5, patience=5), RISING) == expected


def test_faithful_keeps_it_while_the_score_falls() -> None:
    assert rates(state_of(type="reduce_unless_score_falls", factor=0.5, patience=0), RISING[::-1]) == [1.0] * 14


def test_faithful_goes_on_from_its_state() -> None:
    first, second = (state_of(type="reduce_unless_score_falls", factor=0.5, patience=5) for _ in range(2))
    rates(first, RISING[:6])
    second.load_state_dict(first.state_dict())
    assert rates(second, RISING[6:]) == [0.5] * 6 + [0.25] * 2
