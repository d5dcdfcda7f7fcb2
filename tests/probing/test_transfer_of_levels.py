"""Transfer tasks are measured as SentEval measures them: against scikit-learn on the same folds, and scipy."""

import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import numpy
import pytest
from scipy.stats import pearsonr, spearmanr
from senteval_folder import SETS, WORDS, write_senteval
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from hmtl.errors import UserError
from hmtl.probing import LevelVectors, relatedness, transfer
from hmtl.probing.probes import ProbeSettings
from hmtl.probing.relatedness import Scored, predicted_relatedness
from hmtl.probing.transfer import TransferPlan, TransferSettings, cosine, default_probe, measured, run_transfer
from hmtl.probing.transfer_tasks import Example, TransferTask, read_transfer_tasks

SCIKIT_LEARN = TransferSettings(default_probe(classifier="scikit-learn"), folds=4)
# The grids that SentEval has for scikit-learn.
STRENGTHS, STRENGTHS_FOR_TEST = [2.0**n for n in range(-2, 4)], [2.0**n for n in range(-1, 6)]


def task_of(
    protocol: str,
    sizes: Dict[str, int],
    labels: Tuple[str, ...] = ("no", "yes"),
    pairs: bool = False,
    shift: float = 0.7,
) -> Any:
    """A task with random vectors that say something of the labels; returns it, the vectors and targets by split."""
    generator = numpy.random.default_rng(7)
    task = TransferTask("task", protocol, labels)
    rows: Dict[str, numpy.ndarray] = {}
    targets: Dict[str, numpy.ndarray] = {}
    for split, size in sizes.items():
        targets[split] = generator.integers(0, len(labels), size) if labels else generator.uniform(0, 5, size)
        shown = numpy.repeat(targets[split], 2 if pairs else 1)[:, None] * [shift, 0, 0, 0, 0]
        rows[split] = (generator.standard_normal((len(shown), 5)) + shown).astype(numpy.float32)
        task.splits[split] = [Example(target, ["a"], ["b"] if pairs else None) for target in targets[split]]
    return task, numpy.concatenate(list(rows.values())), rows, targets


def searched(strengths: List[float], vectors: numpy.ndarray, classes: numpy.ndarray) -> GridSearchCV:
    folds = StratifiedKFold(4, shuffle=True, random_state=1111)
    return GridSearchCV(LogisticRegression(max_iter=1000), {"C": strengths}, cv=folds).fit(vectors, classes)


def test_nested_cross_validation_is_scikit_learns_on_the_same_folds() -> None:
    task, matrix, _, targets = task_of("nested cross-validation", {"all": 90})
    classes = targets["all"]
    accuracies, validations = [], []
    for train, test in StratifiedKFold(4, shuffle=True, random_state=1111).split(matrix, classes):
        search = searched(STRENGTHS, matrix[train], classes[train])
        accuracies.append(search.score(matrix[test], classes[test]))
        validations.append(search.best_score_)
    found = measured(task, matrix, SCIKIT_LEARN)
    assert found == pytest.approx({"accuracy": numpy.mean(accuracies), "validation": numpy.mean(validations)})
    assert 0.5 < found["accuracy"] < 1


def test_training_data_are_cross_validated_where_there_are_test_data() -> None:
    task, matrix, rows, targets = task_of("cross-validation and test", {"train": 80, "test": 70}, pairs=True)

    def features(split: str) -> numpy.ndarray:
        first, second = rows[split][0::2], rows[split][1::2]
        return numpy.column_stack([abs(first - second), first * second])

    search = searched(STRENGTHS_FOR_TEST, features("train"), targets["train"])
    predicted = search.predict(features("test"))
    assert measured(task, matrix, SCIKIT_LEARN) == pytest.approx(
        {
            "accuracy": (predicted == targets["test"]).mean(),
            "validation": search.best_score_,
            "f1": f1_score(targets["test"], predicted),
        }
    )


def test_validation_data_choose_where_there_are_any() -> None:
    sizes = {"train": 60, "validation": 40, "test": 70}
    task, matrix, rows, targets = task_of("validation and test", sizes, ("a", "b", "c"))
    models = [LogisticRegression(C=c, max_iter=1000).fit(rows["train"], targets["train"]) for c in STRENGTHS]
    validations = [model.score(rows["validation"], targets["validation"]) for model in models]
    best = models[int(numpy.argmax(validations))]
    expected = {"accuracy": best.score(rows["test"], targets["test"]), "validation": max(validations)}
    assert measured(task, matrix, SCIKIT_LEARN) == pytest.approx(expected)


def test_the_own_classifier_is_as_good_as_scikit_learns() -> None:
    probe = default_probe()
    assert (probe.optimizer, probe.batch_size, probe.tenacity, probe.epoch_size) == ("adam", 64, 5, 4)
    task, matrix, *_ = task_of("validation and test", {"train": 400, "validation": 200, "test": 400}, shift=4)
    # Of so few examples more passes; around zero, so that no step goes into the bias.
    matrix -= matrix.mean(0)
    found = measured(task, matrix, TransferSettings(default_probe(epoch_size=20)))
    expected = measured(task, matrix, TransferSettings(default_probe(classifier="scikit-learn")))
    assert found["accuracy"] == pytest.approx(expected["accuracy"], abs=0.04) and found["accuracy"] > 0.9


def test_without_validation_data_a_twentieth_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: List[Tuple[int, int]] = []
    trained = transfer.trained_classifier

    def record(train: Any, validation: Any, *options: Any) -> Any:
        seen.append((len(train[1]), len(validation[1])))
        return trained(train, validation, *options)

    monkeypatch.setattr(transfer, "trained_classifier", record)
    task, matrix, *_ = task_of("cross-validation and test", {"train": 100, "test": 10})
    measured(task, matrix, TransferSettings(ProbeSettings(max_epochs=1), folds=2))
    assert seen == [(50, 50)] * 8 + [(95, 5)]


def test_relatedness_is_regression_on_the_features_of_pairs(few_passes: None) -> None:
    sizes = {"train": 70, "validation": 40, "test": 50}
    task, matrix, rows, scores = task_of("relatedness", sizes, (), pairs=True)
    data = {
        split: Scored(numpy.column_stack([abs(each[0::2] - each[1::2]), each[0::2] * each[1::2]]), scores[split])
        for split, each in rows.items()
    }
    for loss in ("squared-error", "kl"):
        predicted, validation = predicted_relatedness(
            data["train"], data["validation"], data["test"].vectors, 1111, loss=loss
        )
        assert measured(task, matrix, TransferSettings(relatedness_loss=loss)) == pytest.approx(
            {
                "pearson": pearsonr(predicted, scores["test"])[0],
                "spearman": spearmanr(predicted, scores["test"])[0],
                "mse": ((predicted - scores["test"]) ** 2).mean(),
                "validation": validation,
            }
        )


def test_similarity_is_correlation_with_cosines_weighted_by_the_sizes_of_sets() -> None:
    task, matrix, rows, scores = task_of("similarity", {"one": 40, "two": 10}, (), pairs=True)
    expected: Dict[str, float] = {}
    for name, each in rows.items():
        pairs = each.reshape(-1, 2, 5)
        cosines = [first @ second / numpy.sqrt(first @ first * (second @ second)) for first, second in pairs]
        expected[f"{name} pearson"] = pearsonr(cosines, scores[name])[0]
        expected[f"{name} spearman"] = spearmanr(cosines, scores[name])[0]
    for measure in ("pearson", "spearman"):
        one, two = expected[f"one {measure}"], expected[f"two {measure}"]
        expected[measure], expected[f"mean {measure}"] = (40 * one + 10 * two) / 50, (one + two) / 2
    found = measured(task, matrix, TransferSettings())
    assert found == pytest.approx(expected, abs=1e-6) and next(iter(found)) == "pearson"
    assert cosine(numpy.zeros((1, 2)), numpy.ones((1, 2))).tolist() == [0]


@pytest.fixture
def few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression to scores takes 1,000 passes and more otherwise."""
    monkeypatch.setattr(relatedness, "EPOCH_SIZE", 30)
    monkeypatch.setattr(relatedness, "MAX_EPOCHS", 60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_senteval(tmp_path / "data")


def test_every_task_is_measured_once_for_every_row(
    tiny_run: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_passes: None
) -> None:
    tasks = read_transfer_tasks(folder, ["SUBJ", "SICK-R", "STS15"])
    settings = TransferSettings(default_probe(classifier="scikit-learn"), folds=3)
    plan = TransferPlan(tasks, ["average", "ends"], settings)
    vectors = LevelVectors.load(tiny_run)
    arguments: Tuple[Any, ...] = (vectors, "trained", ["embedding", "ner"], tmp_path / "output", tmp_path / "cache")
    results = run_transfer(plan, *arguments)
    rows = [("embedding", "average"), ("ner", "average"), ("ner", "ends")]
    assert [(each.level, each.pooling, each.task) for each in results] == [
        (*row, task) for row in rows for task in ("SUBJ", "SICK-R", "STS15")
    ]
    matrix = vectors.sentence_vectors(tasks[0].sentences, ["ner"], ["ends"])["ner", "ends"]
    assert results[6].scores == pytest.approx(measured(tasks[0], matrix, settings))
    assert set(results[2].scores) >= {f"{name} pearson" for name in SETS["STS15"]}

    calls: List[str] = []
    measure = transfer.measured

    def record(task: TransferTask, *options: Any) -> Dict[str, float]:
        calls.append(task.name)
        return measure(task, *options)

    monkeypatch.setattr(transfer, "measured", record)
    assert run_transfer(plan, *arguments) == results and calls == []
    # What depends on the changed setting is measured again, and nothing else.
    other = TransferSettings(settings.probe, folds=3, relatedness_loss="kl")
    run_transfer(TransferPlan(tasks, ["average"], other), *arguments)
    assert calls == ["SICK-R", "SICK-R"]
    (tmp_path / "output" / "transfer" / "trained" / "ner" / "average" / "STS15.json").unlink()
    run_transfer(TransferPlan(tasks, ["average"], other), *arguments)
    assert calls[2:] == ["STS15"]


def test_bags_of_word_vectors_do_better_than_the_majority(folder: Path, few_passes: None) -> None:
    """A word of each sentence tells its label, and words in common tell of relatedness."""
    vector_of = dict(zip([*WORDS, "é", "?", "."], numpy.random.default_rng(0).standard_normal((11, 16))))
    settings = TransferSettings(default_probe(classifier="scikit-learn"), folds=3)
    for task in read_transfer_tasks(folder, []):
        rows = [numpy.mean([vector_of[word] for word in sentence], axis=0) for sentence in task.sentences]
        found = measured(task, numpy.array(rows, numpy.float32), settings)
        least = (task.majority_accuracy() or 0) + 0.2
        assert next(iter(found.values())) > least, f"{task.name}: {found}"


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda tasks: TransferSettings(folds=1), "1 folds; expected two"),
        (lambda tasks: TransferSettings(relatedness_loss="mse"), "no loss 'mse'; expected one of: squared-error, kl"),
        (lambda tasks: TransferPlan(tasks[:1], ["max"], TransferSettings(folds=25)), "MR has 24 training"),
        (lambda tasks: TransferPlan(tasks[:1], ["max"], TransferSettings(folds=23)), "too few for 23 folds"),
        (lambda tasks: TransferPlan(tasks[1:], ["max"], TransferSettings(folds=5)), "TREC has 4 .* label 'ABBR'"),
    ],
)
def test_what_cannot_be_is_named(folder: Path, wrong: Callable[[List[TransferTask]], Any], message: str) -> None:
    tasks = read_transfer_tasks(folder, ["MR", "TREC"])
    with pytest.raises(UserError, match=message):
        wrong(tasks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TransferPlan(tasks, ["max"], TransferSettings(folds=4))
        transfer.folds_of(numpy.array([0] * 4 + [1] * 9), 4, 0)
