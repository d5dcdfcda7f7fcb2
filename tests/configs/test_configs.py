"""Every shipped configuration is evaluated, and all of it is built but for the files that it names."""

import inspect
import json
import os
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
import torch
from allennlp.common import Params
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.modules import TextFieldEmbedder, TokenEmbedder
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.optimizers import Optimizer
from allennlp.training.trainer import Trainer

import hmtl
from hmtl.data.corpora import Corpus
from hmtl.environment import VARIABLES
from hmtl.explain import explain
from hmtl.models import HMTL
from hmtl.training.task_samplers import TaskSampler

ROOT = Path(__file__).resolve().parents[2]
# Those of `search` are no experiments, but spaces of them.
CONFIGS = sorted((ROOT / "configs").glob("*.jsonnet"))
LIBRARIES = sorted((ROOT / "configs").rglob("*.libsonnet"))
NAMES = [path.name for path in CONFIGS]
# Parts of the shared embedding that read a file when they are built.
READ_FILES = ("hmtl_elmo", "hmtl_transformer", "elmo_token_embedder", "pretrained_transformer_mismatched")


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Dict[str, str]:
    """Each variable that a configuration may read names a folder of its own, which does not exist."""
    values = {name: f"/some/{name.lower()}" for name in VARIABLES}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def load(path: Path) -> Dict[str, Any]:
    return Params.from_file(str(path)).as_dict(quiet=True)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def variables_of(path: Path) -> List[str]:
    """Those that stand at the head of the file, as the user reads it: `//   NAME  what it is`."""
    return re.findall(r"^//\s+(HMTL_\w+)  ", path.read_text(), flags=re.MULTILINE)


def test_there_are_configurations() -> None:
    assert ROOT / "configs" / "quickstart.jsonnet" in CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_tasks_are_the_same_everywhere(path: Path, variables: Dict[str, str]) -> None:
    config = load(path)
    tasks = set(config["model"]["levels"])
    assert tasks == set(config["dataset_reader"]["readers"])
    assert tasks == set(config["data_loader"]["batch_size"])
    for split in ("train", "validation", "test"):
        assert tasks == set(config[f"{split}_data_path"])
    for task in tasks:
        paths = [config[f"{split}_data_path"][task] for split in ("train", "validation", "test")]
        assert len(set(paths)) == 3, f"{task}: two splits are the same data"
    # Label sets come from the training data alone.
    assert config["datasets_for_vocab_creation"] == ["train"]


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_variables_are_used_and_explained(path: Path, variables: Dict[str, str]) -> None:
    used = {name for name, value in variables.items() if any(text.startswith(value) for text in texts(load(path)))}
    assert used == set(variables_of(path))


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_paths_lie_in_the_folders_that_the_user_named(path: Path, variables: Dict[str, str]) -> None:
    config = load(path)
    for split in ("train", "validation", "test"):
        for place in config[f"{split}_data_path"].values():
            bundled = (ROOT / place).exists()
            assert bundled or place.startswith(variables["HMTL_DATA"] + "/"), place


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
@pytest.mark.parametrize("missing", VARIABLES)
def test_a_missing_variable_is_named_or_not_needed(
    path: Path, missing: str, variables: Dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What `import hmtl` does for variables that are not set.
    monkeypatch.delenv(missing)
    hmtl.environment.define_variables()
    assert os.environ[missing] == ""
    needed = missing in variables_of(path) and missing != "HMTL_TRANSFORMER"
    if not needed:
        assert not any(text.startswith("//") for text in texts(load(path)))
        return
    with pytest.raises(RuntimeError) as raised:
        load(path)
    message = explain(raised.value)
    assert re.search(rf"Set the environment variable {missing} to the folder that holds \w", message)
    assert "\n" not in message


def with_small_embedding(config: Dict[str, Any]) -> Dict[str, Any]:
    """The configuration with an embedding that needs no file."""
    for reader in config["dataset_reader"]["readers"].values():
        reader["token_indexers"] = {"tokens": {"type": "single_id"}}
    config["model"]["text_field_embedder"] = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}}
    return config


def vocabulary_of(reader: DatasetReader) -> Vocabulary:
    """One label in each namespace that the readers fill."""
    namespaces = [r.inner.label_namespace for r in reader.readers.values() if hasattr(r.inner, "label_namespace")]
    return Vocabulary(counter={"tokens": {"a": 1}, **{namespace: {"X": 1} for namespace in namespaces}})


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
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
        assert namespace in (None, f"{task}_labels")
        assert isinstance(shim.inner.corpus, Corpus)


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
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


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_trainer_and_loader_know_their_options(path: Path, variables: Dict[str, str]) -> None:
    config = load(path)
    for base, key in ((Trainer, "trainer"), (DataLoader, "data_loader")):
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
    # The score that it gets rises as the task improves.
    assert getattr(scheduler.lr_scheduler, "mode", "max") == "max"


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_keys_are_those_of_allennlps_train_command(path: Path, variables: Dict[str, str]) -> None:
    from allennlp.commands.train import TrainModel

    known = set(inspect.signature(TrainModel.from_partial_objects).parameters)
    seeds = {"random_seed", "numpy_seed", "pytorch_seed"}
    assert set(load(path)) <= known | seeds


PAPER_LEVELS: List[Tuple[str, List[str], int, int, float]] = [
    # Task, levels it reads, layers, hidden units per direction, dropout on the input (HMTL sections 2 and 3).
    ("ner", [], 2, 64, 0.2),
    ("emd", ["ner"], 2, 64, 0.2),
    ("relation", ["emd"], 3, 64, 0.2),
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


@pytest.mark.parametrize("path", LIBRARIES, ids=[path.name for path in LIBRARIES])
def test_libraries_are_used(path: Path) -> None:
    others = [p for p in CONFIGS + LIBRARIES if p != path]
    assert any(f"{path.name}'" in other.read_text() for other in others)


def test_configurations_are_reproducible(variables: Dict[str, str]) -> None:
    for path in CONFIGS:
        config = load(path)
        seeds = {config[key] for key in ("random_seed", "numpy_seed", "pytorch_seed")}
        assert seeds == {config["trainer"]["seed"], config["data_loader"]["seed"]}
        assert json.dumps(load(path)) == json.dumps(config)
