"""What an evaluation of several weights and tasks computes, and that its scores are those of each of them alone."""

import copy
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import torch
from test_evaluation import fitted_run as fitted_run

from hmtl.cli import main
from hmtl.common.weights import load_weights, save_weights
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.evaluation.error_analysis.run import analyse_run
from hmtl.evaluation.evaluate import Run, evaluate_run, load_run
from hmtl.models.hmtl import HMTL
from hmtl.modules.frozen import frozen_encoders
from hmtl.runs.run_directory import is_best_for
from hmtl.training.evaluate_task import TaskEvaluation, evaluate_task, evaluated

ROOT = Path(__file__).resolve().parents[2]
ENCODER = "text_field_embedder.token_embedder_transformer.transformer_model."
CONFIGURATION = """
local corpora = import '%(root)s/configs/lib/corpora.libsonnet';
local embedders = import '%(root)s/configs/lib/embedders.libsonnet';
local experiment = import '%(root)s/configs/lib/experiment.libsonnet';
local levels = import '%(root)s/configs/lib/levels.libsonnet';
local small_encoder = { encoder+: { hidden_size: 8, num_layers: 1, dropout: 0.0 } };
experiment.new(
  tasks=corpora.jsonl('%(root)s/tests/fixtures/jsonl'),
  embedding=embedders.combine([embedders.words(dim=8), embedders.transformer('%(transformer)s')]),
  levels=std.mapWithKey(function(task, level) level + small_encoder, levels.paper()),
  num_epochs=1,
  min_batches=null,
)
"""


@pytest.fixture(scope="module")
def frozen_run(transformer: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a frozen transformer: the weights of three files differ, those of coref, relation and all are one.

    Sentences are in batches of two, so that there are several.
    """
    folder = tmp_path_factory.mktemp("frozen")
    (folder / "run.jsonnet").write_text(CONFIGURATION % {"root": ROOT, "transformer": transformer})
    sizes = {"ner": 2, "emd": 2, "relation": 2, "coref": 1}
    main(
        [
            "train",
            str(folder / "run.jsonnet"),
            "-s",
            str(folder / "run"),
            "-o",
            f"{{'validation_data_loader.batch_size': {sizes}}}".replace("'", '"'),
        ]
    )
    weights = load_weights(folder / "run" / "best.safetensors")
    for number, name in enumerate(["best_ner", "best_emd", "best", "best_coref", "best_relation"]):
        torch.manual_seed(min(number, 2))
        changed = {
            name: tensor if name.startswith(ENCODER) else tensor + torch.randn_like(tensor)
            for name, tensor in sorted(weights.items())
        }
        save_weights(folder / "run" / f"{name}.safetensors", changed)
    return folder / "run"


def alone(run: Run, loader: PerTaskDataLoader, name: str, task: str) -> Tuple[Dict[str, float], List[Any]]:
    """The metrics and the predictions of a model that is run on nothing else."""
    run.load_weights(name)
    model = copy.deepcopy(run.model)
    evaluation = TaskEvaluation(model, loader, task)
    predictions = [row for batch in loader.batches_of(task) for row in evaluation.add(batch)["predictions"]]
    return evaluation.metrics(), predictions


def count_calls(monkeypatch: pytest.MonkeyPatch, *classes: Any) -> Counter:
    calls: Counter = Counter()

    def counting(cls: Any) -> Any:
        forward = cls.forward

        def counted(self: Any, *arguments: Any, **options: Any) -> Any:
            calls[cls.__name__] += 1
            return forward(self, *arguments, **options)

        return counted

    for cls in classes:
        monkeypatch.setattr(cls, "forward", counting(cls))
    return calls


@pytest.mark.parametrize("kind", ["frozen_run", "fitted_run"])
def test_scores_and_predictions_are_those_of_each_weights_and_task_alone(kind: str, request: Any) -> None:
    run = load_run(request.getfixturevalue(kind))
    predicted: Dict[Tuple[str, str], List[Any]] = {}

    def observed(weights: str, task: str, metadata: List[Any], predictions: List[Any]) -> None:
        assert len(metadata) == len(predictions)
        predicted.setdefault((weights, task), []).extend(predictions)

    evaluation = evaluate_run(run, with_baselines=False, observed=observed)
    loader = run.data_loader("test")
    found: List[Any] = []
    for name, by_task in evaluation.scores.items():
        assert list(by_task) == evaluation.tasks
        for task, scores in by_task.items():
            # Bit by bit, losses too.
            assert (scores.metrics, predicted[name, task]) == alone(run, loader, name, task)
            has_labels = is_best_for(name, task) and task != "coref"
            assert (scores.by_label is not None) == has_labels
            found.append(scores.metrics["loss"])
    assert len(set(found)) == 4 * len({path.read_bytes() for path in run.weights.values()})
    assert any(any(rows) for rows in predicted.values())


def test_each_batch_and_each_distinct_weights_once(frozen_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load_run(frozen_run)
    (encoder,) = frozen_encoders(run.model)
    num_batches = run.data_loader("test").num_batches
    assert num_batches["ner"] == num_batches["emd"] > 1
    levels = {type(run.model.encoder("ner")), type(run.model.text_field_embedder)}
    calls = count_calls(monkeypatch, type(encoder), *levels, HMTL)
    evaluation = evaluate_run(run, with_baselines=False)
    # Those of named entities and mentions are the same; those of relations too, where it keeps all sentences.
    loader = run.data_loader("test")
    groups = loader.tasks_in_step(evaluation.tasks)
    rows = sum(num_batches[group[0]] for group in groups)
    assert len(groups) < len(evaluation.tasks) and groups[0][:2] == ["ner", "emd"]
    assert calls[type(encoder).__name__] == rows
    assert calls["HMTL"] == 3 * sum(num_batches.values())
    assert calls[type(run.model.text_field_embedder).__name__] == 3 * rows
    seconds = {name: sum(scores.seconds for scores in row.values()) for name, row in evaluation.scores.items()}
    assert [name for name in seconds if seconds[name] == 0] == ["best_relation", "best"]


def test_weights_with_another_encoder_do_not_share_it(frozen_run: Path, tmp_path: Path) -> None:
    shutil.copytree(frozen_run, tmp_path / "run")
    weights = load_weights(tmp_path / "run" / "best_emd.safetensors")
    name = f"{ENCODER}encoder.layer.0.output.dense.weight"
    weights[name] = weights[name] + 1
    save_weights(tmp_path / "run" / "best_emd.safetensors", weights)
    run = load_run(tmp_path / "run")
    together = [[names for _, names in models] for models in run.models()]
    assert together == [[["best_ner"], ["best_coref", "best_relation", "best"]], [["best_emd"]]]
    evaluation = evaluate_run(run, with_baselines=False)
    loader = run.data_loader("test")
    for name in ("best_emd", "best_ner", "best"):
        assert evaluation.scores[name]["emd"].metrics == alone(run, loader, name, "emd")[0]


def test_models_without_a_frozen_encoder_come_one_by_one(fitted_run: Path) -> None:
    run = load_run(fitted_run)
    for models, expected in zip(
        run.models(), [["best_ner"], ["best_emd", "best_coref", "best_relation", "best"]], strict=True
    ):
        ((model, names),) = models
        assert model is run.model and names == expected
        weights = load_weights(run.weights[names[0]])
        assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_models_of_one_encoder_share_nothing_else(frozen_run: Path) -> None:
    run = load_run(frozen_run)
    (models,) = run.models()
    first, second = (model for model, _ in models[:2])
    shared = {id(weight) for weight in first.parameters()} & {id(weight) for weight in second.parameters()}
    assert shared == {id(weight) for weight in frozen_encoders(first)[0].parameters()}
    assert second.vocab is first.vocab and not second.training


def test_a_state_that_goes_on_takes_the_tasks_and_weights_one_by_one(frozen_run: Path) -> None:
    run = load_run(frozen_run)
    run.model.encoder("ner").stateful = True  # type: ignore[assignment]
    assert [[names for _, names in models] for models in run.models()] == [[[name]] for name in run.weights]
    loader = run.data_loader("test")
    evaluations = [TaskEvaluation(run.model, loader, task) for task in ("ner", "emd")]
    order = [each.evaluation.task for each in evaluated(evaluations, loader)]
    assert order == ["ner"] * loader.num_batches["ner"] + ["emd"] * loader.num_batches["emd"]


@pytest.mark.parametrize("kind", ["frozen_run", "fitted_run"])
def test_errors_of_all_tasks_are_those_of_each_alone(kind: str, request: Any) -> None:
    directory = request.getfixturevalue(kind)
    errors = analyse_run(load_run(directory)).to_json()["tasks"]
    assert list(errors) == ["ner", "emd", "coref", "relation"]
    for task, of_task in errors.items():
        assert analyse_run(load_run(directory), tasks=[task]).to_json()["tasks"] == {task: of_task}
        assert of_task["weights"] == f"best_{task}.safetensors"


def test_a_task_alone_and_with_others(fitted_run: Path) -> None:
    run = load_run(fitted_run, ["best.safetensors"])
    loader = run.data_loader("validation")
    assert evaluate_task(run.model, loader, "relation") == alone(run, loader, "best", "relation")[0]
