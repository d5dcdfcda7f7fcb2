"""What each column of `scripts/evaluate.py` counts, on hand-made documents and predictions that are known."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, List, Tuple

import pytest
import torch
from _jsonnet import evaluate_snippet

from hmtl.cli import main
from hmtl.common.file_names import SUFFIX
from hmtl.common.weights import save_weights
from hmtl.document import Document, Relation, Span, read_jsonl, write_jsonl
from hmtl.evaluation.evaluate import load_run
from hmtl.predictors import HMTLPredictor

ROOT = Path(__file__).resolve().parents[2]

SNIPPET = """
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';
local tasks = corpora.jsonl('%(folder)s');
local small = {
  encoder+: { hidden_size: 16, num_layers: 1, dropout: 0.0 },
  input_dropout: 0.0,
  head+: { dropout: 0.0 },
};
experiment.new(
  tasks={ [task]: tasks[task] for task in ['emd', 'relation'] },
  embedding=embedders.combine([embedders.words(dim=16)]),
  levels=std.mapWithKey(
    function(task, level) level + small,
    { emd: levels.tagger([]), relation: levels.relation(['emd'], prior_probability=0.05) }
  ),
  validation_metric={ relation: '+f1_last_tokens' },
  num_epochs=1,
)
"""

# Tokens:  0   1   2     3  4    5   6   | 7  8    9    | 10 11    12 13   | 14 15  16 | 17  18  19
TEXT = "the old mayor of Rome met Ann | Bo runs Acme | Cy lives in Oslo | Di saw Ed | Flo met Gus"

# What the model is to predict.
PREDICTED = {
    "emd": [
        Span(1, 2, "PER"), Span(4, 4, "GPE"), Span(6, 6, "PER"), Span(7, 7, "PER"), Span(9, 9, "GPE"),
        Span(10, 10, "PER"), Span(13, 13, "GPE"), Span(14, 14, "PER"), Span(16, 16, "PER"), Span(17, 17, "PER"),
        Span(19, 19, "PER"),
    ],
    "relations": [
        Relation((1, 2), (4, 4), "WORK"), Relation((7, 7), (9, 9), "WORK"), Relation((10, 10), (13, 13), "LIVE"),
        Relation((17, 17), (19, 19), "KIN"),
    ],
}  # fmt: skip
# The mayor's left boundary is another one, Acme is of another type, Cy is all right, Di and Ed are not found, and Flo
# and Gus are not related. The mayor's relation is annotated with the head alone, too.
GOLD = {
    "emd": [
        Span(0, 2, "PER"), Span(9, 9, "ORG"), *(span for span in PREDICTED["emd"] if span[:2] not in ((1, 2), (9, 9)))
    ],
    "relations": [
        Relation((0, 2), (4, 4), "WORK"), Relation((2, 2), (4, 4), "WORK"), Relation((7, 7), (9, 9), "WORK"),
        Relation((10, 10), (13, 13), "LIVE"), Relation((14, 14), (16, 16), "KIN"),
    ],
}  # fmt: skip


def document(key: str, layers: Dict[str, List[Any]]) -> Document:
    sentences = [sentence.split() for sentence in TEXT.split("|")]
    return Document(key, sentences, {"emd": layers["emd"]}, layers["relations"])


@pytest.fixture(scope="module")
def evaluate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("evaluate_script", ROOT / "scripts" / "evaluate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was fitted to training data, which hold what it is to predict, until it predicts all of that."""
    folder = tmp_path_factory.mktemp("counted")
    train = document("train", PREDICTED)
    # A second type of mentions that training has.
    types = Document("types", [["It"]], {"emd": [Span(0, 0, "ORG")]}, [])
    write_jsonl([train, types], folder / "train.jsonl")
    for split in ("dev", "test"):
        write_jsonl([document(split, GOLD)], folder / f"{split}.jsonl")
    values = {"folder": folder}
    configuration = folder / "configuration.json"
    configuration.write_text(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), SNIPPET % values))
    torch.manual_seed(1)
    main(["train", str(configuration), "-s", str(folder / "run")])
    fitted = load_run(folder / "run", ["best.safetensors"])
    batches = list(fitted.data_loader("train"))
    optimizer = torch.optim.Adam(fitted.model.parameters(), lr=0.02)
    fitted.model.train()
    for _ in range(150):
        for batch in batches:
            optimizer.zero_grad()
            fitted.model(**batch)["loss"].backward()
            optimizer.step()
    for name in ("best_emd", "best_relation", "best"):
        save_weights(folder / "run" / f"{name}{SUFFIX}", fitted.model.state_dict())
    return folder / "run"


def columns(table: str) -> Tuple[List[str], Dict[str, List[str]]]:
    """The titles of the columns, and the cells of each row by its name."""
    header, *rows = table.split("\n\n")[1].splitlines()
    cells = [re.split(r"\s{2,}", row.strip()) for row in rows]
    return re.split(r"\s{2,}", header.strip()), {name: values for name, *values in cells}


def test_the_model_predicts_what_it_is_to(run: Path) -> None:
    (test,) = read_jsonl(run.parent / "test.jsonl")
    predicted = HMTLPredictor.load(run).predict_document(test)
    assert predicted.spans["emd"] == PREDICTED["emd"]
    assert predicted.relations == PREDICTED["relations"]


def test_relations_by_spans_by_last_tokens_and_with_types(run: Path, evaluate: ModuleType, capsys: Any) -> None:
    evaluate.main(["-s", str(run), "--device", "cpu"])
    table = capsys.readouterr().out
    titles, rows = columns(table)
    assert titles == ["emd", "relation f1", "relation last tokens", "relation typed"]
    # Four predictions. Spans and type of Acme's and Cy's are right, of five gold relations: 2 * 2 / 9. The last tokens
    # of the mayor's are right, too, and its two gold relations are one by these: 2 * 3 / 8. With types Cy's: 2 * 1 / 9.
    assert rows["best_relation"][1:] == ["44.44*", "75.00*", "22.22*"]
    metrics = json.loads((run / "evaluation.json").read_text())["scores"]["best_relation"]["relation"]["metrics"]
    expected = {
        "precision": 2 / 4, "recall": 2 / 5, "f1": 4 / 9,
        "precision_last_tokens": 3 / 4, "recall_last_tokens": 3 / 4, "f1_last_tokens": 6 / 8,
        "precision_typed": 1 / 4, "recall_typed": 1 / 5, "f1_typed": 2 / 9,
        # Without the last sentence, which has no gold relation: 2 * 3 / (3 + 4).
        "f1_last_tokens_sentences_with_relations": 6 / 7,
    }  # fmt: skip
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    for note in (
        "* the weights that were best for the task in validation, by f1 (relation by f1_last_tokens)",
        "relation f1: both spans and the type are right, of all gold relations",
        "relation last tokens: the last tokens of both arguments and the type are right (as in the paper), of all gold "
        "relations, those alike in these once",
        "relation typed: both spans, their entity types and the type are right, of the gold relations in sentences "
        "with gold mentions",
    ):
        assert note in table.splitlines()


def test_what_can_be_found_of_the_gold_relations(run: Path) -> None:
    loaded = load_run(run, ["best.safetensors"])
    rows = loaded.data_loader("test").batches_of("relation")
    counts = [loaded.model.head("relation").findable(row) for batch in rows for row in batch["metadata"]]
    # Of the mayor's two relations one.
    assert [sum(count) for count in zip(*counts)] == [4, 5]
