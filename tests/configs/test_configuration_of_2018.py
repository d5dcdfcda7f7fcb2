"""`hmtl_ace.jsonnet`, unset and faithful, against the values of 2018's hmtl_coref_ace.json and of the code that read it
(huggingface/hmtl at d4f48b8, AllenNLP 0.7), which tests/fixtures/configuration_2018.json has in names of our own.

What differs is what the table of docs/experiments.md says, value by value.
"""

import inspect
import json
import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest
import torch
from allennlp.common import Params
from allennlp.data import TokenIndexer, Vocabulary
from allennlp.models import Model
from allennlp.models.heads import Head
from allennlp.modules.token_embedders import ElmoTokenEmbedder

from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.modules.elmo_embedder import ElmoEmbedder
from hmtl.tasks import CorefReader, RelationReader
from hmtl.training.learning_rate_schedulers import ReduceUnlessScoreFalls
from hmtl.training.trainer import MultiTaskTrainer

ROOT = Path(__file__).resolve().parents[2]
OF_2018 = json.loads((ROOT / "tests" / "fixtures" / "configuration_2018.json").read_text())
TASKS = ("ner", "emd", "relation", "coref")
NUM_TYPES = 6
Facts = Dict[str, Any]


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HMTL_DATA", "HMTL_GLOVE", "HMTL_ELMO"):
        monkeypatch.setenv(name, f"/{name}")


@pytest.fixture
def of_preset(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Dict[str, Any]]:
    def load(preset: str, name: str = "hmtl_ace") -> Dict[str, Any]:
        monkeypatch.setenv("HMTL_PRESET", preset)
        return Params.from_file(str(ROOT / "configs" / f"{name}.jsonnet")).as_dict(quiet=True)

    return load


def default(constructor: Any, name: str) -> Any:
    return inspect.signature(constructor).parameters[name].default


def model_of(config: Dict[str, Any]) -> Any:
    """The model on vectors of the size that the paper's embedding has: ELMo's files are not at hand."""
    dim = 0
    for params in config["model"]["text_field_embedder"]["token_embedders"].values():
        dim += {"embedding": lambda p: p["embedding_dim"], "hmtl_elmo": lambda p: 2 * 512}.get(
            params["type"], lambda p: p["encoder"]["num_filters"] * len(p["encoder"]["ngram_filter_sizes"])
        )(params)
    model = json.loads(json.dumps(config["model"]))
    model["text_field_embedder"] = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": dim}}}
    labels = {f"{task}_labels": {f"L{n}": 1 for n in range(NUM_TYPES)} for task in TASKS}
    return Model.from_params(Params(model), vocab=Vocabulary(counter={"tokens": {"a": 1}, **labels}))


def facts_of(config: Dict[str, Any]) -> Facts:
    """A rendered configuration in the names of the fixture."""
    facts: Facts = {
        "random_seed": config["random_seed"],
        "test_at_the_end": config.get("evaluate_on_test", False),
        "vocabulary.splits": config["datasets_for_vocab_creation"],
    }
    readers, loader, validation = (config[k] for k in ("dataset_reader", "data_loader", "validation_data_loader"))
    readers = readers["readers"]
    for task in TASKS:
        for split in ("train", "validation", "test"):
            facts[f"{task}.{split}"] = config[f"{split}_data_path"][task].replace("/HMTL_DATA/", "", 1)
        if task != "coref":
            facts[f"{task}.labels"] = readers[task].get("label_namespace", f"{task}_labels")
        facts[f"{task}.batch"] = loader["batch_size"][task]
        noise = loader["padding_noise"][task]
        facts[f"{task}.batches"] = "random" if noise is None else f"of similar length, noise {noise:g}"
    corpus = readers["ner"]["corpus"]
    facts["ner.left_out"] = corpus.get("exclude", []) if isinstance(corpus, dict) else []
    only_related = default(RelationReader, "only_sentences_with_relations")
    facts["relation.sentences_without_relations"] = not readers["relation"].get(
        "only_sentences_with_relations", only_related
    )
    for key in ("one_sequence", "unescape"):
        facts[f"coref.{key}"] = readers["coref"].get(key, default(CorefReader, key))
    facts["relation.validation_batch"] = validation["batch_size"]["relation"]
    noises = validation.get("padding_noise", default(PerTaskDataLoader, "padding_noise"))
    is_sorted = not isinstance(noises, dict) or noises["ner"] is not None
    facts["validation_order"] = "by length" if is_sorted else "of the data"
    facts.update(embedding_facts(readers["ner"]["token_indexers"], config["model"]["text_field_embedder"]))
    facts.update(level_facts(config["model"]["levels"]))
    facts.update(model_facts(model_of(config), config["model"]["initializer"]["regexes"]))
    facts.update(trainer_facts(config["trainer"]))
    return facts


def embedding_facts(indexers: Dict[str, Any], embedder: Dict[str, Any]) -> Facts:
    parts = embedder["token_embedders"]
    words, characters, elmo = parts["tokens"], parts["token_characters"], parts["elmo"]
    by_default = default(TokenIndexer.by_name("characters"), "min_padding_length")
    return {
        "words.lowercase": indexers["tokens"]["lowercase_tokens"],
        "words.dim": words["embedding_dim"],
        "words.file": Path(words["pretrained_file"]).name,
        "words.trained": words["trainable"],
        "characters.min_length": indexers["token_characters"].get("min_padding_length", by_default),
        "characters.dim": characters["embedding"]["embedding_dim"],
        "characters.filters": characters["encoder"]["num_filters"],
        "characters.ngrams": characters["encoder"]["ngram_filter_sizes"],
        "characters.dropout": characters["dropout"],
        "elmo.options": Path(elmo["options_file"]).name,
        "elmo.weights": Path(elmo["weight_file"]).name,
        "elmo.layer_norm": elmo["do_layer_norm"],
        "elmo.dropout": elmo["dropout"],
        "elmo.trained": elmo.get("requires_grad", default(ElmoTokenEmbedder, "requires_grad")),
        "elmo.stateful": elmo.get("stateful", default(ElmoEmbedder, "stateful")),
    }


def level_facts(levels: Dict[str, Any]) -> Facts:
    facts: Facts = {}
    for task, level in levels.items():
        constructor = Head.by_name(level["head"]["type"])

        def option(name: str, level: Dict[str, Any] = level, constructor: Any = constructor) -> Any:
            return level["head"][name] if name in level["head"] else default(constructor, name)

        facts[f"{task}.encoder.hidden_size"] = level["encoder"]["hidden_size"]
        facts[f"{task}.encoder.layers"] = level["encoder"]["num_layers"]
        facts[f"{task}.encoder.dropout"] = level["encoder"]["dropout"]
        # This encoder has two directions, and this head one scheme; constraints are its own.
        facts[f"{task}.encoder.bidirectional"] = level["encoder"]["type"] == "hmtl_lstm"
        facts[f"{task}.input_dropout"] = level["input_dropout"]
        facts[f"{task}.dropout"] = option("dropout")
        if level["head"]["type"] == "hmtl_crf":
            facts[f"{task}.tags"] = "BIOUL, constrained"
            facts[f"{task}.loss"] = option("loss_reduction")
        elif task == "relation":
            facts["relation.threshold"] = option("threshold")
            facts["relation.self_pairs"] = option("allow_self_relations")
            facts["relation.loss"] = option("loss_reduction")
        else:
            facts["coref.layers"] = option("num_layers")
            facts["coref.hidden_size"] = option("hidden_dim")
            names = ("feature_size", "max_span_width", "spans_per_word", "max_antecedents")
            for name in (*names, "gold_mentions", "gold_mentions_rule", "singletons"):
                facts[f"coref.{name}"] = option(name)
    return facts


def model_facts(model: Any, regexes: List[List[Any]]) -> Facts:
    """Sizes as the model computes them, and what its parameters start from."""
    relation, coref = model.head("relation"), model.head("coref")
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    initializers = {name: next((i for regex, i in regexes if re.search(regex, name)), None) for name in shapes}

    def start(pattern: str) -> str:
        found = {(initializers[name] or {"type": "torch's own"})["type"] for name in shapes if re.search(pattern, name)}
        assert len(found) == 1, pattern
        return found.pop()

    weights = [f"heads.relation._{part}_projection.weight" for part in ("arg1", "arg2", "type")]
    fans = [shapes[name][0 if (initializers[name] or {}).get("mode") == "fan_out" else 1] for name in weights]
    bias = initializers["heads.relation._arg1_projection.bias"] or {}
    return {
        **{f"{task}.encoder.input_size": model.encoder(task).get_input_dim() for task in TASKS},
        "relation.hidden_size": shapes["heads.relation._arg1_projection.weight"][0],
        # As many as the vocabulary has.
        "relation.types": "of the data" if len(relation.labels) == NUM_TYPES else None,
        "relation.type_bias": relation._type_projection.bias is not None,
        "relation.start.weights": f"{start('relation.*_projection.weight')} over {fans[0]}, {fans[1]} and {fans[2]}",
        "relation.start.bias": f"{bias.get('type')} with deviation {bias.get('std', math.nan):g}",
        "coref.mention_scorer.input_size": coref._mention_feedforward.get_input_dim(),
        "coref.antecedent_scorer.input_size": coref._antecedent_feedforward.get_input_dim(),
        "coref.start.feed_forward": start(r"heads.coref.*_feedforward.*weight"),
        "coref.start.mention_scorer": start("heads.coref._mention_scorer.weight"),
        "coref.start.antecedent_scorer": start("heads.coref._antecedent_scorer.weight"),
        "coref.start.distances": start("heads.coref._distance"),
        "coref.start.widths": start("heads.coref._width"),
        "coref.start.lstm_inputs": start("encoders.coref.*weight_ih"),
        "coref.start.lstm_states": start("encoders.coref.*weight_hh"),
    }


def trainer_facts(trainer: Dict[str, Any]) -> Facts:
    schedule = trainer["learning_rate_scheduler"]
    is_faithful = schedule["type"] == "reduce_unless_score_falls"
    build = MultiTaskTrainer.from_partial_objects
    return {
        **{key: trainer[key] for key in ("sampler", "grad_norm", "grad_clipping", "patience")},
        "relation.validation_metric": trainer["validation_metric"]["relation"],
        "optimizer": trainer["optimizer"]["type"],
        "learning_rate": trainer["optimizer"]["lr"],
        "schedule.mode": "min" if is_faithful else schedule["mode"],
        "schedule.factor": schedule["factor"],
        "schedule.patience": schedule["patience"],
        "schedule.threshold": schedule.get("threshold", default(ReduceUnlessScoreFalls, "threshold")),
        "schedule.threshold_mode": "abs" if is_faithful else schedule["threshold_mode"],
        "min_learning_rate": trainer.get("min_learning_rate", default(build, "min_learning_rate")),
        "epochs": trainer["num_epochs"],
        "patience_rule": trainer.get("patience_rule", default(build, "patience_rule")),
    }


def cell(value: Any) -> str:
    """A value as the table has it."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def table() -> Iterator[Tuple[str, List[str]]]:
    """The rows of the page: a key and its three values."""
    section = (ROOT / "docs" / "experiments.md").read_text().split("## What differs from 2018\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        cells = [text.strip().replace("`", "") for text in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 6 and cells[0] != "what":
            yield cells[1], cells[2:5]
            assert cells[0] and cells[5], f"{cells[1]}: says neither what nor why"


def test_the_page_names_what_differs_and_nothing_else(of_preset: Callable[..., Dict[str, Any]]) -> None:
    unset, faithful = facts_of(of_preset("")), facts_of(of_preset("faithful"))
    assert unset.keys() == faithful.keys() == OF_2018.keys()
    expected = {
        key: [cell(value), cell(unset[key]), cell(faithful[key])]
        for key, value in OF_2018.items()
        if not value == unset[key] == faithful[key]
    }
    rows = list(table())
    assert len(rows) == len(dict(rows))
    assert dict(rows) == expected


def test_setups_leave_out_the_new_testament_and_differ_in_nothing_else(
    of_preset: Callable[..., Dict[str, Any]],
) -> None:
    unset, setup = facts_of(of_preset("")), facts_of(of_preset("", "setups/ldc/A"))
    assert {key for key in unset if unset[key] != setup[key]} == {"ner.left_out"}
    assert setup["ner.left_out"] == ["/pt/"]
    assert of_preset("faithful") == of_preset("faithful", "setups/ldc/A")


@lru_cache(maxsize=None)
def paper_model() -> Any:
    return model_of(Params.from_file(str(ROOT / "configs" / "hmtl_ace.jsonnet")).as_dict(quiet=True))


# The parameter and the deviation of its start in 2018, from its formula. Xavier: sqrt(2 / (inputs + outputs)). Kaiming,
# over the second dimension of the matrices U, W (128, 64) and V (64, 6): sqrt(2 / 64) and sqrt(2 / 6).
DEVIATIONS = [
    ("heads.relation._arg1_projection.weight", (64, 128), math.sqrt(2 / 64)),
    ("heads.relation._arg2_projection.weight", (64, 128), math.sqrt(2 / 64)),
    ("heads.relation._type_projection.weight", (6, 64), math.sqrt(2 / 6)),
    ("heads.relation._arg1_projection.bias", (64,), 1.0),
    ("heads.coref._mention_feedforward._linear_layers.0.weight", (150, 2136), math.sqrt(2 / (150 + 2136))),
    ("heads.coref._mention_feedforward._linear_layers.1.weight", (150, 150), math.sqrt(2 / 300)),
    ("heads.coref._antecedent_feedforward._linear_layers.0.weight", (150, 6428), math.sqrt(2 / (150 + 6428))),
    ("heads.coref._antecedent_scorer.weight", (1, 150), math.sqrt(2 / 151)),
    # Not among those of the configuration: uniform within 1 / sqrt(150).
    ("heads.coref._mention_scorer.weight", (1, 150), 1 / math.sqrt(3 * 150)),
    ("heads.coref._width_embedding.weight", (8, 20), math.sqrt(2 / 28)),
    ("heads.coref._distance_embedding.weight", (10, 20), math.sqrt(2 / 30)),
    ("encoders.coref._forward_layers.0.weight_ih_l0", (800, 1316), math.sqrt(2 / (800 + 1316))),
    ("encoders.coref._backward_layers.0.weight_ih_l0", (800, 1316), math.sqrt(2 / (800 + 1316))),
]


@pytest.mark.parametrize("name, shape, deviation", DEVIATIONS, ids=[name for name, _, _ in DEVIATIONS])
def test_weights_start_as_in_2018(monkeypatch: pytest.MonkeyPatch, name: str, shape: Any, deviation: float) -> None:
    monkeypatch.setenv("HMTL_PRESET", "")
    weight = dict(paper_model().named_parameters())[name].detach()
    assert weight.shape == shape
    # The deviation of a sample of n has a deviation of its own, about 1 / sqrt(2 n) of it.
    assert weight.std().item() == pytest.approx(deviation, rel=5 / math.sqrt(2 * weight.numel()))


def test_states_of_the_coreference_lstm_start_orthogonal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMTL_PRESET", "")
    parameters = dict(paper_model().named_parameters())
    for direction in ("forward", "backward"):
        weight = parameters[f"encoders.coref._{direction}_layers.0.weight_hh_l0"].detach()
        torch.testing.assert_close(weight.t() @ weight, torch.eye(200), rtol=0, atol=1e-4)
