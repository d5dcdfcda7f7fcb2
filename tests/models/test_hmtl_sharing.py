"""Models whose levels take their vectors from one shared encoder."""

import json
from itertools import accumulate
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import torch
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, DataLoader, DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.nn import RegularizerApplicator

from hmtl.cli import main
from hmtl.common.explain import explain
from hmtl.common.weights import load_weights
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.models import HMTL
from hmtl.modules import SluiceEncoder, token_rows
from hmtl.predictors import HMTLPredictor
from hmtl.tasks import CorefHead
from hmtl.training.evaluate_task import TaskEvaluation, evaluate_task, evaluated
from hmtl.training.precision import Precision
from hmtl.training.task_state import OptimizerState
from hmtl.training.update import Updater

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
TASKS = ["coref", "emd", "ner", "relation"]

# The second document has fewer and shorter sentences, so that a batch of both is padded in every way.
DOCUMENTS = [
    [["Mara", "Lind", "met", "Tom", "in", "Oslo", "."], ["He", "works", "for", "Fjord", "Bakeries"], ["Indeed"]],
    [["Heavy", "rain"], ["Tom", "met", "her", "."]],
]

SNIPPET = """
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';
local small = { hidden_size: 4, num_layers: 1 };
local with_encoder(level) = level { encoder+: small, input_dropout: 0.0 };
local hierarchy = %(levels)s;
local tasks = corpora.jsonl('%(data)s');
experiment.new(
  tasks={ [task]: tasks[task] for task in std.objectFields(hierarchy) },
  embedding=embedders.combine([embedders.words(dim=6)]),
  levels=hierarchy,
  shared_encoder=%(shared_encoder)s,
)
"""

SHARED_ENCODERS = {
    "hard": "levels.hard_sharing() { encoder+: small, input_dropout: 0.0 }",
    "cross_stitch": "levels.cross_stitch(2, dropout=0.0) { layer+: small }",
    "sluice": "levels.sluice(2, dropout=0.0) { layer+: small }",
}
ORTHOGONAL = "levels.sluice(2, dropout=0.0, orthogonality_weight=0.1) { layer+: small }"
HIERARCHIES = {
    "all share": "levels.sharing(levels.paper())",
    "a hierarchy on top": "levels.sharing({ ner: levels.tagger([]), emd: levels.tagger([]) }) "
    "{ relation: with_encoder(levels.relation(['emd'])), coref: with_encoder(levels.coref(['ner', 'relation'])) }",
    "coreference below": "levels.sharing({ coref: levels.coref([]), relation: levels.relation([]) }) "
    "{ ner: with_encoder(levels.tagger(['coref'])), emd: with_encoder(levels.tagger([])) }",
}
every_kind = pytest.mark.parametrize("shared_encoder", SHARED_ENCODERS.values(), ids=SHARED_ENCODERS)
every_hierarchy = pytest.mark.parametrize("levels", HIERARCHIES.values(), ids=HIERARCHIES)


def configuration(levels: str, shared_encoder: str) -> Dict[str, Any]:
    values = {"levels": levels, "shared_encoder": shared_encoder, "data": FIXTURES / "jsonl"}
    return json.loads(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), SNIPPET % values))


def build(
    shared_encoder: str = SHARED_ENCODERS["hard"], levels: str = HIERARCHIES["all share"]
) -> Tuple[HMTL, PerTaskDataLoader, DatasetReader]:
    config = configuration(levels, shared_encoder)
    reader = DatasetReader.from_params(Params(config["dataset_reader"]))
    loader = DataLoader.from_params(Params(config["data_loader"]), reader=reader, data_path=config["train_data_path"])
    assert isinstance(loader, PerTaskDataLoader)
    vocab = Vocabulary.from_instances(loader.iter_instances())
    loader.index_with(vocab)
    model = Model.from_params(Params(config["model"]), vocab=vocab)
    assert isinstance(model, HMTL)
    # Weights that make every head predict something.
    for parameter in model.heads.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    for head in model.heads.values():
        if isinstance(head, CorefHead):
            torch.nn.init.constant_(head._antecedent_scorer.bias, 10.0)
    return model, loader, reader.readers["ner"].inner


def text_of(reader: DatasetReader, documents: List[List[List[str]]], vocab: Vocabulary) -> Any:
    instances = [reader.text_to_instance(document) for document in documents]
    batch = Batch(instances)
    for instance in instances:
        reader.apply_token_indexers(instance)
    batch.index_instances(vocab)
    return batch.as_tensor_dict()["text"]


def first_batch(loader: PerTaskDataLoader, task: str) -> Dict[str, Any]:
    return next(iter(loader.batches_of(task)))


def predict(model: HMTL, text: Any, **options: Any) -> Dict[str, Any]:
    with torch.no_grad():
        return model.eval()(text, **options)


def without_dropout(model: HMTL) -> HMTL:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


@every_kind
@every_hierarchy
def test_a_task_trains_the_parameters_that_it_reaches_and_no_others(shared_encoder: str, levels: str) -> None:
    model, loader, _ = build(shared_encoder, levels)
    without_dropout(model).train()
    for task in TASKS:
        batch = first_batch(loader, task)
        reached = dict(model.parameters_of(task))
        optimizer = torch.optim.Adam(reached.values(), lr=0.003)
        losses = []
        for _ in range(4):
            model.zero_grad(set_to_none=True)
            loss = model(**batch)["loss"]
            loss.backward()
            losses.append(loss.item())
            assert {name for name, p in model.named_parameters() if p.grad is not None} == set(reached)
            optimizer.step()
        assert losses[-1] < losses[0]


def test_parameters_of_a_task_by_name() -> None:
    model, _, _ = build(SHARED_ENCODERS["sluice"], HIERARCHIES["a hierarchy on top"])

    def names(task: str) -> set:
        """Those of the shared encoder in full, but without its layers; of others the module."""
        found = [name for name, _ in model.parameters_of(task) if not name.startswith("shared_encoder.layers")]
        return {name if name.startswith("shared") else ".".join(name.split(".")[:2]) for name in found}

    embedding = "text_field_embedder.token_embedder_tokens"
    first = {"shared_encoder.alphas.0.emd", "shared_encoder.alphas.0.ner"}
    of_emd = {*first, "shared_encoder.alphas.1.emd", "shared_encoder.betas.emd"}
    of_ner = {*first, "shared_encoder.alphas.1.ner", "shared_encoder.betas.ner"}
    assert names("emd") == {embedding, "heads.emd", *of_emd}
    assert names("ner") == {embedding, "heads.ner", *of_ner}
    assert names("relation") == {embedding, "encoders.relation", "heads.relation", *of_emd}
    assert names("coref") == {embedding, "encoders.relation", "encoders.coref", "heads.coref", *of_emd, *of_ner}


@every_kind
def test_gradients_of_two_tasks_add_up(shared_encoder: str) -> None:
    model, loader, _ = build(shared_encoder)
    without_dropout(model).train()
    batches = {task: first_batch(loader, task) for task in ("ner", "relation")}
    gradients: Dict[str, Dict[str, torch.Tensor]] = {}
    for task, batch in batches.items():
        model.zero_grad(set_to_none=True)
        model(**batch)["loss"].backward()
        gradients[task] = {n: p.grad.clone() for n, p in model.shared_encoder.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    torch.stack([model(**batch)["loss"] for batch in batches.values()]).sum().backward()
    both_reach = gradients["ner"].keys() & gradients["relation"].keys()
    assert any(name.startswith("encoder" if "hard" in shared_encoder else "layers") for name in both_reach)
    for name, parameter in model.shared_encoder.named_parameters():
        parts = [gradients[task][name] for task in batches if name in gradients[task]]
        if not parts:
            assert parameter.grad is None
            continue
        torch.testing.assert_close(parameter.grad, torch.stack(parts).sum(0))


@every_kind
@every_hierarchy
def test_one_pass_runs_the_shared_encoder_once_and_predicts_what_single_tasks_do(
    shared_encoder: str, levels: str
) -> None:
    model, _, reader = build(shared_encoder, levels)
    text = text_of(reader, DOCUMENTS, model.vocab)
    asked: List[List[str]] = []
    model.shared_encoder.register_forward_hook(lambda module, inputs, output: asked.append(inputs[2]))
    together = predict(model, text)
    sharing = [task for task in model.tasks if task not in model.encoders]
    assert asked == [sharing] and list(together) == model.tasks
    for task in TASKS:
        alone = predict(model, text, task_name=task)["predictions"]
        rows = together[task] if task == "coref" else sum(together[task], [])
        assert alone == rows and any(rows)


@every_kind
def test_relations_get_the_spans_of_levels_that_share(shared_encoder: str) -> None:
    model, loader, reader = build(shared_encoder, "levels.sharing(levels.spans())")
    assert model.span_tasks["relation"] == ["emd"]
    without_dropout(model).train()
    model(**first_batch(loader, "relation"))["loss"].backward()
    gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
    reached = set(dict(model.parameters_of("relation")))
    assert reached <= set(gradients) and not any("heads.emd" in name for name in gradients)
    # EMD's vectors are computed for its spans, through which no gradient goes.
    assert not any(gradients[name].any() for name in set(gradients) - reached)
    text = text_of(reader, DOCUMENTS, model.vocab)
    together = predict(model, text)
    for task in ("ner", "emd", "relation"):
        rows = sum(together[task], [])
        assert predict(model, text, task_name=task)["predictions"] == rows and any(rows)


def test_an_update_follows_the_loss_and_the_penalties() -> None:
    model, loader, _ = build(ORTHOGONAL, HIERARCHIES["a hierarchy on top"])
    without_dropout(model).train()
    penalty = model.shared_encoder.penalty()
    assert penalty.item() > 0 and torch.equal(model.get_regularization_penalty(), penalty)
    regexes = [["heads.ner._projection.weight", {"type": "l2", "alpha": 0.5}]]
    model._regularizer = RegularizerApplicator.from_params(Params({"regexes": regexes}))
    parameters = dict(model.parameters_of("ner"))
    batch = first_batch(loader, "ner")
    of_regularizer = 0.5 * model.head("ner")._projection.weight.square().sum()
    loss = model(**batch)["loss"] + penalty + of_regularizer
    expected = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)))
    before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    updater = Updater(model, Precision("fp32", torch.device("cpu")))
    made = updater(OptimizerState(torch.optim.SGD(parameters.values(), lr=1.0)), {"ner": [batch]})
    for name, parameter in parameters.items():
        torch.testing.assert_close(before[name] - parameter, expected[name], atol=1e-5, rtol=1e-4)
    # The loss that is reported is that of the task.
    torch.testing.assert_close(made.losses["ner"], (loss - penalty - of_regularizer).detach())


def test_a_frozen_shared_encoder_is_not_penalised() -> None:
    model, loader, _ = build(ORTHOGONAL, HIERARCHIES["a hierarchy on top"])
    model.shared_encoder.requires_grad_(False)
    before = {name: weight.clone() for name, weight in model.shared_encoder.state_dict().items()}
    updater = Updater(model.train(), Precision("fp32", torch.device("cpu")))
    parameters = [parameter for _, parameter in model.parameters_of("ner")]
    updater(OptimizerState(torch.optim.SGD(parameters, lr=1.0)), {"ner": [first_batch(loader, "ner")]})
    assert all(torch.equal(weight, before[name]) for name, weight in model.shared_encoder.state_dict().items())


def test_only_what_a_task_needs_is_computed() -> None:
    model, loader, reader = build(SHARED_ENCODERS["cross_stitch"], HIERARCHIES["coreference below"])
    text = text_of(reader, DOCUMENTS, model.vocab)
    asked: List[List[str]] = []
    model.shared_encoder.register_forward_hook(lambda module, inputs, output: asked.append(inputs[2]))
    # Relations are predicted between spans; NER's level reads that of coreference.
    with_spans = [task for task in model.tasks if task in ("relation", "coref")]
    for task, expected in (("relation", [with_spans]), ("ner", [["coref"]]), ("emd", [])):
        asked.clear()
        predict(model, text, task_name=task)
        assert asked == expected
    asked.clear()
    model.train()(**first_batch(loader, "relation"))
    assert asked == [["relation"]]


@every_kind
@every_hierarchy
def test_texts_in_groups_are_predicted_as_documents(
    shared_encoder: str, levels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_rows, "MIN_ROWS", 1)
    model, _, reader = build(shared_encoder, levels)
    expected = predict(model, text_of(reader, DOCUMENTS, model.vocab))
    predictor = HMTLPredictor(model, reader)
    outputs = predictor.predict_batch_json([{"sentences": sentences} for sentences in DOCUMENTS])
    for number, output in enumerate(outputs):
        assert [(row["start"], row["end"], row["label"]) for row in output["ner"]] == [
            (start + first, end + first, label)
            for first, spans in zip(accumulate([0, *map(len, DOCUMENTS[number])]), expected["ner"][number])
            for start, end, label in spans
        ]
        clusters = [[(row["start"], row["end"]) for row in cluster] for cluster in output["coref"]]
        assert clusters == expected["coref"][number]
    assert any(output["coref"] for output in outputs)


@every_kind
@every_hierarchy
def test_a_batch_of_documents_is_predicted_as_each_alone(shared_encoder: str, levels: str) -> None:
    model, _, reader = build(shared_encoder, levels)
    together = predict(model, text_of(reader, DOCUMENTS, model.vocab))
    for number, document in enumerate(DOCUMENTS):
        alone = predict(model, text_of(reader, [document], model.vocab))
        assert {task: rows[number] for task, rows in together.items()} == {
            task: rows[0] for task, rows in alone.items()
        }


@every_kind
def test_coreference_gets_the_vectors_of_its_sentences_one_after_the_other(shared_encoder: str) -> None:
    model, _, reader = build(shared_encoder)
    model.eval()
    level = model.encode(text_of(reader, DOCUMENTS, model.vocab)).levels["coref"]
    assert level.scope == "document"
    words = dict(model.text_field_embedder.named_parameters())["token_embedder_tokens.weight"]
    for row, document in enumerate(DOCUMENTS):
        embeddings = [
            words[[model.vocab.get_token_index(word.lower()) for word in sentence]].unsqueeze(0)
            for sentence in document
        ]
        outputs = [
            model.shared_encoder(embedding, torch.ones(embedding.shape[:2], dtype=torch.bool), ["coref"])["coref"]
            for embedding in embeddings
        ]
        length = sum(map(len, document))
        torch.testing.assert_close(level.encoder_input[row, :length], torch.cat(embeddings, dim=1)[0])
        torch.testing.assert_close(level.output[row, :length], torch.cat(outputs, dim=1)[0])
        assert not level.output[row, length:].any()


def test_a_level_above_reads_the_vectors_of_a_task() -> None:
    model, _, reader = build(SHARED_ENCODERS["cross_stitch"], HIERARCHIES["a hierarchy on top"])
    model.eval()
    encodings = model.encode(text_of(reader, DOCUMENTS, model.vocab))
    outputs = model.shared_encoder(encodings.embedding("sentence"), encodings.mask("sentence"), ["emd", "ner"])
    assert not torch.allclose(outputs["emd"], outputs["ner"])
    expected = torch.cat([encodings.embedding("sentence"), outputs["emd"]], dim=-1)
    torch.testing.assert_close(encodings.levels["relation"].encoder_input, expected)
    assert model.encoder("relation").get_input_dim() == 6 + 8


def test_input_dropout_changes_what_the_shared_encoder_and_the_heads_read() -> None:
    model, _, reader = build()
    text = text_of(reader, DOCUMENTS[:1], model.vocab)
    model.shared_encoder.input_dropout.p = 0.5
    read: List[torch.Tensor] = []
    model.shared_encoder.register_forward_hook(lambda module, inputs, output: read.append(inputs[0]))
    encodings = model.train().encode(text)
    embedding = encodings.embedding("sentence")
    dropped = read[0] == 0
    assert 0.3 < dropped[encodings.mask("sentence")].float().mean() < 0.7
    torch.testing.assert_close(read[0][~dropped], 2 * embedding[~dropped])
    assert all(torch.equal(encodings.levels[task].encoder_input, read[0]) for task in ("ner", "emd", "relation"))
    # A single document: its sentences one after the other.
    expected = read[0][encodings.mask("sentence")]
    assert torch.equal(encodings.levels["coref"].encoder_input[0], expected)
    model.eval().encode(text)
    assert torch.equal(read[1], embedding)


@pytest.mark.parametrize(
    "levels,shared_encoder,message",
    [
        (
            "levels.sharing(levels.paper())",
            "null",
            "level 'coref' has no encoder; give it one, or give the model a shared_encoder",
        ),
        (
            "levels.sharing({ ner: levels.tagger([]), emd: levels.tagger([]) }) { emd+: { reads: ['ner'] } }",
            SHARED_ENCODERS["hard"],
            "level 'emd' has no encoder that could read other levels; remove its 'reads', or give it an encoder",
        ),
        (
            "levels.sharing({ ner: levels.tagger([]) }) { ner+: { input_dropout: 0.5 } }",
            SHARED_ENCODERS["hard"],
            "level 'ner' has no encoder, so that its input_dropout has no effect; set it in the shared_encoder",
        ),
        (
            "levels.sharing({ ner: levels.tagger([]) }) { ner+: { reads_embedding: false } }",
            SHARED_ENCODERS["hard"],
            "level 'ner' has no encoder, and the shared_encoder reads the embedding; remove its reads_embedding",
        ),
        (
            "levels.paper()",
            SHARED_ENCODERS["hard"],
            "every level has an encoder, so that none uses the shared_encoder; remove it, or those that it replaces",
        ),
        (
            "levels.sharing({ ner: levels.tagger([]) })",
            "{ type: 'cross_stich' }",
            "no class is registered as 'cross_stich'; did you mean 'cross_stitch'?",
        ),
        (
            "levels.sharing({ ner: levels.tagger([]) })",
            "levels.cross_stitch(2) { layer+: small, own_share: 2 }",
            "own_share is 2; it must lie between 0 and 1",
        ),
        (
            "levels.sharing({ ner: levels.tagger([]) })",
            "levels.hard_sharing() { num_subspaces: 2 }",
            "num_subspaces",
        ),
    ],
)
def test_mistakes(levels: str, shared_encoder: str, message: str) -> None:
    config = configuration(levels, shared_encoder)
    vocab = Vocabulary(counter={"tokens": {"a": 1}, "ner_labels": {"X": 1}})
    with pytest.raises((ConfigurationError, TypeError)) as raised:
        Model.from_params(Params(config["model"]), vocab=vocab)
    assert message in str(explain(raised.value))


@pytest.mark.parametrize("name", ["hard_sharing(1)", "cross_stitch(2)", "sluice(2, orthogonality_weight=0.1)"])
def test_trained_saved_and_loaded_a_model_predicts_the_same(name: str, tmp_path: Path) -> None:
    """The whole way from the command line, on the fixture documents."""
    part = "encoder" if "hard" in name else "layer"
    (tmp_path / "config.jsonnet").write_text(
        f"""
        local levels = import '{ROOT}/configs/lib/levels.libsonnet';
        (import '{FIXTURES}/tiny.jsonnet') {{
          model+: {{
            levels: levels.sharing(super.levels),
            shared_encoder: levels.{name} {{ {part}+: {{ hidden_size: 4 }} }},
          }},
        }}
        """
    )
    run = tmp_path / "run"
    main(["train", str(tmp_path / "config.jsonnet"), "-s", str(run)])
    from_directory, from_file = HMTL.from_archive(run), HMTL.from_archive(run / "model.tar.gz")
    assert not from_directory.encoders
    if name.startswith("sluice"):
        assert isinstance(from_directory.shared_encoder, SluiceEncoder)
    weights = load_weights(run / "best.safetensors")
    for model in (from_directory, from_file):
        state = model.state_dict()
        assert state.keys() == weights.keys() and all(torch.equal(state[key], weights[key]) for key in weights)
    learned = [key for key in weights if "alphas" in key or "betas" in key]
    assert len(learned) == {"hard_sharing": 0, "cross_stitch": 8, "sluice": 12}[name.split("(")[0]]
    # At first one share is like another, but for a task's own. All tasks train those of the first layer.
    assert all(weights[key].unique().numel() > 2 for key in learned if "alphas.0" in key)

    texts = [{"text": "Mara Lind lives in Oslo. She works for Fjord Bakeries."}, {"text": "Tom slept."}]
    predictors = [HMTLPredictor.load(path) for path in (run, run / "model.tar.gz")]
    outputs = [[predictor.predict_json(text) for text in texts] for predictor in predictors]
    assert outputs[0] == outputs[1] == predictors[0].predict_batch_json(texts)
    assert set(TASKS) <= set(outputs[0][0])
    evaluation = evaluate_run(load_run(run))
    assert sorted(evaluation.tasks) == TASKS
    assert set(evaluation.scores) == {"best", *(f"best_{task}" for task in TASKS)}


@every_kind
def test_tasks_that_are_evaluated_in_step_score_what_each_does_alone(shared_encoder: str) -> None:
    model, loader, _ = build(shared_encoder, HIERARCHIES["a hierarchy on top"])
    model.eval()
    expected = {task: evaluate_task(model, loader, task) for task in TASKS}
    evaluations = [TaskEvaluation(model, loader, task) for task in TASKS]
    assert len(list(evaluated(evaluations, loader))) == sum(1 for task in TASKS for _ in loader.batches_of(task))
    assert {each.task: each.metrics() for each in evaluations} == expected
