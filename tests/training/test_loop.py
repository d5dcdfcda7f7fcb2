"""The main loop by itself, with a real model and real data, and nobody who writes files."""

import weakref
from itertools import islice

import pytest
import torch
from test_trainer import TASKS, assert_same, build

from hmtl.training.callbacks import MultiTaskCallback
from hmtl.training.loop import BatchValidated, EpochEnded, EpochStarted, TaskValidated, UpdateMade, UpdatesEnded

NO_CHECKPOINTS = {"checkpointer": None, "num_epochs": 2, "shared_optimizer": True, "tasks_per_update": 2}


def trainer_of(fixtures, directory, **settings):
    torch.manual_seed(0)
    return build(fixtures, directory, trainer={**NO_CHECKPOINTS, **settings})


def told(event):
    """What an event says that can be compared with another's."""
    if isinstance(event, UpdateMade):
        losses = {task: float(loss) for task, loss in event.update.losses.items()}
        return "update", event.epoch, event.step, event.is_last, losses
    if isinstance(event, EpochEnded):
        metrics = {name: value for name, value in event.metrics.items() if name != "training_duration"}
        return "end", event.epoch, metrics, event.improved, event.is_best
    return type(event).__name__, *event


def test_the_events_of_a_run_come_in_this_order(fixtures, tmp_path):
    trainer = trainer_of(fixtures, tmp_path)
    loader = trainer.validation_data_loader
    num_updates = -(-len(trainer.data_loader) // 2)
    expected = []
    for epoch in range(2):
        expected += [(EpochStarted, epoch)] + [(UpdateMade, epoch)] * num_updates + [(UpdatesEnded, epoch)]
        for tasks in loader.tasks_in_step(trainer.tasks):
            expected += [(BatchValidated, task) for _ in range(loader.num_batches[tasks[0]]) for task in tasks]
            expected += [(TaskValidated, task) for task in tasks]
        expected += [(EpochEnded, epoch)]
    events = list(trainer.loop.run())
    assert [(type(event), event[0]) for event in events] == expected
    assert [event.step for event in events if isinstance(event, UpdateMade)] == [*range(num_updates)] * 2
    assert (trainer.epochs_completed, trainer.updates_completed) == (2, 2 * num_updates)
    # Without a score before it the first is the best.
    first = next(event for event in events if isinstance(event, EpochEnded))
    assert first.improved == trainer.tasks and first.is_best and sorted(first.improved) == TASKS


def test_between_events_gradients_are_on_and_the_state_is_of_the_event(fixtures, tmp_path):
    trainer = trainer_of(fixtures, tmp_path, precision="bf16", num_epochs=1)
    made = 0
    for event in trainer.loop.run():
        made += isinstance(event, UpdateMade)
        assert torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
        assert trainer.updates_completed == made
        assert trainer.epochs_completed == isinstance(event, EpochEnded)
        assert trainer.model.training == isinstance(event, (EpochStarted, UpdateMade, UpdatesEnded))


@pytest.mark.parametrize("number", [0, 1, 4, -3])
def test_a_loop_that_was_left_after_any_event_goes_on_from_its_state(fixtures, tmp_path, number):
    """At the end of an epoch, after the start of the next, within that, and while its last task is validated."""
    whole = trainer_of(fixtures, tmp_path / "whole")
    events = list(map(told, whole.loop.run()))
    per_epoch = len(events) // 2
    left = trainer_of(fixtures, tmp_path / "left")
    stop = per_epoch + number % per_epoch
    assert list(map(told, islice(left.loop.run(), stop))) == events[:stop]

    resumed = trainer_of(fixtures, tmp_path / "resumed")
    resumed.model.load_state_dict(left.model.state_dict())
    resumed.state.load_state_dict(left.state.state_dict([]), [])
    rest = list(map(told, resumed.loop.run()))
    # A validation that was left begins anew.
    assert [event for event in rest if event[0] in ("update", "end")] == [
        event for event in events[stop:] if event[0] in ("update", "end")
    ]
    assert_same(resumed.model.state_dict(), whole.model.state_dict())


def test_what_an_update_returned_is_gone_before_the_next_one_computes(fixtures, tmp_path):
    trainer = trainer_of(fixtures, tmp_path, num_epochs=1)
    losses, alive = [], []

    class Watch(MultiTaskCallback):
        def on_batch(self, trainer, batch_inputs, batch_outputs, *args, **kwargs):
            losses.extend(weakref.ref(outputs["loss"]) for outputs in batch_outputs)

    trainer.callbacks.append(Watch(str(tmp_path)))
    trainer.model.register_forward_pre_hook(lambda *_: alive.append(any(loss() is not None for loss in losses)))
    trainer.train()
    assert len(losses) == 2 * trainer.updates_completed and not any(alive)


def test_without_validation_data_no_task_has_improved(fixtures, tmp_path):
    trainer = trainer_of(fixtures, tmp_path, num_epochs=1, learning_rate_scheduler=None)
    trainer.loop.validation_data_loader = None
    events = list(trainer.loop.run())
    assert {type(event) for event in events} == {EpochStarted, UpdateMade, UpdatesEnded, EpochEnded}
    assert events[-1].improved == [] and not events[-1].is_best
    assert not any(name.startswith("validation") for name in events[-1].metrics)
