"""Hierarchies are built from the shipped Jsonnet libraries, on the fixture documents."""

import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import pytest
import torch
from _jsonnet import evaluate_snippet
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, DataLoader, DatasetReader, Instance, Vocabulary
from allennlp.models import Model
from allennlp.models.heads import Head

import hmtl  # noqa: F401  (registers everything)
from hmtl.common.weights import load_weights
from hmtl.data.data_loaders import PerTaskDataLoader
from hmtl.errors import UserError
from hmtl.models import HMTL
from hmtl.models.hmtl import bottom_up
from hmtl.modules import token_rows
from hmtl.modules.token_rows import TokenRows
from hmtl.tasks import CorefHead, TaggingReader

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
WORDS = "[embedders.words(dim=6)]"

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
local small = { encoder+: { hidden_size: 4, num_layers: 1, dropout: 0.0 }, input_dropout: 0.0 };
local hierarchy = %(levels)s;
local tasks = corpora.jsonl('%(data)s');
experiment.new(
  tasks={ [task]: tasks[task] for task in std.objectFields(hierarchy) },
  embedding=embedders.combine(%(embedding)s),
  levels=std.mapWithKey(function(task, level) level + small, hierarchy),
)
"""


def configuration(levels: str = "levels.paper()", embedding: str = WORDS) -> Dict[str, Any]:
    values = {"levels": levels, "embedding": embedding, "data": FIXTURES / "jsonl"}
    return json.loads(evaluate_snippet(str(ROOT / "configs" / "snippet.jsonnet"), SNIPPET % values))


def build(
    hierarchy: str = "levels.paper()", embedding: str = WORDS, **model_options: Any
) -> Tuple[HMTL, PerTaskDataLoader, DatasetReader]:
    config = configuration(hierarchy, embedding)
    reader = DatasetReader.from_params(Params(config["dataset_reader"]))
    data = config["train_data_path"]
    loader = DataLoader.from_params(Params(config["data_loader"]), reader=reader, data_path=data)
    assert isinstance(loader, PerTaskDataLoader)
    vocab = Vocabulary.from_instances(loader.iter_instances())
    loader.index_with(vocab)
    # Later keys win: the tests' options over those of the configuration.
    model = Model.from_params(Params({**config["model"], **model_options}), vocab=vocab)
    assert isinstance(model, HMTL)
    # Weights that make every head predict something.
    for parameter in model.heads.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    for head in model.heads.values():
        if isinstance(head, CorefHead):
            torch.nn.init.constant_(head._antecedent_scorer.bias, 10.0)
    first = next(iter(reader.readers.values())).inner
    return model, loader, first


def text_of(reader: DatasetReader, documents: List[List[List[str]]], vocab: Vocabulary) -> Any:
    """The documents, as the predictor gives them to the model."""
    instances = [reader.text_to_instance(document) for document in documents]
    return tensors_of(reader, instances, vocab)["text"]


def sentences_of(reader: DatasetReader, sentences: List[List[str]], vocab: Vocabulary) -> Any:
    instances = [Instance({"text": reader.text_field(sentence)}) for sentence in sentences]
    return tensors_of(reader, instances, vocab)["text"]


def texts_of(reader: DatasetReader, documents: List[List[List[str]]], vocab: Vocabulary) -> Dict[str, Any]:
    """What `HMTL.predict` takes, the tensors by AllenNLP."""
    sentences = [sentence for document in documents for sentence in document]
    rows = TokenRows([len(sentence) for sentence in sentences])
    return {
        "text": [sentences_of(reader, [sentences[row] for row in group], vocab) for group in rows.groups],
        "sentences": rows,
        "documents": TokenRows([sum(map(len, document)) for document in documents]),
        "sentence_of": torch.tensor([number for number, sentence in enumerate(sentences) for _ in sentence]),
    }


def tensors_of(reader: DatasetReader, instances: List[Instance], vocab: Vocabulary) -> Any:
    batch = Batch(instances)
    for instance in instances:
        reader.apply_token_indexers(instance)
    batch.index_instances(vocab)
    return batch.as_tensor_dict()


def predict(model: HMTL, text: Any, **options: Any) -> Dict[str, Any]:
    with torch.no_grad():
        return model.eval()(text, **options)


# ---------------------------------------------------------------------------------------------- the hierarchy


def test_levels_come_after_what_they_read() -> None:
    assert bottom_up({"a": ["c"], "b": [], "c": ["b"]}) == ["b", "c", "a"]
    assert bottom_up({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "levels,message",
    [
        (
            "{ ner: levels.tagger(['pos']), emd: levels.tagger(['ner']) }",
            "level 'ner' reads the unknown level 'pos'; the levels are: emd, ner",
        ),
        (
            "{ ner: levels.tagger(['relation']), emd: levels.tagger(['ner']), relation: levels.relation(['emd']) }",
            "levels read one another in a circle: emd -> ner -> relation -> emd; remove one of these 'reads'",
        ),
        ("{ ner: levels.tagger(['ner']) }", "levels read one another in a circle: ner -> ner"),
        ("{}", "the model has no levels; declare at least one under 'levels'"),
        (
            "{ ner: levels.tagger([]) { reads_embedding: false } }",
            "level 'ner' reads nothing: it has reads_embedding false and no 'reads'; name the levels that it reads, or "
            "remove reads_embedding",
        ),
        (
            "{ ner: levels.tagger([]), emd: levels.tagger([]) { reads_labels: ['ner'] } }",
            "level 'emd' has reads_labels, but its head, CrfHead, reads no spans of other levels; heads of "
            "relations do: remove reads_labels here, or name the levels in reads, for their vectors",
        ),
    ],
)
def test_mistakes_in_the_hierarchy(levels: str, message: str) -> None:
    config = configuration(levels)
    vocab = Vocabulary(tokens_to_add={"ner_labels": ["PER"], "emd_labels": ["PER"]})
    with pytest.raises(ConfigurationError) as raised:
        Model.from_params(Params(config["model"]), vocab=vocab)
    assert message in str(raised.value)


def test_a_head_of_another_kind_is_refused() -> None:
    class Bare(Head):
        def __init__(self, vocab: Vocabulary, encoding_dim: int) -> None:
            super().__init__(vocab)

    Head.register("bare_head_of_test_hmtl")(Bare)
    levels = "{ ner: levels.tagger([]) { head: { type: 'bare_head_of_test_hmtl' } } }"
    with pytest.raises(ConfigurationError, match="level 'ner': Bare is not a TaskHead"):
        build(levels)


def test_an_unknown_task() -> None:
    model, _, reader = build("{ ner: levels.tagger([]) }")
    with pytest.raises(UserError, match="the model has no task 'pos'; it has: ner"):
        model(text_of(reader, DOCUMENTS, model.vocab), task_name="pos")
    with pytest.raises(UserError, match="the model has no task 'pos'; it has: ner"):
        model.parameters_of("pos")


HIERARCHIES = {
    "the paper's": "levels.paper()",
    "upside down": "{ coref: levels.coref([]), relation: levels.relation([]), "
    "emd: levels.tagger(['relation', 'coref']), ner: levels.tagger(['emd']) }",
    "all read all below": "{ ner: levels.tagger([]), emd: levels.tagger(['ner']), "
    "relation: levels.relation(['ner', 'emd']), coref: levels.coref(['relation', 'ner', 'emd']) }",
    "flat": "{ ner: levels.tagger([]), emd: levels.tagger([]), "
    "relation: levels.relation([]), coref: levels.coref([]) }",
    "relation alone": "{ relation: levels.relation([]) }",
    "coref alone": "{ coref: levels.coref([]) }",
    "coref below ner": "{ ner: levels.tagger(['coref']), coref: levels.coref([]) }",
    "emd below ner": "{ ner: levels.tagger(['emd']), emd: levels.tagger([]) }",
    "without short-cuts": "levels.without_short_cuts(levels.paper())",
    "with label embeddings": "levels.with_label_embeddings(levels.paper(), dim=5)",
}


@pytest.mark.parametrize("levels", HIERARCHIES.values(), ids=HIERARCHIES)
def test_any_hierarchy_trains(levels: str) -> None:
    model, loader, _ = build(levels)
    model.train()
    assert set(model.tasks) == set(loader.tasks)
    for task in model.tasks:
        for head in model.heads.values():
            for module in head.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
        batch = next(loader.stream(task))[0]
        reached = dict(model.parameters_of(task))
        optimizer = torch.optim.Adam(reached.values(), lr=0.003)
        losses = []
        for _ in range(4):
            model.zero_grad(set_to_none=True)
            loss = model(**batch)["loss"]
            loss.backward()
            losses.append(loss.item())
            # Idle heads and levels get no gradient, and all others get one.
            assert {name for name, p in model.named_parameters() if p.grad is not None} == set(reached)
            optimizer.step()
        assert losses[-1] < losses[0]


def test_parameters_of_a_task_are_those_of_its_levels() -> None:
    model, _, _ = build()
    prefixes = {
        "ner": {"text_field_embedder", "encoders.ner", "heads.ner"},
        "emd": {"text_field_embedder", "encoders.ner", "encoders.emd", "heads.emd"},
        "relation": {
            "text_field_embedder", "encoders.ner", "encoders.emd", "encoders.relation", "heads.relation",
        },
        "coref": {"text_field_embedder", "encoders.ner", "encoders.emd", "encoders.coref", "heads.coref"},
    }  # fmt: skip
    for task, expected in prefixes.items():
        names = [name for name, _ in model.parameters_of(task)]
        found = {".".join(n.split(".")[: 1 if n.startswith("text") else 2]) for n in names}
        assert found == expected
        assert len(set(names)) == len(names)


def test_frozen_parameters_are_not_reached() -> None:
    model, _, _ = build(embedding="[embedders.words(dim=6, trainable=false), embedders.characters(dim=4)]")
    names = [name for name, _ in model.parameters_of("ner")]
    assert not any("tokens" in name and name.endswith("tokens.weight") for name in names)
    assert any("token_characters" in name for name in names)


@pytest.mark.parametrize("levels", HIERARCHIES.values(), ids=HIERARCHIES)
def test_a_level_reads_the_embedding_and_the_outputs_of_others(levels: str) -> None:
    model, _, reader = build(levels)
    model.eval()
    declared = configuration(levels)["model"]["levels"]
    encodings = model.encode(text_of(reader, DOCUMENTS, model.vocab))
    for task, options in declared.items():
        short_cut = options.get("reads_embedding", True)
        assert short_cut == ("without_short_cuts" not in levels or task == "ner")
        labels = options.get("reads_label_embeddings", [])
        assert model.encoder(task).get_input_dim() == 6 * short_cut + 8 * len(options["reads"]) + 5 * len(labels)
        level = encodings.levels[task]
        read, of_labels = level.encoder_input.split(
            [level.encoder_input.size(-1) - 5 * len(labels), 5 * len(labels)], -1
        )
        assert not labels or of_labels.any()
        parts = [encodings.embedding(level.scope)] if short_cut else []
        parts += [encodings.output(lower, level.scope) for lower in sorted(options["reads"])]
        torch.testing.assert_close(read, torch.cat(parts, dim=-1))


def plain_lstm(encoder: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Torch's own bidirectional LSTM with the encoder's weights, on one sequence: (1, length, dim)."""
    weights = {
        f"{name}{suffix}": parameter
        for direction, suffix in (("_forward_layers.0", ""), ("_backward_layers.0", "_reverse"))
        for name, parameter in encoder.get_submodule(direction).named_parameters()
    }
    lstm = torch.nn.LSTM(inputs.size(-1), encoder.get_output_dim() // 2, bidirectional=True, batch_first=True)
    lstm.load_state_dict(weights)
    return lstm(inputs)[0]


@pytest.mark.parametrize("short_cut", [True, False])
def test_encodings_of_a_sentence_are_those_of_a_plain_lstm(short_cut: bool) -> None:
    """The paper's NER and EMD levels, one sentence at a time, without padding."""
    model, _, reader = build("levels.paper()" if short_cut else "levels.without_short_cuts(levels.paper())")
    model.eval()
    encodings = model.encode(text_of(reader, DOCUMENTS, model.vocab), ["emd"])
    assert set(encodings.levels) == {"ner", "emd"}
    words = dict(model.text_field_embedder.named_parameters())["token_embedder_tokens.weight"]
    sentences = [sentence for document in DOCUMENTS for sentence in document]
    for row, sentence in enumerate(sentences):
        indices = [model.vocab.get_token_index(word.lower()) for word in sentence]
        # Shape: (1, length, dim)
        embedding = words[indices].unsqueeze(0)
        ner = plain_lstm(model.encoder("ner"), embedding)
        emd = plain_lstm(model.encoder("emd"), torch.cat([embedding, ner], dim=-1) if short_cut else ner)
        torch.testing.assert_close(encodings.levels["emd"].output[row, : len(sentence)], emd[0])


def test_the_coreference_level_reads_the_document_sentence_by_sentence() -> None:
    model, _, reader = build()
    model.eval()
    encodings = model.encode(text_of(reader, DOCUMENTS[:1], model.vocab))
    level = encodings.levels["coref"]
    assert level.scope == "document"
    lengths = list(map(len, DOCUMENTS[0]))
    pieces = [
        torch.cat([encodings.embedding("sentence")[row, :n], encodings.levels["emd"].output[row, :n]], dim=-1)
        for row, n in enumerate(lengths)
    ]
    document = torch.cat(pieces)
    torch.testing.assert_close(level.encoder_input[0], document)
    torch.testing.assert_close(level.output, plain_lstm(model.encoder("coref"), document.unsqueeze(0)))
    assert encodings.sentence_ids("document").tolist() == [[0] * 7 + [1] * 5 + [2]]


@pytest.mark.parametrize(
    "encoder",
    [
        {"type": "lstm", "bidirectional": True, "hidden_size": 3},
        {"type": "gru", "hidden_size": 3, "num_layers": 2},
        {"type": "pass_through"},
        {"type": "pytorch_transformer", "num_layers": 1, "feedforward_hidden_dim": 4, "num_attention_heads": 2},
        {"type": "stacked_bidirectional_lstm", "hidden_size": 3, "num_layers": 2},
        {"type": "gated-cnn-encoder", "layers": [[[2, 6]], [[2, 6]]]},
    ],
    ids=lambda encoder: encoder["type"],
)
def test_other_encoders(encoder: Dict[str, Any]) -> None:
    """Their input size is computed, whatever it is called."""
    levels = {
        "ner": {"encoder": {"type": "hmtl_lstm", "hidden_size": 4}, "head": {"type": "hmtl_crf"}},
        "emd": {"encoder": encoder, "head": {"type": "hmtl_crf"}, "reads": ["ner"]},
    }
    if encoder["type"] == "gated-cnn-encoder":
        levels["emd"]["encoder"] = {**encoder, "layers": [[[2, 14]], [[2, 14]]]}
    model, loader, _ = build("{ ner: levels.tagger([]), emd: levels.tagger(['ner']) }", levels=levels)
    assert model.encoder("emd").get_input_dim() == 6 + 8
    model(**next(loader.stream("emd"))[0])["loss"].backward()
    assert model.heads["emd"]._projection.weight.grad.any()


# ---------------------------------------------------------------------------------------------- one pass


def flat(lists: List[List[Any]]) -> List[Any]:
    return [item for inner in lists for item in inner]


def assert_predicts_something(output: Dict[str, Any]) -> None:
    for task, documents in output.items():
        assert any(flat(documents)), f"{task}: nothing predicted, nothing tested"


@pytest.mark.parametrize("levels", HIERARCHIES.values(), ids=HIERARCHIES)
def test_one_pass_computes_everything_once_and_predicts_what_single_tasks_do(levels: str) -> None:
    model, _, reader = build(levels)
    text = text_of(reader, DOCUMENTS, model.vocab)
    calls: List[str] = []
    modules = {"embedding": model.text_field_embedder, **dict(model.encoders.items())}
    hooks = [
        module.register_forward_hook(lambda *_, name=name: calls.append(name))  # type: ignore[misc]
        for name, module in modules.items()
    ]
    output = predict(model, text)
    assert sorted(calls) == sorted(modules)
    for hook in hooks:
        hook.remove()
    assert list(output) == model.tasks
    assert_predicts_something(output)
    for task in model.tasks:
        alone = predict(model, text, task_name=task)["predictions"]
        together = output[task] if model.head(task).scope == "document" else flat(output[task])
        assert alone == together


def test_a_task_computes_no_level_above_it() -> None:
    model, loader, _ = build()
    calls: List[str] = []
    for name, encoder in model.encoders.items():
        encoder.register_forward_hook(lambda *_, name=name: calls.append(name))  # type: ignore[misc]
    model(**next(loader.stream("emd"))[0])
    assert calls == ["ner", "emd"]


def test_documents_are_predicted_as_their_sentences() -> None:
    model, _, reader = build()
    output = predict(model, text_of(reader, DOCUMENTS, model.vocab))
    sentences = predict(model, sentences_of(reader, flat(DOCUMENTS), model.vocab))
    assert sentences.keys() == {"ner", "emd", "relation"}
    for task, rows in sentences.items():
        assert rows == flat(output[task])
        assert [len(document) for document in output[task]] == [3, 2]


@pytest.mark.parametrize("levels", HIERARCHIES.values(), ids=HIERARCHIES)
def test_a_batch_of_documents_is_predicted_as_each_alone(levels: str) -> None:
    model, _, reader = build(levels)
    together = predict(model, text_of(reader, DOCUMENTS, model.vocab))
    for number, document in enumerate(DOCUMENTS):
        alone = predict(model, text_of(reader, [document], model.vocab))
        assert {task: rows[number] for task, rows in together.items()} == {
            task: rows[0] for task, rows in alone.items()
        }


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("levels", HIERARCHIES.values(), ids=HIERARCHIES)
def test_texts_in_groups_are_predicted_as_documents(levels: str, groups: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if groups == 2:
        monkeypatch.setattr(token_rows, "MIN_ROWS", 1)
    model, _, reader = build(levels)
    texts = texts_of(reader, DOCUMENTS, model.vocab)
    assert (len(texts["sentences"].groups) > 1) == (len(texts["documents"].groups) > 1) == (groups > 1)
    found = model.eval().predict(**texts)
    expected = predict(model, text_of(reader, DOCUMENTS, model.vocab))
    assert_predicts_something(expected)
    assert list(found) == model.tasks
    for task, output in found.items():
        in_documents = model.head(task).scope == "document"
        assert output == {"predictions": expected[task] if in_documents else flat(expected[task])}


@pytest.mark.parametrize("levels", HIERARCHIES.values(), ids=HIERARCHIES)
def test_vectors_of_texts_in_groups(levels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each head gets the vectors that it gets where all is padded alike."""
    monkeypatch.setattr(token_rows, "MIN_ROWS", 1)
    model, _, reader = build(levels)
    model.eval()
    got: Dict[str, List[torch.Tensor]] = {}
    for task, head in model.heads.items():
        head.register_forward_pre_hook(
            lambda _, __, fields, task=task: got.setdefault(task, []).extend(
                torch.cat([fields["encoding"], fields["encoder_input"], fields["sentence_ids"].unsqueeze(-1)], -1)[
                    fields["mask"]
                ]
            ),
            with_kwargs=True,
        )

    def by_token(vectors: List[torch.Tensor], rows: List[List[int]]) -> torch.Tensor:
        order = [token for row in rows for token in row]
        return torch.stack([vectors[order.index(token)] for token in range(len(order))])

    predict(model, text_of(reader, DOCUMENTS, model.vocab))
    expected = {task: list(vectors) for task, vectors in got.items()}
    got.clear()
    texts = texts_of(reader, DOCUMENTS, model.vocab)
    model.predict(**texts)
    tokens = list(range(sum(len(sentence) for document in DOCUMENTS for sentence in document)))
    for task in model.tasks:
        rows = texts["documents" if model.head(task).scope == "document" else "sentences"]
        order = [row[mask].tolist() for row, mask in zip(rows.pad(torch.tensor(tokens)), rows.masks)]
        torch.testing.assert_close(by_token(got[task], order), torch.stack(expected[task]), atol=1e-6, rtol=1e-5)


def test_losses_of_a_batch_of_documents() -> None:
    """The coreference loss is a sum over documents, however these are padded."""
    model, loader, reader = build("{ ner: levels.tagger([]), coref: levels.coref(['ner']) }")
    model.eval()
    instances = [instance for instance in loader.iter_instances() if "mentions" in instance.fields]
    for instance in instances:
        reader.apply_token_indexers(instance)
        instance.index_fields(model.vocab)
    assert len(instances) == 2
    singles = [model(**Batch([instance]).as_tensor_dict(), task_name="coref")["loss"] for instance in instances]
    pair = model(**Batch(instances).as_tensor_dict(), task_name="coref")["loss"]
    torch.testing.assert_close(pair, singles[0] + singles[1])


def test_one_sequence_reads_across_sentences_and_keeps_their_boundaries() -> None:
    config = configuration()
    config["dataset_reader"]["readers"]["coref"]["one_sequence"] = True
    reader = DatasetReader.from_params(Params(config["dataset_reader"]))
    instances = list(reader.readers["coref"].inner.read(config["train_data_path"]["coref"]))
    model, _, _ = build()
    tensors = tensors_of(reader.readers["coref"].inner, instances, model.vocab)
    output = predict(model, tensors["text"], task_name="coref", sentence_ids=tensors["sentence_ids"])
    for instance, clusters in zip(instances, output["predictions"]):
        ids = instance.fields["sentence_ids"].tensor.tolist()
        assert clusters
        assert all(ids[start] == ids[end] for start, end in flat(clusters))
    # The lower levels see the document as one row.
    encodings = model.encode(tensors["text"], ["ner"])
    assert encodings.levels["ner"].output.shape[:2] == tensors["sentence_ids"].shape


def test_metrics_carry_the_names_of_their_tasks() -> None:
    model, loader, _ = build("{ ner: levels.tagger([]), relation: levels.relation(['ner']) }")
    model.eval()
    model(**next(loader.stream("ner"))[0])
    # A task that was not evaluated has no metrics.
    names = {f"{name}{gold}" for name in ("precision", "recall", "f1") for gold in ("", "_flat_gold")}
    assert set(model.get_metrics()) == {f"ner_{name}" for name in names}
    model(**next(loader.stream("relation"))[0])
    metrics = model.get_metrics()
    assert set(metrics) == {f"ner_{name}" for name in names} | {
        f"relation_{name}{figure}"
        for name in ("precision", "recall", "f1")
        for figure in ("", "_last_tokens", "_typed")
    } | {"relation_f1_last_tokens_sentences_with_relations"}
    assert model.get_task_metrics("ner", reset=True) == {name: metrics[f"ner_{name}"] for name in names}
    assert model.get_metrics(reset=True)["ner_f1"] == 0.0
    assert model.get_metrics() == {}


def test_the_regulariser() -> None:
    regularizer = {"regexes": [[r"heads\.ner\._projection\.weight", {"type": "l2", "alpha": 0.5}]]}
    model, _, _ = build(regularizer=regularizer)
    weight = model.heads["ner"]._projection.weight.detach().numpy()
    assert model.get_regularization_penalty().item() == pytest.approx(0.5 * float(np.square(weight).sum()), rel=1e-5)
    plain, _, _ = build()
    assert not plain.get_regularization_penalty()


def test_the_initializer() -> None:
    model, _, _ = build(initializer={"regexes": [["embedder_tokens.weight", {"type": "constant", "val": 0.25}]]})
    assert all(parameter.eq(0.25).all() for parameter in model.text_field_embedder.parameters())
    assert not any(parameter.eq(0.25).any() for parameter in model.encoders.parameters())


def test_input_dropout_acts_in_training_alone() -> None:
    model, _, reader = build("{ ner: levels.tagger([]) }")
    model.input_dropouts["ner"].p = 0.5
    text = text_of(reader, DOCUMENTS, model.vocab)

    def read() -> torch.Tensor:
        return model.encode(text).levels["ner"].encoder_input

    model.eval()
    assert torch.equal(read(), read())
    model.train()
    assert not torch.equal(read(), read())


# ---------------------------------------------------------------------------------------------- archives


def archive_text(model: HMTL) -> Any:
    return text_of(TaggingReader("ner", token_indexers=indexers_of_tiny_run()), DOCUMENTS, model.vocab)


def indexers_of_tiny_run() -> Any:
    reader = DatasetReader.from_params(
        Params(configuration(embedding="[embedders.words(), embedders.characters()]")["dataset_reader"])
    )
    return reader.readers["ner"].inner.token_indexers


def test_archives_directories_and_weights_hold_the_same_model(tiny_run: Path) -> None:
    from_directory, from_file = HMTL.from_archive(tiny_run), HMTL.from_archive(tiny_run / "model.tar.gz")
    assert not from_directory.training and not from_file.training
    # Without AllenNLP's archives: the configuration, the vocabulary and the weights.
    params = json.loads((tiny_run / "config.json").read_text())["model"]
    by_hand = Model.from_params(Params(params), vocab=Vocabulary.from_files(str(tiny_run / "vocabulary")))
    by_hand.load_state_dict(load_weights(tiny_run / "best.safetensors"))
    outputs = [predict(model, archive_text(model)) for model in (from_directory, from_file, by_hand)]
    assert outputs[0] == outputs[1] == outputs[2]
    assert set(outputs[0]) == {"ner", "emd", "relation", "coref"}
    states = [model.state_dict() for model in (from_directory, from_file, by_hand)]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]) and torch.equal(value, states[2][name])


def test_other_weights_of_a_run(tiny_run: Path) -> None:
    model = HMTL.from_archive(tiny_run, weights_file=str(tiny_run / "best_ner.safetensors"))
    weights = load_weights(tiny_run / "best_ner.safetensors")
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_a_larger_vocabulary_extends_the_embedding(tiny_run: Path) -> None:
    plain = HMTL.from_archive(tiny_run)
    more = Vocabulary(counter={"tokens": {"zyzzyva": 1}})
    extended = HMTL.from_archive(tiny_run, vocab=more)
    name = "text_field_embedder.token_embedder_tokens.weight"
    before, after = plain.state_dict()[name], extended.state_dict()[name]
    assert len(after) == len(before) + 1 and torch.equal(after[:-1], before)
    assert extended.vocab.get_token_index("zyzzyva") == len(before)


def test_weights_saved_and_loaded_predict_the_same(tmp_path: Path) -> None:
    first, _, reader = build()
    second, _, _ = build()
    text = text_of(reader, DOCUMENTS, first.vocab)
    expected = predict(first, text)
    assert_predicts_something(expected)
    assert predict(second, text) != expected
    torch.save(first.state_dict(), tmp_path / "weights.th")
    second.load_state_dict(torch.load(tmp_path / "weights.th"))
    assert predict(second, text) == expected


def test_no_archive(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere.*no such archive; expected a model.tar.gz or the directory"):
        HMTL.from_archive(tmp_path / "nowhere")


def test_a_directory_that_is_no_finished_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds neither best.safetensors nor model.tar.gz; expected the"):
        HMTL.from_archive(tmp_path)


def test_an_archive_of_another_model(tmp_path: Path) -> None:
    model = {
        "type": "simple_tagger",
        "text_field_embedder": {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 2}}},
        "encoder": {"type": "pass_through", "input_dim": 2},
    }
    reader = {"type": "sequence_tagging"}
    vocab = Vocabulary(counter={"tokens": {"a": 1}, "labels": {"X": 1}})
    vocab.save_to_files(str(tmp_path / "vocabulary"))
    (tmp_path / "config.json").write_text(json.dumps({"dataset_reader": reader, "model": model}))
    torch.save(Model.from_params(Params(model), vocab=vocab).state_dict(), tmp_path / "best.th")
    with pytest.raises(UserError, match="holds a SimpleTagger, not an hmtl model"):
        HMTL.from_archive(tmp_path)


# ---------------------------------------------------------------------------------------------- embeddings


@pytest.fixture(scope="module")
def glove(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("glove") / "glove.6B.6d.txt"
    rows = {"rain": [0.5, -1, 2, 0.25, 0, 1], ".": [1, 1, 1, 1, 1, 1], "unseen": [9, 9, 9, 9, 9, 9]}
    path.write_text("".join(f"{word} {' '.join(map(str, vector))}\n" for word, vector in rows.items()))
    return str(path)


Embedding = Callable[[str, Dict[str, str], str], str]

EMBEDDINGS: Dict[str, Embedding] = {
    "words": lambda t, e, g: "[embedders.words(dim=6)]",
    "characters": lambda t, e, g: "[embedders.characters(dim=4, num_filters=5)]",
    "words and characters": lambda t, e, g: "[embedders.words(dim=6), embedders.characters(dim=4, num_filters=5)]",
    "glove": lambda t, e, g: f"[embedders.words(dim=6, pretrained_file='{g}')]",
    "elmo": lambda t, e, g: f"[embedders.elmo('{e['options']}', '{e['weights']}')]",
    "transformer": lambda t, e, g: f"[embedders.transformer('{t}', max_length=64)]",
    "trained transformer": lambda t, e, g: f"[embedders.transformer('{t}', train=true, max_length=64)]",
    "everything": lambda t, e, g: (
        f"""[
        embedders.words(dim=6), embedders.characters(dim=4, num_filters=5),
        embedders.elmo('{e["options"]}', '{e["weights"]}'), embedders.transformer('{t}', max_length=64),
    ]"""
    ),
}
DIMENSIONS = {
    "words": 6,
    "characters": 5,
    "words and characters": 11,
    "glove": 6,
    "elmo": 8,
    "transformer": 8,
    "trained transformer": 8,
    "everything": 27,
}


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embeddings(name: str, transformer: str, elmo: Dict[str, str], glove: str) -> None:
    """Each builds a hierarchy of its own size, trains, and is not disturbed by padding or by earlier calls."""
    model, loader, reader = build(embedding=EMBEDDINGS[name](transformer, elmo, glove))
    assert model.encoder("ner").get_input_dim() == DIMENSIONS[name]
    model.train()
    for task in model.tasks:
        model.zero_grad(set_to_none=True)
        model(**next(loader.stream(task))[0])["loss"].backward()
        reached = {n for n, p in model.parameters_of(task) if "pooler" not in n}
        assert reached == {n for n, p in model.named_parameters() if p.grad is not None}
    together = predict(model, text_of(reader, DOCUMENTS, model.vocab))
    assert_predicts_something(together)
    for number, document in enumerate(DOCUMENTS):
        alone = predict(model, text_of(reader, [document], model.vocab))
        assert {task: rows[number] for task, rows in together.items()} == {
            task: rows[0] for task, rows in alone.items()
        }
    sentences = predict(model, sentences_of(reader, flat(DOCUMENTS), model.vocab))
    assert sentences == {task: flat(together[task]) for task in ("ner", "emd", "relation")}
    # Closer than predictions show.
    model.eval()
    first = model.encode(text_of(reader, DOCUMENTS, model.vocab)).embedding("sentence")
    for row, sentence in enumerate(flat(DOCUMENTS)):
        single = model.encode(sentences_of(reader, [sentence], model.vocab)).embedding("sentence")[0]
        torch.testing.assert_close(first[row, : len(sentence)], single, rtol=1e-4, atol=1e-5)


def test_masks_of_every_embedding(transformer: str, elmo: Dict[str, str], glove: str) -> None:
    for name, embedding in EMBEDDINGS.items():
        model, _, reader = build("{ ner: levels.tagger([]) }", embedding(transformer, elmo, glove))
        encodings = model.encode(text_of(reader, DOCUMENTS, model.vocab))
        assert encodings.mask("sentence").sum(-1).tolist() == [7, 5, 1, 2, 4], name
        assert encodings.mask("document").sum(-1).tolist() == [13, 6], name


def test_words_start_from_a_file(glove: str) -> None:
    model, _, _ = build("{ ner: levels.tagger([]) }", f"[embedders.words(dim=6, pretrained_file='{glove}')]")
    weight = dict(model.text_field_embedder.named_parameters())["token_embedder_tokens.weight"]
    assert weight.requires_grad
    index = model.vocab.get_token_index
    assert weight[index("rain")].tolist() == [0.5, -1, 2, 0.25, 0, 1]
    assert weight[index(".")].tolist() == [1] * 6
    assert len(weight) == model.vocab.get_vocab_size("tokens")
    assert not (weight == 9).any()


def test_a_frozen_transformer_learns_the_weights_of_its_layers_alone(transformer: str) -> None:
    model, loader, _ = build("{ ner: levels.tagger([]) }", f"[embedders.transformer('{transformer}', max_length=64)]")
    model.train()
    model(**next(loader.stream("ner"))[0])["loss"].backward()
    inner = list(model.text_field_embedder.named_parameters())
    mixed = [(n, p) for n, p in inner if "scalar_mix" in n]
    rest = [(n, p) for n, p in inner if "scalar_mix" not in n]
    assert rest and not any(p.requires_grad or p.grad is not None for _, p in rest)
    # Two layers and a common factor.
    assert len(mixed) == 3 and all(p.grad is not None for _, p in mixed)
    assert [n for n, _ in model.parameters_of("ner") if n.startswith("text_field_embedder")] == [
        f"text_field_embedder.{n}" for n, _ in mixed
    ]


def test_a_frozen_transformer_runs_without_dropout(transformer: str) -> None:
    for train, same in ((False, True), (True, False)):
        part = f"embedders.transformer('{transformer}', train={str(train).lower()}, max_length=64)"
        model, _, reader = build("{ ner: levels.tagger([]) }", f"[{part}]")
        model.train()
        text = text_of(reader, DOCUMENTS, model.vocab)
        first, second = (model.encode(text).embedding("sentence") for _ in range(2))
        assert torch.equal(first, second) == same


def test_a_trained_transformer_gets_gradients(transformer: str) -> None:
    embedding = f"[embedders.transformer('{transformer}', train=true, max_length=64)]"
    model, loader, _ = build("{ ner: levels.tagger([]) }", embedding)
    model(**next(loader.stream("ner"))[0])["loss"].backward()
    gradients = {n: p.grad for n, p in model.text_field_embedder.named_parameters() if "pooler" not in n}
    assert all(g is not None for g in gradients.values())
    assert sum(bool(g.any()) for g in gradients.values()) > len(gradients) / 2


def test_sentences_longer_than_the_transformer_takes(transformer: str) -> None:
    """Their word pieces are embedded in windows; each token still has a vector."""
    model, _, reader = build("{ ner: levels.tagger([]) }", f"[embedders.transformer('{transformer}', max_length=16)]")
    sentence = ["rain", "met", "Bakeries", ","] * 15
    encodings = model.encode(text_of(reader, [[sentence, ["rain"]]], model.vocab))
    assert encodings.embedding("sentence").shape == (2, 60, 8)
    assert encodings.embedding("sentence")[0].abs().sum(-1).gt(0).all()
    assert encodings.mask("document").sum().item() == 61


def test_elmo_is_frozen_but_for_its_mix(elmo: Dict[str, str]) -> None:
    embedding = f"[embedders.elmo('{elmo['options']}', '{elmo['weights']}')]"
    model, loader, _ = build("{ ner: levels.tagger([]) }", embedding)
    model(**next(loader.stream("ner"))[0])["loss"].backward()
    names = [n for n, _ in model.parameters_of("ner") if n.startswith("text_field_embedder")]
    # Two layers, the character encoder, and a common factor.
    assert len(names) == 4 and all("scalar_mix" in name for name in names)


@pytest.mark.parametrize("stateful", [False, True])
def test_elmo_carries_its_state_from_call_to_call_only_where_asked(stateful: bool, elmo: Dict[str, str]) -> None:
    state = f"{{ embedders+: {{ elmo+: {{ stateful: {str(stateful).lower()} }} }} }}"
    embedding = f"[embedders.elmo('{elmo['options']}', '{elmo['weights']}') + {state}]"
    model, _, reader = build("{ ner: levels.tagger([]) }", embedding)
    model.eval()
    text = text_of(reader, DOCUMENTS[:1], model.vocab)
    first = model.encode(text).embedding("sentence")
    model.encode(text_of(reader, DOCUMENTS[1:], model.vocab))
    assert torch.equal(model.encode(text).embedding("sentence"), first) != stateful
