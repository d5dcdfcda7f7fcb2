"""The setups of the paper, and what the presets change in them."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from allennlp.common import Params

from hmtl.common.explain import explain

SETUPS = Path(__file__).resolve().parents[2] / "configs" / "setups"

# What each level reads.
READS: Dict[str, Dict[str, List[str]]] = {
    "A": {"ner": [], "emd": ["ner"], "relation": ["emd"], "coref": ["emd"]},
    "B": {"ner": []},
    "C": {"emd": []},
    "D": {"relation": []},
    "E": {"coref": []},
    "F": {"ner": [], "emd": ["ner"]},
    "G": {"emd": [], "relation": ["emd"]},
    "H": {"emd": [], "coref": ["emd"]},
    "I": {"ner": [], "emd": ["ner"], "relation": ["emd"]},
    "J": {"ner": [], "emd": ["ner"], "coref": ["emd"]},
    "K": {"emd": [], "ner": ["emd"]},
    "L": {"emd": [], "ner": ["emd"], "relation": ["ner"], "coref": ["ner"]},
}
SUBSETS: Dict[str, Dict[str, List[str]]] = {
    "ner-relation": {"ner": [], "relation": ["ner"]},
    "ner-coref": {"ner": [], "coref": ["ner"]},
    "relation-coref": {"relation": [], "coref": []},
    "ner-relation-coref": {"ner": [], "relation": ["ner"], "coref": ["ner"]},
    "emd-relation-coref": {"emd": [], "relation": ["emd"], "coref": ["emd"]},
}
FULL = ["A-GM", "A-GM-without-encoder", "A-GM-words"]
REPLACED = ["A-CoNLL-2003", "A-CoNLL-2012"]
SCIERC = {
    "A": {"ner": [], "relation": ["ner"], "coref": ["ner"]},
    **{name: READS[name] for name in "BDE"},
    "E-GM": READS["E"],
}
OF_CORPORA = {
    "free": {**READS, **SUBSETS, **dict.fromkeys(FULL, READS["A"]), "E-GM": READS["E"]},
    "ldc": {**READS, **dict.fromkeys(FULL + REPLACED, READS["A"]), "E-GM": READS["E"]},
    "scierc": SCIERC,
}


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HMTL_DATA", "HMTL_GLOVE", "HMTL_ELMO", "HMTL_TRANSFORMER"):
        monkeypatch.setenv(name, f"/{name}")
    monkeypatch.setenv("HMTL_PRESET", "")


def load(corpora: str, name: str) -> Dict[str, Any]:
    return evaluated(SETUPS / corpora / f"{name}.jsonnet", os.environ["HMTL_PRESET"])


@lru_cache(maxsize=None)
def evaluated(path: Path, preset: str) -> Dict[str, Any]:
    """One evaluation for each preset; not to be changed."""
    return Params.from_file(str(path)).as_dict(quiet=True)


def flat(value: Any, path: str = "") -> Dict[str, Any]:
    """Each leaf by its dotted path."""
    if not isinstance(value, dict):
        return {path: value}
    leaves: Dict[str, Any] = {}
    for key, inner in value.items():
        leaves.update(flat(inner, f"{path}.{key}" if path else key))
    return leaves


def differences(one: Dict[str, Any], other: Dict[str, Any]) -> Dict[str, Tuple[Any, Any]]:
    """The values in both, where they differ; `None` where there is none."""
    first, second = flat(one), flat(other)
    both = {key: (first.get(key), second.get(key)) for key in {**first, **second}}
    return {key: values for key, values in both.items() if values[0] != values[1]}


def changes(corpora: str, name: str, preset: str, monkeypatch: pytest.MonkeyPatch) -> Dict[str, Tuple[Any, Any]]:
    """What a preset changes."""
    before = load(corpora, name)
    monkeypatch.setenv("HMTL_PRESET", preset)
    return differences(before, load(corpora, name))


@pytest.mark.parametrize("corpora", OF_CORPORA)
def test_the_hierarchies(corpora: str) -> None:
    found = {}
    for path in (SETUPS / corpora).glob("*.jsonnet"):
        levels = load(corpora, path.stem)["model"]["levels"]
        found[path.stem] = {task: level["reads"] for task, level in levels.items()}
        if "coref" in levels:
            assert levels["coref"]["head"]["gold_mentions"] == ("GM" in path.stem.split("-"))
    assert found == OF_CORPORA[corpora]


def test_heads_of_spans_are_stacked_alike_with_the_mentions_of_relations_below_these() -> None:
    assert {path.stem for path in (SETUPS / "spans").glob("*.jsonnet")} == set(READS)
    for name, reads in READS.items():
        levels = load("spans", name)["model"]["levels"]
        mentions = {"relation": ["entities"], "entities": reads["relation"]} if "relation" in reads else {}
        assert {task: level["reads"] for task, level in levels.items()} == {**reads, **mentions}
        assert {level["head"]["type"] for level in levels.values()} <= {
            "hmtl_spans",
            "hmtl_span_relations",
            "hmtl_coref",
        }


@pytest.mark.parametrize("task, single", [("ner", "B"), ("emd", "C"), ("relation", "D"), ("coref", "E")])
@pytest.mark.parametrize("percent, every", [(10, 10), (25, 4), (50, 2)])
def test_sizes_leave_out_documents_of_one_task_and_no_update(task: str, single: str, percent: int, every: int) -> None:
    for name, whole in ((f"{task}-{percent}", "A"), (f"{task}-{percent}-alone", single)):
        setup, full = load("sizes", name), load("free", whole)
        found = differences(full, setup)
        sampler = setup["trainer"]["sampler"]
        assert {key for key in found if not key.startswith("trainer.sampler")} == {f"train_data_path.{task}"}
        before, after = found[f"train_data_path.{task}"]
        assert after == (f"{before}:{every}" if "#" in before else f"{before}#::{every}")
        assert sampler["type"] == "weights" and sampler["num_updates"] == sum(sampler["weights"].values())
        assert set(sampler["weights"]) == set(full["model"]["levels"])


def test_ways_of_sharing_differ_from_setup_a_in_one_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMTL_PRESET", "fast")
    full = load("free", "A")
    changed = {
        "no-shortcuts": {f"model.levels.{task}.reads_embedding" for task in ("emd", "relation", "coref")},
        "labels": {f"model.levels.{task}.reads_label_embeddings" for task in ("emd", "relation", "coref")}
        | {f"model.levels.{task}.label_embedding_dim" for task in ("ner", "emd")},
        "separate": {f"model.levels.{task}.encoder.hidden_size" for task in ("ner", "emd", "relation", "coref")}
        | {f"model.levels.{task}.reads" for task in ("emd", "relation", "coref")}
        | {"model.levels.relation.reads_labels"},
    }
    for name, keys in changed.items():
        assert set(differences(full, load("sharing", name))) == keys
    for name in ("uniform", "power", "by-validation"):
        assert all(key.startswith("trainer.sampler") for key in differences(full, load("sharing", name)))
    for name in ("hard", "sluice"):
        found = load("sharing", name)
        assert found["model"]["shared_encoder"]["type"] == name
        assert found["model"]["levels"]["relation"]["reads_labels"] == ["emd"]
        assert all("encoder" not in level for level in found["model"]["levels"].values())


def test_ablations_of_the_joint_many_task_model_differ_in_what_they_leave_out() -> None:
    full = load("jmt", "lower")
    reads = {task: level["reads"] for task, level in full["model"]["levels"].items()}
    assert reads == {"pos": [], "chunks": ["pos"], "dependencies": ["chunks"]}
    assert full["model"]["levels"]["dependencies"]["reads_label_embeddings"] == ["chunks", "pos"]
    assert full["trainer"]["sampler"] == {"type": "successive", "order": ["pos", "chunks", "dependencies"]}
    labels = {f"model.levels.{task}.reads_label_embeddings" for task in ("chunks", "dependencies")}
    labels |= {f"model.levels.{task}.label_embedding_dim" for task in ("pos", "chunks")}
    regularization = {f"trainer.successive_regularization.{key}" for key in ("strength", "head_strength")}
    left_out = {
        "lower": set(),
        "lower-no-label-embeddings": labels,
        "lower-no-regularisation": regularization,
        "lower-neither": labels | regularization,
    }
    assert {path.stem for path in (SETUPS / "jmt").glob("*.jsonnet")} == set(left_out)
    for name, keys in left_out.items():
        found = differences(full, load("jmt", name))
        assert set(found) == keys and all(value is None for _, value in found.values())


@pytest.mark.parametrize("preset", ["", "fast"])
@pytest.mark.parametrize("corpora", OF_CORPORA)
def test_setups_differ_in_nothing_but_their_tasks(corpora: str, preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMTL_PRESET", preset)
    full = flat(load(corpora, "A"))
    for name in set(OF_CORPORA[corpora]) - set(REPLACED):
        setup = flat(load(corpora, name))
        different = {key for key, value in setup.items() if full.get(key, "absent") != value}
        # Of the initializers those of the tasks at hand.
        initializers = setup["model.initializer.regexes"]
        assert [entry for entry in full["model.initializer.regexes"] if entry in initializers] == initializers
        allowed = {f"model.levels.{task}.reads" for task in OF_CORPORA[corpora][name]} | {"model.initializer.regexes"}
        assert different <= allowed | ({"model.levels.coref.head.gold_mentions"} if "GM" in name else set())


def test_setups_are_short() -> None:
    for path in SETUPS.rglob("*.jsonnet"):
        assert len(path.read_text().splitlines()) <= 4


def test_other_corpora_for_a_task() -> None:
    usual = load("ldc", "A")
    for name, task in (("A-CoNLL-2003", "ner"), ("A-CoNLL-2012", "coref")):
        different = {key.split(".")[-1] for key in differences(usual, load("ldc", name)) if "_data_path." in key}
        assert different == {task}
    assert load("ldc", "A-CoNLL-2003")["test_data_path"]["ner"] == "/HMTL_DATA/conll2003/eng.testb"
    assert load("ldc", "A-CoNLL-2012")["test_data_path"]["coref"].endswith("test.english.v4_gold_conll")


@pytest.mark.parametrize("corpora,encoder", [("ldc", "elmo"), ("free", "transformer")], ids=["ldc", "free"])
def test_the_embedding_loses_a_part_at_a_time(corpora: str, encoder: str) -> None:
    parts = [
        set(load(corpora, name)["model"]["text_field_embedder"]["token_embedders"])
        for name in ("A-GM", "A-GM-without-encoder", "A-GM-words")
    ]
    assert parts == [{"tokens", "token_characters", encoder}, {"tokens", "token_characters"}, {"tokens"}]


def test_faithful_turns_the_flaws_on_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = "trainer.learning_rate_scheduler"
    assert changes("ldc", "A", "faithful", monkeypatch) == {
        # Flaw 1.
        "dataset_reader.readers.relation.only_sentences_with_relations": (None, True),
        # 2 and 3.
        f"{scheduler}.type": ("reduce_on_plateau", "reduce_unless_score_falls"),
        f"{scheduler}.mode": ("max", None),
        f"{scheduler}.threshold": (0.0001, None),
        f"{scheduler}.threshold_mode": ("abs", None),
        "trainer.patience_rule": (None, "lowest_score"),
        # 4.
        "model.levels.emd.head.dropout": (0.2, 0.0),
        "model.levels.emd.input_dropout": (0.2, 0.0),
        # 6 and 12.
        "model.levels.relation.head.loss_reduction": (None, "as_2018"),
        "model.levels.relation.head.allow_self_relations": (None, True),
        # 7.
        "dataset_reader.readers.ner.corpus": (None, "ontonotes"),
        "dataset_reader.readers.ner.corpus.type": ("ontonotes", None),
        "dataset_reader.readers.ner.corpus.exclude": (["/pt/"], None),
        # 17, and what it makes depend on the order of sentences.
        "model.text_field_embedder.token_embedders.elmo.stateful": (None, True),
        "validation_data_loader.batch_size.relation": (32, 4),
        "validation_data_loader.padding_noise.coref": (None, 0.0),
        "validation_data_loader.seed": (None, 13370),
        # 21.
        "model.levels.coref.head.singletons": (None, "as_2018"),
        "model.levels.coref.head.gold_mentions_rule": (None, "as_2018"),
        # The document as one sequence is the paper's setups' anyway.
        "dataset_reader.readers.coref.unescape": (None, True),
    }
    # `None` stands for random batches, and for the order of the data in validation.
    assert load("ldc", "A")["validation_data_loader"]["padding_noise"] == dict.fromkeys(("ner", "emd", "relation")) | {
        "coref": 0.0
    }


@pytest.mark.parametrize("corpora", ["ldc", "free"])
def test_faithful_emd_has_no_dropout_above_ner(corpora: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """2018 has code for EMD alone, above NER, and without it; K and L, where EMD is below, are each level's own."""
    monkeypatch.setenv("HMTL_PRESET", "faithful")
    found = {}
    for name, tasks in OF_CORPORA[corpora].items():
        if "emd" in tasks:
            level = load(corpora, name)["model"]["levels"]["emd"]
            assert level["input_dropout"] == level["head"]["dropout"]
            found[name] = level["input_dropout"]
    with_ner = ["A", "F", "I", "J", *FULL, *(REPLACED if corpora == "ldc" else [])]
    without = ["C", "G", "H", "K", "L", *(["emd-relation-coref"] if corpora == "free" else [])]
    assert found == {**dict.fromkeys(with_ner, 0.0), **dict.fromkeys(without, 0.2)}


def test_fast_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    found = changes("free", "A", "fast", monkeypatch)
    assert found["trainer.num_epochs"] == (12, 6) and found["model.levels.coref.encoder.hidden_size"] == (200, 64)
    # The data and the embedding stay.
    assert not [key for key in found if "reader" in key or "data_path" in key or "embedder" in key]


def test_an_unknown_preset_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMTL_PRESET", "quick")
    with pytest.raises(RuntimeError) as raised:
        load("free", "A")
    message = explain(raised.value)
    assert "The environment variable HMTL_PRESET is 'quick'; unset it or choose faithful or fast" in message
    assert "\n" not in message


@pytest.mark.parametrize("corpora", OF_CORPORA)
def test_relations_are_chosen_by_last_tokens_as_in_the_paper(corpora: str) -> None:
    for name, reads in OF_CORPORA[corpora].items():
        metric = load(corpora, name)["trainer"].get("validation_metric")
        expected = {task: "+f1_last_tokens" if task == "relation" else "+f1" for task in reads}
        assert metric == (expected if "relation" in reads else None)
