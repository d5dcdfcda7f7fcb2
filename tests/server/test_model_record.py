"""What the server says of its model beside predictions."""

import json
import re

import pytest
from fastapi.testclient import TestClient

from hmtl.errors import UserError
from hmtl.server.about import ModelRecord
from hmtl.server.application import create_app


def evaluation(directory, **scores):
    record = {"split": "test", "scores": scores}
    (directory / "evaluation.json").write_text(json.dumps(record), encoding="utf-8")


def test_scores_are_those_of_the_weights_that_are_served(tmp_path, predictor):
    best = {"ner": {"metrics": {"f1": 0.5, "loss": 1}}, "coref": {"metrics": {"f1": 0.25}}}
    evaluation(tmp_path, best=best, best_ner={"ner": {"metrics": {"f1": 0.75}}})
    scores = ModelRecord.read(tmp_path / "model.tar.gz", predictor.kinds).scores
    assert scores["ner"] == {"figure": "F1", "value": 0.5, "split": "test"}
    assert set(scores) == {"ner", "coref"}
    other = ModelRecord.read(tmp_path, predictor.kinds, str(tmp_path / "best_ner.safetensors")).scores
    assert {task: score["value"] for task, score in other.items()} == {"ner": 0.75}


def test_of_a_package_its_own_record_and_card(tmp_path, predictor):
    score = {"figure": "F1", "value": 0.6, "split": "test"}
    record = {"tasks": {"ner": {"score": score}, "emd": {}, "of another model": {"score": score}}}
    (tmp_path / "package.json").write_text(json.dumps(record), encoding="utf-8")
    (tmp_path / "README.md").write_text("# The card", encoding="utf-8")
    assert ModelRecord.read(tmp_path, predictor.kinds) == ModelRecord({"ner": score}, "# The card")


def test_without_a_record_nothing_is_said(tmp_path, predictor):
    # A file of that name is no card where there is no package.
    (tmp_path / "README.md").write_text("# Notes", encoding="utf-8")
    assert ModelRecord.read(tmp_path, predictor.kinds) == ModelRecord()
    (tmp_path / "evaluation.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match="evaluation.json"):
        ModelRecord.read(tmp_path, predictor.kinds)


def test_pages_and_info_have_it(predictor):
    score = {"figure": "F1", "value": 0.6543, "split": "test"}
    record = ModelRecord({"ner": score}, "# A <card>")
    with TestClient(create_app(predictor, name="a model", record_of=lambda name, predictor: record)) as client:
        assert client.get("/info").json()["tasks"]["ner"]["score"] == score
        page = client.get("/").text
        assert re.search(r'<p class="about"><b>a model</b>.*?NER <b>65\.4</b>', page, re.DOTALL)
        shown = client.get("/model").text
        assert "F1 65.4, test data" in shown and "# A &lt;card&gt;" in shown


def test_a_link_to_the_page_has_a_title_and_a_picture(predictor):
    with TestClient(create_app(predictor, title="A <title>"), base_url="https://ner.example.org") as client:
        page = client.get("/").text
        assert '<meta property="og:title" content="A &lt;title&gt;">' in page
        (picture,) = re.findall(r'<meta property="og:image" content="([^"]*)">', page)
        assert picture == "https://ner.example.org/preview.png"
        answer = client.get("/preview.png")
        assert (answer.headers["Content-Type"], answer.content[:4]) == ("image/png", b"\x89PNG")
        # Width and height, which the page states.
        assert [int.from_bytes(answer.content[place : place + 4], "big") for place in (16, 20)] == [1200, 630]
        assert "https://ner.example.org/predict" in client.get("/docs").text
