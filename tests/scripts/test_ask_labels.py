import json
import runpy
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from hmtl.document import read_jsonl
from hmtl.predictors import HMTLPredictor

ROOT = Path(__file__).resolve().parents[2]
main: Callable[[List[str]], None] = runpy.run_path(str(ROOT / "scripts" / "ask_labels.py"))["main"]


def scores_of(run: Path, path: Path, *options: str) -> Dict[str, Any]:
    main([str(run), "--output", str(path), *options])
    return json.loads(path.read_text())


def test_the_model_and_the_baselines_are_scored_on_all_gold_of_the_labels(
    text_label_run: Path, tmp_path: Path, fixtures: Path, capsys: pytest.CaptureFixture
) -> None:
    scores = scores_of(text_label_run, tmp_path / "out.json", "--labels", "org, person", "--split", "validation")
    # ORG was left out of the training on mentions, and is gold here.
    documents = list(read_jsonl(fixtures / "jsonl" / "dev.jsonl"))
    spans = [span for document in documents for layer in ("ner", "emd") for span in document.spans[layer]]
    num_org = sum(span.label == "ORG" for span in spans)
    num_person = sum(span.label in ("PER", "PERSON") for span in spans)
    model = scores["the model"]
    assert (model["gold org"], model["gold person"], model["gold all"]) == (num_org, num_person, num_org + num_person)
    predictor = HMTLPredictor.load(text_label_run)
    found, correct = 0, 0
    for layer in ("ner", "emd"):
        names = {"PER": "person", "PERSON": "person", "ORG": "org"}
        for document in documents:
            output = predictor.predict_batch_json([{"sentences": document.sentences}], ["org", "person"])[0]
            gold = {(start, end, names.get(label)) for start, end, label in document.spans[layer]}
            rows = {(row["start"], row["end"], row["label"]) for row in output["mentions"]}
            found, correct = found + len(rows), correct + len(rows & gold)
    assert model["recall"] == pytest.approx(correct / (num_org + num_person))
    assert model["precision"] == pytest.approx(correct / found if found else 0.0)
    # The strings of the gold itself do at least as well as any others.
    rows = list(scores.values())
    assert rows[3]["f1"] >= max(row["f1"] for row in rows[1:3])
    assert rows[3]["f1"] > 0
    table = capsys.readouterr().out
    assert "f1 org" in table and all(name in table for name in scores)


@pytest.mark.parametrize(
    "labels,reason", [("dog", "the test data have no span with one of the labels dog"), (" ,", "labels: none is named")]
)
def test_labels_that_nothing_can_be_said_about(
    labels: str, reason: str, text_label_run: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(text_label_run), "--labels", labels])
    assert stopped.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("ask_labels.py: error: ") and reason in last


def test_a_run_whose_labels_are_fixed(tiny_run: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main([str(tiny_run), "--labels", "dog"])
    assert "the labels of this model are fixed" in capsys.readouterr().err.splitlines()[-1]
