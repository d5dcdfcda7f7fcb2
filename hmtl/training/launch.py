"""Starts training: in this process, by workers of our own on this machine, or as a worker that a launcher has started.

With `distributed` in the configuration, `hmtl train` starts a process for each of its `cuda_devices`. Under `torchrun`,
`srun` and the like, on one node or several, each process is a worker already, and says so in its environment: `RANK`,
`WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR` and `MASTER_PORT`.
"""

import logging
import os
import re
import signal
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import torch
from allennlp.commands.train import TrainModel, _train_worker
from allennlp.common import Params, Tqdm, plugins, util
from allennlp.common import logging as common_logging
from allennlp.common.checks import check_for_gpu
from allennlp.common.meta import META_NAME, Meta
from allennlp.models import Model
from allennlp.models.archival import CONFIG_NAME, archive_model, verify_include_in_archive
from allennlp.training import util as training_util
from torch import distributed, multiprocessing

from hmtl.errors import ConfigurationError, UserError
from hmtl.explain import explain
from hmtl.files import whole_file, write_json
from hmtl.packages import include_package as import_package
from hmtl.training.distributed import from_primary, limit_waiting, wait_for_all
from hmtl.training.recovery import read_back_vocabulary
from hmtl.training.stop_signals import TrainingStopped

logger = logging.getLogger(__name__)

# Where a run keeps the command that began it.
COMMAND_NAME = "command.json"
# A worker that waits so long for another counts that one as lost, unless `distributed.timeout` says otherwise.
TIMEOUT_SECONDS = 45.0
# Workers start at their own pace, on several nodes even minutes apart.
START_TIMEOUT = timedelta(minutes=30)
# So long the others may take to end by themselves once one worker has failed.
GRACE_SECONDS = 10.0


class Place(NamedTuple):
    """Where a worker stands.

    # Attributes

    rank, world_size : `int`
        Its number among the workers of all nodes, from 0, and how many there are.
    device : `int`
        Its GPU, -1 for the CPU.
    init_method : `str`
        How it meets the others.
    timeout : `float`
        In seconds, see `TIMEOUT_SECONDS`.
    """

    rank: int
    world_size: int
    device: int
    init_method: str
    timeout: float


class Job(NamedTuple):
    """What all workers get alike."""

    params: Params
    serialization_dir: str
    include_package: Sequence[str]
    dry_run: bool
    file_friendly_logging: bool


class Outcome(NamedTuple):
    """How a worker ended: `signum` where a signal stopped it, else the `error` for the user and the `traceback`."""

    signum: Optional[int] = None
    error: Optional[str] = None
    traceback: str = ""
    lost_another: bool = False


class LostWorker(UserError):
    """Another worker no longer answers."""


def train_model(
    params: Params,
    serialization_dir: str,
    recover: bool = False,
    force: bool = False,
    node_rank: int = 0,
    include_package: Optional[List[str]] = None,
    dry_run: bool = False,
    file_friendly_logging: bool = False,
    return_model: Optional[bool] = None,
    configuration: Optional[str] = None,
) -> Optional[Model]:
    """AllenNLP's `train_model`, which trains in this process, or in several where it is asked to.

    A recovered run takes its vocabulary from its directory. `configuration` is the path of the configuration file; the
    directory keeps it in `command.json`. Distributed training returns no model.

    # Raises

    UserError
        Where a worker is lost, or fails through a mistake of the user's.
    TrainingStopped
        Where a signal ended training.
    """
    command = {"configuration": configuration, "arguments": sys.argv[1:]}
    prepare = partial(_prepare_directory, params.duplicate(), serialization_dir, recover, force, command)
    is_distributed = "distributed" in params
    settings = params.pop("distributed", {})
    archived = params.pop("include_in_archive", None)
    params.pop("evaluation", None)
    job = Job(params, serialization_dir, include_package or [], dry_run, file_friendly_logging)
    model: Optional[Model] = None
    place: Optional[Place] = None
    if "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1":
        place = _place_of_launched(settings)
        _join(place)
        _prepare_as_primary(prepare, place)
        _train(place, job)
    elif is_distributed:
        places = _places(settings, node_rank)
        if node_rank == 0:
            prepare()
        _supervise(_start_workers(job, places), serialization_dir)
    else:
        prepare()
        model = _train_here(job)
    if not dry_run and node_rank == 0 and (place is None or place.rank == 0):
        with whole_file(os.path.join(serialization_dir, "model.tar.gz")) as archive:
            archive_model(serialization_dir, archive_path=archive, include_in_archive=archived)
    if place is not None:
        wait_for_all()
        distributed.destroy_process_group()
    return None if dry_run or return_model is False else model


def _prepare_directory(
    params: Params, serialization_dir: str, recover: bool, force: bool, command: Dict[str, Any]
) -> None:
    """What has to be there before the first worker looks."""
    training_util.create_serialization_dir(params, serialization_dir, recover, force)
    params.to_file(os.path.join(serialization_dir, CONFIG_NAME))
    Meta.new().to_file(os.path.join(serialization_dir, META_NAME))
    if not recover:
        write_json(os.path.join(serialization_dir, COMMAND_NAME), command)
    verify_include_in_archive(params.pop("include_in_archive", None))


def _train_here(job: Job) -> Optional[Model]:
    read_back_vocabulary(job.params, job.serialization_dir)
    return _train_worker(
        process_rank=0,
        params=job.params,
        serialization_dir=job.serialization_dir,
        include_package=list(job.include_package),
        dry_run=job.dry_run,
        file_friendly_logging=job.file_friendly_logging,
    )


def _prepare_as_primary(prepare: Any, place: Place) -> None:
    """The primary worker prepares; where it fails, the others end without a word of their own."""
    failure: Optional[Exception] = None
    if place.rank == 0:
        try:
            prepare()
        except Exception as error:
            failure = error
    failed = from_primary(failure is not None)
    if failure is not None:
        raise failure
    if failed:
        raise SystemExit(2)


def _places(settings: Params, node_rank: int) -> List[Place]:
    """The workers that the `distributed` section of a configuration asks for on this node."""
    devices = settings.pop("cuda_devices", None)
    num_nodes = int(settings.pop("num_nodes", 1))
    if not isinstance(devices, list) or len(devices) * num_nodes < 2:
        raise ConfigurationError(
            f"distributed.cuda_devices: expected a list of two GPUs or more, such as [0, 1], or [-1, -1] for two "
            f"processes on the CPU, got {devices}"
        )
    check_for_gpu(devices)
    address = settings.pop("primary_address", "127.0.0.1")
    port = settings.pop("primary_port", None)
    timeout = float(settings.pop("timeout", TIMEOUT_SECONDS))
    settings.assert_empty("distributed")
    if port is None and num_nodes > 1:
        raise ConfigurationError("distributed.primary_port: needed with several nodes, the same on each")
    init_method = f"tcp://{address}:{port or util.find_open_port()}"
    first, world_size = node_rank * len(devices), num_nodes * len(devices)
    return [
        Place(first + number, world_size, int(device), init_method, timeout) for number, device in enumerate(devices)
    ]


def _place_of_launched(settings: Params) -> Place:
    """The place of a process that a launcher started; of the configuration only devices and timeout are used."""
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise UserError(
            "by RANK and WORLD_SIZE in the environment this is a worker of distributed training, but it lacks "
            f"{' and '.join(missing)}; start it with torchrun, or unset them"
        )
    rank, local_rank = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    devices = settings.get("cuda_devices")
    if devices is None:
        devices = list(range(torch.cuda.device_count())) or [-1]
    device = int(devices[local_rank % len(devices)])
    check_for_gpu(device)
    timeout = float(settings.pop("timeout", TIMEOUT_SECONDS))
    return Place(rank, int(os.environ["WORLD_SIZE"]), device, "env://", timeout)


def _join(place: Place) -> None:
    """Meets the other workers."""
    if place.device >= 0:
        torch.cuda.set_device(place.device)
    distributed.init_process_group(
        "gloo" if place.device < 0 else "nccl",
        init_method=place.init_method,
        world_size=place.world_size,
        rank=place.rank,
        timeout=START_TIMEOUT,
    )


def _train(place: Place, job: Job) -> None:
    """What a worker does between meeting the others and leaving them."""
    # Other nodes may have a disk of their own.
    os.makedirs(job.serialization_dir, exist_ok=True)
    common_logging.FILE_FRIENDLY_LOGGING = job.file_friendly_logging
    common_logging.prepare_global_logging(job.serialization_dir, rank=place.rank, world_size=place.world_size)
    if job.params.get("evaluate_on_test"):
        raise ConfigurationError("evaluate_on_test: not in distributed training; run scripts/evaluate.py afterwards")
    if place.rank > 0:
        # One of each progress bar is enough.
        Tqdm.tqdm = staticmethod(partial(Tqdm.tqdm, disable=True))  # type: ignore[method-assign]
    util.prepare_environment(job.params)
    job.params["trainer"]["cuda_device"] = place.device
    read_back_vocabulary(job.params, job.serialization_dir)
    with _lost_workers_named(place, job):
        train_loop = TrainModel.from_params(
            params=job.params, serialization_dir=job.serialization_dir, local_rank=place.rank
        )
        wait_for_all()
        if job.dry_run:
            return
        limit_waiting(place.timeout)
        metrics = train_loop.run()
        if place.rank == 0:
            train_loop.finish(metrics)
        limit_waiting(START_TIMEOUT.total_seconds())


@contextmanager
def _lost_workers_named(place: Place, job: Job) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not _is_lost_connection(error):
            raise
        first_line = str(error).strip().splitlines()[0]
        raise LostWorker(
            f"worker {place.rank} no longer hears from another worker, and training has ended ({first_line}); "
            + _how_to_go_on(job.serialization_dir)
        ) from error


def _how_to_go_on(serialization_dir: str) -> str:
    return f"the same command with --recover goes on with {serialization_dir} from its last checkpoint"


def _is_lost_connection(error: RuntimeError) -> bool:
    known = r"gloo|NCCL|[Cc]onnection (closed|reset|refused)|[Tt]imed? ?out|Broken pipe"
    return isinstance(error, distributed.DistError) or re.search(known, str(error)) is not None


def _start_workers(job: Job, places: List[Place]) -> "List[Worker]":
    # A process that has used a GPU, or several threads, must not be forked.
    context = multiprocessing.get_context("spawn")
    workers = []
    for place in places:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(place, job, theirs), name=f"worker {place.rank}")
        process.start()
        theirs.close()
        workers.append(Worker(process, ours))
    return workers


def _work(place: Place, job: Job, supervisor: Connection) -> None:
    """The whole life of a worker process."""
    # Ctrl-C reaches the supervisor alone, which passes it on.
    os.setpgrp()
    # A lock between processes, the default, would outlive a worker that is killed.
    Tqdm.set_lock(threading.RLock())
    threading.Thread(target=_end_with_supervisor, args=(supervisor,), daemon=True).start()
    outcome = Outcome()
    try:
        plugins.DEFAULT_PLUGINS = ()  # type: ignore[assignment]
        plugins.import_plugins()
        for package in job.include_package:
            import_package(package)
        _join(place)
        _train(place, job)
        wait_for_all()
        distributed.destroy_process_group()
    except TrainingStopped as stopped:
        outcome = Outcome(signum=stopped.signum)
    except KeyboardInterrupt:
        outcome = Outcome(signum=signal.SIGINT)
    except Exception as error:
        outcome = Outcome(
            error=explain(error), traceback=traceback.format_exc(), lost_another=isinstance(error, LostWorker)
        )
    supervisor.send(outcome)
    if outcome != Outcome():
        # Not through the usual exit, which may wait for the other workers.
        os._exit(1)


def _end_with_supervisor(supervisor: Connection) -> None:
    """A worker whose supervisor was killed saves and ends as well."""
    try:
        supervisor.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


class Worker(NamedTuple):
    """A worker process, as its supervisor sees it."""

    process: BaseProcess
    connection: Connection

    def outcome(self) -> Outcome:
        """How the process, which has ended, says that it ended, or what is known where it cannot."""
        try:
            if self.connection.poll():
                return self.connection.recv()
        except (EOFError, OSError):
            pass
        code = self.process.exitcode
        how = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"
        return Outcome(error=f"{self.process.name} {how}")


def _supervise(workers: List[Worker], serialization_dir: str) -> None:
    """Waits for the workers; where one fails, ends the others and raises the reason."""
    with _signals_passed_on(workers) as received:
        failed = False
        running = list(workers)
        while running and not failed:
            wait([worker.process.sentinel for worker in running])
            ended = [worker for worker in running if not worker.process.is_alive()]
            running = [worker for worker in running if worker not in ended]
            failed = any(worker.process.exitcode != 0 for worker in ended)
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in running:
            worker.process.join(max(0.0, deadline - time.monotonic()))
        overdue = [worker for worker in running if worker.process.is_alive()]
        for worker in overdue:
            worker.process.kill()
            worker.process.join()
    outcomes = [worker.outcome() for worker in workers if worker not in overdue]
    failures = [outcome for outcome in outcomes if outcome != Outcome()]
    if failures:
        _raise(failures, received, serialization_dir)


def _raise(failures: List[Outcome], received: List[int], serialization_dir: str) -> None:
    """Raises the failure that the others follow from."""
    for failure in failures:
        if failure.signum is not None:
            raise TrainingStopped(failure.signum, serialization_dir)
    errors = [failure for failure in failures if failure.error is None or failure.traceback or not received]
    if not errors:  # a signal before there was anything to save
        raise KeyboardInterrupt if received[0] == signal.SIGINT else util.SigTermReceived
    first = min(errors, key=lambda failure: failure.lost_another)
    if first.error is None:
        raise RuntimeError(f"a worker of distributed training failed:\n{first.traceback}")
    if not first.traceback:
        raise UserError(f"{first.error}, and training has ended; {_how_to_go_on(serialization_dir)}")
    raise UserError(first.error) from RuntimeError(first.traceback)


@contextmanager
def _signals_passed_on(workers: List[Worker]) -> Iterator[List[int]]:
    """SIGTERM and SIGINT, which are listed, go to the workers, which save and end; that ends the supervisor, too."""
    received: List[int] = []

    def pass_on(signum: int, frame: Optional[FrameType]) -> None:
        received.append(signum)
        for worker in workers:
            if worker.process.is_alive() and worker.process.pid is not None:
                os.kill(worker.process.pid, signum)

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {signum: signal.signal(signum, pass_on) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
