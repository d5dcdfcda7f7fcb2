#!/usr/bin/env python
"""Measures the heads of spans beside the paper's: updates of NER, EMD and RE, and the memory of a long document.

    python benchmarks/span_heads.py --corpus DIR [--quick]

DIR is that of run.py. An update by `levels.spans` takes turns, batch by batch, with those of the paper's levels, which
have two or three layers, and with the paper's heads on one layer, `levels.shallow`, as heads of spans have them.
"""

import argparse
import os
import tempfile
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Dict

# Before torch is imported, here and in the processes that this one starts.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import phases  # noqa: E402
from allennlp.data import Vocabulary  # noqa: E402
from calibration import Meter, Readings  # noqa: E402
from documents import prediction_of  # noqa: E402
from processes import in_fresh_process  # noqa: E402

TASKS = ("ner", "emd", "relation")
# The paper's levels, the same heads on one layer, and heads of spans.
LEVELS = ("paper", "shallow", "spans")
LONG = 20000
ROUNDS, QUICK_ROUNDS = 9, 3


def span_heads(corpus: Path, directory: Path, rounds: int) -> phases.Result:
    """For each task and each of `LEVELS` the readings `{task} update, {levels}`, and the peaks of memory of processes
    that predict a long document, and none, with heads of spans."""
    result = in_fresh_process(_updates, corpus, directory, rounds)
    peaks = {}
    for length in (0, LONG):
        of_length = in_fresh_process(prediction_of, corpus, directory / "spans", 1, length, _configuration("spans"))
        peaks.update({f"heads of spans, {name}": peak for name, peak in of_length.peak_gb.items()})
    return phases.Result(result.readings, peaks, {})


def _updates(corpus: Path, directory: Path, rounds: int) -> phases.Result:
    meter = Meter()
    trainers = {}
    for levels in LEVELS:
        (directory / levels).mkdir()
        experiment = phases.Experiment(corpus, directory / levels, _configuration(levels))
        instances = (experiment.loader("train", [task]).iter_instances() for task in phases.UPDATES)
        vocabulary = Vocabulary.from_params(
            experiment.params_of("vocabulary"), instances=chain.from_iterable(instances)
        )
        vocabulary.save_to_files(str(experiment.vocabulary))
        trainers[levels] = experiment.trainer()
        trainers[levels].model.train()
    for task in TASKS:
        for trainer in trainers.values():
            phases.update(trainer, task, next(phases.batches_of(trainer, task)))
        for number in range(rounds):
            # All have the same sentences in their batches.
            batches = {levels: phases.batches_of(trainer, task) for levels, trainer in trainers.items()}
            stride = phases.stride_of(trainers["paper"], task)
            with meter.round():
                for count in range(phases.UPDATES[task]):
                    for levels, trainer in trainers.items():
                        phases.skip(batches[levels], stride - 1 if count else int(stride * (number + 0.5) / rounds))
                        with meter.time(f"{task} update, {levels}", phases.UPDATES[task]):
                            phases.update(trainer, task, next(batches[levels]))
    phases.save_weights(trainers["spans"], directory / "spans")
    return phases.Result(dict(meter.readings), {}, {})


def _configuration(levels: str) -> Path:
    return Path(__file__).with_name(f"{levels}.jsonnet")


def ratios(readings: Dict[str, Readings]) -> Dict[str, Dict[str, float]]:
    """For each task cal of an update with each of `LEVELS`, and how many times as much one with heads of spans costs,
    the median of the rounds."""
    found: Dict[str, Dict[str, float]] = {}
    for task in TASKS:
        of_levels = {levels: readings[f"{task} update, {levels}"] for levels in LEVELS}
        found[task] = {levels: of_levels[levels].median_cal for levels in LEVELS}
        for levels in LEVELS[:-1]:
            pairs = zip(of_levels["spans"].seconds, of_levels[levels].seconds)
            found[task][f"spans / {levels}"] = median(ours / theirs for ours, theirs in pairs)
    return found


def table(found: Dict[str, Dict[str, float]]) -> str:
    """The ratios for people to read."""
    columns = list(found[TASKS[0]])
    lines = [f"{'an update with heads of spans, cal':40}" + "".join(f"{name:>17}" for name in columns)]
    lines += [f"{task:40}" + "".join(f"{row[name]:17.2f}" for name in columns) for task, row in found.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = span_heads(arguments.corpus, Path(folder), QUICK_ROUNDS if arguments.quick else ROUNDS)
    print(table(ratios(result.readings)))
    for name, peak in result.peak_gb.items():
        print(f"{name}: peak {peak:.2f} GB")


if __name__ == "__main__":
    main()
