#!/usr/bin/env python
"""Measures prediction of all tasks for documents of growing length: CPU seconds and peak memory, on one thread.

    python benchmarks/documents.py --corpus DIR [--quick]

DIR is that of run.py. Each length is predicted in a process of its own, so that its peak is its own; the one named
"no document" has loaded the model and predicts nothing. Documents are the validation documents one after another, cut
to the length. The model has seen as many updates as a quick run of run.py makes.
"""

import argparse
import os
import tempfile
from itertools import chain, cycle
from pathlib import Path
from typing import Dict, List

# Before torch is imported, here and in the processes that this one starts.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import phases  # noqa: E402
from calibration import Meter  # noqa: E402
from processes import in_fresh_process  # noqa: E402

from hmtl.corpora import Corpus  # noqa: E402
from hmtl.predictors import HMTLPredictor  # noqa: E402

LENGTHS = (580, 2000, 20000)
UPDATES = 3
ROUNDS, QUICK_ROUNDS = 3, 1


def documents(corpus: Path, directory: Path, rounds: int) -> phases.Result:
    """Prediction of a document of each length, with the vocabulary and the weights that earlier phases left."""
    meter = Meter()
    peaks: Dict[str, float] = {}
    for length in (0, *LENGTHS):
        result = in_fresh_process(prediction_of, corpus, directory, rounds, length)
        meter.update(result.readings)
        peaks.update(result.peak_gb)
    return phases.Result(dict(meter.readings), peaks, {})


def prediction_of(
    corpus: Path, directory: Path, rounds: int, length: int, configuration: Path = phases.CONFIGURATION
) -> phases.Result:
    """Prediction of one document of `length` tokens; of none where that is 0."""
    experiment, meter = phases.Experiment(corpus, directory, configuration), Meter()
    predictor = HMTLPredictor(experiment.model(), experiment.reader())
    if not length:
        return phases.Result({}, {"no document": phases.peak_gb()}, {})
    name = f"a document of {length} tokens"
    sentences = sentences_of(experiment, length)
    # What is done once in a process is no part of the document's cost.
    predictor.predict_json({"sentences": sentences[:1]})
    for _ in range(rounds):
        with meter.round(), meter.time(name):
            predictor.predict_json({"sentences": sentences})
    return phases.Result(dict(meter.readings), {name: phases.peak_gb()}, {})


def sentences_of(experiment: phases.Experiment, length: int) -> List[List[str]]:
    """The sentences of the validation documents, over and over again, up to a number of tokens."""
    reader = experiment.params["dataset_reader"]["readers"]["coref"]
    found = Corpus.by_name(reader["corpus"])().documents(experiment.params["validation_data_path"]["coref"])
    sentences: List[List[str]] = []
    missing = length
    for sentence in cycle(chain.from_iterable(document.sentences for document in found)):
        sentences.append(sentence[:missing])
        missing -= len(sentences[-1])
        if not missing:
            break
    return sentences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="one round")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        in_fresh_process(phases.reading, arguments.corpus, Path(folder))
        in_fresh_process(phases.updates, arguments.corpus, Path(folder), UPDATES)
        result = documents(arguments.corpus, Path(folder), QUICK_ROUNDS if arguments.quick else ROUNDS)
    print(f"{'':32}{'CPU s':>10}{'cal':>10}{'peak, GB':>12}")
    for name, peak in result.peak_gb.items():
        readings = result.readings.get(name)
        costs = f"{readings.median_seconds:10.2f}{readings.median_cal:10.2f}" if readings else " " * 20
        print(f"{name:32}{costs}{peak:12.2f}")


if __name__ == "__main__":
    main()
