"""The encoder of sentences from training to its vectors, and to what they are worth for other tasks."""

import csv
import json
from pathlib import Path
from typing import Any, Dict

import numpy
import pytest
from gum_with_trees import copy_with_trees
from senteval_folder import write_senteval

from hmtl.cli import main
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.predictors import HMTLPredictor

ROOT = Path(__file__).resolve().parents[2]
TASKS = ["dependencies", "entailment", "relatedness", "s_type", "sentence_order"]
TEXTS = ["Mara Lind lives in Oslo.", "She slept."]


@pytest.fixture(scope="module")
def run(fixtures, tmp_path_factory) -> Path:
    """A few sentences of GUM with trees, and a few of the bundled pairs."""
    folder = tmp_path_factory.mktemp("sentence_encoder")
    copy_with_trees(fixtures, folder / "gum")
    overrides: Dict[str, Any] = {
        "trainer.num_epochs": 1,
        # All tasks are drawn, however few updates there are.
        "trainer.sampler": "round_robin",
        "model.shared_encoder.encoder.hidden_size": 8,
    }
    overrides.update({f"dataset_reader.readers.{task}.allow_unknown_labels": True for task in TASKS})
    overrides.update({f"dataset_reader.readers.{task}.max_instances": 8 for task in ("relatedness", "entailment")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HMTL_DATA", str(folder))
        for name in ("HMTL_TRANSFORMER", "HMTL_SICK"):
            patch.delenv(name, raising=False)
        patch.chdir(ROOT)
        path = ROOT / "configs" / "sentence_encoder.jsonnet"
        main(["train", str(path), "-s", str(folder / "run"), "-o", json.dumps(overrides)])
    return folder / "run"


def test_its_five_tasks_are_evaluated_and_predicted_by_run_and_archive_alike(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert all(metrics[f"training_{task}_updates"] > 0 for task in TASKS)
    evaluation = evaluate_run(load_run(run, data=ROOT))
    assert sorted(evaluation.tasks) == TASKS
    table = evaluation.table()
    titles = ["dependencies LAS", "entailment accuracy", "relatedness Pearson", "s_type accuracy"]
    for title in [*titles, "sentence_order accuracy"]:
        assert title in table, table
    text = {"text": TEXTS[0], "text_pair": TEXTS[1]}
    predictor = HMTLPredictor.load(run)
    found = predictor.predict_json(text)
    assert found == HMTLPredictor.load(run / "model.tar.gz").predict_json(text)
    assert found["sentence_order"][0]["label"] in ("in_order", "swapped") and len(found["s_type"]) == 2


def test_all_tasks_share_its_vectors(run, tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    vectors = {}
    for level in ("entailment", "dependencies"):
        output = tmp_path / f"{level}.npy"
        options = ["--input", "lines", "--level", level, "--pooling", "max", "--output", str(output)]
        main(["embed", str(run), str(tmp_path / "texts.txt"), *options])
        vectors[level] = numpy.load(output)
    # Both directions of the one BiLSTM.
    assert vectors["entailment"].shape == (2, 16) and len(numpy.unique(vectors["entailment"])) > 16
    numpy.testing.assert_array_equal(vectors["dependencies"], vectors["entailment"])


def test_its_vectors_are_features_of_transfer_tasks(run, tmp_path, capsys):
    command = ["probe", str(run), "--transfer", str(write_senteval(tmp_path / "data")), "--tasks", "TREC,STS14"]
    command += ["--levels", "entailment", "--pooling", "max", "--classifier", "scikit-learn", "--folds", "2"]
    main([*command, "--no-baselines", "--no-cache", "--output", str(tmp_path / "output")])
    with open(tmp_path / "output" / "transfer.csv", encoding="utf-8") as file:
        row, *_ = csv.DictReader(file)
    assert (row["encoder"], row["level"], row["pooling"]) == ("trained", "entailment", "max")
    assert 0 < float(row["TREC"]) <= 100 and row["STS14"] != ""
