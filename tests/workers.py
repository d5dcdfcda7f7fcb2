"""Distributed workers for tests: processes that talk by gloo, forked from one that has imported hmtl."""

import multiprocessing
import os
import traceback
from multiprocessing.context import ForkServerContext
from typing import Any, Callable, Dict, List

import torch
from allennlp.common.util import find_open_port

TIMEOUT_SECONDS = 120


def processes() -> ForkServerContext:
    """A start costs a tenth of a second, not the six of the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hmtl.cli"])
    return context


def environments(num_workers: int) -> List[Dict[str, str]]:
    """What `torchrun` would put into the environment of each worker."""
    port = find_open_port()
    return [
        {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(num_workers),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
        }
        for rank in range(num_workers)
    ]


def run_workers(function: Callable[..., Any], *arguments: Any, num_workers: int = 2) -> List[Any]:
    """What a function of some module returns on each worker, inside one process group."""
    context = processes()
    results = context.Queue()
    workers = [
        context.Process(target=_run, args=(results, environment, function, arguments))
        for environment in environments(num_workers)
    ]
    for worker in workers:
        worker.start()
    found = dict(results.get(timeout=TIMEOUT_SECONDS) for _ in workers)
    for worker in workers:
        worker.join(TIMEOUT_SECONDS)
    for rank in range(num_workers):
        assert not found[rank][1], f"worker {rank}:\n{found[rank][1]}"
    return [found[rank][0] for rank in range(num_workers)]


def _run(results: Any, environment: Dict[str, str], function: Callable[..., Any], arguments: Any) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    rank = int(environment["RANK"])
    try:
        torch.distributed.init_process_group("gloo", init_method="env://")
        result = function(*arguments)
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
        results.put((rank, (result, "")))
    except BaseException:
        results.put((rank, (None, traceback.format_exc())))
