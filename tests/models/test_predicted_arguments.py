"""Relations are validated and predicted between the same spans, wherever these come from in the hierarchy."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import pytest
import torch
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.models import Model

from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.document import read_jsonl
from hmtl.models import HMTL
from hmtl.predictors import HMTLPredictor
from hmtl.training.evaluate_task import evaluate_task

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "fixtures" / "jsonl"

SNIPPET = """
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';
local small(level) = level {
  [if std.objectHas(level, 'encoder') then 'encoder']+: { hidden_size: 8, num_layers: 1, dropout: 0.0 },
  [if std.objectHas(level, 'encoder') then 'input_dropout']: 0.0,
  head+: { dropout: 0.0 },
};
local hierarchy = %s;
local tasks = corpora.jsonl('%s');
experiment.new(
  tasks={ [task]: tasks[task] for task in std.objectFields(hierarchy.levels) },
  embedding=embedders.combine([embedders.words(dim=8)]),
  levels=std.mapWithKey(function(task, level) small(level), hierarchy.levels),
  shared_encoder=std.get(hierarchy, 'shared_encoder'),
)
"""

# A hierarchy, and the tasks whose spans are arguments, the first of them first.
RELATION = "levels.relation(%s, prior_probability=0.05, threshold=0.04)"
HIERARCHIES: Dict[str, Tuple[str, List[str]]] = {
    "the paper's": (
        "{ levels: { ner: levels.tagger([]), emd: levels.tagger(['ner']), relation: %s } }" % (RELATION % "['emd']"),
        ["emd", "ner"],
    ),
    "emd lowest, as in setup L": (
        "{ levels: { emd: levels.tagger([]), ner: levels.tagger(['emd']), relation: %s } }" % (RELATION % "['ner']"),
        ["ner", "emd"],
    ),
    "spans above relations": (
        "{ levels: { relation: %s, ner: levels.tagger(['relation']) } }" % (RELATION % "[]"),
        ["ner"],
    ),
    "one shared encoder": (
        "{ levels: levels.sharing({ ner: levels.tagger([]), emd: levels.tagger([]), relation: %s }), "
        "shared_encoder: levels.hard_sharing(1, dropout=0.0) { encoder+: { hidden_size: 16 } } }" % (RELATION % "[]"),
        ["ner", "emd"],
    ),
    "no spans": ("{ levels: { relation: %s } }" % (RELATION % "[]"), []),
}


def build(hierarchy: str) -> Tuple[HMTL, PerTaskDataLoader, DatasetReader]:
    """A model, the test set on which it is fitted and validated, and its reader."""
    snippet = evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), SNIPPET % (hierarchy, DATA))
    config = json.loads(snippet)
    reader = DatasetReader.from_params(Params(config["dataset_reader"]))
    loader = DataLoader.from_params(
        Params(config["validation_data_loader"]), reader=reader, data_path=config["test_data_path"]
    )
    assert isinstance(loader, PerTaskDataLoader)
    vocab = Vocabulary.from_instances(loader.iter_instances())
    loader.index_with(vocab)
    model = Model.from_params(Params(config["model"]), vocab=vocab)
    assert isinstance(model, HMTL)
    return model, loader, reader


def fit(model: HMTL, loader: PerTaskDataLoader, steps: int) -> None:
    """Teaches the model some of the test set."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    batches = list(loader)
    model.train()
    for _ in range(steps):
        for batch in batches:
            optimizer.zero_grad()
            model(**batch)["loss"].backward()
            optimizer.step()
    model.eval()


def f1(predicted: Set[Any], gold: Set[Any]) -> float:
    right = len(predicted & gold)
    return 2 * right / (len(predicted) + len(gold)) if right else 0.0


@pytest.mark.parametrize("hierarchy,span_tasks", HIERARCHIES.values(), ids=HIERARCHIES)
def test_validation_counts_what_the_predictor_finds(hierarchy: str, span_tasks: List[str]) -> None:
    model, loader, reader = build(hierarchy)
    assert model.span_tasks["relation"] == span_tasks
    metrics: Dict[str, float] = {"f1": 0.0}
    while not metrics["f1"]:
        fit(model, loader, 10)
        metrics = evaluate_task(model, loader, "relation")
    documents = list(read_jsonl(DATA / "test.jsonl"))
    outputs = HMTLPredictor(model, reader).predict_batch_json([document.to_json() for document in documents])
    found: Set[Any] = set()
    gold: Set[Any] = set()
    typed_found: Set[Any] = set()
    typed_gold: Set[Any] = set()
    for number, (document, output) in enumerate(zip(documents, outputs)):
        types = {span.bounds: span.label for span in document.spans["emd"]}
        ends: Dict[int, Tuple[Tuple[int, int], str]] = {}
        for task in reversed(span_tasks):
            ends.update({row["end"]: ((row["start"], row["end"]), row["label"]) for row in output[task]})
        for row in output["relation"]:
            sides = [(row[side]["start"], row[side]["end"]) for side in ("arg1", "arg2")]
            expected = [ends.get(end, ((end, end), None)) for _, end in sides]
            assert sides == [bounds for bounds, _ in expected]
            found.add((number, *sides, row["label"]))
            typed_found.add((number, *expected, row["label"]))
        for arg1, arg2, label in document.relations or []:
            gold.add((number, arg1, arg2, label))
            typed_gold.add((number, (arg1, types.get(arg1, "")), (arg2, types.get(arg2, "")), label))
    last_found, last_gold = ({(n, a[1], b[1], label) for n, a, b, label in rows} for rows in (found, gold))
    assert metrics["f1"] == pytest.approx(f1(found, gold), abs=1e-12)
    assert metrics["f1_last_tokens"] == pytest.approx(f1(last_found, last_gold), abs=1e-12)
    assert found & gold
    if span_tasks:
        assert any(start < end for _, *sides, _ in found for start, end in sides)
        assert metrics["f1_typed"] == pytest.approx(f1(typed_found, typed_gold), abs=1e-12)
    else:
        assert "f1_typed" not in metrics


def calls_of_heads(model: HMTL) -> "Counter[str]":
    calls: Counter[str] = Counter()
    for task in model.tasks:
        model.head(task).register_forward_hook(lambda *_, task=task: calls.update([task]))
    return calls


def test_heads_of_spans_run_once_in_validation_and_count_nothing_and_not_at_all_in_training() -> None:
    model, loader, _ = build(HIERARCHIES["the paper's"][0])
    calls = calls_of_heads(model)
    batch = next(loader.batches_of("relation"))
    model.train()(**batch)
    assert calls == {"relation": 1}
    calls.clear()
    evaluate_task(model.eval(), loader, "ner")
    before = model.get_task_metrics("ner")
    calls.clear()
    model(**batch)
    assert calls == {"relation": 1, "emd": 1, "ner": 1}
    assert model.get_task_metrics("ner") == before
    assert {name.split("_")[0] for name in model.get_metrics()} == {"ner", "relation"}


@pytest.mark.parametrize("options,span_tasks", [("", ["emd"]), ("candidate_levels: ['ner', 'emd']", ["ner", "emd"])])
def test_a_head_that_trains_on_spans_gets_those_that_it_names(options: str, span_tasks: List[str]) -> None:
    relation = "levels.relation(['emd']) { head: { type: 'hmtl_span_relations', %s } }" % options
    # The usual reader has the labels, and nothing is learned here.
    hierarchy = "{ levels: { ner: levels.tagger([]), emd: levels.tagger(['ner']), relation: %s } }" % relation
    model, loader, _ = build(hierarchy)
    assert model.span_tasks["relation"] == span_tasks
    given: List[Any] = []
    head = model.head("relation")
    head.register_forward_hook(lambda *args: given.append(args[2]["predicted_spans"]), with_kwargs=True)
    batch = next(loader.batches_of("relation"))
    calls = calls_of_heads(model)
    model.eval()(batch["text"], "relation")
    assert calls == {"relation": 1, **dict.fromkeys(span_tasks, 1)}
    assert given[0] == [model(batch["text"], task)["predictions"] for task in span_tasks]
    assert head.read_labels == [label for task in span_tasks for label in model.head(task).labels or []]


def test_heads_run_once_in_a_pass_of_all_tasks_those_of_spans_first() -> None:
    model, loader, _ = build(HIERARCHIES["spans above relations"][0])
    order: List[str] = []
    for task in model.tasks:
        model.head(task).register_forward_hook(lambda *_, task=task: order.append(task))
    output = model.eval()(next(loader.batches_of("relation"))["text"])
    assert order == ["ner", "relation"] and list(output) == ["relation", "ner"]


def test_the_types_that_a_model_could_predict_are_the_labels_of_its_spans() -> None:
    labels = {name: build(hierarchy)[0].head("relation").span_labels for name, (hierarchy, _) in HIERARCHIES.items()}
    documents = list(read_jsonl(DATA / "test.jsonl"))
    ner, emd = ({span.label for document in documents for span in document.spans[layer]} for layer in ("ner", "emd"))
    assert labels["the paper's"] == labels["one shared encoder"] == ner | emd
    assert labels["spans above relations"] == ner and labels["no spans"] is None
