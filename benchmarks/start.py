#!/usr/bin/env python
"""Measures what an import of hmtl and the start of its commands cost, beside an import of torch.

    python benchmarks/start.py [--rounds 5] [--output FILE]

Costs are CPU seconds of a fresh Python, that of an empty one included, and multiples of `import torch` in the same run;
each is the median of the rounds, in which all take turns.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Dict, List

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
    "hmtl prepare --help": ["-m", "hmtl", "prepare", "--help"],
    "hmtl train --help": ["-m", "hmtl", "train", "--help"],
    "hmtl train DATA, to its first line": ["-c", _TO_FIRST_LINE],
    "hmtl annotate --help": ["-m", "hmtl", "annotate", "--help"],
}


def cpu_seconds(arguments: List[str]) -> float:
    """Of a Python with these arguments, started in the checkout."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints the table, and writes it as JSON where a file is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is started (default: 5)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")
    arguments = parser.parse_args()
    for start in STARTS.values():  # files are read and compiled once before
        cpu_seconds(start)
    rounds = [{name: cpu_seconds(start) for name, start in STARTS.items()} for _ in range(arguments.rounds)]
    costs = {name: median(each[name] for each in rounds) for name in STARTS}
    width = max(map(len, STARTS))
    print(f"{'':{width}}   CPU s   x {TORCH}")
    for name, cost in costs.items():
        print(f"{name:{width}} {cost:7.2f} {cost / costs[TORCH]:8.2f}")
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(costs, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
