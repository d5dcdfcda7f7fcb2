"""Rates against values by hand."""

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.training.learning_rate_schedulers import LearningRateScheduler

from hmtl.training.task_state import OptimizerState


def state_of(rates=(1.0,), num_epochs=2, num_steps_per_epoch=5, **options):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates]
    optimizer = torch.optim.SGD(groups, lr=9.0)
    scheduler = LearningRateScheduler.from_params(
        Params({"type": "warmup_and_decay", **options}),
        optimizer=optimizer,
        num_epochs=num_epochs,
        num_steps_per_epoch=num_steps_per_epoch,
    )
    return OptimizerState(optimizer, scheduler)


def rates_of_updates(state, number, group=0):
    """The rate that each update was made with."""
    found = []
    for _ in range(number):
        state.step()
        found.append(state.optimizer.param_groups[group]["lr"])
    return found


# Ten updates.
BY_HAND = {
    "linear": ({"warmup": 0.2}, [0.5, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0]),
    "no warm-up": ({"warmup": 0.0}, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]),
    "to a tenth": ({"warmup": 0.5, "final_share": 0.1}, [0.2, 0.4, 0.6, 0.8, 1.0, 0.82, 0.64, 0.46, 0.28, 0.1]),
    "constant": ({"warmup": 0.3, "shape": "constant"}, [1 / 3, 2 / 3, *[1.0] * 8]),
    # At 1/4, 1/2 and 3/4 of the way down: (1 + cos(x)) / 2.
    "cosine": ({"warmup": 0.2, "shape": "cosine"}, {3: 0.8535534, 5: 0.5, 7: 0.1464466, 9: 0.0}),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_rates_are_those_by_hand(name):
    options, expected = BY_HAND[name]
    found = rates_of_updates(state_of(**options), 10)
    if isinstance(expected, dict):
        found, expected = [found[number] for number in expected], list(expected.values())
    assert found == pytest.approx(expected, abs=1e-6)


def test_groups_keep_the_ratio_of_their_rates():
    one, two = state_of((0.001, 2e-5), warmup=0.2), state_of((0.001, 2e-5), warmup=0.2)
    first, second = rates_of_updates(one, 9, 0), rates_of_updates(two, 9, 1)
    assert [a / b for a, b in zip(first, second)] == pytest.approx([50.0] * 9)


def test_more_updates_than_were_counted_on_leave_the_rate_where_it_ended():
    assert rates_of_updates(state_of(final_share=0.25), 13)[9:] == [0.25] * 4


def test_a_resumed_schedule_goes_on_with_the_next_update():
    whole, first, rest = state_of(), state_of(), state_of()
    expected = rates_of_updates(whole, 10)
    found = rates_of_updates(first, 4)
    rest.load_state_dict(first.state_dict())
    assert found + rates_of_updates(rest, 6) == expected


def test_scores_do_not_matter():
    state = state_of()
    expected = rates_of_updates(state_of(), 3)
    found = rates_of_updates(state, 2)
    state.end_epoch(0.0)
    assert [*found, *rates_of_updates(state, 1)] == expected


@pytest.mark.parametrize("options", [{"warmup": 1.5}, {"final_share": -0.1}, {"shape": "step"}])
def test_what_is_no_schedule_is_refused(options):
    with pytest.raises(ConfigurationError, match="warmup_and_decay: (warmup|final_share|shape)"):
        state_of(**options)
