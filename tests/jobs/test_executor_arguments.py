import argparse
from typing import List

import pytest

from hmtl.errors import UserError
from hmtl.jobs.executor import LocalExecutor
from hmtl.jobs.executor_arguments import add_executor_arguments, checked_resources, executor_of


def parsed(words: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_executor_arguments(parser)
    return parser.parse_args(words)


def test_by_default_one_process_here() -> None:
    arguments = parsed([])
    assert arguments.jobs == 1
    assert checked_resources(arguments) == {}


@pytest.mark.parametrize("option", ["--ray-address", "--resources"])
def test_what_is_for_ray_alone(option: str) -> None:
    with pytest.raises(UserError, match=f"{option} is for --executor ray"):
        checked_resources(parsed([option, "{}"]))


def test_resources_of_ray_tasks() -> None:
    pytest.importorskip("ray")
    assert checked_resources(parsed(["--executor", "ray", "--resources", '{"CPU": 2}'])) == {"CPU": 2.0}
    assert checked_resources(parsed(["--executor", "ray"])) == {}
    with pytest.raises(UserError, match="expected a JSON object of numbers"):
        checked_resources(parsed(["--executor", "ray", "--resources", '{"CPU": "two"}']))


def test_the_executor_runs_the_module(tmp_path) -> None:
    log = tmp_path / "log"
    # A module that heeds no argument.
    executor = executor_of(parsed(["--jobs", "2"]), "this", lock=None)  # type: ignore[arg-type]
    assert isinstance(executor, LocalExecutor)
    process = executor.start([], log)
    while process.poll() is None:
        pass
    executor.close()
    assert process.poll() == 0 and log.read_text().strip()
