import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hmtl.cli import main
from hmtl.errors import UserError
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.asked_labels import asked_labels

TEXTS = ["Mara Lind met a dog from Oslo.", "He works for Fjord Bakeries in Bergen."]


@pytest.fixture(scope="module")
def predictor(text_label_run: Path) -> HMTLPredictor:
    found = HMTLPredictor.load(text_label_run)
    # So small a model is sure of nothing.
    found.model.head("mentions").threshold = 0.001  # type: ignore[attr-defined,operator]
    return found


def labels_of(output: Any) -> set:
    return {span["label"] for span in output["mentions"]}


def test_labels_that_training_never_had_are_found_and_nothing_else_is(predictor: HMTLPredictor) -> None:
    trained = predictor.predict(TEXTS[0])
    assert labels_of(trained) <= set(predictor.labels["mentions"])
    found = [predictor.predict(text, labels=["person", "bread", "dog"]) for text in TEXTS]
    assert set.union(*map(labels_of, found)) & {"bread", "dog"}
    assert set.union(*map(labels_of, found)) <= {"person", "bread", "dog"}
    # The others are as ever.
    assert predictor.predict(TEXTS[0]) == trained


def test_a_label_may_have_another_text_and_the_order_does_not_matter(predictor: HMTLPredictor) -> None:
    found = predictor.predict(TEXTS[0], labels={"ANIMAL": "dog", "FOOD": "bread"})
    assert found == predictor.predict(TEXTS[0], labels={"mentions": {"FOOD": "bread", "ANIMAL": "dog"}})
    by_text = predictor.predict(TEXTS[0], labels=["dog", "bread"])
    names = {"dog": "ANIMAL", "bread": "FOOD"}
    for span in by_text["mentions"]:
        span["label"] = names[span["label"]]
    assert found == by_text


def test_many_texts_get_what_each_gets_alone(predictor: HMTLPredictor) -> None:
    labels = ["dog", "person"]
    together = list(predictor.annotate(TEXTS * 3, labels=labels, batch_size=4))
    assert [output["mentions"] for output in together] == [
        predictor.predict(text, labels=labels)["mentions"] for text in TEXTS
    ] * 3


@pytest.mark.parametrize(
    "labels,expected",
    [
        (None, None),
        (["animal", "plant"], {"a": {"animal": "animal", "plant": "plant"}}),
        ({"ANIMAL": "animal"}, {"a": {"ANIMAL": "animal"}}),
        ({"a": ["animal"]}, {"a": {"animal": "animal"}}),
        ({"a": {"X": "animal"}}, {"a": {"X": "animal"}}),
    ],
)
def test_forms_of_labels(labels: Any, expected: Any) -> None:
    assert asked_labels(labels, ["a"]) == expected


@pytest.mark.parametrize(
    "labels,tasks,reason",
    [
        (["animal"], [], "the labels of this model are fixed"),
        (["animal"], ["a", "b"], "name the task that they are for: a, b"),
        ({"c": ["animal"]}, ["a", "b"], "no task 'c' takes any; those that do: a, b"),
        ([], ["a"], "none is named"),
        ("animal", ["a"], "found str"),
        (3, ["a"], "found int"),
        (["animal", ""], ["a"], "an empty label"),
        (["animal", 3], ["a"], "3 is int"),
        ([["animal"]], ["a"], "is list"),
        ({"X": "animal", "Y": "animal"}, ["a"], "two labels have the same text"),
        ({"X": " animal"}, ["a"], "begins or ends in white space"),
    ],
)
def test_labels_that_cannot_be_asked_for(labels: Any, tasks: Any, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        asked_labels(labels, tasks)


def test_commands_find_the_labels_of_their_option(
    text_label_run: Path, tmp_path: Path, predictor: HMTLPredictor, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    run, path = tmp_path / "run", tmp_path / "text.txt"
    shutil.copytree(text_label_run, run)
    config = json.loads((run / "config.json").read_text())
    config["model"]["levels"]["mentions"]["head"]["threshold"] = 0.001
    (run / "config.json").write_text(json.dumps(config))
    path.write_text(TEXTS[0])
    expected = predictor.predict(TEXTS[0], labels=["dog", "person"])["mentions"]
    assert "dog" in {span["label"] for span in expected}
    main(["annotate", str(run), str(path), "--labels", "dog, person", "--output", str(tmp_path / "out")])
    capsys.readouterr()
    main(["predict", str(run), TEXTS[0], "--labels", "dog, person", "--json"])
    for line in ((tmp_path / "out").read_text(), capsys.readouterr().out):
        found = json.loads(line)["mentions"]
        for span in found:
            span.pop("score", None)
        assert found == expected


@pytest.mark.parametrize("command", ["annotate", "predict"])
def test_a_model_with_labels_of_its_own_says_so_in_one_line(
    command: str, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXTS[0])
    with pytest.raises(SystemExit) as caught:
        main([command, str(tiny_run), str(path), "--labels", "dog"])
    assert caught.value.code == 2
    assert "the labels of this model are fixed" in capsys.readouterr().err.strip().splitlines()[-1]
