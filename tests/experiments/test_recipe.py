"""From documents to tasks, and from tasks to a configuration."""

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
from allennlp.common import Params

from hmtl.common.overrides import merged
from hmtl.corpora.training_data import TaskData, TrainingData, labels, ner, relation
from hmtl.document import Document, Relation, Span
from hmtl.errors import UserError
from hmtl.experiments.recipe import PLAIN, Recipe, Task, configuration, find_tasks, placed, with_overrides


def documents(
    number: int, layers: Dict[str, str], relations: Optional[str] = None, clusters: bool = False, start: int = 0
) -> List[Document]:
    """Documents of one sentence, with a span of each layer's label; relations join those of one layer."""
    places = {layer: 2 * place for place, layer in enumerate(layers)}
    found = []
    for index in range(start, start + number):
        document = Document(f"d{index}", [[f"w{token}" for token in range(2 * len(layers) + 4)]])
        for layer, label in layers.items():
            first = places[layer]
            document.spans[layer] = [Span(first, first, label), Span(first + 1, first + 1, label)]
        if relations is not None:
            first = places[relations]
            document.relations = [Relation((first, first), (first + 1, first + 1), "near")]
        if clusters:
            document.clusters = [[(0, 0), (1, 1)]]
        found.append(document)
    return found


def data(**parts: List[Document]) -> TrainingData:
    return TrainingData("words", parts, folder=Path("words"))


def evaluated(tasks: List[Task], recipe: Recipe = PLAIN, folder: Path = Path("run")) -> Dict[str, Any]:
    text = configuration(tasks, recipe, ["A comment."])
    path = folder / "config.jsonnet"
    path.write_text(text, encoding="utf-8")
    return Params.from_file(str(path)).as_dict(quiet=True)


def reads(config: Dict[str, Any], key: str = "reads") -> Dict[str, List[str]]:
    return {name: level.get(key, []) for name, level in config["model"]["levels"].items()}


def test_layers_are_stacked_from_names_up_to_mentions(tmp_path: Path) -> None:
    whole = documents(3, {"emd": "PER", "drug": "X", "ner": "GPE"}, relations="drug", clusters=True)

    tasks = find_tasks(data(train=whole, dev=whole))

    assert [task.name for task in tasks] == ["ner", "drug", "emd", "relation", "coref"]
    config = evaluated(tasks, folder=tmp_path)
    assert reads(config) == {
        "ner": [],
        "drug": ["ner"],
        "emd": ["drug"],
        # Relations join the spans of `drug`, wherever this layer is.
        "relation": ["drug"],
        "coref": ["emd"],
    }
    readers = config["dataset_reader"]["readers"]
    assert readers["relation"]["mention_layer"] == "drug" and readers["drug"]["layer"] == "drug"
    assert {name: level["head"]["type"] for name, level in config["model"]["levels"].items()} == {
        "ner": "hmtl_spans",
        "drug": "hmtl_spans",
        "emd": "hmtl_spans",
        "relation": "hmtl_span_relations",
        "coref": "hmtl_coref",
    }
    assert config["train_data_path"]["drug"] == "words/train.jsonl"


def test_relations_without_spans_are_between_tokens(tmp_path: Path) -> None:
    whole = documents(3, {"ner": "GPE"}, relations="ner")
    for document in whole:
        document.spans = {}

    config = evaluated(find_tasks(data(train=whole, dev=whole)), folder=tmp_path)

    assert config["model"]["levels"]["relation"]["head"]["type"] == "hmtl_relation"
    assert config["dataset_reader"]["readers"]["relation"]["type"] == "hmtl_relation"
    assert reads(config) == {"relation": []}


def test_relations_are_between_tokens_where_their_spans_are_not_learned(tmp_path: Path) -> None:
    whole = documents(3, {"ner": "GPE"}, relations="ner")
    config = evaluated(find_tasks(data(train=whole, dev=whole), ["relation"]), folder=tmp_path)
    assert reads(config) == {"relation": []}
    assert config["model"]["levels"]["relation"]["head"]["type"] == "hmtl_relation"


def test_an_encoder_is_fine_tuned_under_the_levels(tmp_path: Path) -> None:
    whole = documents(3, {"ner": "GPE"}, relations="ner")

    config = evaluated(
        find_tasks(data(train=whole, dev=whole)), Recipe(encoder="it's/small", epochs=3, lr=1e-4), tmp_path
    )

    assert config["trainer"]["optimizer"]["type"] == "finetuning_adamw"
    assert config["trainer"]["optimizer"]["encoder_lr"] == 1e-4
    assert config["trainer"]["num_epochs"] == 3
    embedder = config["model"]["text_field_embedder"]["token_embedders"]
    assert list(embedder) == ["token_characters", "tokens", "transformer"]
    assert embedder["transformer"]["model_name"] == "it's/small" and embedder["transformer"]["train_parameters"]
    assert config["trainer"]["optimizer"]["lr"] == 0.003
    assert reads(config) == {"ner": [], "relation": ["ner"]}
    assert {level["encoder"]["type"] for level in config["model"]["levels"].values()} == {"hmtl_lstm"}


def test_a_frozen_encoder_stands_beside_words_and_characters(tmp_path: Path) -> None:
    whole = documents(3, {"ner": "GPE"})

    config = evaluated(find_tasks(data(train=whole, dev=whole)), Recipe(encoder="x", frozen=True), tmp_path)

    embedder = config["model"]["text_field_embedder"]["token_embedders"]
    assert list(embedder) == ["token_characters", "tokens", "transformer"]
    assert not embedder["transformer"]["train_parameters"]
    assert config["trainer"]["optimizer"] == {"type": "adam", "lr": 0.003}


def test_the_users_levels_are_merged(tmp_path: Path) -> None:
    whole = documents(3, {"ner": "GPE", "emd": "PER"}, relations="emd")
    levels = {"emd": [], "relation": ["ner", "emd"], "ner": {"encoder": {"hidden_size": 7}}}

    config = evaluated(find_tasks(data(train=whole, dev=whole)), Recipe(levels=levels), tmp_path)

    assert reads(config) == {"ner": [], "emd": [], "relation": ["ner", "emd"]}
    assert config["model"]["levels"]["ner"]["encoder"]["hidden_size"] == 7
    assert config["model"]["levels"]["ner"]["encoder"]["type"] == "hmtl_lstm"
    with pytest.raises(UserError, match="levels: there is no task 'nre'; did you mean 'ner'?"):
        evaluated(find_tasks(data(train=whole, dev=whole)), Recipe(levels={"relation": ["nre"]}), tmp_path)


def test_names_of_layers_need_not_be_those_of_variables(tmp_path: Path) -> None:
    whole = documents(3, {"side-effect": "X", "local": "Y"})
    config = evaluated(find_tasks(data(train=whole, dev=whole)), folder=tmp_path)
    assert reads(config) == {"side-effect": [], "local": ["side-effect"]}


def test_documents_without_a_layer_are_left_out_of_its_task(tmp_path: Path) -> None:
    both, one = documents(3, {"ner": "GPE", "emd": "PER"}), documents(2, {"ner": "GPE"}, start=3)
    tasks = find_tasks(TrainingData("words", {"train": [*both, *one], "dev": both[:1]}))

    files = placed(tasks, tmp_path)

    assert {task.name: len(task.documents["train"]) for task in tasks} == {"ner": 5, "emd": 3}
    assert {path.relative_to(tmp_path).as_posix(): len(found) for path, found in files.items()} == {
        "ner/train.jsonl": 5,
        "ner/dev.jsonl": 1,
        "emd/train.jsonl": 3,
        "emd/dev.jsonl": 1,
    }
    config = evaluated(tasks, folder=tmp_path)
    assert config["train_data_path"] == {
        "ner": f"{tmp_path}/ner/train.jsonl",
        "emd": f"{tmp_path}/emd/train.jsonl",
    }


def test_labels_that_training_lacks_are_let_through(tmp_path: Path) -> None:
    train, dev = documents(3, {"ner": "GPE"}), documents(1, {"ner": "LAW"})
    [task] = find_tasks(data(train=train, dev=dev))
    assert task.unknown_labels == ["LAW"]
    assert evaluated([task], folder=tmp_path)["dataset_reader"]["readers"]["ner"]["allow_unknown_labels"]
    [task] = find_tasks(data(train=train, dev=train))
    assert "allow_unknown_labels" not in json.dumps(evaluated([task], folder=tmp_path))


def test_tasks_without_test_data_have_no_path_to_them(tmp_path: Path) -> None:
    whole = documents(4, {"ner": "GPE", "emd": "PER"})
    config = evaluated(find_tasks(data(train=whole, dev=whole)), folder=tmp_path)
    assert "test_data_path" not in config
    tasks = {"ner": ner(whole), "emd": TaskData("spans", "emd", {"train": whole[:2], "dev": whole[2:]})}
    found = find_tasks(tasks)
    placed(found, tmp_path)
    assert list(evaluated(found, folder=tmp_path)["test_data_path"]) == ["ner"]


def test_each_task_may_have_documents_of_its_own(tmp_path: Path) -> None:
    names, related = documents(10, {"ner": "GPE"}), documents(10, {"ner": "PER"}, relations="ner", start=10)
    tasks: Dict[str, TaskData] = {"names": ner(names), "relation": relation(related)}

    found = find_tasks(tasks)
    placed(found, tmp_path)
    config = evaluated(found, folder=tmp_path)

    assert {task.name: {split: len(part) for split, part in task.documents.items()} for task in found} == {
        name: {"train": 8, "dev": 1, "test": 1} for name in tasks
    }
    assert config["validation_data_path"] == {name: f"{tmp_path}/{name}/dev.jsonl" for name in tasks}
    # The spans that relations join are of other documents, so that no level finds them.
    assert config["model"]["levels"]["relation"]["head"]["type"] == "hmtl_relation"


@pytest.mark.parametrize(
    "train, dev, wanted, message",
    [
        ({"ner": "GPE"}, {"ner": "GPE"}, ["nre"], "no documents for the task 'nre'; did you mean 'ner'?"),
        ({"ner": "GPE"}, {"ner": "GPE"}, ["coref"], "no documents for the task 'coref'; it has: ner"),
        ({"ner": "GPE"}, {"emd": "PER"}, None, "no document of the dev data has the layer 'ner'"),
        ({}, {}, None, "nothing to learn: the documents have no layer"),
    ],
)
def test_what_cannot_be_learned_is_told(
    train: Dict[str, str], dev: Dict[str, str], wanted: Optional[List[str]], message: str
) -> None:
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        find_tasks(data(train=documents(2, train), dev=documents(1, dev)), wanted)


def test_an_empty_layer_is_no_task_unless_it_is_wanted() -> None:
    whole = documents(2, {"ner": "GPE", "emd": "PER"})
    for document in whole:
        document.spans["emd"] = []
    assert [task.name for task in find_tasks(data(train=whole, dev=whole))] == ["ner"]
    with pytest.raises(UserError, match="task 'emd': the layer 'emd' is empty in all training documents"):
        find_tasks(data(train=whole, dev=whole), ["emd"])


OVERRIDES: List[Dict[str, Any]] = [
    {"trainer.patience": 5, "~trainer.grad_norm": None},
    {"trainer.optimizer": {"type": "sgd", "lr": 0.1}},
    {"trainer": {"callbacks": ["hmtl_tensorboard"], "num_epochs": 3}},
    {"model.levels.ner.encoder": {"hidden_size": 8}, "model.levels.ner.reads": []},
    {"data_loader.batch_size.ner": 64},
    {"dataset_reader.readers.ner.corpus": {"type": "conll2003", "word_column": 1}, "name's": 'a "b"'},
]


@pytest.mark.parametrize("overrides", [[each] for each in OVERRIDES] + [OVERRIDES])
def test_a_configuration_with_overrides_is_what_they_make_of_it(
    overrides: List[Dict[str, Any]], tmp_path: Path
) -> None:
    whole = documents(3, {"ner": "GPE"})
    tasks = find_tasks(data(train=whole, dev=whole))
    plain = evaluated(tasks, folder=tmp_path)
    path = tmp_path / "config.jsonnet"
    text = path.read_text()

    path.write_text(with_overrides(text, overrides, path))

    assert Params.from_file(str(path)).as_dict(quiet=True) == merged(plain, overrides) != plain
    assert path.read_text().startswith(text.rstrip()) and with_overrides(text, [], path) == text


def test_what_jsonnet_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.jsonnet"
    with pytest.raises(UserError, match="-o: a configuration in jsonnet cannot hold seed: 9007199254740993;"):
        with_overrides("{ seed: 1 }", [{"seed": 2**53 + 1}], path)
    assert with_overrides("{ seed: 1 }", [{"seed": 2**53}], path) == "{ seed: 1 } + { seed: 9007199254740992 }\n"


def labelled(layer: str, *entries: Any, pair: bool = False) -> List[Document]:
    """Documents of two sentences, or two texts, with an entry for the whole each."""
    other = {"second_text": 1} if pair else {}
    return [
        Document(f"{layer}{number}", [["a"], ["b"]], metadata={"labels": {"document": {layer: entry}}, **other})
        for number, entry in enumerate(entries)
    ]


def test_labels_of_sentences_and_documents_stand_above_spans(tmp_path: Path) -> None:
    whole = documents(3, {"ner": "GPE"})
    for document in whole:
        document.metadata["labels"] = {"sentences": {"topics": [["a", "b"]]}, "document": {"genre": "tale", "ner": 2}}

    tasks = find_tasks(data(train=whole, dev=whole))

    # A task has one name.
    assert [(task.name, task.kind) for task in tasks] == [
        ("ner", "spans"),
        ("topics", "labels"),
        ("genre", "labels"),
        ("ner_label", "labels"),
    ]
    assert [task.describe() for task in tasks[1:]] == [
        "topics: 6 labels, a, b",
        "genre: 3 labels, tale",
        "ner_label: 3 numbers",
    ]
    config = evaluated(tasks, folder=tmp_path)
    assert reads(config) == {"ner": [], "topics": ["ner"], "genre": ["ner"], "ner_label": ["ner"]}
    heads = {name: level["head"] for name, level in config["model"]["levels"].items()}
    readers = config["dataset_reader"]["readers"]
    for name, scope, values in (
        ("topics", "sentence", "labels"),
        ("genre", "document", "label"),
        ("ner_label", "document", "number"),
    ):
        assert (heads[name]["scope"], heads[name]["values"]) == (scope, values)
        assert (readers[name]["scope"], readers[name]["values"]) == (scope, values)
    assert (readers["ner_label"]["layer"], readers["ner_label"]["label_namespace"]) == ("ner", "ner_label_labels")
    assert heads["genre"]["encoder_scope"] == "sentence" and "encoder_scope" not in heads["topics"]
    metrics = config["trainer"]["validation_metric"]
    assert metrics == {"ner": "+f1", "topics": "+f1", "genre": "+f1", "ner_label": "+pearson"}


def test_pairs_of_texts_get_their_head(tmp_path: Path) -> None:
    pairs = labelled("entailment", "yes", "no", "yes", pair=True)

    config = evaluated(find_tasks(data(train=pairs, dev=pairs)), folder=tmp_path)

    head = config["model"]["levels"]["entailment"]["head"]
    assert (head["type"], head["values"]) == ("hmtl_pairs", "label")
    assert config["dataset_reader"]["readers"]["entailment"]["type"] == "hmtl_pairs"
    assert "validation_metric" not in config["trainer"]


def test_documents_of_many_sentences_come_few_at_a_time(tmp_path: Path) -> None:
    short = labelled("genre", "tale", "news")
    long = [Document(f"l{n}", [["a"]] * 9, metadata=document.metadata) for n, document in enumerate(short)]
    for whole, size in ((short, 8), (long, 4)):
        config = evaluated(find_tasks(data(train=whole, dev=whole)), folder=tmp_path)
        assert config["data_loader"]["batch_size"] == {"genre": size}


def test_labels_that_training_lacks_are_counted_as_missed(tmp_path: Path) -> None:
    train, dev = labelled("genre", "tale", "news"), labelled("genre", "letter")
    tasks = find_tasks({"genre": labels({"train": train, "dev": dev}, "genre")})
    assert tasks[0].unknown_labels == ["letter"]
    for path, found in placed(tasks, tmp_path / "data").items():
        assert path.parent == tmp_path / "data" and found
    config = evaluated(tasks, folder=tmp_path)
    assert config["dataset_reader"]["readers"]["genre"]["allow_unknown_labels"] is True
