"""The fake device refuses what a GPU refuses, notes what a GPU makes the host wait for, and nothing else."""

from typing import Any, Callable, Iterator, List

import pytest
import torch
import torch.nn.functional as F
from fake_device import FakeDevice, FakeTensor, MixedDevices, NotDeterministic


@pytest.fixture
def device() -> Iterator[FakeDevice]:
    with FakeDevice() as device:
        yield device


def numbers(*shape: int) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float).view(*shape)


# Each with the kind and the operation that it is noted by.
WAITS = {
    "item": (lambda x: x.sum().item(), "read _local_scalar_dense"),
    "float": (lambda x: float(x.max()), "read _local_scalar_dense"),
    "bool": (lambda x: bool(x.sum() > 1), "read _local_scalar_dense"),
    "int as an index": (lambda x: [0, 1, 2][x.argmin()], "read _local_scalar_dense"),
    "tolist": (lambda x: x.tolist(), "read tolist"),
    "cpu": (lambda x: x.cpu(), "read _to_copy"),
    "to the CPU": (lambda x: x.to("cpu", non_blocking=True), "read _to_copy"),
    "a copy into a tensor of the CPU": (lambda x: torch.zeros(2, 3).copy_(x), "read copy_"),
    "equal": (lambda x: torch.equal(x, x), "read equal"),
    "nonzero": (lambda x: x.nonzero(), "shape nonzero"),
    "where of one argument": (lambda x: torch.where(x > 1), "shape nonzero"),
    "a boolean mask": (lambda x: x[x > 1], "shape index"),
    "a boolean mask beside indices": (lambda x: x[:, torch.ones_like(x[0]) > 0], "shape index"),
    "masked_select": (lambda x: x.masked_select(x > 1), "shape masked_select"),
    "values put where a mask says": (lambda x: x.index_put((x > 3,), x[1, :2]), "shape index_put"),
    "unique": (lambda x: x.unique(), "shape _unique2"),
    "unique rows": (lambda x: x.unique(dim=0), "shape unique_dim"),
    "unique_consecutive": (lambda x: x.unique_consecutive(), "shape unique_consecutive"),
    "bincount": (lambda x: x.flatten().long().bincount(), "shape bincount"),
    "one_hot": (lambda x: F.one_hot(x.long()), "read _local_scalar_dense"),
    "repeat_interleave": (lambda x: x[0].repeat_interleave(x[0].long()), "shape repeat_interleave"),
    "a new tensor": (lambda x: torch.tensor([1.0, 2.0], device=x.device), "copy _to_copy"),
    "a new tensor like another": (lambda x: x.new_tensor([1.0]), "copy _to_copy"),
    "to the device": (lambda x: torch.ones(2).to(x.device), "copy _to_copy"),
    "a copy into a tensor of the device": (lambda x: x.copy_(torch.ones(2, 3)), "copy copy_"),
    "a list as an index": (lambda x: x[[1, 0]], "copy _to_copy"),
    "indices of the CPU": (lambda x: x[torch.tensor([1, 0])], "copy index"),
}


@pytest.mark.parametrize("name", WAITS)
def test_what_the_host_waits_for_is_noted(device: FakeDevice, name: str) -> None:
    work, expected = WAITS[name]
    x = numbers(2, 3).to(device.device)
    device.take()
    work(x)
    assert {f"{event.kind} {event.operation}" for event in device.take()} == {expected}


NO_WAITS: List[Callable[[torch.Tensor], Any]] = [
    lambda x: x * 2 + x.sum() - torch.tensor(3.0),
    lambda x: torch.zeros(2, 3, device=x.device) + torch.arange(3, device=x.device) + torch.rand_like(x),
    lambda x: torch.ones(2, 3).to(x.device, non_blocking=True) @ x.t(),
    lambda x: x.masked_fill(x > 1, 0.0).where(x > 2, torch.tensor(1.0)),
    lambda x: x.index_put((x > 1,), torch.tensor(0.0)),
    lambda x: x[1:, :2].flatten().cumsum(0).topk(1).values.expand(4),
    lambda x: x.masked_scatter(x > 1, x),
    lambda x: x[0].repeat_interleave(x[1].long(), output_size=12),
    lambda x: x.unsqueeze(0)[:, torch.arange(2, device=x.device)],
    lambda x: torch.searchsorted(x[0], x[1]),
    lambda x: F.layer_norm(x, (3,)).sort(dim=1),
]


@pytest.mark.parametrize("number", range(len(NO_WAITS)))
def test_other_work_is_not_noted_and_gives_what_a_cpu_gives(device: FakeDevice, number: int) -> None:
    x = numbers(2, 3)
    y = x.to(device.device)
    device.take()
    torch.manual_seed(1)
    expected = NO_WAITS[number](x)
    torch.manual_seed(1)
    found = NO_WAITS[number](y)
    assert not device.take()
    for one, other in zip(*(each if isinstance(each, tuple) else (each,) for each in (expected, found)), strict=True):
        assert isinstance(other, FakeTensor) and other.device == torch.device("fake", 0)
        assert torch.equal(one, other.inner)


MIXED: List[Callable[[torch.Tensor, torch.Tensor], Any]] = [
    lambda x, cpu: x + cpu,
    lambda x, cpu: cpu + x,
    lambda x, cpu: x @ cpu.t(),
    lambda x, cpu: torch.cat([x, cpu]),
    lambda x, cpu: torch.stack([cpu, x]),
    lambda x, cpu: x.where(cpu > 1, x),
    lambda x, cpu: x.masked_fill(cpu > 1, 0.0),
    lambda x, cpu: x.index_select(0, cpu[0, :1].long()),
    lambda x, cpu: x.index_put((x > 3,), cpu[0, :2]),
    lambda x, cpu: cpu[x[0, :1].long()],
    lambda x, cpu: x.gather(1, cpu.long()),
    lambda x, cpu: F.embedding(cpu.long(), x),
    lambda x, cpu: x.mul_(cpu),
    lambda x, cpu: torch._foreach_add([x], [cpu]),
    lambda x, cpu: torch.cat([x.sum().view(1), cpu.sum().view(1)]),
    # A number of the CPU is no matrix.
    lambda x, cpu: torch.stack([x.sum(), cpu.sum()]),
    lambda x, cpu: torch.nn.LSTM(3, 2)(x),
]


@pytest.mark.parametrize("number", range(len(MIXED)))
def test_tensors_of_several_devices_are_refused(device: FakeDevice, number: int) -> None:
    with pytest.raises(MixedDevices):
        MIXED[number](numbers(2, 3).to(device.device), numbers(2, 3))


def test_an_event_names_the_line_that_caused_it(device: FakeDevice) -> None:
    from hmtl.modules.character_encoder import distinct_rows

    distinct_rows(torch.ones(2, 3, dtype=torch.long, device=device.device))
    assert {event.place.split(":")[0] for event in device.take()} == {"hmtl/modules/character_encoder.py"}
    assert device.device.type == "fake" and not device.events


def learned(device: Any) -> List[torch.Tensor]:
    """The parameters after some updates of a small network on a device."""
    torch.manual_seed(3)
    network = torch.nn.ModuleDict({"lstm": torch.nn.LSTM(3, 4, bidirectional=True), "out": torch.nn.Linear(8, 2)})
    network.to(device)
    inputs, optimizer = numbers(5, 2, 3).to(device), torch.optim.Adam(network.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        network["out"](network["lstm"](inputs)[0]).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimizer.step()
    return [parameter.detach().cpu() for parameter in network.parameters()]


def test_a_network_learns_as_on_a_cpu(device: FakeDevice) -> None:
    on_device = learned(device.device)
    # The weights' way to the device, their way back, and nothing in between.
    assert len([event for event in device.take() if event.kind != "copy"]) == len(on_device)
    for one, other in zip(learned("cpu"), on_device, strict=True):
        assert type(other) is torch.Tensor and torch.equal(one, other)


def test_what_cuda_has_no_deterministic_kernel_for_is_refused_where_that_is_asked_for(device: FakeDevice) -> None:
    x = numbers(2, 3).to(device.device)
    x.cumsum(1)
    torch.use_deterministic_algorithms(True)
    try:
        x.long().cumsum(1)
        with pytest.raises(NotDeterministic, match="cumsum"):
            x.cumsum(1)
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_tensor_is_no_array_and_does_not_outlive_its_device() -> None:
    with FakeDevice() as device:
        x = numbers(2).to(device.device)
        with pytest.raises(TypeError, match="numpy"):
            x.numpy()
    with pytest.raises(RuntimeError, match="outlives"):
        x + 1
