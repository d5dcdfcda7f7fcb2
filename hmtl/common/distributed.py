"""The collective operations of distributed training, by the names that torch has for them.

In a process that trains alone every function does what it would do with one worker.
"""

import logging
from datetime import timedelta
from typing import Any, List, Sequence, TypeVar

import torch
from allennlp.common.util import is_distributed
from torch import distributed
from torch.distributed import distributed_c10d

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


def get_world_size() -> int:
    """How many workers there are on all nodes."""
    return distributed.get_world_size() if is_distributed() else 1


def get_rank() -> int:
    """The number of this worker among those of all nodes, from 0."""
    return distributed.get_rank() if is_distributed() else 0


def all_reduce_sum(tensors: Sequence[torch.Tensor]) -> None:
    """Replaces each tensor by its sum over all workers, in one all-reduce."""
    if not is_distributed():
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    distributed.all_reduce(flat)
    parts = flat.split([tensor.numel() for tensor in tensors])
    torch._foreach_copy_(list(tensors), [part.view_as(tensor) for part, tensor in zip(parts, tensors)])


def all_reduce_max(value: int) -> int:
    """The largest of the workers' values, on all workers. It waits for the device."""
    if not is_distributed():
        return value
    tensor = torch.tensor(value, device=_device())
    distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
    return int(tensor)


def broadcast_object(value: Any) -> Any:
    """What the worker of rank 0 passes here, on all workers; the others' values are ignored."""
    if not is_distributed():
        return value
    values: List[Any] = [value]
    distributed.broadcast_object_list(values, src=0, device=_device())
    return values[0]


def all_gather_object(value: Value) -> List[Value]:
    """What each worker passes here, by rank, on all workers: anything that can be pickled."""
    if not is_distributed():
        return [value]
    values: list = [None] * get_world_size()
    distributed.all_gather_object(values, value)
    return values


def broadcast(tensors: Sequence[torch.Tensor]) -> None:
    """Copies tensors from the worker of rank 0 to all others."""
    if is_distributed():
        for tensor in tensors:
            distributed.broadcast(tensor, src=0)


def barrier() -> None:
    """Returns when every worker has called it."""
    if is_distributed():
        all_reduce_max(0)


def destroy_process_group() -> None:
    """Ends distributed training when every worker has called it: from then on each is alone.

    A process that ends without it now and then aborts.
    """
    if is_distributed():
        barrier()
        distributed.destroy_process_group()


def set_timeout(seconds: float) -> None:
    """From here on a worker that does not answer for so long counts as lost: the others end with an error."""
    if is_distributed():
        # Torch takes a timeout when a group is made, and has no public way to change it later.
        distributed_c10d._set_pg_timeout(timedelta(seconds=seconds))  # noqa: SLF001


def _device() -> torch.device:
    """Where the backend's messages have to lie."""
    if distributed.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")
