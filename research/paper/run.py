"""`python -m research.paper.run PID JOB`: trains and evaluates one run, for as long as the process PID lives.

JOB is a `Job` as JSON. What is done already is not done again: a training that was interrupted is recovered.
"""

import json
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional

from hmtl.common.characters import visible_lines
from hmtl.jobs.child_process import end_with_parent
from hmtl.runs.run_directory import RunDirectory, is_best_for
from research.paper.experiment import RECORD, Record, read_record


@dataclass
class Job:
    """What a process is to run.

    # Attributes

    corpora, setup, seed, preset
        What the run is called in tables.
    configuration : `str`
        The path of the configuration file.
    directory : `str`
        The serialization directory.
    overrides : `Dict[str, Any]`
        Those of the seed and the user's.
    command : `List[str]`
        The command that all runs come from.
    packages : `List[str]`
        For `--include-package`.
    """

    corpora: str
    setup: str
    seed: int
    preset: str
    configuration: str
    directory: str
    overrides: Dict[str, Any]
    command: List[str] = field(default_factory=list)
    packages: List[str] = field(default_factory=list)


def run(job: Job) -> None:
    """Trains and evaluates, and notes times, versions and commands in the directory, whatever comes."""
    directory = Path(job.directory)
    recovered = RunDirectory(directory).has_checkpoint()
    record = _begin(job, recovered)
    begun, cpu_begun = time.time(), _cpu_seconds()
    part: Dict[str, Any] = {"begun": time.strftime("%Y-%m-%d %H:%M:%S"), "seconds": None, "cpu_seconds": None}
    record["parts"].append(part)
    if recovered or _is_trained(directory):  # while its directory is empty `hmtl train` wants it so
        _write(record, directory)
    try:
        if not _is_trained(directory):
            _train(job)
            record["training_ended"] = time.strftime("%Y-%m-%d %H:%M:%S")
        part["training_seconds"] = time.time() - begun
        _evaluate(directory, job.packages)
        record["finished"] = True
    finally:
        part["seconds"], part["cpu_seconds"] = time.time() - begun, _cpu_seconds() - cpu_begun
        record.update(_environment())
        if directory.is_dir():  # a mistake in the configuration leaves none
            _write(record, directory)


def _train(job: Job) -> None:
    from hmtl.cli import main

    main([*_train_command(job), *RunDirectory(job.directory).resume_options()])


def _train_command(job: Job) -> List[str]:
    packages = [argument for package in job.packages for argument in ("--include-package", package)]
    overrides = ["-o", json.dumps(job.overrides)]
    return ["train", job.configuration, "-s", job.directory, *overrides, "--file-friendly-logging", *packages]


def _evaluate(directory: Path, packages: List[str]) -> None:
    import torch

    import hmtl  # noqa: F401  registers what a configuration can name
    from hmtl.common.packages import include_package
    from hmtl.evaluation.evaluate import evaluate_run, load_run
    from research.paper.counts import Counting, counts_name

    for package in packages:
        include_package(package)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    trained = load_run(directory)
    counting = Counting(trained.model)
    evaluation = evaluate_run(trained, device=device, observed=counting.observed)
    evaluation.write(RunDirectory(directory).evaluation())
    print(visible_lines(evaluation.table()), flush=True)
    for (task, figure), counts in counting.counts.items():
        counts.write(directory / counts_name(task, figure=figure))
    # The weights chosen without gold mentions, given them after all; where the setup gives them it is done.
    heads = [task for task in evaluation.tasks if hasattr(trained.model.heads[task], "gold_mentions")]
    tasks = [task for task in heads if task not in evaluation.gold_mentions]
    names = [name for name in trained.weights if any(is_best_for(name, task) for task in tasks)]
    if names:
        given = load_run(directory, [trained.weights[name].name for name in names])
        counting = Counting(given.model)
        evaluation = evaluate_run(given, gold_mentions=True, device=device, observed=counting.observed)
        evaluation.write(RunDirectory(directory).evaluation(gold_mentions=True))
        print(visible_lines(evaluation.table()), flush=True)
        for (task, figure), counts in counting.counts.items():
            if task in tasks:
                counts.write(directory / counts_name(task, gold_mentions=True, figure=figure))


def _is_trained(directory: Path) -> bool:
    # The last file that training writes, whole or not at all.
    return RunDirectory(directory).archive.is_file()


def _begin(job: Job, recovered: bool) -> Record:
    noted = read_record(Path(job.directory)) if recovered or _is_trained(Path(job.directory)) else None
    record = {
        **asdict(job),
        "train_command": ["hmtl", *_train_command(job)],
        "finished": False,
        "parts": [] if noted is None else noted["parts"],
    }
    if recovered and noted is None:  # the first process was killed before it could say how long it took
        record["parts"].append({"begun": None, "seconds": None, "cpu_seconds": None})
    return record


def _write(record: Record, directory: Path) -> None:
    from hmtl.common.files import write_json

    write_json(directory / RECORD, record)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _environment() -> Dict[str, Any]:
    import numpy
    import torch

    from hmtl.evaluation.evaluate import versions
    from hmtl.jobs.executor import num_cores

    return {
        "versions": {**versions(), "numpy": numpy.__version__},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor() or platform.machine(),
            "cores": num_cores(),
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        },
    }


def _processor() -> Optional[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    from hmtl.common.explain import user_errors

    with user_errors():
        run(Job(**json.loads(sys.argv[2])))
