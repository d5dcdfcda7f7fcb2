"""A corpus of any number of generated sentences, and what training on it takes up to its first update."""

import argparse
import gc
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from itertools import accumulate
from pathlib import Path
from statistics import mean
from typing import Any, ContextManager, Dict, Iterator, List, Mapping

NUM_WORDS = 100_000
SENTENCES_OF_A_DOCUMENT = 20
LENGTHS = (5, 35)
SPAN_LABELS = [f"TYPE{number}" for number in range(8)]
RELATION_LABELS = [f"RELATION{number}" for number in range(6)]


def write_corpus(folder: Path, num_sentences: int, seed: int = 0) -> None:
    """Writes train.jsonl with so many sentences, and dev.jsonl with a few: words as frequent as Zipf's law has them
    (100,000, to the power of -1), sentences of 5 to 35 words, 20 a document, all of them different. A sentence has
    three mentions, of which half are names, and every second a relation; a document has six clusters."""
    generator = random.Random(seed)
    words = [f"{generator.choice('bdfgklmnprst')}{number:x}" for number in range(NUM_WORDS)]
    cumulative = list(accumulate(1.0 / (rank + 2.7) for rank in range(NUM_WORDS)))
    for name, count in (("train", num_sentences), ("dev", 2 * SENTENCES_OF_A_DOCUMENT)):
        with open(folder / f"{name}.jsonl", "w", encoding="utf-8") as file:
            for first in range(0, count, SENTENCES_OF_A_DOCUMENT):
                number = min(SENTENCES_OF_A_DOCUMENT, count - first)
                file.write(json.dumps(_document(f"{name}{first}", number, generator, words, cumulative)) + "\n")


def _document(
    key: str, num_sentences: int, generator: random.Random, words: List[str], cumulative: List[float]
) -> Dict[str, Any]:
    record: Dict[str, Any] = {"doc_key": key, "sentences": [], "ner": [], "emd": [], "relations": []}
    clusters: List[List[List[int]]] = [[] for _ in range(6)]
    begin = 0
    for _ in range(num_sentences):
        length = generator.randint(*LENGTHS)
        record["sentences"].append(generator.choices(words, cum_weights=cumulative, k=length))
        # Three mentions of one or two tokens, one in each third of the sentence.
        third = length // 3
        starts = [begin + part * third + generator.randrange(max(1, third - 1)) for part in range(3)]
        spans = [[start, min(start + generator.randrange(2), begin + length - 1)] for start in starts]
        spans = [[start, end if third > 1 else start] for start, end in spans]
        record["emd"].append([[*span, generator.choice(SPAN_LABELS)] for span in spans])
        record["ner"].append([row for row in record["emd"][-1] if generator.random() < 0.5])
        related = [[*spans[0], *spans[2], generator.choice(RELATION_LABELS)]] if generator.random() < 0.5 else []
        record["relations"].append(related)
        for span in spans[:2]:
            if generator.random() < 0.5:
                generator.choice(clusters).append(span)
        begin += length
    record["clusters"] = [cluster for cluster in clusters if len(cluster) > 1]
    return record


class Phases:
    """CPU seconds by phase, one after the other."""

    def __init__(self) -> None:
        self.seconds: Dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[name] = time.process_time() - start


def to_first_update(corpus: Path, directory: Path) -> Dict[str, Any]:
    """What `hmtl train` does up to its first update: CPU seconds by phase, and memory in GB (10^9 bytes), that which
    workers share divided among them. Where the environment names a worker, it is that one."""
    import hmtl  # noqa: F401  (first: it silences warnings that AllenNLP's imports would print)

    # isort: split
    from allennlp.data import Vocabulary
    from allennlp.models import Model
    from allennlp.training import Trainer
    from phases import UPDATES, Experiment, peak_gb
    from torch import distributed

    from hmtl.common.distributed import barrier
    from hmtl.training.loop import UpdateMade

    if "RANK" in os.environ:
        distributed.init_process_group("gloo", init_method="env://")
    experiment, phases = Experiment(corpus, directory, Path(__file__).with_name("generated.jsonnet")), Phases()
    before = memory_gb()
    with _data_shared():
        with phases.phase("reading"):
            loader = experiment.loader("train", list(UPDATES))
        with phases.phase("vocabulary"):
            vocabulary = Vocabulary.from_params(experiment.params_of("vocabulary"), instances=loader.iter_instances())
        with phases.phase("indexing"):
            loader.index_with(vocabulary)
    gc.collect()
    barrier()
    held, peak = memory_gb() - before, peak_gb()
    barrier()
    with phases.phase("model and trainer"):
        validation = experiment.loader("validation", list(UPDATES))
        validation.index_with(vocabulary)
        trainer: Any = Trainer.from_params(
            experiment.params_of("trainer"),
            model=Model.from_params(experiment.params_of("model"), vocab=vocabulary),
            data_loader=loader,
            validation_data_loader=validation,
            serialization_dir=str(directory),
            cuda_device=-1,
        )
    with phases.phase("epoch's start, first update"):
        losses = next(event for event in trainer.loop.train_epoch() if isinstance(event, UpdateMade)).update.losses
    phases.seconds["first update, all of it"] = sum(phases.seconds.values())
    with phases.phase("an epoch's order of all tasks"):
        for task in loader.tasks:
            next(loader.epoch_of(task, 1))
    return {
        "seconds": phases.seconds,
        "memory": {"held": held, "peak": peak},
        "losses": {task: float(loss) for task, loss in losses.items()},
    }


def _data_shared() -> ContextManager[None]:
    """Other checkouts may not share."""
    try:
        from hmtl.data.data_loaders.made_once import data_shared_by_workers
    except ImportError:
        return nullcontext()
    return data_shared_by_workers()


def memory_gb() -> float:
    """What this process holds in memory; of what several hold, its part."""
    found = re.search(r"^Pss: +(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / 1e9


def compare(num_sentences: int, checkouts: Mapping[str, Path], num_workers: int = 1) -> Dict[str, Any]:
    """What `to_first_update` finds on a corpus of so many sentences, by checkout: the mean of its workers."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), num_sentences)
        for name, checkout in checkouts.items():
            with tempfile.TemporaryDirectory() as directory:
                of_workers = [_output_of(worker) for worker in _started(checkout, folder, directory, num_workers)]
            found[name] = {
                part: {key: mean(each[part][key] for each in of_workers) for key in of_workers[0][part]}
                for part in of_workers[0]
            }
    return found


def _started(checkout: Path, corpus: str, directory: str, num_workers: int) -> List["subprocess.Popen[str]"]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(checkout), str(checkout / "carried")]),
        "OMP_NUM_THREADS": "1",
        "TQDM_DISABLE": "1",
    }
    command = [sys.executable, __file__, corpus, directory]
    if num_workers == 1:
        return [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)]
    from allennlp.common.util import find_open_port

    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_open_port())}
    places = [{**meeting, "RANK": str(rank), "WORLD_SIZE": str(num_workers)} for rank in range(num_workers)]
    return [
        subprocess.Popen(command, env={**environment, **place}, stdout=subprocess.PIPE, text=True) for place in places
    ]


def _output_of(worker: "subprocess.Popen[str]") -> Dict[str, Any]:
    output, _ = worker.communicate()
    if worker.returncode:
        raise SystemExit(worker.returncode)
    return json.loads(output[output.index("{\n") :])


def table(found: Dict[str, Any]) -> str:
    """The checkouts beside one another; a ratio is how many times less the last one takes than the first."""
    names = list(found)
    lines = [f"{'':32}" + "".join(f"{name:>12}" for name in names) + f"{'times less':>12}"]
    for part, unit in (("seconds", "CPU s"), ("memory", "GB")):
        for key in found[names[0]][part]:
            values = [found[name][part][key] for name in names]
            shown = "".join(f"{value:12.2f}" for value in values)
            lines.append(f"{f'{key} ({unit})':32}{shown}{values[0] / values[-1]:12.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    print(json.dumps(to_first_update(arguments.corpus, arguments.directory), indent=1))
