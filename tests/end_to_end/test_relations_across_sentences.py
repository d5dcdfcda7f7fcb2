"""A model of documents' relations from training to its outputs, where some relations stand in two sentences."""

import json
import random
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import pytest
from _jsonnet import evaluate_snippet
from independent_relation_f1 import gold_relations, predicted_relations, strict_f1

from hmtl.cli import main
from hmtl.document import Document, Relation, Span, read_jsonl, write_jsonl
from hmtl.evaluation.error_analysis import analyse_run
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.predictors import HMTLPredictor
from hmtl.tasks.kind import kinds_of

ROOT = Path(__file__).resolve().parents[2]

SNIPPET = """
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';
local tasks = corpora.jsonl('%s');
experiment.new(
  tasks={ emd: tasks.emd, relation: tasks.relation },
  embedding=embedders.combine([embedders.words(dim=16)]),
  levels=levels.stacked(levels.spans(dropout=0.0, scope='document'), { emd: [], relation: ['emd'] }),
  sampler='uniform',
  min_count={ tokens: 2 },
  optimizer={ type: 'adam', lr: 0.01 },
  num_epochs=5,
)
"""
PEOPLE, TOWNS = ["Mara", "Jon", "Ida", "Otto", "Lena"], ["Oslo", "Rome", "Lyon", "Basel", "Turku"]


def document_of(draw: random.Random, key: str) -> Document:
    """Who met whom stands in a sentence; where the first one lives in the next, and of the other nothing."""
    first, second = draw.sample(PEOPLE, 2)
    town, other = draw.sample(TOWNS, 2)
    sentences = [f"{first} met {second} in {other} .".split(), ["It", "rained", "."], f"Home is {town} .".split()]
    spans = [Span(0, 0, "PER"), Span(2, 2, "PER"), Span(4, 4, "LOC"), Span(11, 11, "LOC")]
    relations = [Relation((0, 0), (2, 2), "MET"), Relation((0, 0), (11, 11), "LIVES"), Relation((2, 2), (4, 4), "IN")]
    return Document(key, sentences, {"emd": spans}, relations, []).validate()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("across")
    draw = random.Random(1)
    for split, number in (("train", 40), ("dev", 5), ("test", 8)):
        documents = [document_of(draw, f"{split} {key}") for key in range(number)]
        write_jsonl(documents, folder / "data" / f"{split}.jsonl")
    configuration = folder / "configuration.json"
    configuration.write_text(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), SNIPPET % (folder / "data")))
    main(["train", str(configuration), "-s", str(folder / "run")])
    return folder / "run"


def found(output: Dict[str, Any]) -> Set[Tuple[Any, ...]]:
    arguments = [[(row[side]["start"], row[side]["end"]) for side in ("arg1", "arg2")] for row in output["relation"]]
    return {(*bounds, row["label"]) for bounds, row in zip(arguments, output["relation"])}


@pytest.mark.slow
def test_training_evaluation_and_prediction_agree(run: Path, tmp_path: Path) -> None:
    gold = run.parent / "data" / "test.jsonl"
    texts, predicted = tmp_path / "texts.jsonl", tmp_path / "predicted.jsonl"
    bare = [{"doc_key": document.doc_key, "sentences": document.sentences} for document in read_jsonl(gold)]
    texts.write_text("".join(json.dumps(text) + "\n" for text in bare))
    weights = str(run / "best_relation.safetensors")
    main(["predict", str(run), str(texts), "--output-file", str(predicted), "--weights-file", weights, "--silent"])
    evaluation = evaluate_run(load_run(run))
    metrics = evaluation.scores["best_relation"]["relation"].metrics
    assert metrics["f1"] == pytest.approx(strict_f1(predicted, gold), abs=1e-9)
    assert metrics["f1"] > 0.8
    # Every mention is an entity of its own.
    assert metrics["f1_entities"] == pytest.approx(metrics["f1"])
    # What training has shown by its words is no part of Ign F1's precision.
    known = {
        (words(d, a), label, words(d, b))
        for d in read_jsonl(gold.with_name("train.jsonl"))
        for a, b, label in d.relations or []
    }
    documents = {document.doc_key: document for document in read_jsonl(gold)}
    rows, truth = set(predicted_relations(predicted, "relation")), set(gold_relations(gold))
    correct = [(documents[key], a, b, label) for key, a, b, label in rows & truth]
    shown = sum((words(d, a), label, words(d, b)) in known for d, a, b, label in correct)
    precision, recall = (len(correct) - shown) / max(len(rows) - shown, 1), len(correct) / len(truth)
    ign_f1 = 2 * precision * recall / (precision + recall) if precision else 0.0
    assert metrics["ign_f1_entities"] == pytest.approx(ign_f1, abs=1e-9) and shown
    assert metrics["entities_in_one_sentence"] == pytest.approx(2 / 3)
    table = evaluation.table()
    assert "relation entities, Ign" in table
    assert "relation: 66.7% of the gold relations of two entities have mentions of both in one sentence" in table
    assert "relation: 24 of 24 gold relations can be found" in table
    evaluation.write(tmp_path / "evaluation.json")
    assert json.loads((tmp_path / "evaluation.json").read_text())["figures"]["relation"]["f1_entities"] == "entities"
    [section] = analyse_run(load_run(run), tasks=["relation"]).tasks["relation"].sections
    assert section.gold == 24 and section.totals["correct"] == len(correct)


def words(document: Document, bounds: Tuple[int, int]) -> str:
    return " ".join(document.tokens[bounds[0] : bounds[1] + 1])


@pytest.mark.slow
def test_raw_texts_in_any_batch_have_relations_across_sentences(run: Path) -> None:
    """From the directory and from the archive, alone and beside longer texts."""
    text = "Ida met Jon in Rome .  It rained .\nHome is Oslo ."
    long = " ".join(["Otto", "met", "Lena", "in", "Turku", ".", "It", "rained", ".", "Home", "is", "Lyon", "."] * 6)
    [predictor, archived] = (HMTLPredictor.load(path) for path in (run, run / "model.tar.gz"))
    alone = predictor.predict(text)
    assert alone == archived.predict(text)
    assert [found(each) for each in predictor.predict_many([long, text, "", text])][1::2] == [found(alone)] * 2
    [row] = [each for each in alone["relation"] if each["label"] == "LIVES"]
    assert [
        (row[side]["text"], text[row[side]["char_start"] : row[side]["char_end"]]) for side in ("arg1", "arg2")
    ] == [
        ("Ida", "Ida"),
        ("Oslo", "Oslo"),
    ]
    sentence_of = [number for number, sentence in enumerate(alone["sentences"]) for _ in sentence]
    assert [sentence_of[row[side]["start"]] for side in ("arg1", "arg2")] == [0, 2]
    # Copies far apart are not related.
    of_long = predictor.predict(long)
    sentences = [number for number, sentence in enumerate(of_long["sentences"]) for _ in sentence]
    assert of_long["relation"]
    assert all(abs(sentences[r["arg1"]["start"]] - sentences[r["arg2"]["start"]]) <= 3 for r in of_long["relation"])


@pytest.mark.slow
def test_every_format_has_relations_across_sentences(run: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Ida met Jon in Rome. It rained. Home is Oslo.")
    page = tmp_path / "page.html"
    outputs = {}
    for name in ("jsonl", "dygie", "brat"):
        output = tmp_path / name
        extra = ["--html", str(page)] if name == "jsonl" else []
        main(["annotate", str(run), str(text), "--format", name, "--output", str(output), *extra])
        outputs[name] = output
    predicted = json.loads(outputs["jsonl"].read_text())
    assert {label for *_, label in found(predicted)} >= {"MET", "LIVES"}
    [document] = read_jsonl(outputs["dygie"])
    assert set(document.relations or []) == found(predicted) and document.relations_across_sentences
    lines = (outputs["brat"] / "text.ann").read_text().splitlines()
    entities = {line.split("\t")[0]: line.split("\t")[2] for line in lines if line.startswith("T")}
    [lives] = [line.split("\t")[1].split() for line in lines if line.startswith("R") and "LIVES" in line]
    assert [entities[argument.partition(":")[2]] for argument in lives[1:]] == ["Ida", "Oslo"]
    assert "LIVES" in page.read_text()
    shown = kinds_of({"relation": "relations"})["relation"].lines(predicted["relation"], predicted, str)
    assert "Ida --LIVES--> Oslo" in shown


@pytest.mark.slow
def test_a_component_of_spacy_has_them(run: Path) -> None:
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    pipeline.add_pipe("hmtl", config={"model": str(run), "ents": None, "clusters": None})
    doc = pipeline("Ida met Jon in Rome. It rained. Home is Oslo.")
    lives: List[Any] = [relation for relation in doc._.relations if relation.label == "LIVES"]
    assert [(relation.arg1.text, relation.arg2.text) for relation in lives] == [("Ida", "Oslo")]
