"""Command-line arguments for work in several processes, here or on Ray."""

import argparse
import json
import sys
from typing import Dict

from hmtl.common.arguments import at_least
from hmtl.common.environment import VARIABLES
from hmtl.errors import UserError
from hmtl.jobs.executor import Executor, LocalExecutor, devices_to_deal_out

# The environment variables that are passed on to processes on other machines.
SEEN_EVERYWHERE = (*VARIABLES, "OMP_NUM_THREADS")


def add_executor_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--jobs`, `--executor`, `--ray-address` and `--resources`."""
    add = parser.add_argument
    add("--jobs", type=at_least(1), default=1, metavar="N", help="how many runs at once, sharing cores and GPUs")
    add("--executor", choices=["local", "ray"], default="local", help="processes here, or Ray tasks")
    add("--ray-address", metavar="ADDRESS", help="a Ray cluster that shares this file system; else a local one")
    add("--resources", metavar="JSON", help='of each Ray task, such as \'{"CPU": 2, "GPU": 1}\' (default: 1 CPU)')


def checked_resources(arguments: argparse.Namespace) -> Dict[str, float]:
    """The resources of a Ray task; none for processes here.

    # Raises

    UserError
        Where arguments for Ray come without it, Ray is not installed, or the resources are no JSON object of numbers.
    """
    if arguments.executor != "ray":
        for option in ("ray_address", "resources"):
            if getattr(arguments, option) is not None:
                raise UserError(f"--{option.replace('_', '-')} is for --executor ray")
        return {}
    from hmtl.jobs.ray_executor import require_ray

    require_ray()
    try:
        resources = json.loads(arguments.resources or "{}")
        return {str(name): float(amount) for name, amount in resources.items()}
    except (ValueError, TypeError, AttributeError):
        raise UserError(
            f'--resources {arguments.resources}: expected a JSON object of numbers, such as {{"CPU": 2, "GPU": 1}}'
        ) from None


def executor_of(arguments: argparse.Namespace, module: str, lock: int) -> Executor:
    """The executor that the arguments ask for; it runs `module` with the arguments of each job.

    # Raises

    UserError
        As `checked_resources` does.
    """
    resources = checked_resources(arguments)
    if arguments.executor == "ray":
        from hmtl.jobs.ray_executor import RayExecutor

        return RayExecutor(resources, arguments.ray_address, module, SEEN_EVERYWHERE)
    program = (sys.executable, "-m", module)
    return LocalExecutor(arguments.jobs, devices_to_deal_out(arguments.jobs), lock, program)
