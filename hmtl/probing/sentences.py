"""Sentence probes of every level: all that are not known yet, each in a file of its own as soon as it is."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Protocol, Sequence, Tuple, TypeVar, cast

import numpy
import torch
from allennlp.common import Tqdm

from hmtl.common.files import write_json
from hmtl.errors import UserError
from hmtl.probing.controls import sentence_control_labels
from hmtl.probing.linear_probe import description_length
from hmtl.probing.probes import ProbeSettings, Split, fit_probe
from hmtl.probing.senteval import ProbingTask
from hmtl.probing.vector_store import VectorStore
from hmtl.probing.vectors import LevelVectors

# Below the output directory.
FOLDER = "probes"
# What the encoders of a row are.
TRAINED, RANDOM = "trained", "random"
# What can be found out of each probe.
MEASURES = ACCURACY, SELECTIVITY, COMPRESSION = "accuracy", "selectivity", "compression"
# Changes when the same data, model and settings would give other results.
_FORMAT = 2


class SentenceTask(Protocol):
    """What any task on sentences has."""

    name: str

    @property
    def sentences(self) -> List[List[str]]:
        """All of its sentences."""


Task = TypeVar("Task", bound=SentenceTask)
Found = TypeVar("Found")


class Row(NamedTuple):
    """What a probe reads: of the trained encoders, or of random ones, a level, pooled."""

    encoder: str
    level: str
    pooling: str


@dataclass
class Result:
    """What one probe found.

    # Attributes

    encoder, level, pooling : `str`
        Those of its `Row`.
    task : `str`
    accuracy : `float`
        In the test split, from 0 to 1.
    validation : `float`
    regularization : `float`
        The value of the classifier's grid that was best in validation.
    correct : `str`
        Of each test sentence, in the order of the file, whether the probe is right: `1` or `0`.
    control_accuracy : `Optional[float]`
        As `accuracy`, in the control task, in which a sentence's first word decides.
    compression : `Optional[float]`
        How many times shorter than the uniform code the online code of the training labels is.
    depends_on : `Dict[str, Any]`
        All that would change the result.
    """

    encoder: str
    level: str
    pooling: str
    task: str
    accuracy: float
    validation: float
    regularization: float
    correct: str
    control_accuracy: Optional[float] = None
    compression: Optional[float] = None
    depends_on: Dict[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> Row:
        return Row(self.encoder, self.level, self.pooling)

    @property
    def selectivity(self) -> Optional[float]:
        """Accuracy less that in the control task (Hewitt & Liang 2019)."""
        return None if self.control_accuracy is None else self.accuracy - self.control_accuracy

    def write(self, output: Path) -> None:
        path = _path(output, self.row, self.task)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(self))


def read_result(output: Path, row: Row, task: str, depends_on: Dict[str, Any]) -> Optional[Result]:
    """A result that is there already and depends on the same."""
    found = stored(_path(output, row, task), depends_on)
    return None if found is None else Result(**found)


def stored(path: Path, depends_on: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """The result in a file, where there is one and it depends on the same."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found if found["depends_on"] == depends_on else None


def _path(output: Path, row: Row, task: str) -> Path:
    return output.joinpath(FOLDER, *row, f"{task}.json")


@dataclass
class Plan:
    """What is to be probed.

    # Attributes

    tasks : `List[ProbingTask]`
    poolings : `List[str]`
    settings : `ProbeSettings`
    measures : `List[str]`
        Of `MEASURES`, what is found out beside the accuracy.
    min_test : `int`
        The fewest test sentences of a task.
    left_out : `Dict[str, int]`
        The tasks that have fewer, with the number of these.

    # Raises

    UserError
        For an unknown measure, and where no task has enough test sentences.
    """

    tasks: List[ProbingTask]
    poolings: List[str]
    settings: ProbeSettings = field(default_factory=ProbeSettings)
    measures: List[str] = field(default_factory=lambda: list(MEASURES))
    min_test: int = 1
    left_out: Dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        sizes = {task.name: len(task.splits["test"]) for task in self.tasks}
        self.left_out = {name: size for name, size in sizes.items() if size < self.min_test}
        self.tasks = [task for task in self.tasks if task.name not in self.left_out]
        if not self.tasks:
            found = ", ".join(f"{name} {size}" for name, size in self.left_out.items())
            raise UserError(f"no task has {self.min_test} test sentences or more: {found}; choose a lower --min-test")
        self.measures = known_measures(self.measures)


def known_measures(names: Sequence[str]) -> List[str]:
    """The names, in the order of `MEASURES`.

    # Raises

    UserError
        Naming one that does not exist.
    """
    for name in names:
        if name not in MEASURES:
            raise UserError(f"there is no measure '{name}'; expected some of: {', '.join(MEASURES)}")
    return [measure for measure in MEASURES if measure in names]


def run_probes(
    plan: Plan, vectors: LevelVectors, encoder: str, levels: Sequence[str], output: Path, cache: Path
) -> List[Result]:
    """The results of all probes of a model, row by row: those that `output` has, and the rest, which it gets.

    # Parameters

    plan : `Plan`
    vectors : `LevelVectors`
    encoder : `str`
        What rows call the model: `trained` or `random`.
    levels : `Sequence[str]`
    output : `Path`
        The directory of the results.
    cache : `Path`
        The folder of pooled vectors, for this run and others.

    # Raises

    UserError
        Where the model has no such level, or the cache cannot be used.
    """
    device = next(vectors.model.parameters()).device

    def known(row: Row, task: ProbingTask) -> Optional[Result]:
        return read_result(output, row, task.name, _depends_on(plan, vectors, task))

    def computed(store: VectorStore, row: Row, task: ProbingTask) -> Result:
        result = _probe(plan, store, row, task, _depends_on(plan, vectors, task), device)
        result.write(output)
        return result

    rows = [Row(encoder, *pair) for pair in vectors.known_pairs(levels, plan.poolings)]
    return run_missing(rows, plan.tasks, vectors, cache, known, computed)


def run_missing(
    rows: Sequence[Row],
    tasks: Sequence[Task],
    vectors: LevelVectors,
    cache: Path,
    known: Callable[[Row, Task], Optional[Found]],
    computed: Callable[[VectorStore, Row, Task], Found],
) -> List[Found]:
    """The result of each task for each row, row by row: those that are `known`, and those that are then `computed` from
    vectors of a store, which has those of all sentences of their tasks."""
    found = {(row, task.name): known(row, task) for row in rows for task in tasks}
    missing = [(row, task) for row in rows for task in tasks if found[row, task.name] is None]
    if missing:
        store = VectorStore(vectors, cache)
        names = {task.name for _, task in missing}
        store.fill(
            [sentence for task in tasks if task.name in names for sentence in task.sentences],
            list(dict.fromkeys(row.level for row, _ in missing)),
            list(dict.fromkeys(row.pooling for row, _ in missing)),
        )
        for row, task in Tqdm.tqdm(missing, desc=f"probes, {rows[0].encoder}", unit=" probes"):
            found[row, task.name] = computed(store, row, task)
    return cast(List[Found], list(found.values()))


def _probe(
    plan: Plan, store: VectorStore, row: Row, task: ProbingTask, depends_on: Dict[str, Any], device: torch.device
) -> Result:
    settings = plan.settings.for_task(task.name)
    matrix = store.matrix(task.sentences, row.level, row.pooling)
    classes = _classes(task)
    probe = fit_probe(*_splits(task, matrix, classes), settings, device)
    result = Result(
        *row, task.name, probe.test, probe.validation, probe.regularization, probe.correct, depends_on=depends_on
    )
    if SELECTIVITY in plan.measures:
        control = numpy.array(sentence_control_labels(task.sentences, classes.tolist(), settings.seed))
        result.control_accuracy = fit_probe(*_splits(task, matrix, control), settings, device).test
    if COMPRESSION in plan.measures:
        train = len(task.splits["train"])
        code = description_length(matrix[:train], classes[:train], len(task.labels), settings.seed, device=device)
        result.compression = code.compression
    return result


def _classes(task: ProbingTask) -> numpy.ndarray:
    """The number of the class of each of the task's sentences."""
    number_of = {label: number for number, label in enumerate(task.labels)}
    return numpy.array([number_of[example.label] for examples in task.splits.values() for example in examples])


def _splits(task: ProbingTask, matrix: numpy.ndarray, classes: numpy.ndarray) -> Tuple[Split, Split, Split]:
    """Those for training, validation and test of all vectors and classes, which are in the order of the sentences."""
    ends = numpy.cumsum([len(examples) for examples in task.splits.values()])[:-1]
    train, validation, test = (Split(*parts) for parts in zip(numpy.split(matrix, ends), numpy.split(classes, ends)))
    return train, validation, test


def _depends_on(plan: Plan, vectors: LevelVectors, task: ProbingTask) -> Dict[str, Any]:
    return {
        "format": _FORMAT,
        "model": vectors.fingerprint,
        "data": task.sha256,
        "probe": plan.settings.for_task(task.name).describe(),
        "measures": plan.measures,
    }
