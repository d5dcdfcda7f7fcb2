"""SentEval's transfer tasks, measured for every level: each result has a file of its own as soon as it is there."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy
import torch
from allennlp.common import Tqdm

from hmtl.common.files import write_json
from hmtl.errors import UserError
from hmtl.probing.probes import INVERSE_STRENGTHS, WEIGHT_DECAYS, ProbeSettings, Split, trained_classifier
from hmtl.probing.relatedness import LOSSES, SQUARED_ERROR, Scored, pearson, predicted_relatedness, spearman
from hmtl.probing.sentences import Row, run_missing, stored
from hmtl.probing.transfer_tasks import NESTED, RELATEDNESS, SIMILARITY, SPLITS, TRAIN_AND_TEST, TransferTask
from hmtl.probing.vector_store import VectorStore
from hmtl.probing.vectors import LevelVectors

# Below the output directory.
FOLDER = "transfer"
# Changes when the same data, model and settings would give other results.
_FORMAT = 1
# SentEval's grid of scikit-learn's classifier where training data are cross-validated and there are test data.
_STRENGTHS_FOR_TEST = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
# Of the training data, what SentEval's own classifiers choose the epoch by, where there are no validation data.
HELD_OUT = 0.05


def default_probe(**options: Any) -> ProbeSettings:
    """SentEval's classifier as its published results have it; its settings for prototypes are `ProbeSettings()`."""
    return ProbeSettings(**{"optimizer": "adam", "batch_size": 64, "tenacity": 5, "epoch_size": 4, **options})


@dataclass(frozen=True)
class TransferSettings:
    """How tasks are measured; the defaults are those of SentEval's published results.

    # Attributes

    probe : `ProbeSettings`
        The classifier. `scikit-learn` is its logistic regression as SentEval calls it, on vectors as they are.
    folds : `int`
        Of cross-validation, the outer and the inner.
    relatedness_loss : `str`
        See `predicted_relatedness`.
    """

    probe: ProbeSettings = field(default_factory=default_probe)
    folds: int = 10
    relatedness_loss: str = SQUARED_ERROR

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise UserError(f"{self.folds} folds; expected two at least")
        if self.relatedness_loss not in LOSSES:
            raise UserError(f"there is no loss '{self.relatedness_loss}'; expected one of: {', '.join(LOSSES)}")

    def describe(self, protocol: str) -> Dict[str, Any]:
        """What a result of such a task depends on."""
        if protocol == SIMILARITY:
            return {}
        if protocol == RELATEDNESS:
            return {"loss": self.relatedness_loss, "seed": self.probe.seed}
        folds = {} if protocol == SPLITS else {"folds": self.folds}
        return {**self.probe.describe(), **folds}


@dataclass
class TransferPlan:
    """What is to be measured.

    # Raises

    UserError
        Where a label has too few examples for so many folds.
    """

    tasks: List[TransferTask]
    poolings: List[str]
    settings: TransferSettings = field(default_factory=TransferSettings)

    def __post_init__(self) -> None:
        for task in self.tasks:
            if task.protocol not in (NESTED, TRAIN_AND_TEST):
                continue
            folds = self.settings.folds
            counts = Counter(example.target for example in task.splits.get("train", task.splits.get("all", [])))
            number, count = min(counts.items(), key=lambda item: item[1])
            # Of nested folds the inner ones lack what is in the outer one.
            inner = count - -(-count // folds) if task.protocol == NESTED else count
            if inner < folds:
                raise UserError(
                    f"the task {task.name} has {count} training example(s) with the label "
                    f"'{task.labels[int(number)]}', too few for {folds} folds; choose fewer by --folds"
                )


@dataclass
class TransferResult:
    """What was measured in one task.

    # Attributes

    encoder, level, pooling, task : `str`
    scores : `Dict[str, float]`
        By measure, the task's own first; those of test data but for `validation`. `accuracy` and, of two labels, `f1`
        of the second are from 0 to 1, correlations from -1 to 1.
    depends_on : `Dict[str, Any]`
        All that would change the result.
    """

    encoder: str
    level: str
    pooling: str
    task: str
    scores: Dict[str, float]
    depends_on: Dict[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> Row:
        return Row(self.encoder, self.level, self.pooling)

    def write(self, output: Path) -> None:
        path = _path(output, self.row, self.task)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(self))


def run_transfer(
    plan: TransferPlan, vectors: LevelVectors, encoder: str, levels: Sequence[str], output: Path, cache: Path
) -> List[TransferResult]:
    """The results of all tasks for a model, row by row: those that `output` has, and the rest, which it gets.

    The parameters are those of `run_probes`.

    # Raises

    UserError
        Where the model has no such level, or the cache cannot be used.
    """
    device = next(vectors.model.parameters()).device

    def depends_on(task: TransferTask) -> Dict[str, Any]:
        settings = plan.settings.describe(task.protocol)
        return {"format": _FORMAT, "model": vectors.fingerprint, "data": task.sha256, "settings": settings}

    def known(row: Row, task: TransferTask) -> Optional[TransferResult]:
        found = stored(_path(output, row, task.name), depends_on(task))
        return None if found is None else TransferResult(**found)

    def computed(store: VectorStore, row: Row, task: TransferTask) -> TransferResult:
        scores = measured(task, store.matrix(task.sentences, row.level, row.pooling), plan.settings, device)
        result = TransferResult(*row, task.name, scores, depends_on(task))
        result.write(output)
        return result

    rows = [Row(encoder, *pair) for pair in vectors.known_pairs(levels, plan.poolings)]
    return run_missing(rows, plan.tasks, vectors, cache, known, computed)


def _path(output: Path, row: Row, task: str) -> Path:
    return output.joinpath(FOLDER, *row, f"{task}.json")


def measured(
    task: TransferTask, matrix: numpy.ndarray, settings: TransferSettings, device: Optional[torch.device] = None
) -> Dict[str, float]:
    """The scores of a task, given the vectors of its sentences; see `TransferResult`.

    # Parameters

    task : `TransferTask`
    matrix : `numpy.ndarray`
        Of `task.sentences`. Shape (num_sentences, dim), float32.
    settings : `TransferSettings`
    device : `torch.device`, optional (default = the CPU)
        Where classifiers are trained.
    """
    inputs = _inputs(task, matrix)
    if task.protocol == SIMILARITY:
        return _similarity(inputs)
    if task.protocol == RELATEDNESS:
        return _relatedness(inputs, settings, device)
    data = {split: Split(_features(*rows), targets.astype(numpy.int64)) for split, (rows, targets) in inputs.items()}
    with Tqdm.tqdm(desc=task.name, total=_num_fits(task.protocol, settings), unit=" fits", leave=False) as bar:
        classifier = _Classifier(settings.probe, device, bar.update)
        return _PROTOCOLS[task.protocol](data, classifier, settings.folds)


# The vectors of the sentences of a split, for pairs of the first and of the second ones, and the targets.
Inputs = Dict[str, Tuple[Tuple[numpy.ndarray, ...], numpy.ndarray]]


def _inputs(task: TransferTask, matrix: numpy.ndarray) -> Inputs:
    found: Inputs = {}
    width, first = 2 if task.is_of_pairs else 1, 0
    for split, examples in task.splits.items():
        rows = matrix[first : first + width * len(examples)]
        first += len(rows)
        targets = numpy.array([example.target for example in examples])
        found[split] = tuple(rows[number::width] for number in range(width)), targets
    return found


def _features(*sentences: numpy.ndarray) -> numpy.ndarray:
    """What classifiers read: the vector of a sentence, or of a pair |u - v| and u * v.

    Shape (each): (num_examples, dim) -> (num_examples, dim) or (num_examples, 2 * dim)
    """
    if len(sentences) == 1:
        return sentences[0]
    first, second = sentences
    return numpy.concatenate([numpy.abs(first - second), first * second], axis=1)


Predict = Callable[[numpy.ndarray], numpy.ndarray]


class _Classifier:
    """SentEval's classifiers, its own and scikit-learn's, with a grid of values for their regularization."""

    def __init__(self, settings: ProbeSettings, device: Optional[torch.device], count: Callable[[], Any]) -> None:
        self.seed = settings.seed
        self._settings = settings
        self._device = device
        self._count = count

    def grid(self, with_test: bool = False) -> Tuple[float, ...]:
        """Weight decays, or values of scikit-learn's C."""
        if self._settings.classifier != "scikit-learn":
            return WEIGHT_DECAYS
        return _STRENGTHS_FOR_TEST if with_test else INVERSE_STRENGTHS

    def fit(self, train: Split, validation: Optional[Split], regularization: float) -> Predict:
        """What predicts the classes of vectors: (num_examples, dim) -> (num_examples,)."""
        self._count()
        if self._settings.classifier == "scikit-learn":
            # Only here: it takes its time.
            from sklearn.linear_model import LogisticRegression

            return LogisticRegression(C=regularization, max_iter=1000, random_state=self.seed).fit(*train).predict
        if validation is None:
            order = numpy.random.default_rng(self.seed).permutation(len(train.classes))
            num_held_out = max(1, int(HELD_OUT * len(order)))
            validation, train = _part(train, order[:num_held_out]), _part(train, order[num_held_out:])
        fitted, chosen_by = self._tensors(train), self._tensors(validation)
        model, _ = trained_classifier(fitted, chosen_by, self._settings, regularization)
        model.eval()

        @torch.no_grad()
        def predict(vectors: numpy.ndarray) -> numpy.ndarray:
            return model(torch.as_tensor(vectors, device=self._device)).argmax(-1).cpu().numpy()

        return predict

    def _tensors(self, split: Split) -> Tuple[torch.Tensor, torch.Tensor]:
        vectors, classes = (torch.as_tensor(part, device=self._device) for part in split)
        return vectors, classes

    def best(self, score: Callable[[float], float], with_test: bool = False) -> Tuple[float, float]:
        """The value of the grid with the best score, of several the first, and the score; SentEval rounds scores to
        hundredths of a percent before it compares them."""
        scores = [(score(value), value) for value in self.grid(with_test)]
        found, value = max(scores, key=lambda each: round(100 * each[0], 2))
        return value, found


def _part(split: Split, rows: numpy.ndarray) -> Split:
    return Split(split.vectors[rows], split.classes[rows])


def _accuracy(predict: Predict, split: Split) -> float:
    return float((predict(split.vectors) == split.classes).mean())


def folds_of(classes: numpy.ndarray, num_folds: int, seed: int) -> List[Tuple[numpy.ndarray, numpy.ndarray]]:
    """The rows for training and for testing of each fold: with the seed 1111 SentEval's, in which each class has its
    share."""
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
    return list(folds.split(numpy.zeros(len(classes)), classes))


def _cross_validated(
    data: Split, classifier: _Classifier, num_folds: int, with_test: bool = False
) -> Tuple[float, float]:
    """The value of the grid that is best over folds, and its mean accuracy."""
    folds = [
        (_part(data, train), _part(data, test)) for train, test in folds_of(data.classes, num_folds, classifier.seed)
    ]

    def score(value: float) -> float:
        return float(numpy.mean([_accuracy(classifier.fit(train, test, value), test) for train, test in folds]))

    return classifier.best(score, with_test)


def _nested(data: Dict[str, Split], classifier: _Classifier, num_folds: int) -> Dict[str, float]:
    """Of each fold the accuracy of a classifier trained on the others, cross-validated within these."""
    accuracies, validations = [], []
    whole = data["all"]
    for train, test in folds_of(whole.classes, num_folds, classifier.seed):
        rest = _part(whole, train)
        value, validation = _cross_validated(rest, classifier, num_folds)
        accuracies.append(_accuracy(classifier.fit(rest, None, value), _part(whole, test)))
        validations.append(validation)
    return {"accuracy": float(numpy.mean(accuracies)), "validation": float(numpy.mean(validations))}


def _train_and_test(data: Dict[str, Split], classifier: _Classifier, num_folds: int) -> Dict[str, float]:
    """The accuracy in test data of a classifier that is cross-validated in training data."""
    value, validation = _cross_validated(data["train"], classifier, num_folds, with_test=True)
    return _tested(classifier.fit(data["train"], None, value), data, validation)


def _validation_and_test(data: Dict[str, Split], classifier: _Classifier, num_folds: int) -> Dict[str, float]:
    """The accuracy in test data of the classifier that is best in validation data. SentEval fits it once more, which,
    with the same seed, gives the same."""
    fitted: Dict[float, Predict] = {}

    def score(value: float) -> float:
        fitted[value] = classifier.fit(data["train"], data["validation"], value)
        return _accuracy(fitted[value], data["validation"])

    value, validation = classifier.best(score)
    return _tested(fitted[value], data, validation)


def _tested(predict: Predict, data: Dict[str, Split], validation: float) -> Dict[str, float]:
    test = data["test"]
    predicted = predict(test.vectors)
    scores = {"accuracy": float((predicted == test.classes).mean()), "validation": validation}
    if data["train"].classes.max() == 1:
        true_positives = int(((predicted == 1) & (test.classes == 1)).sum())
        of_either = int((predicted == 1).sum() + (test.classes == 1).sum())
        scores["f1"] = 2 * true_positives / of_either if of_either else 0.0
    return scores


_PROTOCOLS: Dict[str, Callable[[Dict[str, Split], _Classifier, int], Dict[str, float]]] = {
    NESTED: _nested,
    TRAIN_AND_TEST: _train_and_test,
    SPLITS: _validation_and_test,
}


def _num_fits(protocol: str, settings: TransferSettings) -> int:
    classifier = _Classifier(settings.probe, None, lambda: None)
    size = len(classifier.grid(with_test=protocol == TRAIN_AND_TEST))
    of_folds = settings.folds * size + 1
    return {NESTED: settings.folds * of_folds, TRAIN_AND_TEST: of_folds, SPLITS: size}[protocol]


def _relatedness(inputs: Inputs, settings: TransferSettings, device: Optional[torch.device]) -> Dict[str, float]:
    """Correlations in test data of the scores that softmax regression expects; see `predicted_relatedness`."""
    data = {split: Scored(_features(*rows), scores) for split, (rows, scores) in inputs.items()}
    test = data["test"]
    predicted, validation = predicted_relatedness(
        data["train"], data["validation"], test.vectors, settings.probe.seed, settings.relatedness_loss, device
    )
    return {
        "pearson": pearson(predicted, test.scores),
        "spearman": spearman(predicted, test.scores),
        "mse": float(numpy.mean((predicted - test.scores) ** 2)),
        "validation": validation,
    }


def _similarity(inputs: Inputs) -> Dict[str, float]:
    """Correlations of the scores with the cosines of the vectors, nothing being trained: `pearson` and `spearman` are
    means over sets, weighted by their sizes; `mean pearson` and `mean spearman` are not weighted."""
    by_set = {
        name: (pearson(cosines, scores), spearman(cosines, scores), len(scores))
        for name, ((first, second), scores) in inputs.items()
        for cosines in [cosine(first, second)]
    }
    correlations = numpy.array([each[:2] for each in by_set.values()])
    weights = [each[2] for each in by_set.values()]
    names = ("pearson", "spearman")
    found = dict(zip(names, numpy.average(correlations, axis=0, weights=weights).tolist()))
    found.update(zip((f"mean {name}" for name in names), correlations.mean(0).tolist()))
    for name, each in by_set.items():
        found.update({f"{name} {measure}": value for measure, value in zip(names, each)})
    return found


def cosine(first: numpy.ndarray, second: numpy.ndarray) -> numpy.ndarray:
    """0 where a vector is 0. Shapes: (num_pairs, dim), (num_pairs, dim) -> (num_pairs,)"""
    norms = numpy.linalg.norm(first, axis=1) * numpy.linalg.norm(second, axis=1)
    return (first * second).sum(1) / numpy.where(norms > 0, norms, 1)
