"""What lies on another device than the host's memory, and what the host knows of it without waiting for the device.

A GPU computes while the host goes on. Whoever asks it for a number waits until all is computed that was asked before,
and meanwhile gives it nothing to do. Most of what decides on shapes, such as which tokens of a batch are real, was on
the host before the batch moved: `moved` keeps it in reach, and `on_host` gives it back.
"""

import os
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Optional, Tuple

import torch

# What `moved` keeps of a tensor, in the dictionary of its copy: the tensor that it was made from, and how often the
# copy had been written to.
_ORIGINAL = "original_on_host"


def moved(value: Any, device: Optional[torch.device]) -> Any:
    """The tensors of a structure of dictionaries and lists on a device; whatever else it holds stays as it is.

    Nobody waits for the copies. What is there already is not copied; of what was on the host the copy knows its
    original (see `on_host`), which nobody may write to.
    """
    if isinstance(value, torch.Tensor):
        if device is None or value.device == device:
            return value
        if value.device.type != "cpu":
            return value.to(device)
        return _with_original(pinned(value, device).to(device, non_blocking=True), value)
    if isinstance(value, dict):
        return {name: moved(entry, device) for name, entry in value.items()}
    if isinstance(value, list):
        return [moved(entry, device) for entry in value]
    return value


def pinned(value: Any, device: Optional[torch.device]) -> Any:
    """A structure, as of `moved`, whose tensors lie where the device can read them by itself: CUDA takes these without
    the host. For other devices it stays as it is."""
    if device is None or device.type != "cuda":
        return value
    if isinstance(value, torch.Tensor):
        return value.pin_memory() if value.device.type == "cpu" else value
    if isinstance(value, dict):
        return {name: pinned(entry, device) for name, entry in value.items()}
    return [pinned(entry, device) for entry in value] if isinstance(value, list) else value


def known_on_host(tensor: torch.Tensor) -> Optional[torch.Tensor]:
    """The tensor in the host's memory, where it is there without waiting; otherwise nothing."""
    if tensor.device.type == "cpu":
        return tensor
    original, version = vars(tensor).get(_ORIGINAL, (None, 0))
    return original if version == _version(tensor) else None


def on_host(*tensors: torch.Tensor) -> List[torch.Tensor]:
    """The tensors in the host's memory, in their order and without gradients for those that come from elsewhere.

    For what is not known there the host waits, once for all; then it is known. Whole numbers beyond 2^53 are none that
    this could be asked for.
    """
    missing = [tensor for tensor in tensors if known_on_host(tensor) is None]
    if missing:
        # One copy of all: float64 holds what is smaller, to the last bit.
        together = torch.cat([tensor.detach().flatten().double() for tensor in missing]).cpu()
        for tensor, part in zip(missing, together.split([tensor.numel() for tensor in missing])):
            _with_original(tensor, part.view(tensor.shape).to(tensor.dtype))
    return [tensor if known is None else known for tensor in tensors for known in [known_on_host(tensor)]]


def computed(function: Callable[..., torch.Tensor], *tensors: torch.Tensor) -> torch.Tensor:
    """`function` of tensors of one device: where all are known on the host it is computed there, and moved, so that the
    result is known, too. Nobody waits."""
    known = [original for original in map(known_on_host, tensors) if original is not None]
    return function(*tensors) if len(known) < len(tensors) else moved(function(*known), tensors[0].device)


def computed_twice(function: Callable[..., torch.Tensor], *tensors: torch.Tensor) -> torch.Tensor:
    """`function` of tensors of one device, computed there, and where all are known on the host on the host as well, so
    that the result is known: for selections and views, which cost less than a copy."""
    result = function(*tensors)
    if result.device.type == "cpu":
        return result
    known = [original for original in map(known_on_host, tensors) if original is not None]
    return result if len(known) < len(tensors) else _with_original(result, function(*known))


@contextmanager
def deterministic_algorithms(wanted: bool = True) -> Iterator[None]:
    """For as long as it is open, and if that is wanted, torch computes the same numbers each time on the same device,
    or raises a `RuntimeError` where it cannot (`torch.use_deterministic_algorithms`). CUDA's matrix products need
    memory of their own for that; the environment asks for it, which counts from the first of them in a process."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        # Which kernel is the fastest may be another the next time.
        torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark = benchmark


def _with_original(copy: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    vars(copy)[_ORIGINAL] = (original, _version(copy))
    return copy


def _version(tensor: torch.Tensor) -> Tuple[bool, int]:
    """Changes where the tensor is written to; in inference mode torch does not count that."""
    return tensor.is_inference(), 0 if tensor.is_inference() else tensor._version  # noqa: SLF001
