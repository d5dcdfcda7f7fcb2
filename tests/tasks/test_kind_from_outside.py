"""A kind of prediction that one file outside of hmtl adds, `sentence_types.py`, seen in all that hmtl puts out."""

import json
import re
import runpy
import shutil
from itertools import accumulate
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

from hmtl.annotation import OutputFormat
from hmtl.cli import main
from hmtl.corpora import JsonlCorpus
from hmtl.document import Document, read_jsonl
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.render import render
from hmtl.tasks import CrfHead

ROOT = Path(__file__).resolve().parents[2]
LAYERS = {"mood": "sentence_types", "ner": "spans"}
# Two tasks, one of them the new one: what a user adds is its entry of `tasks` and its level.
CONFIGURATION = """
local corpora = import '%(lib)s/corpora.libsonnet';
local embedders = import '%(lib)s/embedders.libsonnet';
local experiment = import '%(lib)s/experiment.libsonnet';
local levels = import '%(lib)s/levels.libsonnet';
local small = { encoder+: { hidden_size: 8, num_layers: 1, dropout: 0.0 }, input_dropout: 0.0 };
local tasks = corpora.jsonl('.');

experiment.new(
  tasks={ ner: tasks.ner, mood: tasks.ner { reader: { type: 'sentence_types' }, batch_size: 1 } },
  embedding=embedders.combine([embedders.words(dim=8)]),
  levels={
    ner: levels.tagger([]) + small,
    mood: levels.tagger([]) + small + { head: { type: 'sentence_types' } },
  },
  optimizer={ type: 'adam', lr: 0.05 },
  validation_metric={ mood: '+accuracy' },
  num_epochs=6,
)
"""


def sentence_type(tokens):
    return "decl" if tokens[-1] in (".", "/.") else "frag"


@pytest.fixture(scope="module")
def run(fixtures, tmp_path_factory):
    """The directory of a trained run, with its evaluation."""
    folder = tmp_path_factory.mktemp("types")
    for split in ("train", "dev", "test"):
        with open(folder / f"{split}.jsonl", "w", encoding="utf-8") as file:
            for document in read_jsonl(fixtures / "jsonl" / f"{split}.jsonl"):
                document.metadata["sentence_types"] = list(map(sentence_type, document.sentences))
                file.write(json.dumps(document.to_json()) + "\n")
    (folder / "types.jsonnet").write_text(CONFIGURATION % {"lib": ROOT / "configs" / "lib"})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["train", "types.jsonnet", "-s", "run", "--include-package", "sentence_types"])
        script = runpy.run_path(str(ROOT / "scripts" / "evaluate.py"))["main"]
        script(["-s", "run", "--device", "cpu", "--output", "run/evaluation.json"])
        yield folder / "run"


@pytest.fixture(scope="module")
def predictor(run):
    return HMTLPredictor.load(run, weights_file=str(run / "best_mood.safetensors"), with_scores=True)


@pytest.fixture(scope="module")
def text(run):
    """The sentences of a document that the model gets right."""
    (document,) = read_jsonl(run.parent / "dev.jsonl")
    return {"doc_key": "a", "sentences": document.sentences}


@pytest.fixture(scope="module")
def types(text):
    """The right label of each of these sentences, and its text."""
    return [(sentence_type(tokens), " ".join(tokens)) for tokens in text["sentences"]]


@pytest.fixture(scope="module")
def output(predictor, text):
    (output,) = predictor.annotate([text])
    return output


def written(name, output, path):
    form = OutputFormat.by_name(name)(LAYERS)
    form.write([output], path)
    return form


def test_an_unregistered_kind_is_refused_where_its_head_is_made():
    class SomeHead(CrfHead):
        predicts = "trees"

    vocab = Vocabulary()
    vocab.add_token_to_namespace("PER", "ner_labels")
    registered = (
        "answers, clusters, dependencies, labels, numbers, pair_numbers, pairs, relations, (sentence_types, )?spans"
    )
    with pytest.raises(ConfigurationError, match=f"SomeHead: no kind .* as 'trees'; there are: {registered}"):
        SomeHead(vocab, encoding_dim=4, task_name="ner")


def test_json_has_a_label_and_a_probability_for_each_sentence(predictor, output, types):
    assert predictor.layers == LAYERS
    assert [(row["label"], row["text"]) for row in output["mood"]] == types
    assert {label for label, _ in types} == {"decl", "frag"}
    stops = list(accumulate(map(len, output["sentences"])))
    assert [(row["start"], row["end"] + 1) for row in output["mood"]] == list(zip([0, *stops], stops))
    assert all(output["text"][row["char_start"] : row["char_end"]] == row["text"] for row in output["mood"])
    assert all(0.5 < row["score"] <= 1 for row in output["mood"])


def test_annotate_writes_it_as_a_user_calls_it(run, text, types, tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text(json.dumps(text))
    weights = ["--weights-file", str(run / "best_mood.safetensors")]
    main(["annotate", str(run), str(tmp_path / "a.jsonl"), "--html", str(tmp_path / "a.html"), *weights])
    (line,) = capsys.readouterr().out.splitlines()
    assert [(row["label"], row["text"]) for row in json.loads(line)["mood"]] == types
    assert '"kinds":{"sentence_types":{"singular":"sentence type"' in (tmp_path / "a.html").read_text()


def test_brat_has_an_entity_for_each_sentence(output, tmp_path):
    form = written("brat", output, tmp_path / "brat")
    lines = (tmp_path / "brat" / "a.ann").read_text().splitlines()
    expected = [f"mood-{row['label']} {row['char_start']} {row['char_end']}\t{row['text']}" for row in output["mood"]]
    assert [line.split("\t", 1)[1] for line in lines if "\tmood-" in line] == expected
    assert "mood-decl\nmood-frag\n" in (tmp_path / "brat" / "annotation.conf").read_text()
    assert form.notes == []


def test_brat_says_what_it_has_no_place_for(output, tmp_path):
    form = written("brat", {**output, "mood": [{"label": "no text"}, *output["mood"]]}, tmp_path / "brat")
    assert form.notes == ["the format has no place for some sentence types of 'mood'; left out: 1"]


def test_dygie_keeps_it_as_metadata_of_the_document(predictor, output, tmp_path):
    assert written("dygie", output, tmp_path / "a.jsonl").notes == []
    (document,) = JsonlCorpus().documents(str(tmp_path / "a.jsonl"))
    assert document == predictor.to_document(output)
    assert document.metadata == {"mood": output["mood"]}


def test_a_predicted_document_has_it_beside_the_metadata_that_were_there(predictor, output, text):
    document = Document("a", text["sentences"], metadata={"genre": "tale", "mood": ["gold"]})
    predicted = predictor.predict_document(document)
    assert predicted.metadata == {"genre": "tale", "mood": output["mood"]}


def test_columns_say_that_they_have_no_place_for_it(output, tmp_path):
    form = written("conll2012", output, tmp_path / "a")
    assert form.notes == ["the format has no place for sentence types; left out: 'mood'"]


def test_the_terminal_shows_a_line_each(output, types):
    shown = next(part for part in render(output, LAYERS).split("\n\n") if part.startswith("mood"))
    assert shown.splitlines() == ["mood: 4 sentence types", *(f"  {label}  {text}" for label, text in types)]
    assert "\x1b[36mfrag\x1b[0m  Yes" in render(output, LAYERS, colour=True)
    assert render({**output, "mood": []}, LAYERS).startswith("mood: no sentence types\n")


def test_evaluation_has_a_column_for_it(run, capsys):
    script = runpy.run_path(str(ROOT / "scripts" / "evaluate.py"))["main"]
    script(["-s", str(run), "--device", "cpu"])
    table = capsys.readouterr().out
    header, *rows = (re.split(r"  +", line.strip()) for line in table.splitlines()[2:])
    assert header == ["mood accuracy", "ner"]
    scores = {row[0]: row[1].strip() for row in rows if len(row) == 3}
    assert scores["best_mood"] == "100.00*"
    # Of the test document's sentences three of four end with a full stop.
    assert scores["baseline"] == "75.00"
    assert "(mood by accuracy)" in table and "baseline of mood: always 'decl'" in table
    assert "mood: 4 of 4 gold sentence types can be found" in table


def test_the_record_of_the_evaluation_names_its_figures(run):
    record = json.loads((run / "evaluation.json").read_text())
    assert record["figures"] == {"mood": {"accuracy": "accuracy"}} and "kinds" not in record
    assert record["scores"]["best_mood"]["mood"]["by_label"]["frag"]["f1"] == 1.0


def test_errors_are_counted_by_label(run, tmp_path, capsys):
    spoilt = tmp_path / "run"
    shutil.copytree(run, spoilt)
    config = json.loads((spoilt / "config.json").read_text())
    (document,) = read_jsonl(run.parent / "test.jsonl")
    number = document.metadata["sentence_types"].index("frag")
    document.metadata["sentence_types"][number] = "decl"
    (tmp_path / "test.jsonl").write_text(json.dumps(document.to_json()) + "\n")
    config["test_data_path"] = {task: str(tmp_path / "test.jsonl") for task in LAYERS}
    (spoilt / "config.json").write_text(json.dumps(config))
    script = runpy.run_path(str(ROOT / "scripts" / "errors.py"))["main"]
    script([str(spoilt), "--tasks", "mood", "--html", str(tmp_path / "a.html"), "--output", str(tmp_path / "a.json")])
    text = capsys.readouterr().out
    assert "mood: accuracy 75.00" in text and "sentence types: 4 gold, 4 predicted" in text
    assert "1 x decl \u2192 frag" in text and f"[{document.sentences[number][0]} frag]" in text
    (section,) = json.loads((tmp_path / "a.json").read_text())["tasks"]["mood"]["sections"]
    assert section["by_label"] == {"decl": {"correct": 3, "type": 1, "missed": 0, "spurious": 0}}
    assert section["confusion"] == {"decl": {"decl": 3, "frag": 1}}
    assert "accuracy 75.00" in (tmp_path / "a.html").read_text()


def test_runs_show_its_figures(run, capsys):
    main(["runs", str(run)])
    header, row = [re.split(r"  +", line) for line in capsys.readouterr().out.splitlines()[:2]]
    assert row[header.index("mood accuracy")] == row[header.index("mood test")] == "100.00"
    main(["runs", str(run), "--wide"])
    lines = capsys.readouterr().out.splitlines()
    (validation,) = [line for line in lines if line.startswith("mood validation")]
    assert "100.00 accuracy" in validation
    assert [line.split()[-1] for line in lines if line.startswith("mood test")] == ["100.00"]
    assert any(re.match(r"mood test accuracy  ", line) for line in lines)
    main(["runs", str(run), "--json"])
    (record,) = json.loads(capsys.readouterr().out)
    assert record["tasks"]["mood"]["test_figures"] == {"accuracy": 1.0}
    assert "test_figures" not in record["tasks"]["ner"]


def test_spacy_has_it_as_an_extension_that_is_saved_and_scored(run):
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import Doc
    from spacy.training import Example

    from hmtl.spacy_component import DocItem

    nlp = spacy.blank("en")
    nlp.add_pipe("hmtl", config={"model": str(run)})
    try:
        doc = nlp("Indeed!  He works for Fjord Bakeries .")
        assert [[span.text for span in item.mentions] for item in doc._.mood] == [
            ["Indeed!"],
            ["He works for Fjord Bakeries ."],
        ]
        assert doc._.mood[1].label == "decl" and 0 < doc._.mood[1].score <= 1
        copy = Doc(nlp.vocab).from_bytes(doc.to_bytes())
        assert [tuple(map(str, item)) for item in copy._.mood] == [tuple(map(str, item)) for item in doc._.mood]
        gold = nlp.make_doc(doc.text)
        gold._.mood = [DocItem("decl", [gold[:2]]), DocItem("decl", [gold[3:9]])]
        wrong = sum(item.label != "decl" for item in doc._.mood)
        scores = nlp.evaluate([Example(doc, gold)])
        assert scores["mood_f"] == pytest.approx(1 - wrong / 2)
        assert nlp.evaluate([Example(doc, nlp.make_doc(doc.text))])["mood_f"] is None
    finally:
        Doc.remove_extension("mood")


def test_the_server_answers_with_it_and_its_page_knows_its_nouns(predictor, text, types):
    for package in ("fastapi", "prometheus_client", "httpx"):
        pytest.importorskip(package, reason=f"hmtl[serve] is not installed: no {package}")
    from fastapi.testclient import TestClient

    from hmtl.server.application import create_app

    with TestClient(create_app(predictor)) as client:
        answer = client.post("/predict", json={"sentences": text["sentences"]}).json()
        shown = client.get("/").text
    assert answer["layers"] == LAYERS
    assert [(row["label"], row["text"]) for row in answer["outputs"][0]["mood"]] == types
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', shown)[1])
    names = {"singular": "sentence type", "plural": "sentence types", "drawing": "labels"}
    assert data["layers"] == LAYERS and data["kinds"]["sentence_types"] == names
