"""A model that answers questions, from training to prediction."""

import json
import shutil
from pathlib import Path
from typing import Any, Dict, List

import pytest

from hmtl.cli import main
from hmtl.document import Span
from hmtl.errors import UserError
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.asked_labels import asked_by_options
from hmtl.predictors.render import render

TEXTS = ["Mara Lind met a dog from Oslo. She fed it.", "He works for Fjord Bakeries in Bergen."]
QUESTIONS = ["Where does he work?", "Who met a dog?"]
STANDING = {f"Which spans name {thing}?" for thing in ("a person", "a place", "an organization")}


@pytest.fixture(scope="module")
def predictor(question_run: Path) -> HMTLPredictor:
    found = HMTLPredictor.load(question_run, with_scores=True)
    # So small a model is sure of nothing.
    found.model.head("questions").threshold = 0.002  # type: ignore[attr-defined,operator]
    return found


def questions_of(outputs: List[Dict[str, Any]]) -> set:
    return {row["label"] for output in outputs for row in output["questions"]}


def test_by_default_the_questions_of_training_are_asked_that_are_about_no_given_span(predictor: HMTLPredictor) -> None:
    assert set(predictor.labels["questions"]) == STANDING
    assert predictor.layers == {"questions": "answers"}
    outputs = [predictor.predict(text) for text in TEXTS]
    assert questions_of(outputs) and questions_of(outputs) <= STANDING


def test_questions_that_are_asked_are_answered_and_no_others(predictor: HMTLPredictor) -> None:
    before = predictor.predict(TEXTS[0])
    outputs = list(predictor.predict_many(TEXTS, labels=QUESTIONS))
    assert questions_of(outputs) == set(QUESTIONS)
    for text, output in zip(TEXTS, outputs):
        assert predictor.predict(text, labels=QUESTIONS) == output
        for row in output["questions"]:
            assert row["text"] == text[row["char_start"] : row["char_end"]]
            assert 0.002 <= row["score"] <= 1
    # One alone gets what it gets among others, under another name, too.
    alone = predictor.predict(TEXTS[0], labels={"work": QUESTIONS[0]})["questions"]
    both = [row for row in outputs[0]["questions"] if row["label"] == QUESTIONS[0]]
    assert alone == [{**row, "label": "work"} for row in both]
    assert predictor.predict(TEXTS[0]) == before


def test_answers_become_a_document_and_lines(predictor: HMTLPredictor) -> None:
    output = predictor.predict(TEXTS[0], labels=QUESTIONS)
    document = predictor.to_document(output)
    rows = output["questions"]
    assert document.spans["questions"] == [Span(row["start"], row["end"], row["label"]) for row in rows]
    lines = render(output, predictor.layers, colour=False).splitlines()
    assert f"{rows[0]['label']}  {rows[0]['text']}" in [line.strip() for line in lines]


def test_the_run_is_evaluated_in_the_terms_of_each_task(question_run: Path) -> None:
    evaluation = evaluate_run(load_run(question_run), "validation")
    scores = evaluation.scores["best"]["questions"].metrics
    figures = {name: scores[f"{name}_f1"] for name in ("names", "relations", "coreference", "squad")}
    assert scores["f1"] == pytest.approx(sum(figures.values()) / 4)
    assert 0 <= scores["squad_em"] <= scores["squad_f1"]
    # A table has the tasks that were asked as questions.
    assert evaluation.kinds["questions"].columns([scores], None) == {
        "f1": "mean f1",
        **{f"{name}_f1": name for name in figures},
    }
    # The test data have no questions of SQuAD's.
    assert "squad_f1" not in evaluate_run(load_run(question_run)).scores["best"]["questions"].metrics


def test_a_run_and_its_archive_predict_the_same(question_run: Path) -> None:
    of_run, of_archive = (
        HMTLPredictor.load(path).predict(TEXTS[0], labels=QUESTIONS)
        for path in (question_run, f"{question_run}/model.tar.gz")
    )
    assert of_run == of_archive


def test_commands_answer_the_questions_of_their_option(
    question_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run, path = tmp_path / "run", tmp_path / "text.txt"
    shutil.copytree(question_run, run)
    config = json.loads((run / "config.json").read_text())
    config["model"]["levels"]["questions"]["head"]["threshold"] = 0.002
    (run / "config.json").write_text(json.dumps(config))
    path.write_text(TEXTS[0])
    asked = ["--ask", QUESTIONS[0], "--ask", QUESTIONS[1]]
    main(["annotate", str(run), str(path), *asked, "--output", str(tmp_path / "out")])
    capsys.readouterr()
    main(["predict", str(run), TEXTS[0], *asked, "--json", "--scores"])
    expected = HMTLPredictor.load(run, with_scores=True).predict(TEXTS[0], labels=QUESTIONS)["questions"]
    assert {row["label"] for row in expected} == set(QUESTIONS)
    for line in ((tmp_path / "out").read_text(), capsys.readouterr().out):
        assert json.loads(line)["questions"] == expected


def test_a_model_that_answers_nothing_says_so_in_one_line(tiny_run: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["predict", str(tiny_run), TEXTS[0], "--ask", "Who?"])
    assert caught.value.code == 2
    assert "--ask: this model answers no questions" in capsys.readouterr().err


@pytest.mark.parametrize(
    "labels,questions,expected",
    [
        (None, None, None),
        ("animal, food", None, ["animal", "food"]),
        (None, ["Who, and when?", "Who, and when?"], {"q": ["Who, and when?"]}),
        ("animal", ["Who?"], {"q": ["Who?"], "a": ["animal"]}),
    ],
)
def test_what_options_ask_for(labels: Any, questions: Any, expected: Any) -> None:
    assert asked_by_options(labels, questions, ["a", "q"], ["q"]) == expected


def test_labels_beside_questions_need_a_task_of_their_own() -> None:
    with pytest.raises(UserError, match="0 tasks of this model have labels"):
        asked_by_options("animal", ["Who?"], ["q"], ["q"])
