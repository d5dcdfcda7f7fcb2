"""Jobs as tasks of a Ray cluster, whose machines share a file system with this one."""

import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from hmtl.errors import UserError
from hmtl.jobs.executor import Executor, JobProcess

STOPPED = 143
LOST = 1


def require_ray() -> Any:
    """The module `ray`, or `UserError` where it is missing."""
    try:
        import ray
    except ImportError:
        raise UserError("--executor ray needs Ray: pip install 'hmtl[cluster]'") from None
    return ray


class RayExecutor(Executor):
    """Commands as Ray tasks; Ray queues those that the cluster has no room for.

    # Parameters

    resources : `Dict[str, float]`
        What a task needs: `CPU`, `GPU` or the cluster's own.
    address : `str`, optional
        Of a cluster; without it Ray starts one on this machine.
    module : `str`
        What runs the commands, after the process that it is to live with.
    variables : `Sequence[str]`
        Environment variables that the commands see as this process does.

    # Raises

    UserError
        Where Ray is missing, the cluster is not there, or this machine does not have the resources.
    """

    def __init__(
        self,
        resources: Dict[str, float],
        address: str = None,
        module: str = "hmtl.jobs.child_process",
        variables: Sequence[str] = (),
    ) -> None:
        self._ray = ray = require_ray()
        self._ours = not ray.is_initialized()
        if self._ours:
            try:
                ray.init(address=address, include_dashboard=None if address else False, log_to_driver=False)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise UserError(f"--ray-address {address}: {error}") from error
        if address is None:
            _check(resources, ray.cluster_resources())
        others = {name: amount for name, amount in resources.items() if name not in ("CPU", "GPU")}
        self._module = module
        self._variables = ("PYTHONPATH", *variables)
        self._task = ray.remote(
            num_cpus=resources.get("CPU", 1), num_gpus=resources.get("GPU", 0), resources=others, max_retries=0
        )(_new_task())

    def start(self, command: List[str], log: Path) -> JobProcess:
        environment = {name: os.environ[name] for name in self._variables if name in os.environ}
        reference = self._task.remote([self._module, *command], str(log.resolve()), os.getcwd(), environment)
        return RayProcess(self._ray, reference, log)

    def close(self) -> None:
        if self._ours:
            self._ray.shutdown()


class RayProcess(JobProcess):
    def __init__(self, ray: Any, reference: Any, log: Path) -> None:
        self._ray = ray
        self._reference = reference
        self._log = log
        self._code: Optional[int] = None

    def poll(self) -> Optional[int]:
        if self._code is None and self._ray.wait([self._reference], timeout=0)[0]:
            self._code = self._exit_code()
        return self._code

    def stop(self) -> None:
        self._ray.cancel(self._reference)

    def kill(self) -> None:
        self._ray.cancel(self._reference, force=True)

    def _exit_code(self) -> int:
        try:
            return self._ray.get(self._reference)
        except self._ray.exceptions.TaskCancelledError:
            return STOPPED
        except self._ray.exceptions.RayError as error:
            # The machine or Ray's worker is gone, and could write nothing to the log.
            with open(self._log, "a", encoding="utf-8") as log:
                log.write(f"\nhmtl: error: {' '.join(str(error).split())}\n")
            return LOST


def _check(resources: Dict[str, float], there: Dict[str, float]) -> None:
    for name, amount in resources.items():
        if amount > there.get(name, 0):
            raise UserError(f"--resources: a trial wants {amount:g} {name}, and there are {there.get(name, 0):g}")


def _new_task() -> Any:
    """The task, as a function that Ray sends whole: its workers need not find this module before it runs."""

    def run(command: List[str], log: str, directory: str, environment: Dict[str, str]) -> int:
        import os
        import subprocess
        import sys
        import time

        with open(log, "ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", command[0], str(os.getpid()), *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        try:
            # Ray delivers a cancellation between two statements.
            while process.poll() is None:
                time.sleep(0.2)
        except BaseException:
            process.terminate()
            process.wait()
        return process.returncode

    return run
