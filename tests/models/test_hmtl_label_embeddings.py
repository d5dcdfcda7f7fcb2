"""Levels that read the labels of others, as weighted sums of embeddings."""

from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models import Model
from test_hmtl import DOCUMENTS, build, configuration, plain_lstm, text_of

from hmtl.cli import main
from hmtl.common.weights import load_weights
from hmtl.models import HMTL
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
            "level 'ner' reads the label embeddings of 'coref', but the head of that, CorefHead, does not label "
            "tokens, as hmtl_crf and hmtl_token_classification do; remove it from reads_label_embeddings",
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
