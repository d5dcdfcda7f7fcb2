import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.models.heads import Head

from hmtl.common.overrides import merged
from hmtl.common.weights import load_weights, save_weights
from hmtl.document import read_jsonl
from hmtl.models import HMTL
from hmtl.models.finetuning import parts_of, transfer
from hmtl.predictors import HMTLPredictor
from hmtl.tasks import CrfHead

WORDS = "text_field_embedder.token_embedder_tokens"
CHARACTERS = "text_field_embedder.token_embedder_token_characters"


@pytest.fixture(scope="module")
def source_run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `tiny_run` with weights so large that it predicts many spans, relations and clusters. Read only."""
    return with_large_weights(tiny_run, tmp_path_factory.mktemp("source") / "run")


@pytest.fixture(scope="module")
def source_of_spans_run(tiny_spans_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of `tiny_spans_run`."""
    return with_large_weights(tiny_spans_run, tmp_path_factory.mktemp("source_of_spans") / "run")


def with_large_weights(run: Path, directory: Path) -> Path:
    shutil.copytree(run, directory)
    (directory / "model.tar.gz").unlink()
    generator = torch.Generator().manual_seed(5)
    state = load_weights(directory / "best.safetensors")
    for name, weight in state.items():
        weight.normal_(generator=generator)
        # The words decide, not the tags before and after.
        weight *= 0.1 if "_crf" in name or "_projection.bias" in name else 1.0
    save_weights(directory / "best.safetensors", state)
    return directory


@pytest.fixture(scope="module")
def source(source_run: Path) -> HMTL:
    return HMTL.from_archive(source_run)


def model_like(run: Path, vocab: Vocabulary, **changes: Any) -> HMTL:
    """A new model of the run's configuration, with changes to its model by dotted keys."""
    config = json.loads((run / "config.json").read_text())["model"]
    model = Model.from_params(Params(merged(config, changes)), vocab=vocab)
    assert isinstance(model, HMTL)
    return model.eval()


def changed(vocab: Vocabulary, new: Optional[Dict[str, List[str]]] = None, reverse: bool = True) -> Vocabulary:
    """All entries in reversed order, with new ones, of which labels come first and words last."""
    counter, new = {}, new or {}
    for namespace in vocab.get_namespaces():
        is_padded = vocab.is_padded(namespace)
        entries = list(vocab.get_token_to_index_vocabulary(namespace))[2 if is_padded else 0 :]
        entries = entries[::-1] if reverse else entries
        entries = [*entries, *new.get(namespace, [])] if is_padded else [*new.get(namespace, []), *entries]
        counter[namespace] = {entry: len(entries) - number for number, entry in enumerate(entries)}
    return Vocabulary(counter=counter)


def predictions(model: HMTL, run: Path, fixtures: Path) -> List[Dict[str, Any]]:
    predictor = HMTLPredictor.load(run)
    predictor._model = model
    documents = read_jsonl(fixtures / "jsonl" / "test.jsonl")
    return [predictor.predict_json({"sentences": document.sentences}) for document in documents]


def test_all_is_taken_by_a_model_of_the_same_vocabulary(source, source_run, fixtures):
    model = model_like(source_run, source.vocab)
    report = transfer(source, model)
    assert report.taken == list(parts_of(model)) and len(report.taken) == 10
    assert (report.reinitialised, report.reordered, report.unused) == ({}, {}, [])
    for name, weight in source.state_dict().items():
        assert torch.equal(model.state_dict()[name], weight), name
    assert predictions(model, source_run, fixtures) == predictions(source, source_run, fixtures)


@pytest.mark.parametrize("run", ["source_run", "source_of_spans_run"])
def test_another_order_of_words_and_labels_changes_no_prediction(run, fixtures, request):
    source_run = request.getfixturevalue(run)
    source = HMTL.from_archive(source_run)
    model = model_like(source_run, changed(source.vocab))
    report = transfer(source, model)
    assert set(report.reordered) == {"heads.ner", "heads.emd", "heads.relation"}
    assert report.reordered["heads.ner"] == source.head("ner").labels == model.head("ner").labels[::-1]
    assert report.reinitialised == {}
    expected = predictions(source, source_run, fixtures)
    # All labels occur, so that none could be mistaken for another.
    for task in ("ner", "emd", "relation"):
        found = Counter(row["label"] for document in expected for row in document[task])
        assert len(found) > (2 if run == "source_run" else 1)
    assert any(document["coref"] for document in expected)
    new = predictions(model, source_run, fixtures)
    for one, other in zip(new, expected):
        assert one["coref"] == other["coref"]
        # Of the same tokens, items stand in the order of the labels.
        for task in ("ner", "emd", "relation"):
            assert sorted(map(str, one[task])) == sorted(map(str, other[task]))


LABELS_READ = {"levels.emd.reads_label_embeddings": ["ner"], "levels.ner.label_embedding_dim": 3}


def test_embeddings_of_labels_follow_the_order_of_these(source_run):
    vocab = HMTL.from_archive(source_run).vocab
    source, model = (model_like(source_run, each, **LABELS_READ) for each in (vocab, changed(vocab)))
    source.load_state_dict({name: torch.randn_like(weight) for name, weight in source.state_dict().items()})
    report = transfer(source, model)
    assert report.reordered["label_embeddings.ner"] == source.head("ner").labels and not report.reinitialised
    tags = [("O", 0)] + [(label, part) for label in source.head("ner").labels for part in (1, 2, 3, 4)]
    old, new = source.label_embeddings["ner"].weight, model.label_embeddings["ner"].weight
    for number, (label, part) in enumerate(tags):
        place = 0 if label == "O" else 4 * model.head("ner").labels.index(label) + part
        assert torch.equal(new[place], old[number])


def test_embeddings_of_labels_that_one_side_lacks(source, source_run):
    model = model_like(source_run, source.vocab, **LABELS_READ)
    report = transfer(source, model)
    assert "heads.ner" in report.taken
    assert report.reinitialised["label_embeddings.ner"] == "the archive has no such part"
    assert "the labels of ner here" in report.reinitialised["encoders.emd"]
    assert transfer(model, model_like(source_run, source.vocab)).unused == ["label_embeddings.ner"]


def test_rows_are_matched_by_entry(source, source_run):
    model = model_like(source_run, changed(source.vocab, {"tokens": ["zebra", "quagga"], "token_characters": ["ß"]}))
    before = model.text_field_embedder.token_embedder_tokens.weight.detach().clone()
    report = transfer(source, model)
    old, new = source.text_field_embedder.token_embedder_tokens, model.text_field_embedder.token_embedder_tokens
    for word, index in source.vocab.get_token_to_index_vocabulary("tokens").items():
        assert torch.equal(new.weight[model.vocab.get_token_index(word, "tokens")], old.weight[index]), word
    for word in ("zebra", "quagga"):
        index = model.vocab.get_token_index(word, "tokens")
        assert torch.equal(new.weight[index], before[index])
    assert report.entries[WORDS] == {
        "namespace": "tokens",
        "taken": source.vocab.get_vocab_size("tokens"),
        "new": 2,
        "left_out": 0,
    }
    (characters,) = (name for name in report.entries if name.startswith(CHARACTERS))
    assert report.entries[characters]["new"] == 1


def test_words_that_the_new_vocabulary_lacks_are_counted(source, source_run):
    smaller = Vocabulary(counter={**labels_of(source.vocab), "tokens": {"in": 1}, "token_characters": {"i": 1}})
    report = transfer(source, model_like(source_run, smaller))
    # Padding, the unknown entry, and the one word.
    assert report.entries[WORDS]["taken"] == 3
    assert report.entries[WORDS]["left_out"] == source.vocab.get_vocab_size("tokens") - 3


def labels_of(vocab: Vocabulary) -> Dict[str, Dict[str, int]]:
    return {
        namespace: dict.fromkeys(vocab.get_token_to_index_vocabulary(namespace), 1)
        for namespace in vocab.get_namespaces()
        if not vocab.is_padded(namespace)
    }


def test_new_words_of_a_frozen_embedding_are_unknown_words(source, source_run):
    model = model_like(source_run, changed(source.vocab, {"tokens": ["zebra"]}))
    transfer(source, model, frozen=[WORDS])
    index = model.vocab.get_token_index("zebra", "tokens")
    unknown = source.vocab.get_token_index(source.vocab._oov_token, "tokens")
    old, new = source.text_field_embedder.token_embedder_tokens, model.text_field_embedder.token_embedder_tokens
    assert torch.equal(new.weight[index], old.weight[unknown])


def test_heads_of_other_labels_start_anew(source, source_run):
    model = model_like(source_run, changed(source.vocab, {"ner_labels": ["ANIMAL"]}))
    before = {name: weight.clone() for name, weight in model.heads["ner"].state_dict().items()}
    report = transfer(source, model)
    assert report.reinitialised == {"heads.ner": "its labels are others (new: ANIMAL)"}
    assert all(torch.equal(model.heads["ner"].state_dict()[name], weight) for name, weight in before.items())
    assert "encoders.ner" in report.taken and "heads.emd" in report.reordered


def test_labels_that_are_as_many_but_others_start_anew(source, source_run):
    namespaces = labels_of(source.vocab)
    namespaces["ner_labels"] = {f"NEW-{label}": 1 for label in namespaces["ner_labels"]}
    words = dict.fromkeys(source.vocab.get_token_to_index_vocabulary("tokens"), 1)
    model = model_like(source_run, Vocabulary(counter={**namespaces, "tokens": words, "token_characters": {"i": 1}}))
    reason = transfer(source, model).reinitialised["heads.ner"]
    assert "new: NEW-" in reason and "gone: " in reason


@pytest.mark.parametrize(
    "changes, parts, reason",
    [
        ({"levels.ner.encoder.hidden_size": 6}, {"encoders.ner"}, "has the shape"),
        ({"levels.relation.reads": ["ner"]}, {"encoders.relation", "heads.relation"}, "ner here"),
        (
            {"levels.relation.reads_embedding": False},
            {"encoders.relation", "heads.relation"},
            "in the archive and emd here",
        ),
        ({"levels.ner.encoder.type": "lstm"}, {"encoders.ner"}, "and a"),
        (
            {"text_field_embedder.token_embedders.tokens.embedding_dim": 6},
            {WORDS, "encoders.ner", "heads.coref"},
            "in the archive",
        ),
    ],
)
def test_parts_that_do_not_fit_start_anew(source, source_run, changes, parts, reason):
    model = model_like(source_run, source.vocab, **changes)
    report = transfer(source, model)
    assert parts <= set(report.reinitialised)
    assert reason in report.reinitialised[min(parts)]
    assert set(report.taken) == set(parts_of(model)) - set(report.reinitialised)


def test_parts_that_one_side_lacks(source, source_run):
    config = json.loads((source_run / "config.json").read_text())["model"]
    config["levels"]["events"] = config["levels"].pop("coref")
    model = Model.from_params(Params(config), vocab=source.vocab)
    report = transfer(source, model)
    assert report.reinitialised == dict.fromkeys(["encoders.events", "heads.events"], "the archive has no such part")
    assert report.unused == ["encoders.coref", "heads.coref"]


def test_a_head_that_does_not_name_its_labels(source, source_run):
    @Head.register("hmtl_crf_without_labels", exist_ok=True)
    class Silent(CrfHead):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.labels = None  # type: ignore[assignment]

    models = [model_like(source_run, source.vocab, **{"levels.ner.head.type": "hmtl_crf_without_labels"}) for _ in "ab"]
    report = transfer(*models)
    assert report.reinitialised == {"heads.ner": "a Silent does not say which labels its weights stand for"}
