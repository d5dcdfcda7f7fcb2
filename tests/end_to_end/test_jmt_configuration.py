"""The joint many-task model from training to prediction, with its order of tasks and what holds these."""

import json
from pathlib import Path
from typing import Any, Dict, Set

import pytest
from gum_with_trees import copy_with_trees

from hmtl.cli import main
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.models import HMTL
from hmtl.predictors import HMTLPredictor
from hmtl.predictors.render import render
from hmtl.training.update import Updater

ROOT = Path(__file__).resolve().parents[2]
ORDER = ["pos", "chunks", "dependencies", "relatedness", "entailment"]
PAIR = {"text": "Mara Lind lives in Oslo.", "text_pair": "She sleeps."}


@pytest.fixture(scope="module")
def run(fixtures, tmp_path_factory) -> Path:
    """A few sentences of GUM with trees, and a few of the bundled pairs."""
    folder = tmp_path_factory.mktemp("jmt")
    copy_with_trees(fixtures, folder / "gum")
    overrides: Dict[str, Any] = {"trainer.num_epochs": 2}
    overrides.update({f"dataset_reader.readers.{task}.allow_unknown_labels": True for task in ORDER})
    overrides.update({f"dataset_reader.readers.{task}.max_instances": 8 for task in ORDER[3:]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HMTL_DATA", str(folder))
        for name in ("HMTL_TRANSFORMER", "HMTL_SICK"):
            patch.delenv(name, raising=False)
        patch.chdir(ROOT)
        main(["train", str(ROOT / "configs" / "jmt.jsonnet"), "-s", str(folder / "run"), "-o", json.dumps(overrides)])
    return folder / "run"


def test_all_five_tasks_are_evaluated_and_predicted_by_run_and_archive_alike(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert all(metrics[f"training_{task}_updates"] > 0 for task in ORDER)
    evaluation = evaluate_run(load_run(run, data=ROOT))
    assert sorted(evaluation.tasks) == sorted(ORDER)
    table = evaluation.table()
    for title in ("pos", "chunks", "dependencies LAS", "relatedness Pearson", "entailment accuracy"):
        assert title in table, table
    predictor = HMTLPredictor.load(run, with_scores=True)
    texts = [PAIR, {"sentences": [["Mara", "slept", "."]]}]
    pair, alone = predictor.predict_many(texts)
    assert [pair, alone] == list(HMTLPredictor.load(run / "model.tar.gz", with_scores=True).predict_many(texts))
    assert set(ORDER) <= set(pair)
    [relatedness], [entailment] = pair["relatedness"], pair["entailment"]
    assert 1 <= relatedness["value"] <= 5 and entailment["label"] in predictor.labels["entailment"]
    assert len(pair["pos"]) == len(pair["dependencies"]) > 3
    assert alone["entailment"] == alone["relatedness"] == [] and len(alone["dependencies"]) == 3
    text = render(pair, predictor.layers)
    assert entailment["label"] in text and all(task in text for task in ORDER)


def test_each_task_is_held_near_what_the_paper_names(run):
    """Section 3 of Hashimoto et al. 2017: chunking near theta_POS, dependencies near theta_chk, which holds the
    embeddings of parts of speech, relatedness near theta_dep, which holds those of chunks, too, and entailment near
    theta_rel, while those of relatedness are its own. Of the heads there is what a level above reads; what it does not
    reach cannot move."""
    model = HMTL.from_archive(run).train()
    updater = Updater(model, precision=None)  # type: ignore[arg-type]
    embedding = {"text_field_embedder"}
    pos = embedding | {"encoders.pos", "heads.pos"}
    chunks = pos | {"encoders.chunks", "heads.chunks", "label_embeddings.pos"}
    dependencies = chunks | {"encoders.dependencies", "label_embeddings.chunks"}
    relatedness = dependencies | {"encoders.relatedness", "heads.relatedness"}
    expected = dict(zip(ORDER, (embedding, pos, chunks, dependencies, relatedness)))
    assert {task: parts_of(updater, task) for task in ORDER} == expected
    names = {name for name, _ in updater._below["chunks"] if name.startswith("heads.")}
    assert names == {"heads.pos._projection.weight", "heads.pos._projection.bias"}
    assert tuple(model.label_embeddings["relatedness"].weight.shape) == (5, 100)


def parts_of(updater: Updater, task: str) -> Set[str]:
    names = [name.split(".") for name, _ in updater._below[task]]
    return {name[0] if name[0] == "text_field_embedder" else ".".join(name[:2]) for name in names}
