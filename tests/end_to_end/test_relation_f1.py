"""The strict F1 of relations is what a script finds that knows nothing but the predictor's output and the gold."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
from _jsonnet import evaluate_snippet
from independent_relation_f1 import gold_relations, predicted_relations, strict_f1

from hmtl.cli import main
from hmtl.corpora import Corpus
from hmtl.document import read_jsonl, write_jsonl
from hmtl.evaluation.evaluate import evaluate_run, load_run

ROOT = Path(__file__).resolve().parents[2]

# With a low threshold there are right and wrong relations after a few epochs.
SNIPPET = """
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';
local tasks = corpora.jsonl('%(folder)s');
local small = { encoder+: { hidden_size: 16, num_layers: 1, dropout: 0.0 } };
experiment.new(
  tasks={ [task]: tasks[task] { reader+: { allow_unknown_labels: true } } for task in ['ner', 'relation'] },
  embedding=embedders.combine([embedders.words(dim=16)]),
  levels=std.mapWithKey(function(task, level) level + small, {
    ner: levels.tagger([]),
    relation: levels.relation(%(reads)s, threshold=0.02, prior_probability=0.015),
  }),
  sampler='uniform',
  min_count={ tokens: 2 },
  min_batches=null,
  optimizer={ type: 'adam', lr: 0.01 },
  num_epochs=5,
)
"""


def trained(tmp_path: Path, folder: Path, **values: Any) -> Path:
    snippet = SNIPPET % {"folder": folder, **values}
    configuration = tmp_path / "configuration.json"
    configuration.write_text(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), snippet))
    main(["train", str(configuration), "-s", str(tmp_path / "run")])
    return tmp_path / "run"


def predict(run: Path, gold: Path, output: Path) -> None:
    """Of the texts alone, with the weights that were best for relations."""
    texts = output.with_name("texts.jsonl")
    bare = [{"doc_key": document.doc_key, "sentences": document.sentences} for document in read_jsonl(gold)]
    texts.write_text("".join(json.dumps(text) + "\n" for text in bare), encoding="utf-8")
    weights = str(run / "best_relation.safetensors")
    main(["predict", str(run), str(texts), "--output-file", str(output), "--weights-file", weights, "--silent"])


def compare(run: Path, gold: Path, tmp_path: Path) -> Dict[str, float]:
    predicted = tmp_path / "predicted.jsonl"
    predict(run, gold, predicted)
    scores = evaluate_run(load_run(run), with_baselines=False).scores["best_relation"]["relation"]
    found, relations = set(predicted_relations(predicted, "relation")), set(gold_relations(gold))
    assert scores.metrics["f1"] == pytest.approx(strict_f1(predicted, gold), abs=1e-9)
    assert scores.metrics["precision"] == pytest.approx(len(found & relations) / len(found), abs=1e-9)
    assert scores.metrics["recall"] == pytest.approx(len(found & relations) / len(relations), abs=1e-9)
    # There is something to compare: spans of several tokens, and right and wrong relations.
    assert any(start < end for _, (start, end), _, _ in found & relations)
    assert 0 < scores.metrics["f1"] < scores.metrics["f1_last_tokens"] < 1
    assert sum(label["support"] for label in scores.by_label.values()) == len(relations)
    return scores.metrics


@pytest.mark.slow
def test_of_the_sample(tmp_path: Path) -> None:
    run = trained(tmp_path, ROOT / "data" / "sample", reads="['ner']")
    gold = ROOT / "data" / "sample" / "test.jsonl"
    metrics = compare(run, gold, tmp_path)
    script = [sys.executable, str(ROOT / "tests" / "independent_relation_f1.py")]
    printed = subprocess.run([*script, tmp_path / "predicted.jsonl", gold], capture_output=True, text=True, check=True)
    assert float(printed.stdout) == pytest.approx(metrics["f1"], abs=1e-9)


@pytest.mark.slow
def test_of_redocred(shared_data: Path, tmp_path: Path) -> None:
    """NER is not below relations here, and some types of relations are of the test set alone."""
    corpus, file = Corpus.by_name("redocred")(), shared_data / "redocred" / "dev_revised.json"
    for split, part in (("train", "#0:60"), ("dev", "#400:405"), ("test", "#450:470")):
        write_jsonl(corpus.documents(f"{file}{part}"), tmp_path / "data" / f"{split}.jsonl")
    run = trained(tmp_path, tmp_path / "data", reads="[]")
    compare(run, tmp_path / "data" / "test.jsonl", tmp_path)
