#!/usr/bin/env python
"""Measures training in 16 bits against float32, and what compiling and checkpointing a transformer bring.

    python benchmarks/precision.py [--config FILE] [--device cuda] [--quick] [--output FILE]
    python benchmarks/precision.py --transformer NAME [--compile] ...
    python benchmarks/precision.py --epoch ...

It takes any configuration, run from the directory that its paths start from; by default the bundled sample, from the
top of the repository. For the free corpora: HMTL_DATA=... --config configs/hmtl_gum_redocred.jsonnet. With
--transformer, the name or folder of an encoder, that encoder is measured alone on the training sentences.

All that a table compares runs in turns in one process, on the same batches, so that its ratios mean something on a
noisy machine; the seconds do not. A ratio is the median of the rounds' ratios and says how many times faster than the
first line a line is. On a GPU seconds are those of the clock, and memory is the peak of an update beyond what was
held before it; on a CPU seconds are those of the process, and memory is what the forward pass keeps for the backward
pass. With --epoch, each number format trains one whole epoch instead, one after the other, by the clock.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from copy import deepcopy
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, List, NamedTuple, Optional

# Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import torch  # noqa: E402
from allennlp.common import Params  # noqa: E402
from allennlp.common.util import int_to_device, prepare_environment  # noqa: E402
from allennlp.data import Batch, DataLoader, DatasetReader, Instance, Token, Vocabulary  # noqa: E402
from allennlp.data.fields import TextField  # noqa: E402
from allennlp.models import Model  # noqa: E402
from allennlp.nn.util import move_to_device  # noqa: E402
from allennlp.training import Trainer  # noqa: E402

from hmtl.data.data_loaders import PerTaskDataLoader  # noqa: E402
from hmtl.data.token_indexers import TransformerIndexer  # noqa: E402
from hmtl.modules import TransformerEmbedder  # noqa: E402
from hmtl.training.precision import Precision  # noqa: E402
from hmtl.training.trainer import MultiTaskTrainer  # noqa: E402

MAX_WORD_PIECES = 512
# Of a batch for a transformer.
SENTENCES = 32
# What a transformer is compared in: by name, whether it is trained, and its options.
TRANSFORMERS: Dict[str, Dict[str, Any]] = {
    "trained": {"train_parameters": True},
    "trained, checkpointing": {"train_parameters": True, "gradient_checkpointing": True},
    "trained, compiled": {"train_parameters": True, "compile": True},
    "trained, compiled, checkpointing": {"train_parameters": True, "compile": True, "gradient_checkpointing": True},
    "frozen": {},
    "frozen, compiled": {"compile": True},
}


class Work(NamedTuple):
    """What is to be timed: a function of the number of a batch, and the module that it trains."""

    run: Callable[[int], object]
    module: torch.nn.Module


class Size(NamedTuple):
    """How much is measured."""

    rounds: int
    # Of each kind, in a round.
    updates: int


FULL, QUICK = Size(rounds=9, updates=6), Size(rounds=2, updates=1)


class Experiment:
    """A configuration, with its training data read once for all number formats."""

    def __init__(self, config: str, device: torch.device) -> None:
        self._params: Dict[str, Any] = Params.from_file(config).as_dict(quiet=True)
        self._device = device
        prepare_environment(Params(dict(self._params)))
        reader = DatasetReader.from_params(self._section("dataset_reader"))
        paths = self._params["train_data_path"]
        loader = DataLoader.from_params(self._section("data_loader"), reader=reader, data_path=paths)
        assert isinstance(loader, PerTaskDataLoader)
        self.loader = loader
        self._vocabulary = Vocabulary.from_params(self._section("vocabulary"), instances=loader.iter_instances())
        loader.index_with(self._vocabulary)
        loader.set_target_device(device)

    def trainer(self, precision: str, directory: Path) -> MultiTaskTrainer:
        """A new model, from the configuration's seed, and its trainer."""
        prepare_environment(Params(dict(self._params)))
        model = Model.from_params(self._section("model"), vocab=self._vocabulary)
        options = {"precision": precision, "checkpointer": None, "enable_default_callbacks": False}
        trainer = Trainer.from_params(
            Params({**self._section("trainer").as_dict(quiet=True), **options}),
            model=model,
            data_loader=self.loader,
            serialization_dir=str(directory),
            cuda_device=self._device.index if self._device.type == "cuda" else -1,
        )
        assert isinstance(trainer, MultiTaskTrainer)
        trainer.model.train()
        return trainer

    def batches(self, task: str, count: int) -> List[Dict[str, Any]]:
        """So many of the task's batches, evenly spread over the lengths of sentences; short corpora begin anew."""
        num_batches = self.loader.num_batches[task]
        chosen = [int((number + 0.5) * num_batches / count) for number in range(count)]
        found = {i: batch for i, batch in enumerate(self.loader.batches_of(task)) if i in set(chosen)}
        return [found[number] for number in chosen]

    def _section(self, key: str) -> Params:
        return Params(deepcopy(self._params.get(key, {})))


class Clock:
    """Seconds of a device, and the memory of what runs on it."""

    def __init__(self, device: torch.device) -> None:
        self._is_cuda = device.type == "cuda"

    def now(self) -> float:
        if not self._is_cuda:
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def megabytes(self, work: Work, number: int) -> float:
        """What the work needs for one batch beside the module; 1 MB is 10^6 bytes."""
        if self._is_cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            held = torch.cuda.memory_allocated()
            work.run(number)
            return (torch.cuda.max_memory_allocated() - held) / 1e6
        storages: Dict[int, int] = {}
        weights = {parameter.untyped_storage().data_ptr() for parameter in work.module.parameters()}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            work.run(number)
        return sum(storages.values()) / 1e6


def compare(works: Dict[str, Work], size: Size, clock: Clock, batches: int) -> Dict[str, Dict[str, float]]:
    """Times work on batches by their number, each kind in turn; the last batch is the largest and shows the memory.

    The first run on each batch, in which things are compiled and allocated, counts as `first_seconds`.
    """
    results: Dict[str, Dict[str, float]] = {}
    for name, work in works.items():
        start = clock.now()
        for number in range(batches):
            work.run(number)
        results[name] = {"first_seconds": (clock.now() - start) / batches}
    seconds: Dict[str, List[float]] = {name: [] for name in works}
    names = list(works)
    for turn in range(size.rounds):
        numbers = range(turn * size.updates, (turn + 1) * size.updates)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = clock.now()
            for number in numbers:
                works[name].run(number % batches)
            seconds[name].append((clock.now() - start) / size.updates)
    for name, work in works.items():
        results[name].update(
            seconds=median(seconds[name]),
            ratio=median(first / own for first, own in zip(seconds[names[0]], seconds[name])),
            megabytes=clock.megabytes(work, batches - 1),
        )
    return results


def updates(experiment: Experiment, precisions: List[str], size: Size, clock: Clock) -> Dict[str, Any]:
    """Updates of each task, in each number format."""
    with tempfile.TemporaryDirectory() as directory:
        trainers = {precision: experiment.trainer(precision, Path(directory)) for precision in precisions}
        tables = {}
        for task in experiment.loader.tasks:
            print(f"measuring: updates of {task}", file=sys.stderr, flush=True)
            batches = experiment.batches(task, size.rounds * size.updates)

            def update_in(precision: str, task: str = task, batches: Any = batches) -> Work:
                trainer = trainers[precision]
                return Work(lambda n: trainer.loop.update({task: [batches[n]]}), trainer.model)

            works = {precision: update_in(precision) for precision in precisions}
            tables[f"an update of {task}"] = compare(works, size, clock, len(batches))
        return tables


def epochs(experiment: Experiment, precisions: List[str], size: Size, clock: Clock) -> Dict[str, Any]:
    """One epoch of training in each number format."""
    table: Dict[str, Dict[str, float]] = {}
    for precision in precisions:
        print(f"measuring: an epoch in {precision}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as directory:
            trainer = experiment.trainer(precision, Path(directory))
            clock.now()
            start = time.perf_counter()
            for _ in trainer.loop.train_epoch():
                pass
            clock.now()
            seconds = time.perf_counter() - start
            losses = trainer.state.losses.summary()
        table[precision] = {
            "seconds": seconds,
            "ratio": table.get(precisions[0], {"seconds": seconds})["seconds"] / seconds,
        }
        table[precision].update({name: value for name, value in losses.items() if name.endswith("_loss")})
    return {"an epoch": table}


def transformers(
    experiment: Experiment,
    model_name: str,
    compiled: bool,
    precisions: List[str],
    size: Size,
    clock: Clock,
    device: torch.device,
) -> Dict[str, Any]:
    """Forward and, where it is trained, backward pass of an encoder alone: with each option, in each number format."""
    # Of these runs, each is as long as several updates of a small model.
    size = size._replace(updates=max(1, size.updates // 3))
    sentences = sentences_of(experiment, SENTENCES * size.rounds * size.updates)
    batches = [
        word_pieces(sentences[first : first + SENTENCES], model_name, device)
        for first in range(0, len(sentences), SENTENCES)
    ]
    # One process compiles more than any training does; beyond a limit, torch would run the rest as it is.
    torch._dynamo.config.recompile_limit = 64
    embedders = {}
    for name, options in TRANSFORMERS.items():
        if compiled or "compile" not in options:
            embedders[name] = TransformerEmbedder(model_name, max_length=MAX_WORD_PIECES, **options).train().to(device)
    tables: Dict[str, Any] = {}

    def run_of(name: str, precision: str) -> Work:
        embedder, numbers = embedders[name], Precision(precision, device)

        def run(number: int) -> None:
            embedder.zero_grad(set_to_none=True)
            with numbers.autocast():
                output = embedder(**batches[number])
            output.square().mean().backward()

        return Work(run, embedder)

    for kind in ("trained", "frozen"):
        names = [name for name in embedders if name.startswith(kind)]
        works = {f"{precision}, {name}": run_of(name, precision) for name in names for precision in precisions}
        print(f"measuring: a {kind} transformer", file=sys.stderr, flush=True)
        tables[f"{SENTENCES} sentences in a {kind} transformer"] = compare(works, size, clock, len(batches))
    return tables


def sentences_of(experiment: Experiment, count: int) -> List[List[Token]]:
    """So many training sentences, evenly spread over all lengths, the shortest first; fewer where there are no more."""
    texts = [instance.fields.get("text") for instance in experiment.loader.iter_instances()]
    sentences = sorted((text.tokens for text in texts if isinstance(text, TextField)), key=len)
    count = min(count, len(sentences))
    return [sentences[int((number + 0.5) * len(sentences) / count)] for number in range(count)]


def word_pieces(sentences: List[List[Token]], model_name: str, device: torch.device) -> Dict[str, torch.Tensor]:
    indexer = TransformerIndexer(model_name, max_length=MAX_WORD_PIECES)
    batch = Batch([Instance({"text": TextField(tokens, {"transformer": indexer})}) for tokens in sentences])
    batch.index_instances(Vocabulary())
    return move_to_device(batch.as_tensor_dict()["text"]["transformer"], device)  # type: ignore[index]


def table(results: Dict[str, Any]) -> str:
    """The results for people to read."""
    lines = []
    for title, rows in results["tables"].items():
        lines.append(f"{title:48}{'seconds':>10}{'first':>10}{'ratio':>8}{'MB':>10}")
        for name, row in rows.items():
            numbers = f"{row['seconds']:10.4f}{_number(row.get('first_seconds'), 10, 4)}{row['ratio']:8.2f}"
            lines.append(f"  {name:46}{numbers}{_number(row.get('megabytes'), 10, 2)}")
        lines.append("")
    return "\n".join(lines).rstrip()


def _number(value: Optional[float], width: int, digits: int) -> str:
    return " " * width if value is None else f"{value:{width}.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="configs/quickstart.jsonnet", metavar="FILE", help="(default: %(default)s)")
    parser.add_argument("--device", help="(default: cuda where there is one, else cpu)")
    parser.add_argument("--transformer", metavar="NAME", help="measure this encoder, too")
    parser.add_argument("--compile", action="store_true", help="and this encoder compiled, which takes minutes")
    parser.add_argument("--epoch", action="store_true", help="train one whole epoch in each number format")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    arguments = parser.parse_args()
    default = 0 if torch.cuda.is_available() else -1
    device = torch.device(arguments.device) if arguments.device else int_to_device(default)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", 0)
    # A CPU computes in fp16 more slowly than in float32, and its LSTM not at all.
    precisions = ["fp32", "bf16"] + ["fp16"] * (device.type == "cuda")
    size, clock = QUICK if arguments.quick else FULL, Clock(device)
    experiment = Experiment(arguments.config, device)
    measured = (epochs if arguments.epoch else updates)(experiment, precisions, size, clock)
    if arguments.transformer:
        measured.update(
            transformers(experiment, arguments.transformer, arguments.compile, precisions, size, clock, device)
        )
    results = {
        "machine": {
            "platform": platform.platform(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        },
        "config": arguments.config,
        **size._asdict(),
        "tables": measured,
    }
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
