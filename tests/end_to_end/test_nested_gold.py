"""Gold spans that no tag sequence holds: figures worked out by hand, on real corpora counts found without this code."""

import json
import runpy
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch

from hmtl.cli import main
from hmtl.common.file_names import SUFFIX
from hmtl.common.weights import save_weights
from hmtl.corpora import GumCorpus
from hmtl.document import Document, Span, write_jsonl
from hmtl.evaluation.error_analysis import analyse_run
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.tasks import TaggingReader
from research.paper.counts import Counting

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = {name: runpy.run_path(str(ROOT / "scripts" / f"{name}.py"))["main"] for name in ("evaluate", "errors")}

# The embedding of a word is its tag, and the head reads it off.
CONFIGURATION = """
local corpora = import '%(root)s/configs/lib/corpora.libsonnet';
local embedders = import '%(root)s/configs/lib/embedders.libsonnet';
local experiment = import '%(root)s/configs/lib/experiment.libsonnet';
local tasks = corpora.jsonl('%(folder)s');
experiment.new(
  tasks={ ner: tasks.ner { reader+: { allow_unknown_labels: true, nested_spans: '%(policy)s' } } },
  embedding=embedders.combine([embedders.words(dim=13)]),
  levels={ ner: { encoder: { type: 'pass_through' }, head: { type: 'hmtl_crf' }, reads: [] } },
  num_epochs=1,
)
"""

TRAINING = Document(
    "training",
    [
        ["Bank", "of", "Lund"],
        ["the", "City", "Hall", "opened", "and", "burned"],
        ["Bo", "met", "Ada"],
        ["Oslo"],
        ["New", "York", "Charter", "Treaty"],
    ],
    {"ner": [Span(0, 2, "ORG"), Span(2, 2, "LOC"), Span(4, 5, "ORG"), Span(9, 9, "PER"), Span(12, 12, "LOC")]},
)
TEST = Document(
    "test",
    [
        ["the", "Bank", "of", "Lund", "opened"],
        ["New", "York", "City", "Hall", "burned"],
        ["Ada", "Lund", "met", "Bo"],
        ["the", "Charter", "and", "Treaty"],
    ],
    {
        "ner": [
            # The latter lies in the former, and is found.
            *(Span(1, 3, "ORG"), Span(3, 3, "LOC")),
            # They cross; the latter is found.
            *(Span(5, 7, "LOC"), Span(7, 8, "ORG")),
            # The first is found, the second lies in it.
            *(Span(10, 11, "PER"), Span(11, 11, "LOC"), Span(13, 13, "PER")),
            # Training never saw the label. One is found with another label.
            *(Span(15, 15, "LAW"), Span(17, 17, "LAW")),
        ]
    },
)
# What the weights below find: three of nine, and one that is none. `Lund` is a name of its own in the first sentence,
# and the end of another in the third, where `Ada` must be followed by something.
TAGS = {"lund": "U-LOC", "city": "B-ORG", "hall": "L-ORG", "ada": "B-PER", "charter": "U-ORG"}
PREDICTED = [[(3, 3, "LOC")], [(2, 3, "ORG")], [(0, 1, "PER")], [(1, 1, "ORG")]]


@pytest.fixture(scope="module", params=["innermost", "outermost"])
def policy(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def run(policy: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run with weights set by hand."""
    folder = tmp_path_factory.mktemp(policy)
    for split, document in (("train", TRAINING), ("dev", TEST), ("test", TEST)):
        write_jsonl([document.validate()], folder / f"{split}.jsonl")
    configuration = folder / "configuration.jsonnet"
    configuration.write_text(CONFIGURATION % {"root": ROOT, "folder": folder, "policy": policy})
    main(["train", str(configuration), "-s", str(folder / "run")])
    model = load_run(folder / "run").model
    head, words = model.heads["ner"], model.vocab.get_token_to_index_vocabulary("tokens")
    tags = {f"{part}-{label}": 4 * n + k for n, label in enumerate(head.labels) for k, part in enumerate("BILU", 1)}
    weights = {name: torch.zeros_like(weight) for name, weight in model.state_dict().items()}
    embedding, projection = (weights[name] for name in _names(weights))
    embedding[:, 0] = 1.0
    for word, tag in TAGS.items():
        embedding[words[word]] = torch.nn.functional.one_hot(torch.tensor(tags[tag]), 13)
    # Within a person `Lund` ends it.
    embedding[words["lund"], tags["L-PER"]] = 1.0
    projection.copy_(10 * torch.eye(13))
    for name in ("best_ner", "best"):
        save_weights(folder / "run" / f"{name}{SUFFIX}", weights)
    return folder / "run"


def _names(weights: Dict[str, torch.Tensor]) -> List[str]:
    found = [
        [name for name in weights if name.endswith(end)] for end in ("embedder_tokens.weight", "projection.weight")
    ]
    return [name for [name] in found]


def scores(correct: int, predicted: int, gold: int, suffix: str = "") -> Dict[str, Any]:
    values = (correct / predicted, correct / gold, 2 * correct / (predicted + gold))
    return {f"{name}{suffix}": pytest.approx(value) for name, value in zip(("precision", "recall", "f1"), values)}


def output_of(capsys: pytest.CaptureFixture, script: str, *arguments: str) -> List[str]:
    command: Callable[[List[str]], None] = SCRIPTS[script]
    capsys.readouterr()
    command(list(arguments))
    return capsys.readouterr().out.splitlines()


def test_the_weights_find_what_they_were_made_to_find(run):
    trained = load_run(run, ["best.safetensors"])
    reader = trained.reader.readers["ner"].inner
    instance = reader.text_to_instance(TEST.sentences)
    reader.apply_token_indexers(instance)
    (output,) = trained.model.forward_on_instances([instance])
    assert output["ner"] == PREDICTED


def test_the_table_and_its_file(run, policy, capsys):
    lines = output_of(capsys, "evaluate", "-s", str(run), "--device", "cpu")
    rows = {line.split()[0]: line.split()[1] for line in lines[3:6]}
    # 2 * 3 / (4 + 9). The baseline knows the targets of training: `Lund`, or `Bank of Lund`; `City Hall`; `Bo`.
    assert rows == {
        "best_ner": "46.15*",
        "best": "46.15",
        "baseline": {"innermost": "61.54", "outermost": "50.00"}[policy],
    }
    why = "the others overlap a kept span or have a label that training never saw"
    assert f"ner: 4 of 9 gold spans can be found; {why}" in lines
    evaluation = json.loads((run / "evaluation.json").read_text())
    found = evaluation["scores"]["best_ner"]["ner"]
    del found["metrics"]["loss"]
    flat = {"innermost": scores(2, 4, 6, "_flat_gold"), "outermost": scores(1, 4, 6, "_flat_gold")}
    assert found["metrics"] == {**scores(3, 4, 9), **flat[policy]}
    assert {label: values["support"] for label, values in found["by_label"].items()} == {
        "LAW": 2, "LOC": 3, "ORG": 2, "PER": 2
    }  # fmt: skip
    fits = {"innermost": scores(4, 4, 9), "outermost": scores(3, 3, 9)}
    assert {name: evaluation["baselines"]["ner"]["metrics"][name] for name in fits[policy]} == fits[policy]
    findable = evaluation["findable"]["ner"]
    assert (findable["findable"], findable["gold"], findable["items"]) == (4, 9, "spans")


def test_errors_and_counts_have_the_same_denominators(run, policy, capsys):
    trained = load_run(run)
    counting = Counting(trained.model)
    evaluate_run(trained, with_baselines=False, observed=counting.observed)
    assert counting.counts["ner", "f1"].values.sum(axis=0).tolist() == [3, 4, 9]
    (section,) = analyse_run(trained).tasks["ner"].sections
    assert (section.gold, section.predicted) == (9, 4)
    missed = {"innermost": (3, 2), "outermost": (4, 1)}[policy]
    assert {kind: count for kind, count in section.totals.items() if count} == {
        "correct": 3, "type": 1, "missed": missed[0], "missed, overlapping": missed[1]
    }  # fmt: skip
    lines = output_of(capsys, "errors", str(run))
    assert any(line.startswith("4 of 9 gold spans can be found; the others overlap") for line in lines)
    assert any(line.startswith("ner: F1 46.15 ") for line in lines)


def test_training_says_what_can_never_be_found_and_validates_against_all(run):
    log = (run / "out.log").read_text()
    why = "they overlap a kept span or have a label that training never saw"
    line = f"task 'ner': 5 of 9 gold spans of the validation data can never be found: {why}"
    assert log.count(line) == 1
    metrics = json.loads((run / "metrics_epoch_0.json").read_text())
    assert {"validation_ner_f1", "validation_ner_f1_flat_gold"} < set(metrics)


@pytest.mark.parametrize(
    "layer,policy,gold,lost", [
        ("ner", "outermost", 763, 144),
        ("ner", "innermost", 763, 106),
        ("emd", "outermost", 3127, 370),
        ("emd", "innermost", 3127, 250),
    ],
)  # fmt: skip
def test_spans_of_gum(layer, policy, gold, lost, shared_data):
    reader = TaggingReader(layer, nested_spans=policy, corpus=GumCorpus())
    rows = [instance["metadata"].metadata for instance in reader.read(str(shared_data / "gum" / "test.txt"))]
    assert sum(len(row["spans"]) for row in rows) == gold
    assert gold - sum(len(row["flat_spans"]) for row in rows) == lost
