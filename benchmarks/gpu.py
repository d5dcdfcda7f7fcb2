#!/usr/bin/env python
"""What training costs on a GPU, in one table: within ten minutes for the model of the paper on the bundled sample.

    python benchmarks/gpu.py [--transformer NAME [--compile]] [--output FILE]
    python benchmarks/gpu.py --device cpu --quick ...

From the top of the repository. By task, in float32 and bf16: updates a second by the clock, with their batches; the
share of that time in which the GPU computes, by torch's profiler; and the peak of its memory. With --transformer, the
name or folder of an encoder, the same for NER on it: frozen, frozen with its vectors kept, fine-tuned, and, with
--compile, compiled. Then whether a run that was interrupted after its first epoch ends with the weights of one that was
not, with and without `trainer.deterministic`; and, where there are two GPUs, how fast two processes train.

Without a GPU it says so and exits with 2. On a CPU, which it takes to be tried, busy is the share of the clock's time
in which this process computes, and memory what the forward pass keeps for the backward pass.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

# Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import torch  # noqa: E402
from _jsonnet import evaluate_snippet  # noqa: E402
from allennlp.common import Params  # noqa: E402
from precision import Clock, Experiment, Work  # noqa: E402
from torch.profiler import ProfilerActivity, profile  # noqa: E402

from hmtl.common.file_names import CONFIG_NAME  # noqa: E402
from hmtl.common.weights import load_weights  # noqa: E402
from hmtl.training.launch import train_model  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "benchmarks" / "gpu.jsonnet"
# How an encoder is used, by the options of its embedder.
ENCODERS: Dict[str, Dict[str, Any]] = {
    "frozen": {},
    "frozen, kept": {"cache_gib": 4.0},
    "fine-tuned": {"train_parameters": True, "last_layer_only": True},
}
COMPILED = {"fine-tuned, compiled": {**ENCODERS["fine-tuned"], "compile": True}}


class Size(NamedTuple):
    """Updates that warm up, and updates that are measured, of each row."""

    warm_up: int
    updates: int


FULL, QUICK = Size(20, 60), Size(1, 2)


class Row(NamedTuple):
    """A line of the table; `None` where something does not apply.

    # Attributes

    updates : `Optional[float]`
        A second.
    busy : `Optional[float]`
        The share of the time in which the device computes.
    megabytes : `Optional[float]`
        The peak of what an update needs beside the model; 1 MB is 10^6 bytes.
    """

    what: str
    updates: Optional[float] = None
    busy: Optional[float] = None
    megabytes: Optional[float] = None
    note: str = ""


def updates(
    experiment: Experiment, name: str, tasks: List[str], precision: str, size: Size, device: torch.device
) -> Iterator[Row]:
    """Updates of each task, from the batches that the loader makes of it."""
    with tempfile.TemporaryDirectory() as directory:
        trainer, clock = experiment.trainer(precision, Path(directory)), Clock(device)
        for task in tasks:
            _say(f"updates of {task}, {precision}{name}")
            batches = experiment.loader.stream(task)

            def run(number: int, task: str = task, batches: Any = batches) -> None:
                for _ in range(number):
                    trainer.loop.update({task: next(batches)})

            run(size.warm_up)
            clock.now()
            started, computed = time.perf_counter(), time.process_time()
            run(size.updates)
            # With nothing left to do for the device.
            clock.now()
            seconds, own = time.perf_counter() - started, time.process_time() - computed
            if device.type == "cuda":
                with profile(activities=[ProfilerActivity.CUDA]) as found:
                    run(size.updates)
                    clock.now()
                own = sum(event.self_device_time_total for event in found.key_averages()) / 1e6
            megabytes = clock.megabytes(Work(lambda _: run(1), trainer.model), 0)
            yield Row(f"{task}{name}, {precision}", size.updates / seconds, own / seconds, megabytes)


def encoders(transformer: str, compiled: bool, precision: str, size: Size, device: torch.device) -> Iterator[Row]:
    """Updates of NER on an encoder, used in each way."""
    for name, options in {**ENCODERS, **(COMPILED if compiled else {})}.items():
        snippet = f"(import 'gpu.jsonnet').on({json.dumps(transformer)}, {json.dumps(options)})"
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(evaluate_snippet(str(CONFIG), snippet))
            file.flush()
            experiment = Experiment(file.name, device)
        yield from updates(experiment, f" on an encoder, {name}", ["ner"], precision, size, device)


def resumed(config: str, deterministic: bool, device: torch.device) -> Row:
    """Whether two epochs and one epoch with another after it end with the same weights, to the last bit."""
    _say(f"an interrupted run, deterministic: {deterministic}")

    def train(directory: Path, num_epochs: int, recover: bool = False) -> None:
        options = {"num_epochs": num_epochs, "deterministic": deterministic, "cuda_device": _number(device)}
        overrides = {f"trainer.{key}": value for key, value in options.items()}
        train_model(Params.from_file(config, json.dumps(overrides)), str(directory), recover=recover)

    with tempfile.TemporaryDirectory() as folder:
        whole, parts = Path(folder) / "whole", Path(folder) / "parts"
        train(whole, 2)
        train(parts, 1)
        train(parts, 2, recover=True)
        weights = [load_weights(directory / "best.safetensors") for directory in (whole, parts)]
    different = [name for name, weight in weights[0].items() if not torch.equal(weight, weights[1][name])]
    found = f"{len(different)} of {len(weights[0])} weights differ" if different else "the same to the last bit"
    return Row(f"resumed, {'' if deterministic else 'not '}deterministic", note=found)


def two_processes(config: str, device: torch.device) -> Row:
    """An epoch of two workers, each with half of each batch."""
    if device.type == "cuda" and torch.cuda.device_count() < 2:
        return Row("two processes", note="there is one GPU alone")
    _say("two processes")
    devices = [0, 1] if device.type == "cuda" else [-1, -1]
    overrides = {"distributed": {"cuda_devices": devices}, "trainer.num_epochs": 1, "trainer.cuda_device": None}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / CONFIG_NAME
        file.write_text(json.dumps(Params.from_file(config, json.dumps(overrides)).as_dict(quiet=True)))
        command = [sys.executable, "-m", "hmtl", "train", str(file), "-s", f"{folder}/run"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return Row("two processes", note=f"failed: {done.stderr.strip().splitlines()[-1]}")
        metrics = json.loads((Path(folder) / "run" / "metrics_epoch_0.json").read_text())
    hours, minutes, seconds = map(float, metrics["training_duration"].split(":"))
    number = sum(value for name, value in metrics.items() if name.endswith("_updates"))
    backend = "NCCL" if device.type == "cuda" else "gloo"
    return Row("two processes", number / (3600 * hours + 60 * minutes + seconds), note=f"{backend}, with validation")


def table(rows: List[Row]) -> str:
    """The rows in Markdown."""
    lines = ["| | updates a second | busy | peak memory, MB | |", "|---|---:|---:|---:|---|"]
    for row in rows:
        numbers = [
            "" if value is None else form.format(value) for value, form in zip(row[1:4], ("{:.1f}", "{:.0%}", "{:.0f}"))
        ]
        lines.append(f"| {' | '.join([row.what, *numbers, row.note])} |")
    return "\n".join(lines)


def _number(device: torch.device) -> int:
    return -1 if device.type == "cpu" else device.index or 0


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default=str(CONFIG), metavar="FILE", help="(default: %(default)s)")
    parser.add_argument("--device", default="cuda", help="(default: %(default)s)")
    parser.add_argument("--transformer", metavar="NAME", help="measure NER on this encoder, too")
    parser.add_argument("--compile", action="store_true", help="and this encoder compiled, which takes minutes")
    parser.add_argument("--quick", action="store_true", help="few updates: to try the script")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("benchmarks/gpu.py: there is no GPU here; --device cpu --quick tries the script", file=sys.stderr)
        sys.exit(2)
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)
        torch.cuda.set_device(device)
    size = QUICK if arguments.quick else FULL
    experiment = Experiment(arguments.config, device)
    rows: List[Row] = []
    for precision in ("fp32", "bf16"):
        rows += updates(experiment, "", experiment.loader.tasks, precision, size, device)
        if arguments.transformer:
            rows += encoders(arguments.transformer, arguments.compile, precision, size, device)
    rows += [resumed(arguments.config, deterministic, device) for deterministic in (False, True)]
    rows.append(two_processes(arguments.config, device))
    machine = {
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
    }
    if arguments.output is not None:
        found = {"machine": machine, **size._asdict(), "rows": [row._asdict() for row in rows]}
        arguments.output.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{machine['device']}, torch {machine['torch']}, CUDA {machine['cuda']}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
