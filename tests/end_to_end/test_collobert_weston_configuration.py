"""The configuration after Collobert and Weston trains, is evaluated and predicts, on small files in GUM's layout."""

import json
import re
import shutil
from pathlib import Path

import pytest

from hmtl.cli import main
from hmtl.corpora import GumCorpus, GumLayersCorpus
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.models import HMTL
from hmtl.modules import WindowEncoder
from hmtl.predictors import HMTLPredictor
from hmtl.tasks import PredicateArgumentsHead

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "collobert_weston.jsonnet"
TASKS = ["arguments", "chunks", "ner", "pos"]


@pytest.fixture
def data(fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GUM with a noun phrase for each sentence, whose nouns and pronouns are the objects of what they depend on."""
    shutil.copytree(fixtures / "gum", tmp_path / "gum")
    (tmp_path / "gum" / "const").mkdir()
    for treebank in (tmp_path / "gum" / "dep").glob("*.conllu"):
        text = treebank.read_text(encoding="utf-8")
        treebank.write_text(re.sub(r"(\t(?:NOUN|PROPN|PRON)\t.*\t\d+\t)dep\t", r"\1obj\t", text), encoding="utf-8")
    for split in ("train", "dev", "test"):
        for document in GumCorpus().documents(str(tmp_path / "gum" / f"{split}.txt")):
            trees = ("(ROOT (NP " + "".join(f"(NN {word})" for word in words) + "))\n" for words in document.sentences)
            (tmp_path / "gum" / "const" / f"{document.doc_key}.ptb").write_text("".join(trees), encoding="utf-8")
    monkeypatch.setenv("HMTL_DATA", str(tmp_path))
    return tmp_path


def test_from_training_to_prediction(data, tmp_path):
    # Enough updates to learn some sentences by heart.
    overrides = {"trainer.num_epochs": 25, "trainer.patience": None, "trainer.optimizer.lr": 0.01}
    overrides.update({f"dataset_reader.readers.{task}.allow_unknown_labels": True for task in TASKS})
    run = tmp_path / "run"
    main(["train", str(CONFIG), "-s", str(run), "-o", json.dumps(overrides)])

    model = HMTL.from_archive(run)
    assert isinstance(model.shared_encoder.encoder, WindowEncoder) and list(model.encoders) == ["arguments"]
    head = model.head("arguments")
    assert isinstance(head, PredicateArgumentsHead) and model.span_tasks["arguments"][0] == "pos"
    assert head._encoder.get_input_dim() == model.text_field_embedder.get_output_dim() + 5
    evaluation = evaluate_run(load_run(run))
    assert sorted(evaluation.tasks) == TASKS
    # On a sentence of the training data the verb and its arguments are found.
    documents = GumLayersCorpus(arguments=True).documents(str(data / "gum" / "train.txt"))
    document = next(document for document in documents if document.relations)
    from_directory, from_archive = (
        HMTLPredictor.load(path).predict_json({"sentences": document.sentences}) for path in (run, run / "model.tar.gz")
    )
    assert from_directory == from_archive and set(TASKS) <= set(from_directory)
    found = {
        tuple((row[arg]["start"], row[arg]["end"]) for arg in ("arg1", "arg2")) + (row["label"],)
        for row in from_directory["arguments"]
    }
    gold = {tuple(relation) for relation in document.relations}
    assert len(found & gold) >= len(gold) / 2
    verbs = {row["start"] for row in from_directory["pos"] if row["label"] == "VERB"}
    assert found and {arg1[0] for arg1, _, _ in found} <= verbs
