#!/usr/bin/env python
"""What one text costs from characters to JSON, beside the model's own forward pass over the same tensors.

    python benchmarks/annotate.py --archive RUN [--words 20] [--quick] [--output FILE]

RUN is an archive or the directory of a run. Whole texts (sentences and tokens, indices, the model, head mentions, JSON)
take turns with two passes of the model over the same sentences, both with scores: `predict`, the very call that the
predictor makes, and `forward`, as validation calls it. On one thread, in CPU seconds; a ratio is the median of those of
the rounds.
"""

import argparse
import json
import os
import time
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, Iterator, List, Tuple
from unittest.mock import patch

# Before torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import torch  # noqa: E402
from allennlp.data import TensorDict  # noqa: E402
from allennlp.data.batch import Batch  # noqa: E402

from hmtl.page.examples import EXAMPLES  # noqa: E402
from hmtl.predictors import HMTLPredictor  # noqa: E402

ROUNDS, QUICK_ROUNDS = 15, 3
TEXTS_IN_ROUND = 20


def texts_of(words: int) -> Iterator[str]:
    """Texts of so many words, each of which begins one word later in a circle of example sentences."""
    text = " ".join(EXAMPLES[name] for name in ("Portrait", "Business", "Story"))
    circle = text.replace(".", " .").replace(",", " ,").split()
    number = 0
    while True:
        yield " ".join(circle[(number + offset) % len(circle)] for offset in range(words))
        number += 1


def end_to_end(predictor: HMTLPredictor, text: str) -> str:
    """From characters to JSON."""
    (output,) = predictor.annotate([text])
    return json.dumps(output)


def recorded(predictor: HMTLPredictor, text: str) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
    """What the predictor gives to the model for a text."""
    calls: List[Tuple[Tuple[Any, ...], Dict[str, Any]]] = []
    model = predictor._hmtl

    def recording(*arguments: Any, **options: Any) -> Any:
        calls.append((arguments, options))
        return type(model).predict(model, *arguments, **options)

    with patch.object(model, "predict", recording):
        predictor.predict(text)
    return calls[0]


def batch_of(predictor: HMTLPredictor, text: str) -> TensorDict:
    """The text as a batch of training, without targets."""
    reader = predictor._dataset_reader
    instance = reader.text_to_instance(predictor._split(text).sentences)
    reader.apply_token_indexers(instance)
    batch = Batch([instance])
    batch.index_instances(predictor._hmtl.vocab)
    return batch.as_tensor_dict()


def timed(function: Callable[[Any], Any], inputs: List[Any]) -> float:
    """CPU seconds for each input."""
    start = time.process_time()
    for value in inputs:
        function(value)
    return (time.process_time() - start) / len(inputs)


def measure(archive: Path, words: int, rounds: int) -> Dict[str, float]:
    """Medians in milliseconds, and of the ratio."""
    predictor = HMTLPredictor.load(archive, with_scores=True)
    texts = texts_of(words)
    model = predictor._hmtl
    readings: List[Tuple[float, float, float]] = []
    # The first round chooses kernels and indexes words.
    for _ in range(rounds + 1):
        chosen = [next(texts) for _ in range(TEXTS_IN_ROUND)]
        calls = [recorded(predictor, text) for text in chosen]
        batches = [batch_of(predictor, text) for text in chosen]
        with torch.no_grad():
            whole = timed(lambda text: end_to_end(predictor, text), chosen)
            predict = timed(lambda call: model.predict(*call[0], **call[1]), calls)
            forward = timed(lambda batch: model(**batch, with_scores=True), batches)
        readings.append((whole, predict, forward))
    del readings[0]
    return {
        "words": words,
        "end to end, ms": 1000 * median(whole for whole, _, _ in readings),
        "predict, ms": 1000 * median(predict for _, predict, _ in readings),
        "forward, ms": 1000 * median(forward for _, _, forward in readings),
        "end to end / predict": median(whole / predict for whole, predict, _ in readings),
        "end to end / forward": median(whole / forward for whole, _, forward in readings),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, required=True, metavar="RUN")
    parser.add_argument("--words", type=int, default=20, metavar="N", help="of a text (default: 20)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = measure(arguments.archive, arguments.words, QUICK_ROUNDS if arguments.quick else ROUNDS)
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    for name, value in result.items():
        print(f"{name:22}{value:10.2f}")


if __name__ == "__main__":
    main()
