"""Starts training: in this process, by workers of our own on this machine, or as a worker that a launcher has started.

With `distributed` in the configuration, `hmtl train` starts a process for each of its `cuda_devices`. Under `torchrun`,
`srun` and the like, on one node or several, each process is a worker already, and says so in its environment: `RANK`,
`WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR` and `MASTER_PORT`.
"""

import logging
import os
import re
import sys
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import torch
from allennlp.commands.train import TrainModel, _train_worker
from allennlp.common import Params, Tqdm, plugins, util
from allennlp.common import logging as common_logging
from allennlp.common.checks import check_for_gpu
from allennlp.common.meta import Meta
from allennlp.models import Model
from allennlp.models.archival import verify_include_in_archive
from torch import distributed

from hmtl.common.archives import archive_model
from hmtl.common.distributed import barrier, broadcast_object, destroy_process_group, set_timeout
from hmtl.common.files import atomic_path, write_json
from hmtl.common.packages import include_package as import_package
from hmtl.common.packages import include_packages_of_run, packages_of_run
from hmtl.common.terminal import quiet
from hmtl.data.data_loaders.made_once import data_shared_by_workers
from hmtl.errors import ConfigurationError, UserError
from hmtl.runs.claiming import RunLock, claimed, set_aside
from hmtl.runs.run_directory import RunDirectory
from hmtl.runs.summaries import summarize
from hmtl.training.check import check_configuration
from hmtl.training.recovery import check_recoverable, read_back_vocabulary
from hmtl.training.screen import closing_lines
from hmtl.training.supervisor import LostWorker, how_to_go_on, run_workers

logger = logging.getLogger(__name__)

# A worker that waits so long for another counts that one as lost, unless `distributed.timeout` says otherwise.
TIMEOUT_SECONDS = 45.0
# Workers start at their own pace, on several nodes even minutes apart.
START_TIMEOUT = timedelta(minutes=30)


class WorkerSpec(NamedTuple):
    """What a worker has to know of itself and of how it meets the others.

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
    quiet: bool
    # Each worker holds the lock of the directory: the main process may be killed before them.
    lock: Optional[RunLock] = None


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
    verbose: bool = False,
) -> Optional[Model]:
    """AllenNLP's `train_model`, which trains in this process, or in several where it is asked to.

    A recovered run takes its vocabulary from its directory. `configuration` is the path of the configuration file; the
    directory keeps it, and the packages that were included, in `command.json`. Distributed training returns no model.
    The configuration is checked before anything is read or replaced; the directory has no other writer meanwhile.
    What is logged goes to the run's `out.log`; with `verbose` to stdout, too, where otherwise only warnings are shown.

    # Raises

    UserError
        Where the directory is not free, a worker is lost, or it fails through a mistake of the user's.
    ConfigurationError
        Where the configuration is wrong.
    TrainingStopped
        Where a signal ended training.
    """
    packages = list(include_package or [])
    if recover:
        include_packages_of_run(serialization_dir)
        packages = list(dict.fromkeys([*packages_of_run(serialization_dir), *packages]))
    command = {"configuration": configuration, "arguments": sys.argv[1:], "packages": packages}
    how = How(recover, force, dry_run)
    prepare = partial(_prepare_directory, params.duplicate(), serialization_dir, how, command)
    is_distributed = "distributed" in params
    settings = params.pop("distributed", {})
    archived = params.pop("include_in_archive", None)
    params.pop("evaluation", None)
    job = Job(params, serialization_dir, packages, dry_run, file_friendly_logging, quiet=not verbose)
    model: Optional[Model] = None
    spec: Optional[WorkerSpec] = None
    with ExitStack() as stack:
        stack.enter_context(quiet(job.quiet))
        if "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1":
            spec = _spec_of_launched(settings)
            _init_process_group(spec)
            _prepare_as_primary(partial(prepare, stack), spec)
            _train(spec, job)
        elif is_distributed:
            specs = _worker_specs(settings, node_rank)
            if node_rank == 0:
                job = job._replace(lock=prepare(stack))
            run_workers({f"worker {each.rank}": partial(_work, each, job) for each in specs}, serialization_dir)
        else:
            prepare(stack)
            model = _train_here(job)
        if not dry_run and node_rank == 0 and (spec is None or spec.rank == 0):
            with atomic_path(RunDirectory(serialization_dir).archive) as archive:
                archive_model(serialization_dir, archive_path=archive, include_in_archive=archived)
            summary = summarize(RunDirectory(serialization_dir).path)
            print("\n".join(closing_lines(summary)), flush=True)
            for line in summary.problems():
                print(f"hmtl: warning: {line}", file=sys.stderr)
    return None if dry_run or return_model is False else model


class How(NamedTuple):
    """How a run is begun: the options of `hmtl train`."""

    recover: bool
    force: bool
    dry_run: bool


def _prepare_directory(
    params: Params, serialization_dir: str, how: How, command: Dict[str, Any], stack: ExitStack
) -> RunLock:
    """What has to be there before the first worker looks; the directory is claimed until the stack closes."""
    if how.recover and how.force:
        raise UserError("--recover goes on with a run and --force replaces it; give one of them")
    run = RunDirectory(serialization_dir)
    lock = stack.enter_context(claimed(serialization_dir))
    if how.recover:
        check_recoverable(params, serialization_dir)
    elif run.entries() and not how.force:
        goes_on = "--recover goes on with the run in it, " if run.is_trained() else ""
        raise UserError(
            f"{serialization_dir}: already exists and is not empty; {goes_on}--force replaces what is there, and -s "
            "names another directory"
        )
    elif how.dry_run and run.is_trained():
        raise UserError(
            f"{serialization_dir}: holds a trained run, which --force would replace by what --dry-run writes; name "
            "another directory"
        )
    check_configuration(params)
    verify_include_in_archive(params.get("include_in_archive", None))
    if how.force:
        set_aside(serialization_dir)
    params.to_file(os.fspath(run.config))
    Meta.new().to_file(run.meta)
    if not how.recover:
        write_json(run.command, command)
    return lock


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


def _prepare_as_primary(prepare: Any, spec: WorkerSpec) -> None:
    """The primary worker prepares; where it fails, the others end without a word of their own."""
    failure: Optional[Exception] = None
    if spec.rank == 0:
        try:
            prepare()
        except Exception as error:
            failure = error
    failed = broadcast_object(failure is not None)
    if failure is not None:
        raise failure
    if failed:
        raise SystemExit(2)


def _worker_specs(settings: Params, node_rank: int) -> List[WorkerSpec]:
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
        WorkerSpec(first + number, world_size, int(device), init_method, timeout)
        for number, device in enumerate(devices)
    ]


def _spec_of_launched(settings: Params) -> WorkerSpec:
    """The worker that this process is, which a launcher started; the configuration has only its device and timeout."""
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
    return WorkerSpec(rank, int(os.environ["WORLD_SIZE"]), device, "env://", timeout)


def _work(spec: WorkerSpec, job: Job) -> None:
    """What a process does that this module has started."""
    plugins.DEFAULT_PLUGINS = ()  # type: ignore[assignment]
    plugins.import_plugins()
    for package in job.include_package:
        import_package(package)
    _init_process_group(spec)
    _train(spec, job)


def _init_process_group(spec: WorkerSpec) -> None:
    """Joins the process group of all workers."""
    if spec.device >= 0:
        torch.cuda.set_device(spec.device)
    distributed.init_process_group(
        "gloo" if spec.device < 0 else "nccl",
        init_method=spec.init_method,
        world_size=spec.world_size,
        rank=spec.rank,
        timeout=START_TIMEOUT,
    )


def _train(spec: WorkerSpec, job: Job) -> None:
    """What a worker does between meeting the others and leaving them."""
    # Other nodes may have a disk of their own.
    os.makedirs(job.serialization_dir, exist_ok=True)
    common_logging.FILE_FRIENDLY_LOGGING = job.file_friendly_logging
    common_logging.QUIET = job.quiet
    common_logging.prepare_global_logging(job.serialization_dir, rank=spec.rank, world_size=spec.world_size)
    if spec.rank > 0:
        # One of each progress bar is enough.
        Tqdm.tqdm = staticmethod(partial(Tqdm.tqdm, disable=True))  # type: ignore[method-assign]
    util.prepare_environment(job.params)
    job.params["trainer"]["cuda_device"] = spec.device
    read_back_vocabulary(job.params, job.serialization_dir)
    with _lost_workers_named(spec, job):
        with data_shared_by_workers():
            train_loop = TrainModel.from_params(
                params=job.params, serialization_dir=job.serialization_dir, local_rank=spec.rank
            )
        if job.dry_run:
            destroy_process_group()
            return
        barrier()
        set_timeout(spec.timeout)
        metrics = train_loop.run()
        if spec.rank == 0:
            train_loop.finish(metrics)


@contextmanager
def _lost_workers_named(spec: WorkerSpec, job: Job) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not _is_lost_connection(error):
            raise
        first_line = str(error).strip().splitlines()[0]
        raise LostWorker(
            f"worker {spec.rank} no longer hears from another worker, and training has ended ({first_line}); "
            + how_to_go_on(job.serialization_dir)
        ) from error


def _is_lost_connection(error: RuntimeError) -> bool:
    known = r"gloo|NCCL|[Cc]onnection (closed|reset|refused)|[Tt]imed? ?out|Broken pipe"
    return isinstance(error, distributed.DistError) or re.search(known, str(error)) is not None
