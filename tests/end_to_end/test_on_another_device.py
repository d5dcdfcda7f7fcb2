"""All that computes, on a device that is not the CPU: the same results, no tensors of several devices, and as few waits
as are named here.

The device is the `FakeDevice` of the tests. What the host waits for is counted by kind, as it says; the figures stand
in docs/speed.md, too. A head, an embedder or a shared encoder of hmtl that is registered needs an entry here.
"""

import json
from collections import Counter
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import allennlp.training.trainer as allennlp_trainer
import pytest
import torch
from _jsonnet import evaluate_snippet
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from allennlp.models.heads import Head
from allennlp.modules import TokenEmbedder
from fake_device import Event, FakeDevice

from hmtl.common.devices import deterministic_algorithms
from hmtl.document import read_jsonl
from hmtl.modules import SharedEncoder
from hmtl.predictors import HMTLPredictor
from hmtl.training import trainer as trainer_module
from hmtl.training.gradient_aggregators import GradientAggregator
from hmtl.training.objectives import Objective
from hmtl.training.trainer import MultiTaskTrainer

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "fixtures" / "jsonl"
NUM_UPDATES = 3

SNIPPET = """
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local heads = import 'lib/heads.libsonnet';
local levels = import 'lib/levels.libsonnet';
local data = corpora.jsonl('%(data)s');
local FOLDER = '%(data)s/../';
local lstm = { encoder: { type: 'hmtl_lstm', hidden_size: 6, num_layers: 2 } };
local small(levels) = std.mapWithKey(function(task, level) level + lstm, levels);
local the_levels = %(levels)s;
experiment.new(
  tasks={ [task]: (%(tasks)s)[task] { batch_size: 2 } for task in std.objectFields(the_levels) },
  embedding=embedders.combine(%(embedding)s),
  levels=the_levels,
  shared_encoder=%(shared_encoder)s,
  // Plain steps: others make much of gradients near 0.
  optimizer={ type: 'sgd', lr: 0.05 },
  shared_optimizer=true,
  num_epochs=1,
  min_batches=null,
  trainer=%(trainer)s,
)
"""
WORDS = "embedders.words(dim=8)"
CHARACTERS = "embedders.characters(dim=4, num_filters=4)"
TEXT_LABELS = """{ mentions: corpora.text_labels({
  names: data.ner { reader+: { label_texts: { GPE: 'a place' } } },
  mentions: data.emd { reader+: { label_texts: { PER: 'person' } }, test: null },
}) }"""
QUESTIONS = """
  local files = { train: data.ner.train, validation: data.ner.validation, test: data.ner.test };
  local tiny(source) = files { source: { corpus: 'jsonl' } + source };
  { questions: corpora.questions({
    names: tiny({ type: 'spans', layer: 'emd', questions: { PER: 'Which spans name a person?' }, window: 2 }),
    coreference: tiny({ type: 'clusters', question: 'Which other spans mean {head}?' }),
  }) }
"""
TOKEN_LABELS = "{ tokens: data.ner { reader: { type: 'hmtl_token_labels', layer: 'ner' } } }"

Waits = Dict[str, int]


class Model(NamedTuple):
    """A small model, and what the prediction of a batch of texts by all its heads, with scores, has the host wait for.

    # Attributes

    levels, tasks, embedding, shared_encoder : `str`
        In jsonnet, as `SNIPPET` has them.
    """

    levels: str
    prediction: Waits
    tasks: str = "data"
    embedding: str = f"[{WORDS}, {CHARACTERS}]"
    shared_encoder: str = "null"


class Of(NamedTuple):
    """A head: a model and its task, and what an update and an evaluated batch of the task have the host wait for."""

    model: str
    task: str
    update: Waits
    evaluation: Waits


MODELS = {
    "paper": Model("small(levels.paper())", {"read": 6, "shape": 1}),
    "singletons": Model("small({ coref: levels.coref([]) { head+: { predict_singletons: true } } })", {"read": 1}),
    # Asked for a text alone it looks how wide its candidates are, as if they were gold.
    "gold mentions": Model("small({ coref: levels.coref([], gold_mentions=true) })", {"read": 3}),
    "spans": Model(
        "small(levels.spans(symmetric=['PER-SOC'], type_constraints='learned') { emd+: { head+: { overlaps: 'nested', "
        "negative_share: 0.5, several_labels: true, content: 'maximum' } } })",
        {"read": 4, "shape": 4},
    ),
    "relations of documents": Model(
        "local all = levels.spans(scope='document', max_sentence_distance=1); "
        "small({ emd: all.emd { reads: [] }, relation: all.relation })",
        {"read": 3, "shape": 3},
    ),
    "token labels": Model(
        "small({ tokens: { head: { type: 'hmtl_token_classification', label_namespace: 'ner_labels' } } })",
        {"read": 1},
        TOKEN_LABELS,
    ),
    "parsing": Model(
        "small({ dependencies: levels.parser([]) { head+: { arc_dim: 8, relation_dim: 6 } } })",
        {"read": 2},
        "local data = corpora.conllu(FOLDER + 'treebank').dependencies; "
        "{ dependencies: data { reader+: { allow_unknown_labels: true } } }",
    ),
    "labels": Model(
        "small({ label: levels.labels([], heads.labels(scope='document', pooling='attention')) })",
        {"read": 1},
        "corpora.labelled(FOLDER + 'labelled', ['label'], ['sst_2.tsv', 'sst_2.tsv', 'sst_2.tsv'])",
    ),
    "pairs": Model(
        "small(levels.with_label_embeddings({ relatedness: levels.pairs([], heads.pairs(values='number', "
        "number_range=[1, 5])), entailment: levels.pairs(['relatedness']) }))",
        {"read": 2},
        "std.mapWithKey(function(task, data) data { reader+: { max_instances: 6 } }, "
        "corpora.labelled(FOLDER + '../../data/pairs', ['relatedness', 'entailment']))",
    ),
    "predicates": Model(
        "small({ emd: levels.tagger([]), arguments: levels.arguments('emd', [], levels.window_encoder(6)) })",
        {"read": 4},
        "data { arguments: data.relation { reader: { type: 'hmtl_predicate_arguments', predicate_layer: 'emd', "
        "predicate_labels: [], allow_unknown_labels: true } } }",
    ),
    "questions": Model(
        "small({ questions: { head: heads.questions(options={ hidden_dim: 8, unanswered_share: 0.5 }) } })",
        {"read": 1, "shape": 1},
        QUESTIONS,
    ),
    "text labels": Model(
        "small({ mentions: { head: heads.text_label_spans(options={ hidden_dim: 8 }) } })",
        {"read": 1, "shape": 1},
        TEXT_LABELS,
    ),
}

# In training nothing is decoded. The host waits for shapes alone that the device has drawn or found.
HEADS = {
    "hmtl_crf": [Of("paper", "ner", {}, {"read": 1})],
    "hmtl_relation": [Of("paper", "relation", {}, {"read": 3, "shape": 1})],
    "hmtl_coref": [
        Of("paper", "coref", {}, {"read": 1}),
        Of("singletons", "coref", {}, {"read": 1}),
        Of("gold mentions", "coref", {}, {"read": 1}),
    ],
    "hmtl_spans": [
        Of("spans", "ner", {}, {"read": 1, "shape": 1}),
        # Spans without a label are drawn by the device.
        Of("spans", "emd", {"shape": 1}, {"read": 1, "shape": 1}),
    ],
    # The pairs of spans that lower levels have found.
    "hmtl_span_relations": [
        Of("spans", "relation", {"shape": 1}, {"read": 2, "shape": 3}),
        Of("relations of documents", "relation", {"read": 1, "shape": 1}, {"read": 3, "shape": 3}),
    ],
    "hmtl_token_classification": [Of("token labels", "tokens", {}, {"read": 1})],
    "hmtl_biaffine": [Of("parsing", "dependencies", {}, {"read": 2})],
    "hmtl_labels": [Of("labels", "label", {}, {"read": 1})],
    "hmtl_pairs": [Of("pairs", task, {}, {"read": 1}) for task in ("relatedness", "entailment")],
    # Of the level that finds the predicates, and the tagger's for those of gold and for those that are found.
    "hmtl_predicate_arguments": [Of("predicates", "arguments", {}, {"read": 3})],
    "hmtl_questions": [Of("questions", "questions", {}, {"read": 1, "shape": 1})],
    "hmtl_text_label_spans": [Of("text labels", "mentions", {}, {"read": 1, "shape": 1})],
}


# Of an update and an evaluated batch with an embedder, those of heads included.
EMBEDDERS: Dict[str, Tuple[str, Waits, Waits]] = {
    "hmtl_character_encoding": (CHARACTERS, {}, {"read": 1}),
    # Transformers asks whether there is padding.
    "hmtl_transformer": ("embedders.transformer('TRANSFORMER')", {"read": 1}, {"read": 2}),
    "hmtl_transformer, of long texts": ("embedders.transformer('TRANSFORMER', max_length=8)", {"read": 1}, {"read": 2}),
    "hmtl_transformer, trained": ("embedders.transformer('TRANSFORMER', train=true)", {"read": 1}, {"read": 2}),
    # What is computed goes to the host, once; what is kept is found there without the device.
    "hmtl_transformer, kept": ("embedders.transformer('TRANSFORMER', cache_gib=0.1)", {"read": 2}, {"read": 2}),
    # AllenNLP's ELMo packs sequences, whose lengths it asks the device for.
    "hmtl_elmo": ("embedders.elmo('OPTIONS', 'WEIGHTS')", {"read": 4, "copy": 2}, {"read": 5, "copy": 2}),
    # What the run on a CPU has kept is found; before training no cache is in use.
    "hmtl_elmo, kept": (
        "embedders.elmo('OPTIONS', 'WEIGHTS', cache={ directory: 'FOLDER' })",
        {},
        {"read": 5, "copy": 2},
    ),
}
SHARED_ENCODERS = {
    "hard": "levels.hard_sharing(2, hidden_size=6)",
    "cross_stitch": "levels.cross_stitch(2, hidden_size=6)",
    "sluice": "levels.sluice(2, hidden_size=6)",
}
# An update of two tasks. Aggregators wait for the products of the tasks' gradients, and before for whether these are
# finite at all.
OBJECTIVES = {"weights": "{ type: 'weights', weights: { ner: 2.0, emd: 0.5, relation: 1.0, coref: 1.0 } }"}
AGGREGATED = {"read": 2}
UPDATES: Dict[str, Tuple[str, Waits]] = {
    "one sum": ("{ tasks_per_update: 2 }", {}),
    "in parts": ("{ tasks_per_update: 2, gradient_accumulation_steps: 2 }", {}),
    "regularized": ("{ tasks_per_update: 2, successive_regularization: { since: 'epoch' } }", {}),
    **{
        f"objective {name}": (f"{{ tasks_per_update: 2, objective: {OBJECTIVES.get(name, repr(name))} }}", {})
        for name in Objective.list_available()
    },
    **{
        f"aggregator {name}": (
            f"{{ tasks_per_update: 2, gradient_aggregator: '{name}' }}",
            {"read": 1} if name == "sum" else AGGREGATED,
        )
        for name in GradientAggregator.list_available()
    },
}


class Outcome(NamedTuple):
    """What a model does on a device, and what the host waits for meanwhile."""

    losses: Dict[str, List[float]]
    weights: Dict[str, torch.Tensor]
    metrics: Dict[str, Dict[str, float]]
    evaluated: Dict[str, List[Any]]
    predictions: List[Dict[str, Any]]
    updates: Dict[str, List[List[Event]]]
    evaluations: Dict[str, List[List[Event]]]
    prediction: List[Event]


def configuration(model: Model, trainer: str = "{}") -> Dict[str, Any]:
    values = {**model._asdict(), "data": DATA, "trainer": trainer}
    found = json.loads(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), SNIPPET % values))
    return {name: value for name, value in found.items() if not name.endswith("_seed")}


def trainer_on(device: Optional[torch.device], model: Model, directory: Path, trainer: str = "{}") -> MultiTaskTrainer:
    """The trainer of a model without dropout, whose heads find something, with the same weights on each device."""
    torch.manual_seed(7)
    with pytest.MonkeyPatch.context() as patch:
        if device is not None:
            patch.setattr(trainer_module, "int_to_device", lambda _: device)
            patch.setattr(allennlp_trainer, "check_for_gpu", lambda _: None)
        params = Params({**configuration(model, trainer)})
        built = TrainModel.from_params(params, serialization_dir=str(directory), local_rank=0).trainer
    assert isinstance(built, MultiTaskTrainer)
    for module in built.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        for name, parameter in built.model.heads.named_parameters():
            parameter += 0.5 * torch.randn(parameter.shape).to(parameter.device)
            if name.endswith(("scorer.bias", "_type_projection.bias")):
                parameter.fill_(2.0)
    return built


def run(trainer: MultiTaskTrainer, device: Optional[FakeDevice]) -> Outcome:
    """Updates, evaluation and prediction."""
    take: Callable[[], List[Event]] = list if device is None else device.take
    model, loader, validation = trainer.model, trainer.data_loader, trainer.validation_data_loader
    assert validation is not None
    losses, updates, evaluations, evaluated = {}, {}, {}, {}
    take()
    # Before training, whose gradients may leave a head nothing to find.
    model.eval()
    for task in trainer.tasks:
        evaluations[task], evaluated[task] = [], []
        for batch in validation.batches_of(task):
            with torch.no_grad():
                evaluated[task] += model(**batch)["predictions"]
            evaluations[task].append(take())
    texts = [{"sentences": document.sentences} for document in read_jsonl(DATA / "train.jsonl")]
    predictor = HMTLPredictor(model, loader.reader_of(trainer.tasks[0]), with_scores=True)
    take()
    predictions = list(predictor.predict_many(texts))
    prediction = take()
    model.train()
    for task in trainer.tasks:
        losses[task], updates[task] = [], []
        batches = loader.stream(task)
        for number in range(NUM_UPDATES):
            torch.manual_seed(number)
            update = trainer.loop.update({task: next(batches)})
            updates[task].append(take())
            losses[task].append(update.losses[task].item())
            take()
    metrics = {task: trainer.validate_task(task) for task in trainer.tasks}
    weights = {name: parameter.detach().cpu() for name, parameter in model.state_dict().items()}
    return Outcome(losses, weights, metrics, evaluated, predictions, updates, evaluations, prediction)


@lru_cache(maxsize=None)
def on_the_device(name: str, folder: Path) -> Outcome:
    # Where that is asked for, nothing may be computed that CUDA computes otherwise each time.
    with FakeDevice() as device, deterministic_algorithms():
        return run(trainer_on(device.device, MODELS[name], folder / f"{name} there"), device)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("devices")


def counts(events: List[Event]) -> Waits:
    return dict(Counter(event.kind for event in events))


def assert_waits(of_batches: List[List[Event]], expected: Waits, what: str) -> None:
    """Each batch has the host wait for this at most, and some batch for all of it."""
    most: Counter = Counter()
    for events in of_batches:
        most |= Counter(counts(events))
    listing = "\n".join(map(str, dict.fromkeys(event for events in of_batches for event in events)))
    assert dict(most) == expected, f"{what} waits for\n{listing}"


def assert_close(one: Any, other: Any) -> None:
    """Numbers that sums in another order may change are close; all else is equal."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for pair in zip(one, other):
            assert_close(*pair)
    elif isinstance(one, float):
        # Predictions are rounded to four digits.
        assert other == pytest.approx(one, rel=1e-4, abs=1.1e-4)
    elif isinstance(one, torch.Tensor):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)
    else:
        assert one == other


def assert_alike(here: Outcome, there: Outcome) -> None:
    for name in ("losses", "weights", "metrics", "evaluated", "predictions"):
        assert_close(getattr(here, name), getattr(there, name))


def of_hmtl(base: Any) -> List[str]:
    """The names of hmtl's own classes in a registry."""
    return [name for name in base.list_available() if base.by_name(name).__module__.startswith("hmtl.")]


def test_every_head_has_an_entry() -> None:
    assert set(HEADS) == set(of_hmtl(Head))
    assert {entry.model for entries in HEADS.values() for entry in entries} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_computes_there_what_it_computes_on_a_cpu(name: str, folder: Path) -> None:
    here = run(trainer_on(None, MODELS[name], folder / f"{name} here"), None)
    there = on_the_device(name, folder)
    assert_alike(here, there)
    for task, rows in here.evaluated.items():
        found = any(rows) or any(output[task] for output in here.predictions)
        assert found, f"{task} finds nothing, so that nothing is compared"
    assert_waits([there.prediction], MODELS[name].prediction, f"prediction of {name}")


@pytest.mark.parametrize("entry", [entry for entries in HEADS.values() for entry in entries], ids=str)
def test_a_head_waits_for_as_little_as_it_must(entry: Of, folder: Path) -> None:
    outcome = on_the_device(entry.model, folder)
    assert_waits(outcome.updates[entry.task], entry.update, f"an update of {entry.task}")
    assert_waits(outcome.evaluations[entry.task], entry.evaluation, f"evaluation of {entry.task}")


def test_every_embedder_and_shared_encoder_has_an_entry() -> None:
    assert {name.split(",")[0] for name in EMBEDDERS} == set(of_hmtl(TokenEmbedder))
    assert set(SHARED_ENCODERS) == set(of_hmtl(SharedEncoder))


def compared(model: Model, folder: Path) -> Outcome:
    """What a model does on the device, once it is compared with what it does on a CPU."""
    here = run(trainer_on(None, model, folder / "here"), None)
    with FakeDevice() as device:
        there = run(trainer_on(device.device, model, folder / "there"), device)
    assert_alike(here, there)
    return there


@pytest.mark.parametrize("name", EMBEDDERS)
def test_an_embedder_computes_there_what_it_computes_on_a_cpu(
    name: str, transformer: str, elmo: Dict[str, str], tmp_path: Path
) -> None:
    embedding, update, evaluation = EMBEDDERS[name]
    places = {
        "TRANSFORMER": transformer,
        "OPTIONS": elmo["options"],
        "WEIGHTS": elmo["weights"],
        "FOLDER": str(tmp_path),
    }
    for mark, place in places.items():
        embedding = embedding.replace(mark, place)
    levels = "small({ ner: levels.tagger([]), coref: levels.coref(['ner']) })"
    outcome = compared(Model(levels, {}, embedding=f"[{embedding}]"), tmp_path)
    # With the first a cache learns which encoder it is of.
    assert_waits(outcome.updates["ner"][1:], update, f"an update with {name}")
    assert_waits(outcome.evaluations["ner"], evaluation, f"evaluation with {name}")
    # Documents, the same in each update.
    assert_waits(outcome.updates["coref"][1:], {} if name.endswith("kept") else update, f"an update with {name}")


@pytest.mark.parametrize("name", SHARED_ENCODERS)
def test_a_shared_encoder_computes_there_what_it_computes_on_a_cpu(name: str, tmp_path: Path) -> None:
    shared_encoder = SHARED_ENCODERS[name]
    outcome = compared(Model("levels.sharing(levels.paper())", {}, shared_encoder=shared_encoder), tmp_path)
    for task in outcome.updates:
        assert_waits(outcome.updates[task], {}, f"an update of {task}")


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_of_several_tasks_is_that_of_a_cpu(name: str, tmp_path: Path) -> None:
    trainer, expected = UPDATES[name]
    weights = []
    for device in (None, FakeDevice()):
        with nullcontext() if device is None else device:
            built = trainer_on(device and device.device, MODELS["paper"], tmp_path / str(device is None), trainer)
            built.model.train()
            streams = {task: built.data_loader.stream(task) for task in ("ner", "relation")}
            built.state.updater.start_epoch()
            for number in range(NUM_UPDATES):
                torch.manual_seed(number)
                if device is not None:
                    device.take()
                built.loop.update({task: next(stream) for task, stream in streams.items()})
                if device is not None:
                    assert_waits([device.take()], expected, f"an update with {name}")
            weights.append({key: value.detach().cpu() for key, value in built.model.state_dict().items()})
    assert_close(*weights)


def test_a_run_trains_there_as_on_a_cpu(tmp_path: Path) -> None:
    """The whole way: batches from a thread, validation of all tasks, the best weights written and read."""
    results = []
    for device in (None, FakeDevice()):
        with nullcontext() if device is None else device:
            options = "{ checkpointer: null, deterministic: true }"
            built = trainer_on(device and device.device, MODELS["paper"], tmp_path / str(device is None), options)
            metrics = built.train()
            assert not torch.are_deterministic_algorithms_enabled()
            results.append({key: value for key, value in metrics.items() if "duration" not in key})
    assert_close(*results)
