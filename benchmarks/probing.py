#!/usr/bin/env python
"""What the vectors of all levels cost against inference: CPU seconds for the same sentences, on one thread.

    python benchmarks/probing.py --archive RUN --data test.jsonl [--quick] [--output FILE]

RUN is an archive or the directory of a run, the data are documents in the project's JSONL, whose sentences are read as
documents of their own. Both sides index the same batches; one then takes all predictions (`HMTL.predict`), the other
the vectors of all levels with both poolings. Seconds are the median of rounds in which the two take turns.
"""

import argparse
import json
import os
import time
from pathlib import Path
from statistics import median
from typing import Dict, List

# Before torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import torch  # noqa: E402

from hmtl.document import read_jsonl  # noqa: E402
from hmtl.modules.token_rows import TokenRows  # noqa: E402
from hmtl.predictors.hmtl_predictor import MAX_TOKENS, length_batches  # noqa: E402
from hmtl.predictors.sentence_indexer import SentenceIndexer  # noqa: E402
from hmtl.probing import LevelVectors  # noqa: E402

ROUNDS, QUICK_ROUNDS = 5, 1
BATCH_SIZE = 256
POOLINGS = ["max", "average"]


def predict(vectors: LevelVectors, index: SentenceIndexer, sentences: List[List[str]]) -> float:
    """CPU seconds of all predictions."""
    start = time.process_time()
    for batch in length_batches(list(map(len, sentences)), BATCH_SIZE, MAX_TOKENS):
        lengths = [len(sentences[number]) for number in batch]
        rows = TokenRows(lengths)
        text = index([[sentences[batch[row]] for row in group] for group in rows.groups])
        # Shape: (num_tokens,)
        sentence_of = torch.arange(len(batch)).repeat_interleave(torch.tensor(lengths))
        vectors.model.predict(text, rows, rows, sentence_of)
    return time.process_time() - start


def extract(vectors: LevelVectors, sentences: List[List[str]]) -> float:
    """CPU seconds of the pooled vectors of all levels."""
    start = time.process_time()
    for _ in vectors.pooled_batches(sentences, vectors.levels, POOLINGS):
        pass
    return time.process_time() - start


def compare(archive: Path, sentences: List[List[str]], rounds: int) -> Dict[str, float]:
    """`predict` and `extract` in seconds, `ratio`, extraction over prediction, and the number of `sentences`."""
    vectors = LevelVectors.load(archive, batch_size=BATCH_SIZE)
    index = SentenceIndexer(vectors.indexers, vectors.model.vocab)
    vectors.model.eval()
    readings: Dict[str, List[float]] = {"predict": [], "extract": []}
    # The first round is not counted: kernels are chosen and words indexed.
    for _ in range(1 + rounds):
        readings["predict"].append(predict(vectors, index, sentences))
        readings["extract"].append(extract(vectors, sentences))
    seconds = {name: median(values[1:]) for name, values in readings.items()}
    return {**seconds, "ratio": seconds["extract"] / seconds["predict"], "sentences": len(sentences)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, required=True, metavar="RUN")
    parser.add_argument("--data", type=Path, required=True, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sentences = [sentence for document in read_jsonl(arguments.data) for sentence in document.sentences]
    results = compare(arguments.archive, sentences, QUICK_ROUNDS if arguments.quick else ROUNDS)
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(results, indent=2) + "\n")
    for name, value in results.items():
        print(f"{name:10}{value:14.4f}")


if __name__ == "__main__":
    main()
