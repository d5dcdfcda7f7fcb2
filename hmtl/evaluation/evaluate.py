"""The evaluation of a finished run: all its best weights on every task, beside simple baselines."""

import copy
import hashlib
import os
import platform
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, DefaultDict, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

import allennlp.version
import torch
from allennlp.common import Params, Tqdm
from allennlp.data import DataLoader, DatasetReader
from allennlp.data.dataset_readers import MultiTaskDatasetReader

from hmtl.common.archives import read_config
from hmtl.common.figures import FIGURES, STRICT
from hmtl.common.file_names import ARCHIVED, BEST, CONFIG_NAME, SUFFIX
from hmtl.common.files import write_json
from hmtl.common.model_names import find_model, package_name
from hmtl.common.tables import aligned
from hmtl.common.terminal import quiet
from hmtl.common.weights import add_to_digest, all_weights, load_into, load_weights
from hmtl.corpora.corpus import documents_shared
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.document import Document
from hmtl.errors import DataError, UserError
from hmtl.evaluation.calibration import CalibratedScores, calibration_notes
from hmtl.metrics import LabelledF1
from hmtl.models.hmtl import HMTL, load_hmtl_archive
from hmtl.modules.frozen import frozen_encoders, is_stateful
from hmtl.runs.run_directory import BEST_OVERALL, RunDirectory, best_stem, best_weights_name, is_best_for
from hmtl.runs.summaries import validation_metric
from hmtl.tasks.baselines import Baseline
from hmtl.tasks.kind import Kind
from hmtl.training.baselines import baseline_of, gold_documents
from hmtl.training.evaluate_task import TaskEvaluation, evaluated
from hmtl.training.findable_gold import FindableGold, findable_gold
from hmtl.version import VERSION

Metrics = Dict[str, float]
# Gets the name of the weights, the task, the metadata of some rows and what is predicted of these.
Observer = Callable[[str, str, List[Dict[str, Any]], List[Any]], None]


@dataclass
class TaskScores:
    """What one weights file scored on one task.

    # Attributes

    metrics : `Dict[str, float]`
        The metrics of the task's head, from 0 to 1, and the mean `loss` a batch.
    seconds : `float`
        The time that it took beyond what others had computed of the same text before; 0 where the weights are those of
        another file, which are evaluated once.
    by_label : `Optional[Dict[str, Dict[str, float]]]`
        `precision`, `recall`, `f1` and `support` of each label, where the weights are the task's own best, or a
        package's.
    """

    metrics: Metrics
    seconds: float
    by_label: Optional[Dict[str, Metrics]] = None


@dataclass
class Evaluation:
    """The scores of a run, or of a package.

    # Attributes

    run : `str`
        Its serialization directory.
    split : `str`
        `test` or `validation`.
    tasks : `List[str]`
        The evaluated tasks, each after those that it builds on.
    weights : `Dict[str, str]`
        The weights files, by the names that `scores` has for them.
    data_path, train_data_path : `Dict[str, str]`
        What each task was evaluated on, and what its baseline was fitted to.
    gold_mentions : `List[str]`
        The tasks whose head was given the gold mentions.
    validation_metric : `Dict[str, str]`
        The metric that chose each task's best weights.
    device : `str`
    versions : `Dict[str, str]`
    scores : `Dict[str, Dict[str, TaskScores]]`
        By weights, then by task.
    baselines : `Dict[str, Baseline]`
        By task; tasks without one are left out.
    findable : `Dict[str, FindableGold]`
        By task, how much of the gold its head could find at all; tasks whose head does not say are left out.
    kinds : `Dict[str, Kind]`
        By task, the kind of its predictions, which knows what the table has of it.
    seconds : `float`
        The time of the whole evaluation.
    calibration : `Dict[str, CalibratedScores]`
        By task, what calibration changes, where the run was calibrated for this evaluation.
    """

    run: str
    split: str
    tasks: List[str]
    weights: Dict[str, str]
    data_path: Dict[str, str]
    train_data_path: Dict[str, str]
    gold_mentions: List[str]
    validation_metric: Dict[str, str]
    device: str
    versions: Dict[str, str]
    scores: Dict[str, Dict[str, TaskScores]] = field(default_factory=dict)
    baselines: Dict[str, Baseline] = field(default_factory=dict)
    findable: Dict[str, FindableGold] = field(default_factory=dict)
    kinds: Dict[str, Kind] = field(default_factory=dict)
    seconds: float = 0.0
    calibration: Dict[str, CalibratedScores] = field(default_factory=dict)

    def table(self) -> str:
        """The F1 of all weights on all tasks times 100, the baselines' below, and what the columns mean.

        A task with several figures has a column for each.
        """
        figures = {task: self._figures(task) for task in self.tasks}
        columns = [(task, name) for task in self.tasks for name in figures[task]]
        # One figure alone is F1 unless its title says otherwise.
        titles = [task if [*figures[task]] == [STRICT] else f"{task} {figures[task][name]}" for task, name in columns]
        rows = [["", *titles]]
        for weights, by_task in self.scores.items():
            rows.append(
                [weights, *(_percent(by_task[t].metrics, name, is_best_for(weights, t)) for t, name in columns)]
            )
        if self.baselines:
            of_task = {task: getattr(self.baselines.get(task), "metrics", {}) for task in self.tasks}
            rows.append(["baseline", *(_percent(of_task[task], name) for task, name in columns)])
        seconds = {task: sum(row[task].seconds for row in self.scores.values()) for task in self.tasks}
        first = [name == next(iter(figures[task])) for task, name in columns]
        rows.append(["seconds", *(f"{seconds[task]:.1f} " * is_first for (task, _), is_first in zip(columns, first))])
        given = f", gold mentions given to {', '.join(self.gold_mentions)}" if self.gold_mentions else ""
        # A kind of prediction may have accuracy, or correlations.
        what = "F1" if all("f1" in name for _, name in columns) else "scores"
        title = f"{self.run}: {self.split} {what} x 100{given}"
        return "\n".join([title, "", aligned(rows, numbers=True), "", *self._notes()])

    def _figures(self, task: str) -> Dict[str, str]:
        """The metrics that the table has of a task, and their titles."""
        baseline = self.baselines[task].metrics if task in self.baselines else None
        return self.kinds[task].columns([*self._metrics(task).values()], baseline)

    def _metrics(self, task: str) -> Dict[str, Metrics]:
        """The metrics of a task by the name of the weights."""
        return {weights: by_task[task].metrics for weights, by_task in self.scores.items()}

    def _notes(self) -> Iterator[str]:
        if any(is_best_for(weights, task) for weights in self.scores for task in self.tasks):
            others = [f"{task} by {name}" for task, name in self.validation_metric.items() if name != STRICT]
            chosen = f" by f1 ({', '.join(others)})" if others else " by f1"
            yield f"* the weights that were best for the task in validation,{chosen}"
        for task in self.tasks:
            best = [weights for weights in self.scores if is_best_for(weights, task)]
            yield from self.kinds[task].notes(task, self._figures(task), self._metrics(task), best)
        for task, baseline in self.baselines.items():
            yield f"baseline of {task}: {baseline.description}"
        yield from self._findable_notes()
        if self.calibration:
            yield from calibration_notes(self.calibration, self.split)

    def _findable_notes(self) -> Iterator[str]:
        for task, found in self.findable.items():
            yield f"{task}: {found}"

    def write(self, path: Union[str, os.PathLike]) -> None:
        """Writes all of it as JSON; the file appears only once it is complete.

        For tasks that have other figures than those of `hmtl.common.figures`, `figures` says what they are called.
        """
        left_out = {"kinds"} if self.calibration else {"kinds", "calibration"}
        record = {name: value for name, value in asdict(replace(self, kinds={})).items() if name not in left_out}
        figures = {task: dict(kind.figures) for task, kind in self.kinds.items()}
        own = {task: titles for task, titles in figures.items() if not self._figures(task).keys() <= FIGURES.keys()}
        write_json(path, {**record, **({"figures": own} if own else {})})


@dataclass
class Run:
    """A finished run, or a package: its model, with the weights of the moment, its readers and its configuration.

    `data` is the folder that relative paths of data count from, by default the working directory. A `package` is one
    weights file, by its name, which is calibrated.
    """

    directory: Path
    model: HMTL
    weights: Dict[str, Path]
    config: Params
    train_reader: MultiTaskDatasetReader
    reader: MultiTaskDatasetReader
    data: Optional[Path] = None
    package: Optional[str] = None

    def paths(self, split: str) -> Dict[str, str]:
        """The path of each task's data, split `train`, `validation` or `test`.

        # Raises

        UserError
            Where the configuration has none.
        """
        paths = self.config.as_dict(quiet=True).get(f"{split}_data_path")
        if not paths:
            raise UserError(
                f"{self.directory / CONFIG_NAME}: no '{split}_data_path'; name each task's {split} data under that key"
            )
        # A single path goes to every reader, as in the data loader.
        by_task = dict(paths) if isinstance(paths, dict) else dict.fromkeys(self.reader.readers, paths)
        return by_task if self.data is None else {task: str(self.data / path) for task, path in by_task.items()}

    def data_loader(self, split: str, batch_size: int = None) -> PerTaskDataLoader:
        """The batches of a split, indexed with the run's vocabulary.

        # Raises

        UserError
            Where the data cannot be read or hold a label that the vocabulary lacks.
        """
        paths = {task: path for task, path in self.paths(split).items() if task in self.model.tasks}
        params = self.config.duplicate()
        params = params.get("validation_data_loader") or params.get("data_loader")
        if batch_size is not None:
            params["batch_size"] = batch_size
        loader = DataLoader.from_params(params, reader=self.reader, data_path=paths)
        if not isinstance(loader, PerTaskDataLoader):
            raise UserError(f"{self.directory / CONFIG_NAME}: data_loader.type must be 'per_task' to evaluate by task")
        loader.index_with(self.model.vocab)
        return loader

    def load_weights(self, name: str) -> None:
        """Gives the model the weights that `name` stands for in `weights`."""
        load_into(self.model, self.weights[name])

    def has_label_scores(self, name: str, task: str) -> bool:
        """Whether weights are scored by label: a task's own best, and those of a package."""
        return name == self.package or is_best_for(name, task)

    def models(self, names: Optional[Iterable[str]] = None) -> Iterator[List[Tuple[HMTL, List[str]]]]:
        """Models with the weights of all names, or of some: each with the names of which it has the weights, one where
        several files hold the same.

        Models come together where they share frozen encoders with the same weights: what those compute of a text is the
        same for all of them, and beside them a model is small. Others come one by one, in place of one another.
        """
        # By the weights of frozen encoders, then by all others: the names.
        found: DefaultDict[Any, DefaultDict[Any, List[str]]] = defaultdict(lambda: defaultdict(list))
        for name in self.weights if names is None else names:
            frozen, others = self._digests(name)
            found[frozen][others].append(name)
        shared = [*frozen_encoders(self.model), self.model.vocab]
        for by_weights in found.values():
            models: List[Tuple[HMTL, List[str]]] = []
            for same in by_weights.values():
                model = copy.deepcopy(self.model, {id(part): part for part in shared}) if models else self.model
                load_into(model, self.weights[same[0]])
                models.append((model, same))
            yield models

    def _digests(self, name: str) -> Tuple[Any, Any]:
        """What stands for the weights of frozen encoders, and for all others, of some weights."""
        if is_stateful(self.model):  # an evaluation that is left out would change those after it
            return name, name
        encoders = frozen_encoders(self.model)
        prefixes = tuple(f"{path}." for path, module in self.model.named_modules() if module in encoders)
        parts: Tuple[Dict[str, torch.Tensor], Dict[str, torch.Tensor]] = {}, {}
        for key, tensor in load_weights(self.weights[name]).items():
            parts[not key.startswith(prefixes)][key] = tensor
        frozen, others = hashlib.sha256(), hashlib.sha256()
        add_to_digest(frozen, parts[0])
        add_to_digest(others, parts[1])
        # Without an encoder by the names that it has now, nothing is known to be shared.
        return (frozen if parts[0] else others).digest(), others.digest()


def load_run(
    directory: Union[str, os.PathLike], weights: Sequence[str] = None, data: Union[str, os.PathLike] = None
) -> Run:
    """The run of a serialization directory. Its model is on the CPU and in evaluation mode; no data is read.

    # Parameters

    directory : `Union[str, os.PathLike]`
        Or the name of a model that is a package (see `find_model`): its one weights file, with its calibration.
    data : `Union[str, os.PathLike]`, optional (default = the working directory)
        The folder that relative paths of data count from.
    weights : `Sequence[str]`, optional
        Weights files: names in the directory, or paths. By default `best_{task}.safetensors` of every task, and
        `best.safetensors`.

    # Raises

    UserError
        Where this is no directory of a run, the run has no best weights yet, or its model is another than `HMTL`.
    """
    directory = find_model(directory)
    if not directory.is_dir():
        raise UserError(f"{directory}: expected the serialization directory of a run, found a file")
    files = RunDirectory(directory)
    for path in (files.config, files.vocabulary):
        if not path.exists():
            raise UserError(f"{directory}: no {path.name}, so this is not the serialization directory of a run")
    config = read_config(directory)
    package = package_name(directory)
    if package is not None and weights:
        raise UserError(f"{directory}: a package has no other weights than its own; leave out {', '.join(weights)}")
    if package is not None:
        chosen = {package: directory / f"{ARCHIVED}{SUFFIX}"}
    else:
        chosen = _named_weights(directory, weights) if weights else _best_weights(directory)
    first = next(iter(chosen.values()))
    archive = load_hmtl_archive(directory, weights_file=str(first))
    model, train_reader, reader = archive.model, archive.dataset_reader, archive.validation_dataset_reader
    assert isinstance(model, HMTL)
    if package is None:  # all weights are compared as the configuration has the heads
        model.calibrate({})
    if not (isinstance(train_reader, MultiTaskDatasetReader) and isinstance(reader, MultiTaskDatasetReader)):
        raise UserError(f"{files.config}: dataset_reader.type must be 'multitask' to evaluate by task")
    if package is None and not weights:
        # The weights come in the order of the tasks, which is known once the model is loaded.
        names = [*map(best_stem, model.tasks), BEST]
        chosen = {name: chosen[name] for name in names if name in chosen}
    where = None if data is None else Path(data)
    return Run(directory, model.eval(), chosen, config, train_reader, reader, where, package)


def evaluate_run(
    run: Run,
    split: str = "test",
    gold_mentions: bool = False,
    device: torch.device = None,
    batch_size: int = None,
    with_baselines: bool = True,
    observed: Observer = lambda weights, task, metadata, predictions: None,
) -> Evaluation:
    """Evaluates all weights of a run on every task's data of a split, which is read and indexed once. Weights that are
    equal are evaluated once.

    # Parameters

    run : `Run`
    split : `str`, optional (default = `"test"`)
        Or `"validation"`.
    gold_mentions : `bool`, optional (default = `False`)
        Whether the candidates of coreference are the gold mentions, in this evaluation.
    device : `torch.device`, optional (default = the CPU)
    batch_size : `int`, optional
        Of every task; by default as in the run's configuration. A loss that is summed over a batch depends on it.
    with_baselines : `bool`, optional (default = `True`)
        Whether to fit and score baselines as well. Figures that need to know the training data, such as Ign F1 of
        relations, are there with them alone.
    observed : `Callable[[str, str, List[Dict[str, Any]], List[Any]], None]`, optional
        Is called for each batch: with the name of the weights, the task, the rows' metadata and their predictions.

    # Raises

    UserError
        Where data cannot be read, or no head takes gold mentions though they are asked for.
    """
    start = time.monotonic()
    device = device or torch.device("cpu")
    with quiet(), given_gold_mentions(run.model, gold_mentions) as given:
        loader = run.data_loader(split, batch_size)
        loader.set_target_device(device)
        tasks = [task for task in run.model.tasks if task in loader.tasks]
        evaluation = Evaluation(
            run=str(run.directory),
            split=split,
            tasks=tasks,
            weights={name: str(path) for name, path in run.weights.items()},
            data_path={task: path for task, path in run.paths(split).items() if task in tasks},
            train_data_path={},
            gold_mentions=[task for task in given if task in tasks],
            validation_metric={task: validation_metric(run.directory, task) for task in tasks},
            device=_describe(device),
            versions=versions(),
            kinds={task: run.model.head(task).kind for task in tasks},
        )
        for task in tasks:
            found = findable_gold(run.model, loader, task)
            if found is not None:
                evaluation.findable[task] = found
        # Baselines come first: where they lack data, that is told at once and not after hours on the test set.
        if with_baselines:
            paths = run.paths("train")
            evaluation.train_data_path = {task: paths[task] for task in tasks if task in paths}
            evaluation.baselines = _baselines(run, evaluation)
        run.model.to(device)
        total = len(run.weights) * sum(loader.num_batches[task] for task in tasks)
        scores: Dict[str, Dict[str, TaskScores]] = {}
        with Tqdm.tqdm(total=total, desc=f"evaluating {run.directory}", unit="batch") as bar:
            for models in run.models():
                scores.update(_scores(models, loader, tasks, run.has_label_scores, observed, bar.update))
        evaluation.scores = {name: scores[name] for name in run.weights}
    evaluation.seconds = time.monotonic() - start
    return evaluation


@contextmanager
def given_gold_mentions(model: HMTL, enabled: bool = True) -> Iterator[List[str]]:
    """Gives the gold mentions to all heads that can take them (the paper's GM setting), for as long as it is open.

    Yields the tasks that have them; without `enabled`, those whose configuration gives them.

    # Raises

    UserError
        Where no head can take them.
    """
    heads: Dict[str, Any] = {task: head for task, head in model.heads.items() if hasattr(head, "gold_mentions")}
    before = {task: head.gold_mentions for task, head in heads.items()}
    if enabled and not heads:
        raise UserError(
            "gold mentions are asked for, but no head of this model takes them (those of coreference do, "
            "and hmtl_span_relations)"
        )
    try:
        for head in heads.values():
            head.gold_mentions = head.gold_mentions or enabled
        yield [task for task, head in heads.items() if head.gold_mentions]
    finally:
        for task, head in heads.items():
            head.gold_mentions = before[task]


def _baselines(run: Run, evaluation: Evaluation) -> Dict[str, Baseline]:
    found = {}
    with documents_shared():
        for task, path in evaluation.train_data_path.items():
            reader = run.reader.readers[task].inner
            train = _training_documents(run.train_reader.readers[task].inner, path)
            baseline = baseline_of(
                run.model.head(task), reader, train, gold_documents(reader, evaluation.data_path[task])
            )
            if baseline is not None:
                found[task] = baseline
    return found


def _training_documents(reader: DatasetReader, path: str) -> Iterator[Document]:
    try:
        yield from gold_documents(reader, path, only_targets=True)
    except DataError as error:
        raise UserError(f"{error} (training data, for the baselines: --no-baselines does without)") from error


def _scores(
    models: List[Tuple[HMTL, List[str]]],
    loader: PerTaskDataLoader,
    tasks: List[str],
    has_label_scores: Callable[[str, str], bool],
    observed: Observer,
    on_batches: Callable[[int], Any],
) -> Dict[str, Dict[str, TaskScores]]:
    """By the names of weights, then by task. `has_label_scores` says of which there are scores by label, and
    `on_batches` gets how many are done."""
    names_of = {TaskEvaluation(model, loader, task): names for model, names in models for task in tasks}
    by_label = {
        evaluation: LabelledF1()
        for evaluation, names in names_of.items()
        if any(has_label_scores(name, evaluation.task) for name in names) and evaluation.kind.is_labelled
    }
    for evaluation, batch, output in evaluated(list(names_of), loader, has_bar=False):
        metadata, predictions = batch["metadata"], output["predictions"]
        if evaluation in by_label:
            by_label[evaluation](predictions, list(map(evaluation.kind.gold, metadata)))
        for name in names_of[evaluation]:
            observed(name, evaluation.task, metadata, predictions)
        on_batches(len(names_of[evaluation]))
    scores: DefaultDict[str, Dict[str, TaskScores]] = defaultdict(dict)
    for evaluation, names in names_of.items():
        metrics, labels = evaluation.metrics(), by_label.get(evaluation)
        for name in names:
            of_labels = labels.by_label() if labels is not None and has_label_scores(name, evaluation.task) else None
            seconds = evaluation.seconds if name == names[0] else 0.0
            scores[name][evaluation.task] = TaskScores(dict(metrics), seconds, of_labels)
    return scores


def _best_weights(directory: Path) -> Dict[str, Path]:
    found = {**all_weights(directory, best_stem("*")), **all_weights(directory, BEST)}
    if not found:
        raise UserError(
            f"{directory}: no best weights ({best_weights_name('*')}, {BEST_OVERALL}); "
            "the training has not finished its first epoch: resume it with 'hmtl train ... --recover'"
        )
    return found


def _named_weights(directory: Path, names: Sequence[str]) -> Dict[str, Path]:
    found = {}
    for name in names:
        path = next((each for each in (directory / name, Path(name)) if each.is_file()), None)
        if path is None:
            present = ", ".join(sorted(each.name for each in all_weights(directory).values())) or "none"
            raise UserError(f"{directory / name}: no such weights file; the directory has: {present}")
        found[path.stem if path.resolve().parent == directory.resolve() else str(path)] = path
    return found


def _percent(metrics: Metrics, name: str, marked: bool = False) -> str:
    return f"{100 * metrics[name]:.2f}{'*' if marked else ' '}" if name in metrics else "- "


def _describe(device: torch.device) -> str:
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def versions() -> Dict[str, str]:
    """The versions of the software that scores depend on."""
    return {
        "hmtl": VERSION,
        "torch": str(torch.__version__),
        "allennlp": allennlp.version.VERSION,
        "python": platform.python_version(),
    }
