#!/usr/bin/env python
"""Measures training and prediction with the paper's model against the 2018 implementation, on one thread.

    python benchmarks/run.py --corpus DIR [--quick] [--output FILE]
    python benchmarks/run.py --corpus DIR --profile TASK

DIR holds corpora in the layout of 2018: conll-2012/, conll-2012_single_file/ and ace2005/. The figures of 2018 belong
to one synthetic corpus; with another one, those columns mean nothing.

Costs are CPU seconds, and the same in cal: multiples of a fixed piece of work that runs between the rounds, so that
noisy minutes of one machine can be compared. Machines cannot: that work and an update gain unequally from another
processor and its caches. What carries over is measured beside something else in one run (see against.py). Each cost is
the median of its rounds. Updates, validation and prediction follow one another, so that validation and prediction have
a model that has learned a little.

A second table has updates beside their floor: what bare torch takes for their kernels alone (see benchmarks/floor.py).
A third has those of heads of spans beside those of the paper's heads (see benchmarks/span_heads.py).
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Dict, List, Optional

# Before torch is imported, here and in the processes that this one starts.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import figures_2018  # noqa: E402
import floor  # noqa: E402
import phases  # noqa: E402
import span_heads  # noqa: E402
from calibration import Meter, Readings  # noqa: E402
from machine import in_words, machine  # noqa: E402
from processes import in_fresh_process  # noqa: E402

ROUNDS = {"reading": 3, "updates": 9, "validation": 3, "prediction": 9, "start-up": 9}
QUICK_ROUNDS = {"reading": 1, "updates": 3, "validation": 1, "prediction": 3, "start-up": 3}


def measure(corpus: Path, rounds: Dict[str, int]) -> phases.Result:
    """All phases, one after another."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        steps: List[Any] = [
            # Data is read once in a process.
            *[("reading", phases.reading, corpus, directory)] * rounds["reading"],
            ("updates", phases.updates, corpus, directory, rounds["updates"]),
            ("updates and their floors", floor.floors, corpus, directory, rounds["updates"]),
            ("heads of spans", span_heads.span_heads, corpus, directory, rounds["updates"]),
            ("validation", phases.validation, corpus, directory, rounds["validation"]),
            ("prediction", phases.prediction, corpus, directory, rounds["prediction"]),
            ("start-up", phases.start_up, rounds["start-up"]),
        ]
        meter = Meter()
        peaks: Dict[str, float] = {}
        numbers: Dict[str, float] = {}
        for name, phase, *args in steps:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            result = in_fresh_process(phase, *args)
            meter.update(result.readings)
            peaks.update(result.peak_gb)
            numbers.update(result.numbers)
        return phases.Result(dict(meter.readings), peaks, numbers)


def with_2018(ours: float, theirs: Optional[float]) -> Dict[str, Optional[float]]:
    return {"2018": theirs, "ratio": None if theirs is None else theirs / ours}


def report(result: phases.Result, rounds: Dict[str, int]) -> Dict[str, Any]:
    """The results as JSON; a ratio says how many times the cost of ours that of 2018 is."""
    units = [unit for readings in result.readings.values() for unit in readings.calibrations]
    return {
        "machine": machine(),
        "rounds": rounds,
        "seconds_per_cal": median(units),
        "costs": {name: cost(name, readings) for name, readings in result.readings.items()},
        "floors": floor.ratios(result.readings),
        "heads of spans": span_heads.ratios(result.readings),
        "peak_gb": {
            name: {"ours": peak, **with_2018(peak, figures_2018.PEAK_GB.get(name))}
            for name, peak in result.peak_gb.items()
        },
        "numbers": result.numbers,
    }


def cost(name: str, readings: Readings) -> Dict[str, Any]:
    cal = readings.median_cal
    return {
        "cpu_seconds": readings.median_seconds,
        "cal": cal,
        **with_2018(cal, figures_2018.CAL.get(name)),
        "rounds": {"cpu_seconds": readings.seconds, "seconds_per_cal": readings.calibrations},
    }


def table(results: Dict[str, Any]) -> str:
    """The results for people to read."""
    lines = [in_words(results["machine"]), ""]
    lines.append(f"{'':32}{'CPU s':>10}{'cal':>10}{'2018, cal':>12}{'ratio':>8}")
    for name, row in results["costs"].items():
        # These have tables of their own.
        if " floor" in name or " update, " in name:
            continue
        ours = f"{row['cpu_seconds']:10.4f}{row['cal']:10.3f}"
        lines.append(f"{_indented(name):32}{ours}{_number(row['2018']):>12}{_number(row['ratio']):>8}")
    lines.append("\n" + floor.table(results["floors"]))
    lines.append("\n" + span_heads.table(results["heads of spans"]))
    lines.append(f"\n{'peak memory, GB':42}{'ours':>10}{'2018':>12}{'ratio':>8}")
    for name, row in results["peak_gb"].items():
        lines.append(f"{name:42}{row['ours']:10.2f}{_number(row['2018']):>12}{_number(row['ratio']):>8}")
    lines.append("")
    lines.extend(f"{name}: {value:.0f}" for name, value in results["numbers"].items())
    lines.append(f"1 cal: {results['seconds_per_cal']:.4f} CPU s")
    return "\n".join(lines)


def _indented(name: str) -> str:
    """A part of an update stands below it by its own name."""
    _, colon, part = name.partition(": ")
    return f"  {part}" if colon else name


def _number(value: Optional[float]) -> str:
    return "" if value is None else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    parser.add_argument("--profile", choices=list(phases.UPDATES), help="where this task's updates spend their time")
    arguments = parser.parse_args()
    rounds = QUICK_ROUNDS if arguments.quick else ROUNDS
    if arguments.profile:
        with tempfile.TemporaryDirectory() as folder:
            in_fresh_process(phases.reading, arguments.corpus, Path(folder))
            print(in_fresh_process(phases.profile, arguments.corpus, Path(folder), arguments.profile))
        return
    results = report(measure(arguments.corpus, rounds), rounds)
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
