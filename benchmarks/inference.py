#!/usr/bin/env python
"""What number formats and batches cost and lose in prediction: F1 of all tasks, and CPU seconds a text, on one thread.

    python benchmarks/inference.py --archive RUN --data test.jsonl [--compile] [--quick] [--output FILE]

RUN is an archive or the directory of a run, the data are documents in the project's JSONL. A task is scored where they
have its layer. Seconds are the median of rounds in which all formats take turns; `changed` is the share of documents
whose predictions are not those of fp32. int8 is left out where the embedder has no linear layers. `--compile` adds fp32
with encoders compiled by `torch.compile`, which needs a C++ compiler.
"""

import argparse
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, Dict, List

# Before torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import torch  # noqa: E402

from hmtl.document import Document, read_jsonl  # noqa: E402
from hmtl.errors import UserError  # noqa: E402
from hmtl.metrics import CoreferenceScores, LabelledF1  # noqa: E402
from hmtl.predictors import HMTLPredictor  # noqa: E402

ROUNDS, QUICK_ROUNDS = 5, 1
BATCH_SIZE = 64


def predictors(archive: Path, with_compiled: bool) -> Dict[str, HMTLPredictor]:
    """The same model in each format that it can have."""
    loaded = {name: HMTLPredictor.load(archive, precision=name) for name in ("fp32", "bf16")}
    with suppress(UserError):  # nothing to compute with integers
        loaded["int8"] = HMTLPredictor.load(archive, precision="int8")
    if with_compiled:
        loaded["compiled"] = HMTLPredictor.load(archive)
        for encoder in loaded["compiled"]._hmtl.encoders.values():
            encoder.compile(dynamic=True)
    return loaded


def measure(predictor: HMTLPredictor, inputs: List[Dict[str, Any]]) -> Dict[str, float]:
    """CPU seconds a text, one at a time and in batches."""
    start = time.process_time()
    for record in inputs:
        predictor.predict_json(record)
    middle = time.process_time()
    predictor.predict_batch_json(inputs)
    end = time.process_time()
    return {"alone": (middle - start) / len(inputs), "batched": (end - middle) / len(inputs)}


def f1(predictor: HMTLPredictor, outputs: List[Dict[str, Any]], documents: List[Document]) -> Dict[str, float]:
    """Of the tasks whose layer the documents have; a relation counts by both spans and its type."""
    scores: Dict[str, float] = {}
    for task, layer in predictor.layers.items():
        if layer == "spans" and all(task in document.spans for document in documents):
            spans = LabelledF1()
            spans(
                [[(row["start"], row["end"], row["label"]) for row in output[task]] for output in outputs],
                [document.spans[task] for document in documents],
            )
            scores[task] = spans.get_metric()["f1"]
        elif layer == "relations" and all(document.relations is not None for document in documents):
            relations = LabelledF1()
            relations(
                [predictor.to_document(output, [task]).relations or [] for output in outputs],
                [document.relations or [] for document in documents],
            )
            scores[task] = relations.get_metric()["f1"]
        elif layer == "clusters" and all(document.clusters is not None for document in documents):
            clusters = CoreferenceScores()
            clusters(
                [[[(row["start"], row["end"]) for row in cluster] for cluster in output[task]] for output in outputs],
                [document.clusters or [] for document in documents],
            )
            scores[task] = clusters.get_metric()["f1"]
    return scores


def compare(archive: Path, documents: List[Document], rounds: int, with_compiled: bool) -> Dict[str, Dict[str, float]]:
    """A row for each format: `alone` and `batched` in CPU seconds a text, `changed`, and the F1 of each task."""
    inputs = [{"doc_key": document.doc_key, "sentences": document.sentences} for document in documents]
    formats = predictors(archive, with_compiled)
    # The first time kernels are chosen and words indexed.
    outputs = {name: list(predictor.predict_many(inputs, BATCH_SIZE)) for name, predictor in formats.items()}
    readings: Dict[str, List[Dict[str, float]]] = {name: [] for name in formats}
    for predictor in formats.values():
        predictor.predict_json(inputs[0])
    for _ in range(rounds):
        for name, predictor in formats.items():
            readings[name].append(measure(predictor, inputs))
    return {
        name: {
            **{way: median(reading[way] for reading in readings[name]) for way in ("alone", "batched")},
            "changed": sum(a != b for a, b in zip(outputs[name], outputs["fp32"])) / len(inputs),
            **{f"{task} f1": value for task, value in f1(formats[name], outputs[name], documents).items()},
        }
        for name in formats
    }


def table(results: Dict[str, Dict[str, float]]) -> str:
    """The results for people to read."""
    columns = list(next(iter(results.values())))
    lines = [" " * 10 + "".join(f"{column:>14}" for column in columns)]
    for name, row in results.items():
        lines.append(f"{name:10}" + "".join(f"{row[column]:14.4f}" for column in columns))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, required=True, metavar="RUN")
    parser.add_argument("--data", type=Path, required=True, metavar="FILE")
    parser.add_argument("--compile", action="store_true", help="measure compiled encoders, too")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    documents = list(read_jsonl(arguments.data))
    rounds = QUICK_ROUNDS if arguments.quick else ROUNDS
    results = compare(arguments.archive, documents, rounds, arguments.compile)
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
