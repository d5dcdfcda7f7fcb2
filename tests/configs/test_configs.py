"""Every shipped configuration is evaluated, and all of it is built but for the files that it names."""

import inspect
import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set, Tuple

import pytest
import torch
from allennlp.common import Params
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.modules import TextFieldEmbedder, TokenEmbedder
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.optimizers import Optimizer
from allennlp.training.trainer import Trainer

from hmtl.common.environment import VARIABLES
from hmtl.common.explain import explain
from hmtl.corpora import Corpus
from hmtl.models import HMTL
from hmtl.page.labels import known_labels
from hmtl.tasks import QuestionReader, TextLabelSpanReader
from hmtl.training.task_samplers import TaskSampler
from hmtl.training.task_state import OptimizerState

ROOT = Path(__file__).resolve().parents[2]
# Those of `search` are no experiments, but spaces of them.
CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.jsonnet") if path.parent.name != "search")
SETUPS = [path for path in CONFIGS if path.parent.parent.name == "setups"]
LIBRARIES = sorted((ROOT / "configs").rglob("*.libsonnet"))
PRESETS = ["fast", "faithful"]
# Each configuration, and each setup with every preset.
CASES = [(path, "") for path in CONFIGS] + [(path, preset) for preset in PRESETS for path in SETUPS]
# Those of which all is built: the setups of a corpus are parts of A.
BUILT = [(path, preset) for path, preset in CASES if path not in SETUPS or path.stem in ("A", "L")]
FOLDERS = [name for name in VARIABLES if name != "HMTL_PRESET"]
# Parts of the shared embedding that read a file when they are built.
READ_FILES = ("hmtl_elmo", "hmtl_transformer", "elmo_token_embedder", "pretrained_transformer_mismatched")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "configs").with_suffix(""))


def of_cases(cases: List[Tuple[Path, str]]) -> Any:
    names = ["-".join(filter(None, [name_of(path), preset])) for path, preset in cases]
    return pytest.mark.parametrize("path,preset", cases, ids=names)


each_config = pytest.mark.parametrize("path", CONFIGS, ids=map(name_of, CONFIGS))
# One setup of each corpus reads what the others read.
each_kind = of_cases([(path, "") for path in CONFIGS if path not in SETUPS or path.stem in ("D", "A-GM-words")])
each_case = of_cases(CASES)
each_built = of_cases(BUILT)


@pytest.fixture
def preset() -> str:
    """The preset of a test that is not asked for each."""
    return ""


@pytest.fixture
def variables(preset: str, monkeypatch: pytest.MonkeyPatch) -> Dict[str, str]:
    """Each variable that a configuration may read names a folder of its own, which does not exist."""
    values = {name: f"/some/{name.lower()}" for name in FOLDERS}
    for name, value in {**values, "HMTL_PRESET": preset}.items():
        monkeypatch.setenv(name, value)
    return values


def load(path: Path) -> Dict[str, Any]:
    return json.loads(evaluated(path, *(os.environ.get(name, "") for name in VARIABLES)))


@lru_cache(maxsize=None)
def evaluated(path: Path, *values: str) -> str:
    """As JSON; one evaluation for each state of the variables."""
    return json.dumps(Params.from_file(str(path)).as_dict(quiet=True))


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str) and value.startswith("{"):
        # The paths of several corpora.
        yield from texts(json.loads(value))
    elif isinstance(value, str):
        yield value


def used_variables(path: Path, variables: Dict[str, str]) -> Set[str]:
    found = set(texts(load(path)))
    return {name for name, value in variables.items() if any(text.startswith(value) for text in found)}


def explained_variables(path: Path) -> Set[str]:
    """Those that stand at the head of the file, as the user reads it: `//   NAME  what it is`. For all setups they
    stand in one place, with the corpora that they are for."""
    if path not in SETUPS:
        return set(re.findall(r"^//\s+(HMTL_\w+)  ", path.read_text(), flags=re.MULTILINE))
    library = ROOT / "configs" / "lib" / "setups.libsonnet"
    entries = re.findall(r"^//   (HMTL_\w+) +((?:.+\n)(?://    .+\n)*)", library.read_text(), flags=re.MULTILINE)
    return {name for name, text in entries if name in FOLDERS and re.search(rf"\b{path.parent.name}\b", text)}


def test_there_are_configurations() -> None:
    assert ROOT / "configs" / "quickstart.jsonnet" in CONFIGS
    assert {path.parent.name for path in SETUPS} == {
        "free", "heads", "jmt", "ldc", "scierc", "sharing", "sizes", "spans"
    }  # fmt: skip


@each_case
def test_tasks_are_the_same_everywhere(path: Path, variables: Dict[str, str]) -> None:
    config = load(path)
    tasks = set(config["model"]["levels"])
    assert tasks == set(config["dataset_reader"]["readers"])
    assert tasks == set(config["data_loader"]["batch_size"]) == set(config["validation_data_loader"]["batch_size"])
    for split in ("train", "validation", "test"):
        assert tasks == set(config[f"{split}_data_path"])
    for task in tasks:
        paths = [config[f"{split}_data_path"][task] for split in ("train", "validation", "test")]
        assert len(set(paths)) == 3, f"{task}: two splits are the same data"
    # Label sets come from the training data alone.
    assert config["datasets_for_vocab_creation"] == ["train"]


@each_config
def test_variables_are_used_and_explained(path: Path, variables: Dict[str, str]) -> None:
    used, explained = used_variables(path, variables), explained_variables(path)
    if path in SETUPS and path.stem in ("A-GM-without-encoder", "A-GM-words"):
        # What is explained for all setups is more than an ablation of the embedding uses.
        assert used < explained
    else:
        assert used == explained


@each_config
def test_paths_lie_in_the_folders_that_the_user_named(path: Path, variables: Dict[str, str]) -> None:
    config = load(path)
    for split in ("train", "validation", "test"):
        for place in texts(config[f"{split}_data_path"]):
            bundled = (ROOT / place).exists()
            assert bundled or place.startswith((variables["HMTL_DATA"] + "/", variables["HMTL_SICK"] + "/")), place


@each_kind
@pytest.mark.parametrize("missing", FOLDERS)
def test_a_missing_variable_is_named_or_not_needed(
    path: Path, missing: str, variables: Dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # An encoder is left out where none is named, but for the configurations that are about one; bundled pairs of
    # sentences stand for SICK's.
    optional = {"HMTL_SICK"}
    optional |= set() if path.stem in ("finetune_transformer", "questions", "text_labels") else {"HMTL_TRANSFORMER"}
    needed = missing in used_variables(path, variables) - optional
    monkeypatch.delenv(missing)
    if not needed:
        assert not any(text.startswith("//") for text in texts(load(path)))
        return
    with pytest.raises(RuntimeError) as raised:
        load(path)
    message = explain(raised.value)
    what = "an encoder's name or folder" if missing == "HMTL_TRANSFORMER" else r"the folder that holds \w"
    assert re.search(rf"Set the environment variable {missing} to {what}", message)
    assert "\n" not in message


def with_small_embedding(config: Dict[str, Any]) -> Dict[str, Any]:
    """The configuration with an embedding that needs no file."""
    for reader in config["dataset_reader"]["readers"].values():
        reader["token_indexers"] = {"tokens": {"type": "single_id"}}
    for level in config["model"]["levels"].values():
        if "token_indexers" in level["head"]:
            level["head"]["token_indexers"] = {"tokens": {"type": "single_id"}}
    # The archive that a model is fine-tuned from.
    config["model"].pop("pretrained_file", None)
    config["model"]["text_field_embedder"] = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}}
    return config


def vocabulary_of(reader: DatasetReader) -> Vocabulary:
    """One label in each namespace that the readers fill."""
    readers = [each.inner for each in reader.readers.values()]
    counter = {each.label_namespace: {"X": 1} for each in readers if hasattr(each, "label_namespace")}
    for each in readers:
        if isinstance(each, TextLabelSpanReader):
            counter[each.label_namespace] = {f"{name}: X": 1 for name in each.corpora}
            counter[f"sets_of_{each.label_namespace}"] = dict.fromkeys(each.corpora, 1)
    return Vocabulary(counter={"tokens": {"a": 1}, **counter})


@each_built
def test_readers_and_levels_are_built(path: Path, variables: Dict[str, str]) -> None:
    config = with_small_embedding(load(path))
    reader = DatasetReader.from_params(Params(config["dataset_reader"]))
    vocab = vocabulary_of(reader)
    model = Model.from_params(Params(config["model"]), vocab=vocab)
    assert isinstance(model, HMTL)
    assert set(model.tasks) == set(reader.readers)
    for task, shim in reader.readers.items():
        # Each head reads labels that its task's reader writes.
        namespace = getattr(shim.inner, "label_namespace", None)
        of_texts = {TextLabelSpanReader: "text_labels", QuestionReader: "question_labels"}
        assert namespace in (None, of_texts.get(type(shim.inner), f"{task}_labels"))
        assert isinstance(shim.inner.corpus, Corpus)


@each_built
def test_the_embedding_is_built_but_for_files(path: Path, variables: Dict[str, str]) -> None:
    config = load(path)
    embedders = config["model"]["text_field_embedder"]["token_embedders"]
    for reader in config["dataset_reader"]["readers"].values():
        assert set(reader["token_indexers"]) == set(embedders)
    for name, params in list(embedders.items()):
        constructor = TokenEmbedder.by_name(params["type"])
        if params["type"] in READ_FILES:
            known = keyword_names(constructor)
            assert set(params) - {"type"} <= known, f"{name}: an option that is not known"
            del embedders[name]
        params.pop("pretrained_file", None)
    if not embedders:
        return
    vocab = Vocabulary(counter={"tokens": {"a": 1}, "token_characters": {"a": 1}})
    embedder = TextFieldEmbedder.from_params(Params({"token_embedders": embedders}), vocab=vocab)
    assert embedder.get_output_dim() > 0


def keyword_names(constructor: Any) -> set:
    """The keywords of a class, with those of the classes that it hands its `**kwargs` to."""
    found = set()
    for base in inspect.getmro(constructor):
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        found |= {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found


@each_built
def test_trainer_and_loader_know_their_options(path: Path, variables: Dict[str, str]) -> None:
    config = load(path)
    for base, key in ((Trainer, "trainer"), (DataLoader, "data_loader"), (DataLoader, "validation_data_loader")):
        registered, constructor = base.resolve_class_name(config[key]["type"])
        known = inspect.signature(getattr(registered, constructor) if constructor else registered).parameters
        assert set(config[key]) - {"type"} <= set(known)
    assert config["trainer"]["type"] == "multi_task" and config["data_loader"]["type"] == "per_task"
    assert TaskSampler.from_params(Params({"sampler": config["trainer"]["sampler"]}).pop("sampler"))
    parameters = [("weight", torch.nn.Parameter(torch.zeros(1)))]
    optimizer = Optimizer.from_params(Params(config["trainer"]["optimizer"]), model_parameters=parameters)
    scheduler = LearningRateScheduler.from_params(
        Params(config["trainer"]["learning_rate_scheduler"]), optimizer=optimizer, num_epochs=2, num_steps_per_epoch=3
    )
    # The score that it gets rises as the task improves; a schedule that expects otherwise says so by its name.
    assert OptimizerState(optimizer, scheduler).scheduler is scheduler


@each_config
def test_keys_are_those_of_allennlps_train_command(path: Path, variables: Dict[str, str]) -> None:
    from allennlp.commands.train import TrainModel

    known = set(inspect.signature(TrainModel.from_partial_objects).parameters)
    seeds = {"random_seed", "numpy_seed", "pytorch_seed"}
    assert set(load(path)) <= known | seeds


PAPER_LEVELS: List[Tuple[str, List[str], int, int, float]] = [
    # Task, levels it reads, layers, hidden units per direction, dropout on the input (HMTL sections 2 and 3, and the
    # configuration of 2018: see test_configuration_of_2018.py).
    ("ner", [], 2, 64, 0.2),
    ("emd", ["ner"], 2, 64, 0.2),
    ("relation", ["emd"], 3, 64, 0.0),
    ("coref", ["emd"], 1, 200, 0.5),
]


def test_the_papers_model(variables: Dict[str, str]) -> None:
    config = load(ROOT / "configs" / "hmtl_ace.jsonnet")
    for task, reads, num_layers, hidden_size, dropout in PAPER_LEVELS:
        level = config["model"]["levels"][task]
        assert level["reads"] == reads and level["input_dropout"] == dropout
        assert (level["encoder"]["num_layers"], level["encoder"]["hidden_size"]) == (num_layers, hidden_size)
    trainer = config["trainer"]
    assert trainer["optimizer"] == {"type": "adam", "lr": 0.001}
    assert (trainer["num_epochs"], trainer["patience"]) == (100, 10)
    assert (trainer["grad_norm"], trainer["grad_clipping"]) == (5.0, 10.0)
    assert trainer["sampler"] == "proportional"
    assert config["data_loader"]["batch_size"] == {"ner": 32, "emd": 32, "relation": 4, "coref": 1}
    assert config["validation_data_loader"]["batch_size"] == {"ner": 32, "emd": 32, "relation": 32, "coref": 1}
    assert config["train_data_path"]["ner"] == f"{variables['HMTL_DATA']}/conll-2012/v4/data/train"


SHARED_ENCODERS = {"hard_sharing": ["hard"], "learned_sharing": ["cross_stitch", "sluice"]}


@pytest.mark.parametrize("name", SHARED_ENCODERS)
def test_ways_of_sharing_differ_from_the_quickstart_in_the_encoders_alone(
    name: str, variables: Dict[str, str], tmp_path: Path
) -> None:
    quickstart, path = load(ROOT / "configs" / "quickstart.jsonnet"), ROOT / "configs" / f"{name}.jsonnet"
    # The other encoder stands beside the one in use, for a user to put in its place.
    alternatives = [path]
    comment = re.search(r"// or (levels\..+)", path.read_text())
    if comment:
        switched = re.sub(r"= levels\..+", f"= {comment[1]};", path.read_text())
        alternatives.append(tmp_path / path.name)
        alternatives[1].write_text(switched.replace("import '", f"import '{ROOT}/configs/"))
    assert len(alternatives) == len(SHARED_ENCODERS[name])
    for alternative, kind in zip(alternatives, SHARED_ENCODERS[name]):
        config = load(alternative)
        shared_encoder = config["model"].pop("shared_encoder")
        assert shared_encoder["type"] == kind
        layer = shared_encoder.get("layer") or shared_encoder["encoder"]
        assert layer["hidden_size"] == quickstart["model"]["levels"]["ner"]["encoder"]["hidden_size"]
        for task, level in quickstart["model"]["levels"].items():
            assert config["model"]["levels"][task] == {"head": level["head"]}
        config["model"]["levels"] = quickstart["model"]["levels"]
        assert config == quickstart


def test_relations_of_another_corpus_than_emds_join_the_mentions_of_their_own(variables: Dict[str, str]) -> None:
    config = load(ROOT / "configs" / "spans_gum_redocred.jsonnet")
    reads = {task: level["reads"] for task, level in config["model"]["levels"].items()}
    assert reads == {"ner": [], "emd": ["ner"], "entities": ["emd"], "relation": ["entities"], "coref": ["emd"]}
    readers = config["dataset_reader"]["readers"]
    assert (readers["entities"]["type"], readers["entities"]["layer"]) == ("hmtl_spans", "ner")
    corpora = {task: reader["corpus"] for task, reader in readers.items()}
    assert corpora == {**dict.fromkeys(("ner", "emd", "coref"), "gum"), "entities": "redocred", "relation": "redocred"}
    for split in ("train", "validation", "test"):
        paths = config[f"{split}_data_path"]
        assert paths["entities"] == paths["relation"]
    # Without it the levels are those of the sample.
    assert sorted(load(ROOT / "configs" / "spans.jsonnet")["model"]["levels"]) == ["coref", "emd", "ner", "relation"]


def test_labels_in_words_leave_two_of_gums_types_to_be_asked_for(variables: Dict[str, str]) -> None:
    config = load(ROOT / "configs" / "text_labels.jsonnet")
    corpora = config["dataset_reader"]["readers"]["mentions"]["corpora"]
    assert corpora == {
        "gum": {"corpus": "gum", "layer": "emd", "exclude_labels": ["animal", "substance"]},
        "wnut17": {"corpus": "conll2003", "layer": "ner"},
    }
    folder = variables["HMTL_DATA"]
    paths = {split: json.loads(config[f"{split}_data_path"]["mentions"]) for split in ("train", "validation", "test")}
    assert paths["train"] == {"gum": f"{folder}/gum/train.txt", "wnut17": f"{folder}/wnut17/wnut17train.conll"}
    assert paths["validation"].keys() == paths["train"].keys() and list(paths["test"]) == ["gum"]
    # Labels are read as sentences are.
    head = config["model"]["levels"]["mentions"]["head"]
    assert head["token_indexers"] == config["dataset_reader"]["readers"]["mentions"]["token_indexers"]


def test_the_four_tasks_are_questions_of_one_head(variables: Dict[str, str]) -> None:
    config = load(ROOT / "configs" / "questions.jsonnet")
    reader = config["dataset_reader"]["readers"]["questions"]
    sources = reader["sources"]
    assert {name: (source["type"], source["corpus"]) for name, source in sources.items()} == {
        "ner": ("spans", "gum"),
        "emd": ("spans", "gum"),
        "coref": ("clusters", "gum"),
        "entities": ("spans", "redocred"),
        "relation": ("relations", "redocred"),
    }
    assert sources["ner"]["questions"]["person"] == "Which spans name a person?"
    assert sources["relation"]["questions"]["P19"] == "What is its place of birth?"
    # All of Re-DocRED's relations: those that pages have names for.
    names = {label: each["name"] for label, each in known_labels().items() if re.fullmatch(r"p\d+", label)}
    assert {label.lower() for label in sources["relation"]["questions"]} >= set(names)
    # Each source reads what its task of the hierarchy reads.
    tasks = load(ROOT / "configs" / "spans_gum_redocred.jsonnet")
    for split in ("train", "validation", "test"):
        paths = json.loads(config[f"{split}_data_path"]["questions"])
        assert paths == tasks[f"{split}_data_path"]
    # As the hierarchy of spans that the results have beside it.
    hierarchy = load(ROOT / "configs" / "setups" / "heads" / "spans.jsonnet")
    for name in ("optimizer", "learning_rate_scheduler", "grad_norm", "grad_clipping"):
        assert config["trainer"][name] == hierarchy["trainer"][name]
    assert config["model"]["text_field_embedder"] == hierarchy["model"]["text_field_embedder"]
    # Questions are read as sentences are, and rows in batches as they are trained.
    assert config["model"]["levels"]["questions"]["head"]["token_indexers"] == reader["token_indexers"]
    assert config["validation_data_loader"]["batch_size"] == {"questions": 16}


def test_the_joint_many_task_model(variables: Dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, order = ROOT / "configs" / "jmt.jsonnet", ["pos", "chunks", "dependencies", "relatedness", "entailment"]
    config = load(path)
    levels = config["model"]["levels"]
    reads = {task: level["reads"] for task, level in levels.items()}
    assert reads == {"pos": [], **{task: [below] for below, task in zip(order, order[1:])}}
    labels = {task: level.get("reads_label_embeddings", []) for task, level in levels.items()}
    of_tokens = ["chunks", "pos"]
    assert labels == {
        "pos": [], "chunks": ["pos"], **dict.fromkeys(order[2:4], of_tokens), "entailment": [*of_tokens, "relatedness"]
    }  # fmt: skip
    assert config["trainer"]["sampler"] == {"type": "successive", "order": order}
    assert config["trainer"]["successive_regularization"] == {"strength": 0.001, "head_strength": 0.01}
    assert config["test_data_path"]["entailment"] == f"{variables['HMTL_SICK']}/SICK_test_annotated.txt"
    assert levels["relatedness"]["head"]["features"] == ["absolute_difference", "product"]
    assert levels["entailment"]["head"]["features"] == ["difference", "product"]
    # Without SICK the pairs are those of the repository.
    monkeypatch.setenv("HMTL_SICK", "")
    assert load(path)["train_data_path"]["relatedness"] == "data/pairs/train.tsv"
    # The other way of training, and another treebank, which has no chunks.
    text = path.read_text().replace("import '", f"import '{ROOT}/configs/")
    other = tmp_path / "jmt.jsonnet"
    other.write_text(re.sub(r"= jmt\.adam; +// or (jmt\.sgd)", r"= \1;", text))
    by_sgd = load(other)
    assert by_sgd["trainer"]["optimizer"]["type"] == "sgd" and by_sgd["trainer"]["grad_norm"] == 3.0
    assert by_sgd["trainer"]["learning_rate_scheduler"] == {"type": "inverse_decay", "decay": 0.3}
    assert by_sgd["data_loader"]["batch_size"] == {**dict.fromkeys(order, 25), "dependencies": 15}
    treebank = tmp_path / "treebank.jsonnet"
    treebank.write_text(text.replace("corpora.gum(env.data('gum/') + '/gum')", "corpora.conllu('/folder')"))
    on_treebank = load(treebank)
    assert on_treebank["trainer"]["sampler"]["order"] == ["pos", "dependencies", "relatedness", "entailment"]
    assert on_treebank["model"]["levels"]["dependencies"]["reads"] == ["pos"]


def test_the_scope_of_documents_is_said_once(variables: Dict[str, str]) -> None:
    """By the level: head, reader, corpus and batches follow."""
    config = load(ROOT / "configs" / "redocred_documents.jsonnet")
    head, reader = config["model"]["levels"]["relation"]["head"], config["dataset_reader"]["readers"]["relation"]
    assert (head["scope"], reader["scope"], head["max_sentence_distance"]) == ("document", "document", 3)
    assert reader["corpus"] == {"type": "redocred", "across_sentences": "keep"} and reader["allow_unknown_labels"]
    assert config["dataset_reader"]["readers"]["entities"]["corpus"] == "redocred"
    # Documents are validated in batches as they are trained.
    assert config["validation_data_loader"]["batch_size"] == {"entities": 32, "relation": 4}
    sentences = load(ROOT / "configs" / "spans_gum_redocred.jsonnet")
    assert "scope" not in {
        *sentences["model"]["levels"]["relation"]["head"],
        *sentences["dataset_reader"]["readers"]["relation"],
    }
    assert sentences["validation_data_loader"]["batch_size"]["relation"] == 32


@pytest.mark.parametrize("path", LIBRARIES, ids=[path.name for path in LIBRARIES])
def test_libraries_are_used(path: Path) -> None:
    others = [p for p in CONFIGS + LIBRARIES if p != path]
    assert any(f"{path.name}'" in other.read_text() for other in others)


def test_configurations_are_reproducible(variables: Dict[str, str]) -> None:
    for path in CONFIGS:
        config = load(path)
        seeds = {config[key] for key in ("random_seed", "numpy_seed", "pytorch_seed")}
        assert seeds == {config["trainer"]["seed"], config["data_loader"]["seed"]}
        again = Params.from_file(str(path)).as_dict(quiet=True)
        assert json.dumps(again) == json.dumps(config)
