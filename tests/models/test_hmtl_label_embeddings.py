"""Levels that read the labels of others, as weighted sums of embeddings."""

import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import torch
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.models import Model
from test_hmtl import DOCUMENTS, build, configuration, plain_lstm, predict, text_of

from hmtl.cli import main
from hmtl.common.weights import load_weights
from hmtl.models import HMTL
from hmtl.models.finetuning.transfer import transfer
from hmtl.predictors import HMTLPredictor
from hmtl.training.evaluate_task import TaskEvaluation, evaluate_task, evaluated
from hmtl.training.update import Updater

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
DIM = 5
LEVELS = f"levels.with_label_embeddings(levels.paper(), dim={DIM})"


def expected_labels(model: HMTL, task: str, output: torch.Tensor) -> torch.Tensor:
    """The sum over tags of p(tag) l(tag), tag by tag, of one sentence without padding: (length, DIM)."""
    projection = model.head(task)._projection
    found = torch.zeros(len(output), DIM)
    for token, vector in enumerate(output):
        scores = [float(vector @ weight + bias) for weight, bias in zip(projection.weight, projection.bias)]
        exponentials = torch.tensor(scores).double().exp()
        for number, embedding in enumerate(model.label_embeddings[task].weight):
            found[token] += float(exponentials[number] / exponentials.sum()) * embedding
    return found


@torch.no_grad()
def test_a_level_reads_the_expected_embedding_of_each_label() -> None:
    model, _, reader = build(LEVELS)
    model.eval()
    assert model.reads_label_embeddings == {
        "ner": [], "emd": ["ner"], "relation": ["emd", "ner"], "coref": ["emd", "ner"]
    }  # fmt: skip
    encodings = model.encode(text_of(reader, DOCUMENTS, model.vocab))
    words = dict(model.text_field_embedder.named_parameters())["token_embedder_tokens.weight"]
    sentences = [sentence for document in DOCUMENTS for sentence in document]
    documents: Dict[int, list] = {0: [], 1: []}
    for row, sentence in enumerate(sentences):
        embedding = words[[model.vocab.get_token_index(word.lower()) for word in sentence]]
        ner = plain_lstm(model.encoder("ner"), embedding.unsqueeze(0))[0]
        read = torch.cat([embedding, ner, expected_labels(model, "ner", ner)], dim=-1)
        torch.testing.assert_close(encodings.levels["emd"].encoder_input[row, : len(sentence)], read)
        emd = plain_lstm(model.encoder("emd"), read.unsqueeze(0))[0]
        labels = [expected_labels(model, task, output) for task, output in (("emd", emd), ("ner", ner))]
        read = torch.cat([embedding, emd, *labels], dim=-1)
        torch.testing.assert_close(encodings.levels["relation"].encoder_input[row, : len(sentence)], read)
        documents[0 if row < 3 else 1].append(read)
    # Coreference reads documents.
    for row, rows in documents.items():
        read = torch.cat(rows)
        torch.testing.assert_close(encodings.levels["coref"].encoder_input[row, : len(read)], read)


def test_each_label_of_a_head_has_an_embedding_that_all_readers_share() -> None:
    model, _, _ = build(LEVELS)
    shapes = {name: tuple(each.shape) for name, each in model.label_embeddings.named_parameters()}
    tags = {task: 4 * len(model.head(task).labels or []) + 1 for task in ("ner", "emd")}
    assert shapes == {f"{task}.weight": (number, DIM) for task, number in tags.items()}
    limits = {task: (6 / (DIM + number)) ** 0.5 for task, number in tags.items()}
    for task, limit in limits.items():
        assert 0.7 * limit < model.label_embeddings[task].weight.abs().max() <= limit
    assert model.encoder("emd").get_input_dim() == 6 + 8 + DIM
    assert model.encoder("relation").get_input_dim() == 6 + 8 + 2 * DIM


def test_a_task_trains_what_gives_the_labels_that_it_reads() -> None:
    model, loader, _ = build(LEVELS)
    model.train()
    model(**next(loader.stream("emd"))[0])["loss"].backward()
    with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert with_gradient == {name for name, _ in model.parameters_of("emd")}
    below = {name for name in with_gradient if name.startswith(("heads.ner", "label_embeddings"))}
    # Not the transitions of the CRF, by which no label of a single token is scored.
    assert below == {"heads.ner._projection.weight", "heads.ner._projection.bias", "label_embeddings.ner.weight"}
    assert all(dict(model.named_parameters())[name].grad.any() for name in below)
    own = {name for name, _ in model.parameters_of("ner")}
    assert not any(name.startswith("label_embeddings") for name in own)


def test_embeddings_of_labels_are_held_near_their_values_for_all_but_their_first_reader() -> None:
    """As in the joint many-task model, where those of POS are parameters of chunking."""
    model, _, _ = build(LEVELS)
    updater = Updater(model, precision=None)  # type: ignore[arg-type]
    held = {task: {name for name, _ in updater._below[task] if "label_emb" in name} for task in model.tasks}
    of_ner, of_emd = "label_embeddings.ner.weight", "label_embeddings.emd.weight"
    # Relations stand behind coreference, in the order of names.
    assert held == {"ner": set(), "emd": set(), "coref": {of_ner}, "relation": {of_ner, of_emd}}
    heads = {name for name, _ in updater._below["emd"] if name.startswith("heads")}
    assert heads == {"heads.ner._projection.weight", "heads.ner._projection.bias"}


def test_a_level_may_read_labels_and_nothing_else() -> None:
    levels = (
        "{ ner: levels.tagger([]) { label_embedding_dim: 3 }, "
        "emd: levels.tagger([]) { reads_embedding: false, reads_label_embeddings: ['ner'] } }"
    )
    model, loader, reader = build(levels)
    assert model.tasks == ["ner", "emd"] and model.encoder("emd").get_input_dim() == 3
    model.train()
    model(**next(loader.stream("emd"))[0])["loss"].backward()
    assert model.text_field_embedder.token_embedder_tokens.weight.grad.any()
    levels_of = model.eval().encode(text_of(reader, DOCUMENTS, model.vocab)).levels
    dim = model.label_embeddings["ner"].weight.size(1)
    probabilities = model.head("ner").label_distribution(levels_of["ner"].output)
    assert dim == 3 and not torch.allclose(probabilities[0, 0], probabilities[0, 1])
    expected = probabilities @ model.label_embeddings["ner"].weight
    torch.testing.assert_close(levels_of["emd"].encoder_input, expected)


@pytest.mark.parametrize(
    "levels, message",
    [
        (
            "{ coref: levels.coref([]), ner: levels.tagger([]) { reads_label_embeddings: ['coref'] } }",
            "level 'ner' reads the label embeddings of 'coref', but the head of that, CorefHead, labels neither "
            "tokens, as hmtl_crf and hmtl_token_classification do, nor pairs, as hmtl_pairs does; remove it from "
            "reads_label_embeddings",
        ),
        (
            "{ ner: levels.tagger([]) { reads_label_embeddings: ['emd'] }, emd: levels.tagger(['ner']) }",
            "levels read one another in a circle: emd -> ner -> emd",
        ),
        ("{ ner: levels.tagger([]) { reads_label_embeddings: ['pos'] } }", "level 'ner' reads the unknown level 'pos'"),
        ("{ ner: levels.tagger([]) { label_embedding_dim: 0 } }", "label_embedding_dim is 0; it must be at least 1"),
    ],
)
def test_mistakes(levels: str, message: str) -> None:
    vocab = Vocabulary(tokens_to_add={"ner_labels": ["PER"], "emd_labels": ["PER"]})
    with pytest.raises(ConfigurationError) as raised:
        Model.from_params(Params(configuration(levels)["model"]), vocab=vocab)
    assert message in str(raised.value)


def test_labels_are_computed_once_for_all_that_read_them() -> None:
    model, loader, reader = build(LEVELS)
    model.eval()
    calls: List[str] = []
    for task in ("ner", "emd"):
        model.head(task)._projection.register_forward_hook(lambda *_, task=task: calls.append(task))
    model.encode(text_of(reader, DOCUMENTS, model.vocab))
    assert calls == ["ner", "emd"]
    # Tasks that read the same sentences go on with what the one before computed.
    expected = {task: evaluate_task(model, loader, task) for task in model.tasks}
    evaluations = [TaskEvaluation(model, loader, task) for task in model.tasks]
    assert list(evaluated(evaluations, loader))
    assert {each.task: each.metrics() for each in evaluations} == expected


def config_of(tmp_path: Path, levels: str) -> Path:
    path = tmp_path / "config.jsonnet"
    path.write_text(
        f"""
        local levels = import '{ROOT}/configs/lib/levels.libsonnet';
        (import '{FIXTURES}/tiny.jsonnet') {{ model+: {{ levels: {levels} }} }}
        """
    )
    return path


def test_trained_saved_and_loaded_a_model_predicts_the_same(tmp_path: Path) -> None:
    """The whole way from the command line: short-cuts in none of the levels, labels in all."""
    config = config_of(tmp_path, "levels.without_short_cuts(levels.with_label_embeddings(super.levels, dim=4))")
    run = tmp_path / "run"
    main(["train", str(config), "-s", str(run)])
    from_directory, from_file = HMTL.from_archive(run), HMTL.from_archive(run / "model.tar.gz")
    assert from_directory.encoder("relation").get_input_dim() == 16 + 4 + 4
    weights = load_weights(run / "best.safetensors")
    for model in (from_directory, from_file):
        state = model.state_dict()
        assert state.keys() == weights.keys() and all(torch.equal(state[key], weights[key]) for key in weights)
    texts: Any = [{"text": "Mara Lind lives in Oslo. She works for Fjord Bakeries."}, {"text": "Tom slept."}]
    predictors = [HMTLPredictor.load(path) for path in (run, run / "model.tar.gz")]
    outputs = [[predictor.predict_json(text) for text in texts] for predictor in predictors]
    assert outputs[0] == outputs[1] == predictors[0].predict_batch_json(texts)


# ---------------------------------------------------------------------------------------------------------- of pairs


PAIRS = """
local levels = import 'lib/levels.libsonnet';
local small = {{ encoder+: {{ hidden_size: 4, num_layers: 1, dropout: 0.0 }}, input_dropout: 0.0 }};
(import 'sentence_pairs.jsonnet') {{
  model+: {{
    levels:
      local of_pairs = std.mapWithKey(function(task, level) level + small, super.levels);
      {levels},
  }},
}}
"""
# Entailment above relatedness, and a third level of pairs which reads entailment's labels alone, whose head reads those
# of relatedness.
THREE = """
  local stack = levels.with_label_embeddings(of_pairs, dim=3);
  stack { third: stack.entailment {
    head+: { label_namespace: 'entailment_labels' }, reads: [], reads_label_embeddings: ['entailment'],
  } }
"""


def pairs_configuration(levels: str) -> Dict[str, Any]:
    snippet = PAIRS.format(levels=levels)
    return json.loads(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), snippet))


@pytest.fixture(scope="module")
def batch_of_pairs() -> Tuple[Vocabulary, Dict[str, Any]]:
    """The vocabulary of the bundled pairs, and a batch of entailment."""
    config = pairs_configuration("of_pairs")
    reader = DatasetReader.from_params(Params(config["dataset_reader"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        loader = DataLoader.from_params(
            Params(config["data_loader"]), reader=reader, data_path=config["train_data_path"]
        )
    vocab = Vocabulary.from_instances(loader.iter_instances())
    loader.index_with(vocab)
    return vocab, next(loader.stream("entailment"))[0]


def model_of_pairs(vocab: Vocabulary, levels: str = THREE) -> HMTL:
    model = Model.from_params(Params(pairs_configuration(levels)["model"]), vocab=vocab)
    assert isinstance(model, HMTL)
    torch.manual_seed(2)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def softmax(scores: np.ndarray) -> np.ndarray:
    return np.exp(scores) / np.exp(scores).sum()


def distribution(model: HMTL, task: str, u: np.ndarray, v: np.ndarray, read: List[np.ndarray]) -> np.ndarray:
    """That of a head of pairs with one hidden layer, of one pair with the vectors u and v."""
    weights = {name: weight.double().numpy() for name, weight in model.head(task).state_dict().items()}
    difference = np.abs(u - v) if task == "relatedness" else u - v
    features = np.concatenate([difference, u * v, *read])
    hidden = weights["_hidden._linear_layers.0.weight"] @ features + weights["_hidden._linear_layers.0.bias"]
    return softmax(weights["_values.projection.weight"] @ np.maximum(hidden, 0) + weights["_values.projection.bias"])


@torch.no_grad()
def test_a_head_of_pairs_reads_the_expected_embedding_of_the_pairs_label(batch_of_pairs) -> None:
    vocab, batch = batch_of_pairs
    model = model_of_pairs(vocab)
    assert model.reads_label_embeddings == {
        "relatedness": [], "entailment": ["relatedness"], "third": ["entailment"]
    }  # fmt: skip
    # The encoders read no labels of pairs; the first stands on words and characters, the second on the first, too.
    below = model.encoder("relatedness").get_input_dim()
    assert [model.encoder(task).get_input_dim() for task in ("entailment", "third")] == [below + 8, below]
    embeddings = {task: each.weight.double().numpy() for task, each in model.label_embeddings.items()}
    # Whole numbers from 1 to 5, and three labels.
    assert {task: each.shape for task, each in embeddings.items()} == {"relatedness": (5, 3), "entailment": (3, 3)}
    encodings = model.encode(batch["text"])
    mask, ids = encodings.mask("document"), encodings.sentence_ids("document")
    of_task = {task: encodings.output(task, "document").double().numpy() for task in model.tasks}
    outputs = {
        task: model(batch["text"], task_name=task, second_text=batch["second_text"], with_scores=True)
        for task in model.tasks
    }
    for row in range(len(mask)):
        is_second = (ids[row] - ids[row, 0] >= batch["second_text"][row]).numpy()
        is_real = mask[row].numpy()
        read: List[np.ndarray] = []
        for task in ("relatedness", "entailment", "third"):
            vectors = of_task[task][row]
            u, v = vectors[is_real & ~is_second].max(0), vectors[is_real & is_second].max(0)
            shares = distribution(model, task, u, v, read)
            [(*_, value)] = outputs[task]["predictions"][row]
            if task == "relatedness":
                assert value == pytest.approx(shares @ np.arange(1, 6), abs=1e-5)
            else:
                assert model.head(task).labels[shares.argmax()] == value
                assert outputs[task]["scores"][row] == [pytest.approx(shares.max(), abs=1e-5)]
            if task in embeddings:
                read = [shares @ embeddings[task]]


def test_pairs_are_predicted_in_one_pass_as_task_by_task(batch_of_pairs) -> None:
    vocab, batch = batch_of_pairs
    model = model_of_pairs(vocab)
    reader = DatasetReader.from_params(Params(pairs_configuration("of_pairs")["dataset_reader"]))
    texts = [
        {"sentences": row["sentences"], "second_text": int(second)}
        for row, second in zip(batch["metadata"], batch["second_text"])
    ]
    # Rows of many lengths, which come in groups of other orders, and one that is no pair.
    alone = {"sentences": [["A", "man"] * 30, *texts[0]["sentences"]]}
    *found, last = HMTLPredictor(model, reader, with_scores=True).predict_many([*texts, alone])
    for task in ("entailment", "third"):
        expected = predict(model, batch["text"], task_name=task, second_text=batch["second_text"], with_scores=True)
        for row, items, scores in zip(found, expected["predictions"], expected["scores"]):
            assert [each["label"] for each in row[task]] == [items[0][-1]]
            assert [each["score"] for each in row[task]] == pytest.approx(scores, abs=1e-4)
        # No pair could be mistaken for another.
        assert len({round(score, 3) for [score] in expected["scores"]}) == len(texts) and last[task] == []


def test_a_task_trains_what_gives_the_labels_of_pairs_that_it_reads(batch_of_pairs) -> None:
    vocab, batch = batch_of_pairs
    model = model_of_pairs(vocab).train()
    for task in ("entailment", "third"):
        model.zero_grad(set_to_none=True)
        model(**{**batch, "task_name": task})["loss"].backward()
        with_gradient = {name for name, each in model.named_parameters() if each.grad is not None and each.grad.any()}
        assert with_gradient == {name for name, _ in model.parameters_of(task)}
        embedded = {name for name in with_gradient if name.startswith("label_embeddings")}
        lower = {"relatedness"} if task == "entailment" else {"relatedness", "entailment"}
        assert embedded == {f"label_embeddings.{name}.weight" for name in lower}
        assert {name.split(".")[1] for name in with_gradient if name.startswith("heads.")} == {*lower, task}


@pytest.mark.parametrize(
    "levels, message",
    [
        (
            "of_pairs { entailment+: { reads_label_embeddings: ['relatedness'] }, relatedness+: "
            "{ head+: { number_range:: null } } }",
            "level 'entailment' reads the label embeddings of 'relatedness', but the head of that, PairHead, predicts "
            "a number without a distribution; give 'relatedness' a number_range, in its head and its reader, or remove "
            "it from reads_label_embeddings",
        ),
        (
            "of_pairs { kind: levels.labels([]) { reads_label_embeddings: ['entailment'], head+: "
            "{ label_namespace: 'entailment_labels' } } }",
            "level 'kind' reads the label embeddings of 'entailment', which are of pairs of texts, but its own head, "
            "LabelHead, reads no pairs, as hmtl_pairs does; remove 'entailment' from its reads_label_embeddings",
        ),
        (
            "of_pairs { kind: levels.labels([]) { head+: { label_namespace: 'entailment_labels' } }, "
            "entailment+: { reads_label_embeddings: ['kind'] } }",
            "level 'entailment' reads the label embeddings of 'kind', but the head of that, LabelHead, labels neither",
        ),
        (
            "of_pairs { relatedness+: { reads_label_embeddings: ['entailment'] } }",
            "levels read one another in a circle",
        ),
        (
            "of_pairs { entailment+: { reads: [], reads_embedding: false, reads_label_embeddings: ['relatedness'] } }",
            "level 'entailment' reads nothing",
        ),
    ],
)
def test_mistakes_with_labels_of_pairs(batch_of_pairs, levels: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        model_of_pairs(batch_of_pairs[0], levels)
    assert message in str(raised.value)


def test_the_library_leaves_out_a_number_without_a_distribution() -> None:
    levels = "levels.with_label_embeddings(of_pairs { relatedness+: { head+: { number_range:: null } } })"
    config = pairs_configuration(levels)["model"]["levels"]
    assert "reads_label_embeddings" not in config["entailment"] and "label_embedding_dim" not in config["relatedness"]
    assert pairs_configuration("of_pairs")["model"]["levels"].keys() == config.keys()


def test_embeddings_of_labels_of_pairs_follow_the_order_of_these(batch_of_pairs) -> None:
    vocab, _ = batch_of_pairs
    labels = list(reversed(vocab.get_token_to_index_vocabulary("entailment_labels")))
    other = Vocabulary(
        tokens_to_add={
            namespace: labels
            if namespace == "entailment_labels"
            else list(vocab.get_token_to_index_vocabulary(namespace))
            for namespace in vocab.get_namespaces()
        }
    )
    source, model = model_of_pairs(vocab), model_of_pairs(other)
    report = transfer(source, model)
    assert report.reordered["label_embeddings.entailment"] == labels[::-1] and not report.reinitialised
    old, new = (each.label_embeddings["entailment"].weight for each in (source, model))
    assert torch.equal(new, old.flip(0)) and not torch.equal(new, old)
    assert torch.equal(*(each.label_embeddings["relatedness"].weight for each in (source, model)))
