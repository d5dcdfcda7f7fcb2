"""What is measured, one function a phase. Each phase runs in a process of its own, and so has its own peak memory."""

import os
import resource
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from functools import wraps
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple
from unittest.mock import patch

import torch
from allennlp.common import Params
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.training import Trainer
from calibration import Meter, Readings
from processes import gigabytes

from hmtl.corpora import Corpus
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.predictors import HMTLPredictor
from hmtl.training.task_state import OptimizerState
from hmtl.training.trainer import MultiTaskTrainer
from hmtl.training.update import Updater

CONFIGURATION = Path(__file__).with_name("paper.jsonnet")
# Updates in a round. A document of coreference has as many tokens as a batch of twenty sentences.
UPDATES = {"ner": 12, "emd": 12, "relation": 12, "coref": 4}
SPLITS = ("train", "validation")
WEIGHTS = "weights.th"
TEXT_LENGTH = 52
TEXTS_IN_BATCH = 64


class Result(NamedTuple):
    """What a phase found: its readings by name, peaks of memory in GB, and plain numbers."""

    readings: Dict[str, Readings]
    peak_gb: Dict[str, float]
    numbers: Dict[str, float]


class Experiment:
    """A configuration, applied to the corpora in a folder; `directory` keeps what one phase leaves to the next."""

    def __init__(self, corpus: Path, directory: Path, configuration: Path = CONFIGURATION) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        os.environ["HMTL_DATA"] = str(corpus)
        self.params: Dict[str, Any] = Params.from_file(str(configuration)).as_dict(quiet=True)
        self.directory = directory
        self.weights = directory / WEIGHTS
        self.vocabulary = directory / "vocabulary"

    def params_of(self, key: str) -> Params:
        """A section of the configuration, to be used up."""
        return Params(deepcopy(self.params[key]))

    def reader(self) -> DatasetReader:
        return DatasetReader.from_params(self.params_of("dataset_reader"))

    def loader(self, split: str, tasks: List[str]) -> PerTaskDataLoader:
        """The instances of some tasks, read but not indexed."""
        paths = {task: self.params[f"{split}_data_path"][task] for task in tasks}
        section = "data_loader" if split == "train" else "validation_data_loader"
        loader = DataLoader.from_params(self.params_of(section), reader=self.reader(), data_path=paths)
        assert isinstance(loader, PerTaskDataLoader)
        return loader

    def model(self) -> Model:
        """The model, with the weights that the updates left, if they have run."""
        vocabulary = Vocabulary.from_files(str(self.vocabulary))
        model = Model.from_params(self.params_of("model"), vocab=vocabulary)
        if self.weights.exists():
            model.load_state_dict(torch.load(self.weights))
        return model

    def trainer(self) -> MultiTaskTrainer:
        """The trainer with all its data, indexed."""
        model = self.model()
        tasks = [task for task in UPDATES if task in self.params["train_data_path"]]
        train, validation = (self.loader(split, tasks) for split in SPLITS)
        train.index_with(model.vocab)
        validation.index_with(model.vocab)
        trainer = Trainer.from_params(
            self.params_of("trainer"),
            model=model,
            data_loader=train,
            validation_data_loader=validation,
            serialization_dir=str(self.directory),
            cuda_device=-1,
        )
        assert isinstance(trainer, MultiTaskTrainer)
        return trainer


def reading(corpus: Path, directory: Path) -> Result:
    """From files to batches, one round: reading, vocabulary, first and later passes over the training data."""
    experiment, meter = Experiment(corpus, directory), Meter()
    loaders: Dict[str, PerTaskDataLoader] = {}
    for task in UPDATES:
        with meter.round(), meter.time(f"{task} reading"):
            loaders[task], _ = (experiment.loader(split, [task]) for split in SPLITS)
    with meter.round(), meter.time("vocabulary"):
        instances = chain.from_iterable(loader.iter_instances() for loader in loaders.values())
        vocabulary = Vocabulary.from_params(experiment.params_of("vocabulary"), instances=instances)
    for task, loader in loaders.items():
        with meter.round(), meter.time(f"{task} first pass"):
            loader.index_with(vocabulary)
            _exhaust(loader.epoch_of(task, 0))
        with meter.round(), meter.time(f"{task} later pass"):
            _exhaust(loader.epoch_of(task, 1))
    if not experiment.vocabulary.exists():
        vocabulary.save_to_files(str(experiment.vocabulary))
    return Result(dict(meter.readings), {"reading": peak_gb()}, {})


def updates(corpus: Path, directory: Path, rounds: int) -> Result:
    """Updates of each task by the trainer's own code; coreference comes last, for its peak of memory.

    A round's batches are evenly spread over the lengths of sentences, and no two rounds take the same ones.
    """
    experiment, meter = Experiment(corpus, directory), Meter()
    trainer = experiment.trainer()
    trainer.model.train()
    peaks: Dict[str, float] = {}
    numbers: Dict[str, float] = {}
    for task, count in UPDATES.items():
        update(trainer, task, next(batches_of(trainer, task)))
        tokens = 0
        for number in range(rounds):
            batches, stride = batches_of(trainer, task), stride_of(trainer, task)
            skip(batches, int(stride * (number + 0.5) / rounds))
            with meter.round(), parts_timed(meter, trainer, task, count):
                for _ in range(count):
                    with meter.time(f"{task} update", count):
                        with meter.time(f"{task} update: batch", count):
                            batch = next(batches)
                        update(trainer, task, batch)
                    tokens += int((batch["text"]["tokens"]["tokens"] != 0).sum())
                    skip(batches, stride - 1)
        numbers[f"tokens in a {task} update"] = tokens / (rounds * count)
        name = "updates of coref" if task == "coref" else "updates of ner, emd, relation"
        peaks[name] = peak_gb()
    save_weights(trainer, directory)
    return Result(dict(meter.readings), peaks, numbers)


def validation(corpus: Path, directory: Path, rounds: int) -> Result:
    """The trainer's validation of each task, with the weights that the updates left."""
    trainer, meter = Experiment(corpus, directory).trainer(), Meter()
    for _ in range(rounds):
        for task in UPDATES:
            with meter.round(), meter.time(f"{task} validation"):
                trainer.validate_task(task)
    return Result(dict(meter.readings), {"validation": peak_gb()}, {})


def prediction(corpus: Path, directory: Path, rounds: int) -> Result:
    """All tasks for texts of one length, from tokens to JSON, with the weights that the updates left."""
    experiment, meter = Experiment(corpus, directory), Meter()
    predictor = HMTLPredictor(experiment.model(), experiment.reader())
    inputs = texts(experiment)
    singles = inputs[:16]
    predictor.predict_batch_json(inputs)
    for _ in range(rounds):
        with meter.round():
            with meter.time(f"one text of {TEXT_LENGTH} tokens", len(singles)):
                for text in singles:
                    predictor.predict_json(text)
            with meter.time(f"a text in batches of {TEXTS_IN_BATCH}", len(inputs)):
                predictor.predict_batch_json(inputs)
    return Result(dict(meter.readings), {"prediction": peak_gb()}, {})


def start_up(rounds: int) -> Result:
    """The command line's help, from the start of the process to its end."""
    meter = Meter()
    for _ in range(rounds):
        with meter.round():
            before = _seconds_of_children()
            subprocess.run([sys.executable, "-m", "hmtl", "--help"], check=True, stdout=subprocess.DEVNULL)
            meter.add("hmtl --help", _seconds_of_children() - before)
    return Result(dict(meter.readings), {}, {})


def profile(corpus: Path, directory: Path, task: str) -> str:
    """torch.profiler's table for a round of updates of one task."""
    trainer = Experiment(corpus, directory).trainer()
    trainer.model.train()
    batches, stride = batches_of(trainer, task), stride_of(trainer, task)
    update(trainer, task, next(batches))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        for batch in islice(batches, stride // 2, stride * UPDATES[task], stride):
            update(trainer, task, batch)
    return profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=30, max_name_column_width=60)


def batches_of(trainer: MultiTaskTrainer, task: str) -> Iterator[Dict[str, Any]]:
    """The task's training batches, the shortest sentences first, over and over again."""
    while True:
        yield from _train_loader(trainer).batches_of(task)


def stride_of(trainer: MultiTaskTrainer, task: str) -> int:
    """The distance of batches that a round takes so as to see all lengths evenly."""
    return max(1, _train_loader(trainer).num_batches[task] // UPDATES[task])


def skip(batches: Iterator[Any], count: int) -> None:
    for _ in islice(batches, count):
        pass


def update(trainer: MultiTaskTrainer, task: str, batch: Dict[str, Any]) -> None:
    trainer.loop.update({task: [batch]})


def save_weights(trainer: MultiTaskTrainer, directory: Path) -> None:
    """Leaves the weights to experiments in the directory."""
    torch.save(trainer.model.state_dict(), directory / WEIGHTS)


@contextmanager
def parts_timed(meter: Meter, trainer: MultiTaskTrainer, task: str, count: int) -> Iterator[None]:
    """Times the functions that an update consists of; they do what they always do."""
    parts: List[Any] = [
        ("forward", trainer.model, "forward"),
        ("backward", torch.Tensor, "backward"),
        ("clipping", Updater, "_clip"),
        ("optimizer", OptimizerState, "step"),
    ]

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with meter.time(name, count):
                return function(*args, **kwargs)

        return wrapper

    with ExitStack() as stack:
        for part, owner, attribute in parts:
            replacement = timed(f"{task} update: {part}", getattr(owner, attribute))
            stack.enter_context(patch.object(owner, attribute, replacement))
        yield


def texts(experiment: Experiment) -> List[Dict[str, Any]]:
    """Inputs of the predictor of equal length: sentences of the validation documents, the last one cut."""
    reader = experiment.params["dataset_reader"]["readers"]["ner"]
    documents = Corpus.by_name(reader["corpus"])().documents(experiment.params["validation_data_path"]["ner"])
    inputs: List[Dict[str, Any]] = []
    sentences: List[List[str]] = []
    # Small corpora are gone through again.
    for sentence in cycle(chain.from_iterable(document.sentences for document in documents)):
        missing = TEXT_LENGTH - sum(map(len, sentences))
        sentences.append(sentence[:missing])
        if len(sentence) >= missing:
            inputs.append({"sentences": sentences})
            sentences = []
        if len(inputs) == TEXTS_IN_BATCH:
            break
    return inputs


def peak_gb() -> float:
    """The most memory that this process has held, in GB (10^9 bytes)."""
    return gigabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _train_loader(trainer: MultiTaskTrainer) -> PerTaskDataLoader:
    assert isinstance(trainer.data_loader, PerTaskDataLoader)
    return trainer.data_loader


def _exhaust(batches: Iterator[Any]) -> None:
    for _ in batches:
        pass
