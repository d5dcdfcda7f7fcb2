from types import SimpleNamespace

import pytest
import torch

from hmtl.errors import ConfigurationError
from hmtl.training.callbacks import BatchLosses
from hmtl.training.epoch_losses import LazyMetrics


def test_every_nth_update_with_its_tasks(tmp_path):
    callback = BatchLosses(str(tmp_path), every=2)
    for update in range(1, 6):
        tasks = ("ner", "a_b") if update == 4 else ("ner",)
        metrics = LazyMetrics({f"{task}_loss": torch.tensor(update / 4) for task in tasks})
        callback.on_batch(SimpleNamespace(updates_completed=update), [], [], metrics, 0, update, True)
    callback.on_epoch(SimpleNamespace())
    expected = "task,iteration,loss\nner,2,0.5\nner,4,1.0\na_b,4,1.0\n"
    assert (tmp_path / "batch_losses.csv").read_text() == expected
    # A recovered run has them, too.
    (tmp_path / "recovered").mkdir()
    recovered = BatchLosses(str(tmp_path / "recovered"), every=2)
    recovered.load_state_dict(callback.state_dict())
    recovered.on_epoch(SimpleNamespace())
    assert (tmp_path / "recovered" / "batch_losses.csv").read_text() == expected


def test_an_interval_below_one_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="every must be at least 1, not 0"):
        BatchLosses(str(tmp_path), every=0)
