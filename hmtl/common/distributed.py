"""What the workers of distributed training tell one another. Without workers every function does what one would do."""

import logging
from datetime import timedelta
from typing import Any, List, Sequence

import torch
from allennlp.common.util import is_distributed
from torch import distributed
from torch.distributed import distributed_c10d

logger = logging.getLogger(__name__)


def num_workers() -> int:
    """How many there are on all nodes."""
    return distributed.get_world_size() if is_distributed() else 1


def rank() -> int:
    """The number of this worker among those of all nodes, from 0."""
    return distributed.get_rank() if is_distributed() else 0


def sum_over_workers(tensors: Sequence[torch.Tensor]) -> None:
    """Replaces each tensor by its sum over all workers, in one exchange."""
    if not is_distributed():
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    distributed.all_reduce(flat)
    parts = flat.split([tensor.numel() for tensor in tensors])
    torch._foreach_copy_(list(tensors), [part.view_as(tensor) for part, tensor in zip(parts, tensors)])


def largest(value: int) -> int:
    """The largest of the workers' values. It waits for the device."""
    if not is_distributed():
        return value
    tensor = torch.tensor(value, device=_device())
    distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
    return int(tensor)


def from_primary(value: Any) -> Any:
    """What the primary worker passes here; the others' values are ignored."""
    if not is_distributed():
        return value
    values: List[Any] = [value]
    distributed.broadcast_object_list(values, src=0, device=_device())
    return values[0]


def copy_from_primary(tensors: Sequence[torch.Tensor]) -> None:
    """Makes tensors equal on all workers."""
    if is_distributed():
        for tensor in tensors:
            distributed.broadcast(tensor, src=0)


def wait_for_all() -> None:
    """Returns when every worker is here."""
    if is_distributed():
        largest(0)


def leave() -> None:
    """Ends the exchange when every worker is here: from now on each is alone.

    A process that ends without it now and then aborts.
    """
    if is_distributed():
        wait_for_all()
        distributed.destroy_process_group()


def limit_waiting(seconds: float) -> None:
    """From here on a worker that does not answer for so long counts as lost: the others end with an error."""
    if is_distributed():
        distributed_c10d._set_pg_timeout(timedelta(seconds=seconds))


def _device() -> torch.device:
    """Where the backend's messages have to lie."""
    if distributed.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")
