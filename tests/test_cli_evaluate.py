"""`hmtl evaluate`, AllenNLP's own evaluation of an archive, against `scripts/evaluate.py`'s."""

import json
from pathlib import Path
from typing import Any, Dict

import pytest
from test_evaluation import fitted_run as fitted_run

from hmtl.cli import main
from hmtl.common.archives import archive_model
from hmtl.evaluation.evaluate import Evaluation, evaluate_run, load_run


@pytest.fixture(scope="module")
def archive(fitted_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "model.tar.gz"
    archive_model(fitted_run, archive_path=path)
    return path


@pytest.fixture(scope="module")
def evaluation(fitted_run: Path) -> Evaluation:
    return evaluate_run(load_run(fitted_run, ["best.safetensors"]), with_baselines=False)


def metrics_of(archive: Path, data: str, tmp_path: Path, *options: str) -> Dict[str, Any]:
    main(["evaluate", str(archive), data, "--output-file", str(tmp_path / "metrics.json"), *options])
    return json.loads((tmp_path / "metrics.json").read_text())


def expected(evaluation: Evaluation, task: str) -> Dict[str, float]:
    metrics = evaluation.scores["best"][task].metrics
    return {f"{task}_{name}": value for name, value in metrics.items() if name != "loss"}


def test_one_path_for_every_task(archive, evaluation, fixtures, tmp_path):
    metrics = metrics_of(archive, str(fixtures / "jsonl" / "test.jsonl"), tmp_path)
    # One batch a task: the loss of all batches is the mean of the tasks'.
    losses = [cell.metrics["loss"] for cell in evaluation.scores["best"].values()]
    assert metrics.pop("loss") == pytest.approx(sum(losses) / len(losses))
    assert metrics == {key: value for task in evaluation.tasks for key, value in expected(evaluation, task).items()}
    assert metrics["ner_f1"] > 0 and metrics["emd_f1"] > 0


def test_a_path_for_each_task(archive, evaluation, tmp_path):
    metrics = metrics_of(archive, json.dumps(evaluation.data_path), tmp_path)
    for task in evaluation.tasks:
        assert expected(evaluation, task).items() <= metrics.items()


def test_some_tasks(archive, evaluation, tmp_path):
    paths = {task: evaluation.data_path[task] for task in ("emd", "coref")}
    metrics = metrics_of(archive, json.dumps(paths), tmp_path)
    for task in paths:
        assert expected(evaluation, task).items() <= metrics.items()
    assert not [name for name in metrics if name.startswith(("ner_", "relation_"))]
    losses = [evaluation.scores["best"][task].metrics["loss"] for task in paths]
    assert metrics["loss"] == pytest.approx(sum(losses) / 2)


def test_other_weights(archive, fitted_run, evaluation, tmp_path):
    path, weights = evaluation.data_path["ner"], fitted_run / "best_ner.safetensors"
    metrics = metrics_of(archive, json.dumps({"ner": path}), tmp_path, "--weights-file", str(weights))
    scores = (
        evaluate_run(load_run(fitted_run, ["best_ner.safetensors"]), with_baselines=False)
        .scores["best_ner"]["ner"]
        .metrics
    )
    assert metrics["loss"] == pytest.approx(scores["loss"])
    assert metrics["loss"] != pytest.approx(evaluation.scores["best"]["ner"].metrics["loss"])


@pytest.mark.parametrize(
    "data, message", [("gone.jsonl", "gone.jsonl: no such file"), ('{"nre": "x.jsonl"}', "no reader for ['nre']")]
)
def test_data_that_cannot_be_read(archive, capsys, data, message):
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", str(archive), data])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
