"""Results are those of probes on the plain vectors of the sentences."""

import random
from pathlib import Path

import numpy
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hmtl.errors import UserError
from hmtl.probing import LevelVectors, linear_probe
from hmtl.probing.controls import sentence_control_labels
from hmtl.probing.linear_probe import description_length
from hmtl.probing.probes import ProbeSettings
from hmtl.probing.sentences import MEASURES, Plan, run_probes
from hmtl.probing.senteval import Example, ProbingTask


@pytest.fixture(scope="module")
def task() -> ProbingTask:
    """Whether London is in a sentence."""
    draw = random.Random(0)
    splits = {}
    for split, size in (("train", 100), ("validation", 30), ("test", 50)):
        sentences = [[draw.choice(["Ada", "Oslo", "London"]) for _ in range(2)] for _ in range(size)]
        splits[split] = [Example(str("London" in sentence), sentence) for sentence in sentences]
    return ProbingTask("WC", splits, "sha256 of the file")


def test_results_are_those_of_the_plain_vectors(
    tiny_run: Path, task: ProbingTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_probe, "MAX_VALIDATIONS", 3)
    vectors = LevelVectors.load(tiny_run)
    plan = Plan([task], ["max"], ProbeSettings("scikit-learn", seed=7), ["accuracy", "selectivity", "compression"])
    (result,) = run_probes(plan, vectors, "trained", ["ner"], tmp_path / "output", tmp_path / "cache")
    matrices = {
        split: vectors.sentence_vectors([example.sentence for example in examples], ["ner"], ["max"])["ner", "max"]
        for split, examples in task.splits.items()
    }
    labels = {split: [example.label for example in examples] for split, examples in task.splits.items()}
    control = sentence_control_labels(task.sentences, sum(labels.values(), []), 7)
    of_control = {"train": control[:100], "test": control[130:]}
    model = make_pipeline(StandardScaler(), LogisticRegression(C=result.regularization, max_iter=1000))
    for measured, classes in ((result.accuracy, labels), (result.control_accuracy, of_control)):
        model.fit(matrices["train"], classes["train"])
        assert measured == pytest.approx(model.score(matrices["test"], classes["test"]), abs=0.05)
    assert len(result.correct) == 50 and result.correct.count("1") / 50 == result.accuracy
    assert result.selectivity == pytest.approx(result.accuracy - (result.control_accuracy or 0))
    classes = numpy.array([label == "True" for label in labels["train"]]).astype(int)
    assert result.compression == pytest.approx(description_length(matrices["train"], classes, 2, 7).compression)


def test_a_measure_that_does_not_exist_is_named(task: ProbingTask) -> None:
    assert Plan([task], ["max"]).measures == list(MEASURES)
    with pytest.raises(UserError, match="no measure 'f1'"):
        Plan([task], ["max"], measures=["f1"])


def test_tasks_with_fewer_test_sentences_are_left_out_and_counted(task: ProbingTask) -> None:
    small = ProbingTask("Tense", {**task.splits, "test": task.splits["test"][:49]})
    plan = Plan([small, task], ["max"], min_test=50)
    assert plan.tasks == [task] and plan.left_out == {"Tense": 49}
    assert Plan([small, task], ["max"]).left_out == {}
    with pytest.raises(UserError, match="no task has 51 test sentences or more: Tense 49, WC 50; choose a lower"):
        Plan([small, task], ["max"], min_test=51)
