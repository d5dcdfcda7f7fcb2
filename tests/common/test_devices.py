"""What the host knows of a device's tensors it need not wait for, and never knows wrongly."""

from typing import Any, Iterator, List

import pytest
import torch
from fake_device import FakeDevice, FakeTensor

from hmtl.common.devices import computed, computed_twice, known_on_host, moved, on_host, pinned


@pytest.fixture
def device() -> Iterator[FakeDevice]:
    with FakeDevice() as device:
        yield device


def events(device: FakeDevice) -> List[str]:
    return [event.kind for event in device.take()]


def test_a_batch_moves_without_a_wait_and_is_known(device: FakeDevice) -> None:
    ids, mask, metadata = torch.arange(6).view(2, 3), torch.ones(2, 3) > 0, object()
    batch = moved({"text": {"ids": ids}, "masks": [mask], "metadata": metadata, "task_name": "ner"}, device.device)
    there = batch["text"]["ids"]
    assert there.device == device.device and batch["masks"][0].device == device.device
    assert batch["metadata"] is metadata and batch["task_name"] == "ner"
    assert known_on_host(there) is ids
    assert on_host(there, batch["masks"][0])[1] is mask
    assert not events(device)


def test_on_a_cpu_nothing_is_copied() -> None:
    tensor = torch.ones(2)
    cpu = torch.device("cpu")
    assert moved(tensor, cpu) is tensor and moved(tensor, None) is tensor and pinned(tensor, cpu) is tensor
    assert on_host(tensor) == [tensor] and known_on_host(tensor) is tensor
    assert computed(torch.neg, tensor).tolist() == [-1, -1] == computed_twice(torch.neg, tensor).tolist()
    assert not vars(tensor)


def test_what_is_not_known_is_read_once_and_in_one_wait(device: FakeDevice) -> None:
    values: List[torch.Tensor] = [
        torch.tensor([[2**52 + 1, -3]]),
        torch.tensor([0.1, float("inf"), float("-inf")]),
        torch.tensor([1e-45, 0.2], dtype=torch.float64),
        torch.tensor([True, False]),
        torch.tensor(7, dtype=torch.int32),
        torch.zeros(0, 3),
        torch.tensor([1.5], dtype=torch.bfloat16),
    ]
    there = [value.to(device.device, non_blocking=True) for value in values]
    known = moved(torch.arange(3), device.device)
    found = on_host(*there, known)
    assert events(device) == ["read"]
    for value, one in zip([*values, torch.arange(3)], found, strict=True):
        assert type(one) is torch.Tensor and one.dtype == value.dtype and torch.equal(one, value)
    assert all(one is other for one, other in zip(on_host(*there, known), found))
    assert not events(device)


def test_what_is_written_to_is_not_known_any_more(device: FakeDevice) -> None:
    there = moved(torch.zeros(3), device.device)
    there[1:] += 1
    assert known_on_host(there) is None
    assert on_host(there)[0].tolist() == [0, 1, 1]
    assert events(device) == ["read"]
    there.mul_(2)
    assert on_host(there)[0].tolist() == [0, 2, 2]


def test_within_inference_the_same_is_known(device: FakeDevice) -> None:
    outside = moved(torch.arange(3), device.device)
    with torch.inference_mode():
        inside = moved(torch.arange(3), device.device)
        assert on_host(outside, inside)[0].tolist() == [0, 1, 2]
        assert not events(device)
        assert on_host(outside + inside)[0].tolist() == [0, 2, 4]
    assert events(device) == ["read"]


@pytest.mark.parametrize("compute", [computed, computed_twice])
def test_what_is_computed_of_the_known_is_known(device: FakeDevice, compute: Any) -> None:
    rows, indices = moved(torch.arange(6).view(3, 2), device.device), moved(torch.tensor([2, 0]), device.device)
    chosen = compute(torch.Tensor.__getitem__, rows, indices)
    assert isinstance(chosen, FakeTensor) and chosen.inner.tolist() == [[4, 5], [0, 1]]
    assert on_host(chosen)[0].tolist() == [[4, 5], [0, 1]]
    assert not events(device)
    # Of one that is not known nothing is.
    assert known_on_host(compute(torch.Tensor.__getitem__, rows, indices + 0)) is None
    assert not events(device)


def test_gradients_do_not_come_along(device: FakeDevice) -> None:
    there = torch.ones(2).to(device.device).requires_grad_()
    assert not on_host(there * 2)[0].requires_grad
