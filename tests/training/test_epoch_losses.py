import json
import math

import pytest
import torch

from hmtl.errors import UserError
from hmtl.training.epoch_losses import EpochLosses, LazyMetrics

CPU = torch.device("cpu")


def losses_of(**losses: list) -> EpochLosses:
    epoch_losses = EpochLosses(["ner", "emd", "coref"], CPU)
    for task, values in losses.items():
        for value in values:
            epoch_losses.add(task, torch.tensor(value))
    return epoch_losses


def test_means_updates_and_shares():
    assert losses_of(ner=[1.0, 2.0, 6.0], emd=[0.5]).summary() == {
        "ner_loss": 3.0,
        "ner_updates": 3,
        "ner_share": 0.75,
        "emd_loss": 0.5,
        "emd_updates": 1,
        "emd_share": 0.25,
        "coref_updates": 0,
        "coref_share": 0.0,
    }


def test_many_losses_are_summed_precisely():
    losses = losses_of(ner=[1e4] + [1e-3] * 1000)
    assert losses.summary()["ner_loss"] == pytest.approx((1e4 + 1) / 1001, rel=1e-9)


def test_clear():
    losses = losses_of(ner=[1.0], emd=[2.0])
    losses.clear()
    assert losses.summary() == losses_of().summary()


def test_a_state_goes_through_json_and_goes_on():
    whole, first = losses_of(ner=[0.1, 0.2, 0.3], emd=[1 / 3]), losses_of(ner=[0.1, 0.2])
    second = EpochLosses(["ner", "emd", "coref"], CPU)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    second.add("ner", torch.tensor(0.3))
    second.add("emd", torch.tensor(1 / 3))
    assert second.summary() == whole.summary()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_named(value):
    losses_of(ner=[1.0], emd=[2.0]).check(3)
    with pytest.raises(UserError, match="the loss of task 'emd' became (nan|inf) in epoch 3"):
        losses_of(ner=[1.0], emd=[2.0, value, 1.0]).check(3)


def test_metrics_of_an_update_are_read_as_numbers():
    metrics = LazyMetrics({"ner_loss": torch.tensor(0.5), "other": 1})
    assert metrics["ner_loss"] == 0.5 and isinstance(metrics["ner_loss"], float)
    assert dict(metrics.items()) == {"ner_loss": 0.5, "other": 1}
