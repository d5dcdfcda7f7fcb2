#!/usr/bin/env python
"""What grows with the corpus: the same documents once and many times over, so that the vocabulary stays as it is.

    python benchmarks/growth.py --corpus DIR [--quick] [--factor 10]
    python benchmarks/growth.py --sentences 1000000 [--before CHECKOUT] [--workers 2]

DIR is the corpus of `run.py`; `--quick` takes the first 30 documents of each file or folder. In the copies the words of
each sentence stand in another order, so that no two sentences share their arrays.

An update (fetching its batch included) should cost the same with either corpus; reading, counting words, indexing and
memory should cost the same for each token. Updates of the two corpora alternate, and take batches of the same
sentences, whose copies lie anywhere in the larger one.

With `--sentences` a corpus of so many sentences is generated, and what counts is what training of four tasks takes up
to its first update: CPU seconds by phase, and memory, of each worker of several. With `--before` another checkout does
the same, with the same batches: the losses of its first update have to be equal.
"""

import argparse
import gc
import os
import random
import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Dict, Iterator, List, Optional

# Before torch is imported, here and in the processes that this one starts.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import large_corpus  # noqa: E402
from allennlp.data import Vocabulary  # noqa: E402
from calibration import Meter  # noqa: E402
from phases import Experiment, Result, peak_gb, update  # noqa: E402
from processes import in_fresh_process  # noqa: E402

from hmtl.corpora import Corpus  # noqa: E402
from hmtl.data.data_loaders import PerTaskDataLoader  # noqa: E402
from hmtl.document import Document  # noqa: E402

FACTOR = 10
QUICK_DOCUMENTS = 30
# Updates of each corpus in a round.
UPDATES = {"ner": 8, "emd": 8, "relation": 8, "coref": 2}
SIZES = ("once", "repeated")
START_UP = ("reading", "vocabulary", "indexing", "a pass over batches")


@Corpus.register("repeated")
class RepeatedCorpus(Corpus):
    """The first documents of another corpus, `times` over, each copy under a key and with an order of its own."""

    def __init__(self, corpus: Corpus, times: int, documents: Optional[int] = None) -> None:
        self.corpus = corpus
        self.times = times
        self.num_documents = documents

    def parse(self, path: Path) -> Iterator[Document]:
        generator = random.Random(0)
        for number in range(self.times):
            for document in islice(self.corpus.documents(str(path)), self.num_documents):
                sentences = [generator.sample(sentence, len(sentence)) for sentence in document.sentences]
                yield replace(document, doc_key=f"{document.doc_key}#{number}", sentences=sentences)


def growth(corpus: Path, directory: Path, rounds: int, factor: int = FACTOR, documents: Optional[int] = None) -> Result:
    """Both corpora; readings are named `{size}: {what}`. `documents` takes so many of each file or folder."""
    meter, peaks, numbers = Meter(), {}, {}
    for size, times in zip(SIZES, (1, factor)):
        result = in_fresh_process(start_up, corpus, directory, size, times, documents)
        meter.update(result.readings)
        peaks.update(result.peak_gb)
        numbers.update(result.numbers)
    meter.update(updates(corpus, directory, rounds, factor, documents).readings)
    return Result(dict(meter.readings), peaks, numbers)


def start_up(corpus: Path, directory: Path, size: str, times: int, documents: Optional[int]) -> Result:
    """From the files of all tasks to their first batches, and the memory that their instances then take."""
    experiment, meter = Experiment(corpus, directory), Meter()
    gc.collect()
    before = _resident_bytes()
    with meter.round():
        reading, counting, indexing, batches = (f"{size}: {part}" for part in START_UP)
        with meter.time(reading):
            loader = _loader(experiment, times, documents)
        with meter.time(counting):
            instances = loader.iter_instances()
            vocabulary = Vocabulary.from_params(experiment.params_of("vocabulary"), instances=instances)
        with meter.time(indexing):
            loader.index_with(vocabulary)
        with meter.time(batches):
            tokens = 0
            for task in loader.tasks:
                for batch in loader.batches_of(task):
                    tokens += int((batch["text"]["tokens"]["tokens"] != 0).sum())
    gc.collect()
    bytes_held = _resident_bytes() - before
    if not experiment.vocabulary.exists():
        vocabulary.save_to_files(str(experiment.vocabulary))
    numbers = {f"{size}: tokens of all tasks": tokens, f"{size}: bytes a token": bytes_held / tokens}
    return Result(dict(meter.readings), {f"{size}: all tasks in memory": peak_gb()}, numbers)


def updates(corpus: Path, directory: Path, rounds: int, factor: int, documents: Optional[int]) -> Result:
    """Updates of one model, of the same sentences from either corpus in turn."""
    experiment, meter, generator = Experiment(corpus, directory), Meter(), random.Random(0)
    loaders = {size: _loader(experiment, times, documents) for size, times in zip(SIZES, (1, factor))}
    _repeat(experiment, 1, documents)
    trainer = experiment.trainer()
    trainer.model.train()
    for loader in loaders.values():
        loader.index_with(trainer.model.vocab)
    gc.collect()
    for task, count in UPDATES.items():
        once, repeated = (loaders[size] for size in SIZES)
        # Neither the lengths nor the batches by number are public, but they are what a pass is made of.
        number = len(once._lengths[task])
        assert len(repeated._lengths[task]) == factor * number
        for round_number in range(-1, rounds):
            chosen: List[Dict[str, List[int]]] = []
            for _ in range(count):
                instances = generator.sample(range(number), min(number, once._batch_sizes[task]))
                copies = [index + number * generator.randrange(factor) for index in instances]
                chosen.append({"once": instances, "repeated": copies})
            with meter.round():
                for numbers in chosen:
                    # In turn the first: the second may find the processor's caches filled.
                    for size in generator.sample(SIZES, 2):
                        # The first round warms up.
                        name = f"{size}: {task} update" if round_number >= 0 else "warming up"
                        with meter.time(name, count):
                            update(trainer, task, loaders[size]._batch(task, numbers[size], None))
        with meter.round():
            for size in SIZES:
                with meter.time(f"{size}: order of a {task} pass, a batch", loaders[size].num_batches[task]):
                    loaders[size].epoch_of(task, 0)
    return Result(dict(meter.readings), {}, {})


def _loader(experiment: Experiment, times: int, documents: Optional[int]) -> PerTaskDataLoader:
    """The training data of all tasks, `times` over."""
    _repeat(experiment, times, documents)
    return experiment.loader("train", list(UPDATES))


def _repeat(experiment: Experiment, times: int, documents: Optional[int]) -> None:
    """Makes the experiment read its documents `times` over."""
    for reader in experiment.params["dataset_reader"]["readers"].values():
        inner = reader["corpus"]["corpus"] if isinstance(reader["corpus"], dict) else reader["corpus"]
        reader["corpus"] = {"type": "repeated", "corpus": inner, "times": times, "documents": documents}


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def table(result: Result, factor: int) -> str:
    """Both corpora beside one another; a ratio of 1 means that nothing grows but what has to."""
    lines = [f"{'':42}{'once':>12}{f'{factor} times':>12}{'ratio':>8}"]
    for name, readings in result.readings.items():
        size, _, what = name.partition(": ")
        if size != SIZES[0]:
            continue
        ours, grown = readings.median_cal, result.readings[f"{SIZES[1]}: {what}"].median_cal
        # What all documents cost together is divided by the number of copies.
        scale = factor if what in START_UP else 1
        unit = "cal a copy" if what in START_UP else "cal"
        lines.append(f"{f'{what} ({unit})':42}{ours:12.4f}{grown / scale:12.4f}{grown / scale / ours:8.3f}")
    once, grown = (result.numbers[f"{size}: bytes a token"] for size in SIZES)
    lines.append(f"{'memory (bytes a token)':42}{once:12.1f}{grown:12.1f}{grown / once:8.3f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, metavar="DIR")
    parser.add_argument("--sentences", type=int, metavar="N", help="generate so many, and train up to the first update")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, to compare with")
    parser.add_argument("--workers", type=int, default=1, help="distributed workers (default: 1)")
    parser.add_argument("--quick", action="store_true", help="few documents and rounds")
    parser.add_argument("--factor", type=int, default=FACTOR, help="how many times over, from 2")
    arguments = parser.parse_args()
    if (arguments.corpus is None) == (arguments.sentences is None):
        parser.error("give either --corpus or --sentences")
    if arguments.sentences is not None:
        checkouts = {"now": Path(__file__).resolve().parents[1]}
        if arguments.before is not None:
            checkouts = {"before": arguments.before.resolve(), **checkouts}
        found = large_corpus.compare(arguments.sentences, checkouts, arguments.workers)
        print(large_corpus.table(found))
        if any(each["losses"] != found["now"]["losses"] for each in found.values()):
            parser.exit(1, f"the losses of the first update differ: {[each['losses'] for each in found.values()]}\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        rounds, documents = (5, QUICK_DOCUMENTS) if arguments.quick else (9, None)
        result = growth(arguments.corpus, Path(folder), rounds, arguments.factor, documents)
    print(table(result, arguments.factor))


if __name__ == "__main__":
    main()
