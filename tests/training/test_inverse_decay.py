"""Rates against values by hand."""

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

from hmtl.training.task_state import OptimizerState


def state_of(**options):
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5}], lr=9.0)
    scheduler = LearningRateScheduler.from_params(Params({"type": "inverse_decay", **options}), optimizer=optimizer)
    return OptimizerState(optimizer, scheduler)


def rates_of_epochs(state, number):
    """The rate of the updates of each epoch, of which there are two."""
    found = []
    for _ in range(number):
        for _ in range(2):
            state.step()
            found.append(state.optimizer.param_groups[0]["lr"])
        state.end_epoch(0.0)
    assert found[::2] == found[1::2]
    return found[::2]


def test_the_rate_of_an_epoch_is_divided_by_a_number_that_grows():
    assert rates_of_epochs(state_of(), 4) == pytest.approx([0.5, 0.5 / 1.3, 0.5 / 1.6, 0.5 / 1.9])
    assert rates_of_epochs(state_of(decay=1.0), 3) == pytest.approx([0.5, 0.25, 0.5 / 3])


def test_an_interrupted_schedule_goes_on_where_it_was():
    state, resumed = state_of(), state_of()
    rates_of_epochs(state, 2)
    resumed.load_state_dict(state.state_dict())
    assert rates_of_epochs(resumed, 2) == rates_of_epochs(state, 2) == pytest.approx([0.5 / 1.6, 0.5 / 1.9])


def test_a_rate_that_would_grow_is_refused():
    with pytest.raises(ConfigurationError, match="inverse_decay: decay is -0.1"):
        state_of(decay=-0.1)
