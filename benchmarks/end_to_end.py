#!/usr/bin/env python
"""Measures three epochs of training, and testing, as a user runs them, beside the 2018 implementation.

    python benchmarks/end_to_end.py --corpus DIR [--quick] [--run DIR] [--output FILE]

`hmtl train benchmarks/paper.jsonnet` and `scripts/evaluate.py` run in processes of their own, with one thread. Their
CPU seconds and peaks of memory are those that the system counted for them. DIR holds corpora in the layout of 2018; the
figures of 2018 belong to one synthetic corpus, and with another one that column means nothing. `--quick` trains one
epoch on a few instances of each task, to see that all works.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional

# Before torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"

from calibration import calibration_seconds  # noqa: E402
from figures_2018 import SECONDS_PER_CAL  # noqa: E402
from processes import gigabytes  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
TASKS = ("ner", "emd", "relation", "coref")
QUICK_INSTANCES = 4
# Training and testing together. The scores are those of the development set.
FIGURES_2018 = {
    "CPU seconds": 2189.0,
    "CPU seconds, cal": 2189 / SECONDS_PER_CAL,
    "peak memory, GB": 3.7,
    "ner f1": 0.627,
    "emd f1": 0.693,
    "coref f1": 0.256,
}


def in_child(command: List[str], corpus: Path) -> Dict[str, float]:
    """Runs a command to its end: its CPU seconds, and its peak of memory in GB (10^9 bytes).

    # Raises

    RuntimeError
        Where it fails.
    """
    environment = {**os.environ, "HMTL_DATA": str(corpus), "TQDM_DISABLE": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    # Logs are long and go where nobody waits for them.
    with tempfile.TemporaryFile("w+") as log:
        child = subprocess.Popen([sys.executable, *command], env=environment, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            log.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}:\n{log.read()[-5000:]}")
    return {"CPU seconds": usage.ru_utime + usage.ru_stime, "peak memory, GB": gigabytes(usage.ru_maxrss)}


def measure(corpus: Path, run: Path, quick: bool) -> Dict[str, Any]:
    """Trains into `run` and tests: what each step cost, the sums, and the scores of the development set."""
    from hmtl.runs.run_directory import RunDirectory

    options: Dict[str, Any] = {"trainer.num_epochs": 1 if quick else 3}
    if quick:
        for task in TASKS:
            reader = f"dataset_reader.readers.{task}"
            # So few instances do not have all labels.
            options.update({f"{reader}.max_instances": QUICK_INSTANCES, f"{reader}.allow_unknown_labels": True})
    overrides = json.dumps(options)
    train = ["-m", "hmtl", "train", str(ROOT / "benchmarks" / "paper.jsonnet"), "-s", str(run), "-o", overrides]
    units = [calibration_seconds() for _ in range(3)]
    steps = {"training": in_child(train, corpus)}
    units += [calibration_seconds() for _ in range(3)]
    steps["testing"] = in_child([str(ROOT / "scripts" / "evaluate.py"), "-s", str(run)], corpus)
    units += [calibration_seconds() for _ in range(3)]
    seconds = sum(step["CPU seconds"] for step in steps.values())
    return {
        "steps": steps,
        "seconds_per_cal": sorted(units)[len(units) // 2],
        "ours": {
            "CPU seconds": seconds,
            "CPU seconds, cal": seconds / sorted(units)[len(units) // 2],
            "peak memory, GB": max(step["peak memory, GB"] for step in steps.values()),
            **scores(json.loads(RunDirectory(run).metrics.read_text())),
        },
        "2018": FIGURES_2018,
    }


def scores(metrics: Dict[str, Any]) -> Dict[str, float]:
    """The best F1 of each task in validation."""
    return {f"{task} f1": metrics[f"best_validation_{task}_f1"] for task in TASKS}


def table(results: Dict[str, Any]) -> str:
    """The results for people to read."""
    lines = [f"{'':32}{'ours':>12}{'2018':>12}{'ratio':>8}"]
    for name, value in results["ours"].items():
        theirs: Optional[float] = results["2018"].get(name)
        beside = "" if theirs is None else f"{theirs:12.4g}" + ("" if name.endswith("f1") else f"{theirs / value:8.2f}")
        lines.append(f"{name:32}{value:12.4g}{beside}")
    for step, costs in results["steps"].items():
        lines.extend(f"{step + ': ' + name:32}{value:12.4g}" for name, value in costs.items())
    lines.append(f"1 cal: {results['seconds_per_cal']:.4f} CPU s")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="one epoch on a few instances")
    parser.add_argument("--run", type=Path, metavar="DIR", help="keep the run there (default: it is not kept)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = arguments.run or Path(folder) / "run"
        results = measure(arguments.corpus.resolve(), run, arguments.quick)
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
