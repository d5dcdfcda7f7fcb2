#!/usr/bin/env python
"""Evaluation of a finished run: all its weights and tasks at once, beside each of its files on each task alone.

    python benchmarks/evaluating.py RUN [--split validation] [--rounds N]

Alone, a weights file is loaded and evaluated whether or not another holds the same, and every task embeds and encodes
its sentences anew. Both read the data, neither has baselines; what both find must be equal, losses to the last bit.
Costs are CPU seconds on one thread without the start of the process, and the same in cal; see `run.py`.
"""

import argparse
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator

# Before torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import torch  # noqa: E402
from calibration import Meter  # noqa: E402

from hmtl.evaluation.evaluate import Run, evaluate_run, load_run  # noqa: E402
from hmtl.modules.frozen import frozen_encoders  # noqa: E402
from hmtl.training.evaluate_task import evaluate_task  # noqa: E402

ALONE, ONCE = "each file and task alone", "all at once"
ENCODER = "frozen encoder"


def each_alone(run: Run, split: str) -> Dict[str, Dict[str, Dict[str, float]]]:
    """The metrics by weights and task."""
    loader = run.data_loader(split)
    found: Dict[str, Dict[str, Dict[str, float]]] = {}
    for name in run.weights:
        run.load_weights(name)
        found[name] = {task: evaluate_task(run.model, loader, task) for task in run.model.tasks if task in loader.tasks}
    return found


def at_once(run: Run, split: str) -> Dict[str, Dict[str, Dict[str, float]]]:
    """The same by `evaluate_run`."""
    scores = evaluate_run(run, split, with_baselines=False).scores
    return {name: {task: of_task.metrics for task, of_task in by_task.items()} for name, by_task in scores.items()}


@contextmanager
def encoder_timed(run: Run, meter: Meter, name: str) -> Iterator[None]:
    """Adds what the frozen encoders take within it to the round's sum for `name`."""
    hooks, started = [], [0.0]
    for encoder in frozen_encoders(run.model):
        hooks.append(encoder.register_forward_pre_hook(lambda *_: started.append(time.process_time())))
        hooks.append(encoder.register_forward_hook(lambda *_: meter.add(name, time.process_time() - started.pop())))
    yield
    for hook in hooks:
        hook.remove()


def measure(directory: Path, split: str, rounds: int) -> Meter:
    """Both ways in turn.

    # Raises

    AssertionError
        Where they find different scores.
    """
    torch.set_num_threads(1)
    run, meter = load_run(directory), Meter()
    for _ in range(rounds):
        found: Dict[str, Any] = {}
        with meter.round():
            for name, evaluate in ((ALONE, each_alone), (ONCE, at_once)):
                with meter.time(name), encoder_timed(run, meter, f"{name}: {ENCODER}"):
                    found[name] = evaluate(run, split)
        assert found[ALONE] == found[ONCE], "the scores differ"
    return meter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory of a finished run")
    parser.add_argument("--split", choices=["test", "validation"], default="test")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    arguments = parser.parse_args()
    readings = measure(arguments.run, arguments.split, arguments.rounds).readings
    costs = {name: {"cpu_seconds": each.median_seconds, "cal": each.median_cal} for name, each in readings.items()}
    ratio = costs[ALONE]["cal"] / costs[ONCE]["cal"]
    for name, cost in costs.items():
        print(f"{name:42}{cost['cpu_seconds']:10.2f} CPU s{cost['cal']:10.1f} cal")
    print(f"times less: {ratio:.2f}; all scores are equal")
    if arguments.output is not None:
        arguments.output.write_text(json.dumps({"costs": costs, "times less": ratio}, indent=2) + "\n")


if __name__ == "__main__":
    main()
