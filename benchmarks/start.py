#!/usr/bin/env python
"""Measures what an import of hmtl and the start of its commands cost, beside an import of torch.

    python benchmarks/start.py [--rounds 5] [--before CHECKOUT] [--output FILE]

Costs are CPU seconds of a fresh Python, that of an empty one included, and multiples of `import torch` in the same run;
each is the median of the rounds, in which all take turns. With --before, another checkout takes turns, too; what it
does not have is left out. A run to look at, the smallest that is one, is written into a temporary folder, as is what is
converted: tokens, which stay as they are, and text, which is split.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Dict, List

from hmtl.runs.run_directory import RunDirectory

ROOT = Path(__file__).resolve().parents[1]
TORCH = "import torch"
# Ends at the first line that is printed.
_TO_FIRST_LINE = (
    "import os, sys; sys.stdout.write = lambda text: os._exit(0); "
    "from hmtl.cli import main; main(['train', 'data/sample'])"
)
# What each is called, and the arguments of Python.
STARTS: Dict[str, List[str]] = {
    TORCH: ["-c", "import torch"],
    "import hmtl": ["-c", "import hmtl"],
    "import hmtl.registered": ["-c", "import hmtl.registered"],
    "hmtl --version": ["-m", "hmtl", "--version"],
    "hmtl --help": ["-m", "hmtl", "--help"],
    "hmtl configs": ["-m", "hmtl", "configs"],
    "hmtl inspect data/sample": ["-m", "hmtl", "inspect", "data/sample"],
    "hmtl validate data/sample": ["-m", "hmtl", "validate", "data/sample"],
    "hmtl runs RUN": ["-m", "hmtl", "runs", "RUN"],
    "hmtl convert --help": ["-m", "hmtl", "convert", "--help"],
    "hmtl convert CONLL OUT": ["-m", "hmtl", "convert", "tests/fixtures/formats/conll2003.conll", "OUT", "--force"],
    "hmtl convert BRAT OUT": ["-m", "hmtl", "convert", "tests/fixtures/formats/brat", "OUT", "--force"],
    "hmtl prepare --help": ["-m", "hmtl", "prepare", "--help"],
    "hmtl train --help": ["-m", "hmtl", "train", "--help"],
    "hmtl train DATA, to its first line": ["-c", _TO_FIRST_LINE],
    "hmtl evaluate --help": ["-m", "hmtl", "evaluate", "--help"],
    "hmtl errors --help": ["-m", "hmtl", "errors", "--help"],
    "hmtl predict --help": ["-m", "hmtl", "predict", "--help"],
    "hmtl annotate --help": ["-m", "hmtl", "annotate", "--help"],
    "hmtl allennlp --help": ["-m", "hmtl", "allennlp", "--help"],
}
NOT_THERE = float("nan")


def cpu_seconds(arguments: List[str], checkout: Path = ROOT) -> float:
    """Of a Python with these arguments, started in a checkout; not a number where that has no such command."""
    path = os.pathsep.join([str(checkout), str(checkout / "carried")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], cwd=checkout, env=environment, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return NOT_THERE
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def smallest_run(folder: Path) -> Path:
    """A directory that 'hmtl runs' takes for a run of one epoch."""
    run = RunDirectory(folder)
    run.vocabulary.mkdir()
    run.config.write_text('{"model": {"type": "hmtl"}, "trainer": {"num_epochs": 1}}')
    run.epoch_metrics(0).write_text('{"epoch": 0, "training_ner_updates": 3, "validation_ner_f1": 0.5}')
    return folder


def main() -> None:
    """Prints the table, and writes it as JSON where a file is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is started (default: 5)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, to compare with")
    arguments = parser.parse_args()
    checkouts = {"now": ROOT} if arguments.before is None else {"before": arguments.before.resolve(), "now": ROOT}
    with tempfile.TemporaryDirectory() as folder:
        places = {"RUN": str(smallest_run(Path(folder))), "OUT": str(Path(folder) / "converted.jsonl")}
        starts = {name: [places.get(word, word) for word in words] for name, words in STARTS.items()}
        # Files are read and compiled in the first round, which does not count.
        rounds = [
            {
                (name, which): cpu_seconds(start, checkouts[which])
                for name, start in starts.items()
                for which in checkouts
            }
            for _ in range(arguments.rounds + 1)
        ][1:]
    costs = {name: {which: median(each[name, which] for each in rounds) for which in checkouts} for name in STARTS}
    width = max(map(len, STARTS))
    print(f"{'':{width}}" + "".join(f"  {f'{which}: CPU s':>14}   x {TORCH}" for which in checkouts))
    for name, cost in costs.items():
        shown = (f"  {each:14.2f} {each / costs[TORCH][which]:{4 + len(TORCH)}.2f}" for which, each in cost.items())
        print(f"{name:{width}}" + "".join(shown).replace("nan", "  -"))
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(costs, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
