"""Exported graphs find what the model finds: in real texts, in sentences of any length, without the model's code."""

import copy
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from allennlp.common import Params
from allennlp.data import Vocabulary

from hmtl.cli import main
from hmtl.data.dataset_readers import DocumentReader
from hmtl.data.token_indexers import TransformerIndexer
from hmtl.errors import UserError
from hmtl.export import folder as export_folder
from hmtl.export.folder import compare, export
from hmtl.export.levels import ExportedLevels
from hmtl.exported import ExportedModel
from hmtl.models.hmtl import HMTL
from hmtl.predictors import HMTLPredictor
from hmtl.tasks.spans.tagging_reader import TaggingReader

ROOT = Path(__file__).resolve().parents[2]
# Texts of white space, of one token, with words and characters that no model knows, and of sentences unlike in length.
TEXTS = [
    "Mara Lind, a baker from Oslo, met her brother Tom. He works for Fjord Bakeries in Bergen.",
    "Yes",
    " \n ",
    "שלום מרה 🎉 e\u0301 in\u00a0Oslo.\n\n\tShe left.",
    "No. " + "Tom Okafor, who lived in Lagos and then in Rome, visited his aunt, and " * 9 + "left. Why?",
]
ONNX = ("onnx", "onnxscript", "onnxruntime")


def needs_onnx() -> None:
    for package in ONNX:
        pytest.importorskip(package, reason=f"hmtl[export] is not installed: no {package}")


@pytest.fixture(scope="module")
def in_torch(talkative_run, tmp_path_factory) -> Path:
    """A model that finds much in any text, as a graph of `torch.export`, by the command."""
    folder = tmp_path_factory.mktemp("exported") / "torch"
    main(["export", str(talkative_run), str(folder), "--format", "torch"])
    return folder


def of_tasks(output: Dict[str, Any], exported: ExportedModel) -> Dict[str, Any]:
    """An output of the model's predictor as the exported model has it."""
    return {key: output[key] for key in ("text", "sentences", "token_offsets", *exported.tasks)}


def predicted(run: Path) -> List[Dict[str, Any]]:
    return [HMTLPredictor.load(run).predict(text) for text in TEXTS]


def test_what_is_found_is_what_the_model_finds(in_torch, talkative_run):
    exported = ExportedModel(in_torch)
    assert list(exported.tasks) == ["ner", "emd", "relation"]
    outputs = [exported.predict(text) for text in TEXTS]
    expected = [of_tasks(output, exported) for output in predicted(talkative_run)]
    assert json.loads(json.dumps(outputs)) == json.loads(json.dumps(expected))
    for task in exported.tasks:
        assert sum(len(output[task]) for output in outputs) > 10
    # Arguments are spans of several tokens, too.
    assert any(row["arg1"]["start"] < row["arg1"]["end"] for output in outputs for row in output["relation"])
    sentences = [["Mara", "Lind", "left", "Oslo", "."], ["She", "met", "Tom"]]
    assert exported.predict(sentences)["text"] == "Mara Lind left Oslo . She met Tom"


def test_the_manifest_says_what_is_left_out_and_how_the_graph_does(in_torch):
    manifest = json.loads((in_torch / "model.json").read_text(encoding="utf-8"))
    assert manifest["left_out"] == {"coref": "it reads documents, and what is exported reads sentences"}
    compared = manifest["compared"]
    assert compared["f1_against_the_model"] == {"ner": 1.0, "emd": 1.0, "relation": 1.0}
    assert compared["sentences"] > 100
    assert compared["largest_difference"] < 1e-3


def test_no_score_depends_on_what_else_is_in_a_batch(in_torch):
    exported = ExportedModel(in_torch)
    sentences = [("word " * length).split() for length in (1, 40, 3, 2, 17, 1)]
    together = exported.scores(sentences)
    for number, sentence in enumerate(sentences):
        alone = exported.scores([sentence])
        for task in exported.tasks:
            assert together[task][number].shape[0] == len(sentence)
            np.testing.assert_allclose(together[task][number], alone[task][0], atol=1e-4)


def test_little_of_what_training_needs_is_imported(in_torch):
    code = f"""
import sys
import hmtl.exported
assert not {{"torch", "transformers", "spacy", "scipy", "safetensors", "tensorboardX", "rich"}} & set(sys.modules)
of_allennlp = {{name for name in sys.modules if name.startswith("allennlp.")}}
assert all(name.startswith(("allennlp.common", "allennlp.version")) for name in of_allennlp), of_allennlp
model = hmtl.exported.ExportedModel({str(in_torch)!r})
print(len(model.predict([["Mara", "Lind", "left", "Oslo", "."]])["ner"]))
assert not {{"allennlp.data", "transformers", "hmtl.models", "hmtl.tasks"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_spans_that_nest_in_torch(talkative_spans_run, tmp_path):
    model = HMTL.from_archive(talkative_spans_run)
    manifest = export(model, tmp_path / "exported", "torch")
    assert list(manifest["tasks"]) == ["ner", "emd"]
    assert "depends on what is found" in manifest["left_out"]["relation"]
    exported = ExportedModel(tmp_path / "exported")
    outputs = [exported.predict(text) for text in TEXTS]
    expected = [of_tasks(output, exported) for output in predicted(talkative_spans_run)]
    assert json.loads(json.dumps(outputs)) == json.loads(json.dumps(expected))
    assert all(any(output[task] for output in outputs) for task in ("ner", "emd"))


@pytest.mark.parametrize("int8", [False, True])
def test_onnx(int8, talkative_run, tmp_path):
    needs_onnx()
    model = HMTL.from_archive(talkative_run)
    manifest = export(model, tmp_path / "exported", int8=int8)
    compared = manifest["compared"]
    exported = ExportedModel(tmp_path / "exported", threads=1)
    if int8:
        # The loss is measured, and it is one.
        assert 1e-3 < compared["largest_difference"] < 2
        assert all(0.5 < score <= 1 for score in compared["f1_against_the_model"].values())
        return
    assert compared["largest_difference"] < 1e-3
    outputs = [exported.predict(text) for text in TEXTS]
    expected = [of_tasks(output, exported) for output in predicted(talkative_run)]
    assert json.loads(json.dumps(outputs)) == json.loads(json.dumps(expected))


@pytest.fixture
def on_a_transformer(transformer) -> HMTL:
    """A model on an encoder of the transformers library, untrained."""
    part = {"type": "hmtl_transformer", "model_name": transformer, "max_length": 40}
    config = {
        "text_field_embedder": {"token_embedders": {"pieces": part}},
        "levels": {
            "names": {"encoder": {"type": "hmtl_lstm", "hidden_size": 3}, "head": {"type": "hmtl_crf"}},
            "parts": {
                "encoder": {"type": "pass_through"},
                "head": {"type": "hmtl_token_classification", "negative_label": "none"},
                "reads": ["names"],
            },
            "above": {
                "encoder": {"type": "hmtl_window", "hidden_size": 7},
                "head": {"type": "hmtl_crf", "label_namespace": "names_labels"},
                "reads": ["names"],
                "reads_embedding": False,
                "reads_label_embeddings": ["names", "parts"],
            },
        },
    }
    labels = {"names_labels": ["A", "B"], "parts_labels": ["O", "C", "D"]}
    model = HMTL.from_params(Params(config), vocab=Vocabulary(tokens_to_add=labels)).eval()
    indexer = TransformerIndexer(transformer, max_length=40)
    model.reader = TaggingReader("names", token_indexers={"pieces": indexer})
    assert isinstance(model.reader, DocumentReader)
    return model


@pytest.mark.parametrize("format", ["torch", "onnx"])
def test_an_encoder_of_transformers(format, on_a_transformer, tmp_path, monkeypatch):
    if format == "onnx":
        needs_onnx()
    sentences = [["rain", "met", "abc12", ",", "Lagos", "."], ["rain"], ["a1", "b", "rain", "rain", "cd"]]
    monkeypatch.setattr(export_folder, "_sentences", lambda: sentences)
    manifest = export(on_a_transformer, tmp_path / "exported", format)
    assert manifest["compared"]["largest_difference"] < 1e-4
    exported = ExportedModel(tmp_path / "exported")
    expected = HMTLPredictor(on_a_transformer, on_a_transformer.reader).predict(sentences)
    found = exported.predict(sentences)
    assert {task: found[task] for task in exported.tasks} == {task: expected[task] for task in exported.tasks}
    assert len(found["parts"]) == sum(map(len, sentences))
    with pytest.raises(UserError, match="has 39 word pieces; the encoder reads at most 38"):
        exported.predict([["a"] * 39])
    assert len(exported.scores([["a"] * 38])["parts"][0]) == 38


def test_a_graph_that_differs_is_noticed(in_torch, talkative_run):
    model = HMTL.from_archive(talkative_run)
    changed = copy.deepcopy(model)
    with torch.no_grad():
        next(changed.heads["emd"].parameters())[1, 0] += 0.5
    exported = ExportedModel(in_torch)
    sentences = [["Mara", "Lind", "left", "Oslo", "."]]
    assert compare(model, exported, sentences)["largest_difference"] < 1e-3
    assert compare(changed, exported, sentences)["largest_difference"] > 1e-2


def test_what_cannot_be_exported(talkative_run, text_label_run, tmp_path, capsys):
    model = HMTL.from_archive(talkative_run)
    with pytest.raises(UserError, match="expected one of: onnx, torch"):
        export(model, tmp_path / "new", "tensorflow")
    with pytest.raises(UserError, match="--int8 goes with --format onnx"):
        export(model, tmp_path / "new", "torch", int8=True)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="exists, and nothing is overwritten"):
        export(model, tmp_path, "torch")
    with pytest.raises(UserError, match="nothing of this model can be exported"):
        export(HMTL.from_archive(text_label_run), tmp_path / "new", "torch")
    assert not (tmp_path / "new").exists()
    with pytest.raises(UserError, match="no exported model"):
        ExportedModel(talkative_run)
    (tmp_path / "model.json").write_text('{"format": 2}')
    with pytest.raises(UserError, match="format 2; this hmtl reads 1"):
        ExportedModel(tmp_path)
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path / "none"), str(tmp_path / "new")])
    assert "no such archive" in capsys.readouterr().err


def test_the_model_itself_stays_as_it_was(talkative_run):
    model = HMTL.from_archive(talkative_run)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    trains = [weight.requires_grad for weight in model.parameters()]
    levels = ExportedLevels(model, for_onnx=False)
    assert [weight.requires_grad for weight in model.parameters()] == trains
    assert not any(weight.requires_grad for weight in levels.parameters())
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())
    assert math.isfinite(sum(float(weight.sum()) for weight in levels.state_dict().values()))
