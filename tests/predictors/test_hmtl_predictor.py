import json
import shutil
from collections import Counter

import pytest
import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.data.batch import Batch
from allennlp.models import Model
from allennlp.models.archival import archive_model
from allennlp.predictors import Predictor

from hmtl.document import Document, read_jsonl
from hmtl.errors import UserError
from hmtl.models import HMTL
from hmtl.predictors import HMTLPredictor
from hmtl.tasks import RelationReader

TEXT = (
    "Mara Lind, a baker from Oslo, met her brother Tom. Yes! He works for Fjord Bakeries in Bergen.\n\n"
    "The  bakery sold “its” naïve 🙂 bread to Norway's parliament."
)
SIDES = ("arg1", "arg2")


@pytest.fixture(scope="module")
def predictor(tiny_run):
    """The trained model with random weights in place of its own: it finds much, in all tasks."""
    predictor = HMTLPredictor.load(tiny_run)
    torch.manual_seed(8)
    for parameter in predictor._model.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return predictor


def mentions_of(output):
    for span in output["ner"] + output["emd"]:
        yield span
    for relation in output["relation"]:
        yield from (relation["arg1"], relation["arg2"])
    for cluster in output["coref"]:
        yield from cluster


def test_every_task_is_there(predictor):
    output = predictor.predict(TEXT)
    assert list(output)[:4] == ["doc_key", "text", "sentences", "token_offsets"]
    assert set(output) - {"doc_key", "text", "sentences", "token_offsets"} == {"ner", "emd", "relation", "coref"}
    assert all(output[task] for task in predictor.layers), "the other tests want something of each task"
    assert output["text"] == TEXT
    assert [sentence[0] for sentence in output["sentences"]] == ["Mara", "Yes", "He", "The"]


def test_offsets_point_to_the_text(predictor):
    output = predictor.predict(TEXT)
    tokens = [token for sentence in output["sentences"] for token in sentence]
    assert [TEXT[start:end] for start, end in output["token_offsets"]] == tokens
    for mention in mentions_of(output):
        assert TEXT[mention["char_start"] : mention["char_end"]] == mention["text"]
        # The same mention by its tokens.
        assert "".join(mention["text"].split()) == "".join(tokens[mention["start"] : mention["end"] + 1])
    assert any(mention["end"] > mention["start"] >= 13 for mention in mentions_of(output)), "beyond the first sentence"


def test_predictions_are_those_of_the_model(predictor):
    output = predictor.predict(TEXT)
    model = predictor._model
    instance = predictor._dataset_reader.text_to_instance(output["sentences"])
    predictor._dataset_reader.apply_token_indexers(instance)
    batch = Batch([instance])
    batch.index_instances(model.vocab)
    with torch.no_grad():
        raw = model(**batch.as_tensor_dict())

    first = [0, 13, 15, 23]
    assert [sum(map(len, output["sentences"][:number])) for number in range(4)] == first
    spans = {
        task: {
            (start + offset, end + offset, label)
            for offset, rows in zip(first, raw[task][0])
            for start, end, label in rows
        }
        for task in ("ner", "emd")
    }
    for task in ("ner", "emd"):
        assert {(span["start"], span["end"], span["label"]) for span in output[task]} == spans[task]

    def mention_ending_at(token):
        for task in ("emd", "ner"):  # relation reads emd, which reads ner
            for start, end, _ in spans[task]:
                if end == token:
                    return start, end
        return token, token

    expected = Counter(
        (mention_ending_at(arg1[1] + offset), mention_ending_at(arg2[1] + offset), label)
        for offset, rows in zip(first, raw["relation"][0])
        for arg1, arg2, label in rows
    )
    found = Counter(
        (
            (row["arg1"]["start"], row["arg1"]["end"]),
            (row["arg2"]["start"], row["arg2"]["end"]),
            row["label"],
        )
        for row in output["relation"]
    )
    assert found == expected
    assert [[(m["start"], m["end"]) for m in cluster] for cluster in output["coref"]] == raw["coref"][0]


def test_arguments_take_spans_of_the_nearest_level_then_of_others(predictor):
    assert predictor._hmtl.span_tasks["relation"] == ["emd", "ner"]
    output = predictor.predict(TEXT)
    emd, ner = ({span["end"]: span["start"] for span in output[task]} for task in ("emd", "ner"))
    arguments = {relation[side]["end"]: relation[side]["start"] for relation in output["relation"] for side in SIDES}
    assert arguments == {end: emd.get(end, ner.get(end, end)) for end in arguments}
    # There are arguments of more than one token from both, and one that both offer differently.
    assert any(emd.get(end, end) < end for end in arguments)
    assert any(end not in emd and ner.get(end, end) < end for end in arguments)
    assert any(end in ner and emd.get(end, ner[end]) != ner[end] for end in arguments)


def test_one_pass_of_every_encoder(predictor):
    calls = Counter()
    modules = {"embedding": predictor._model.text_field_embedder, **dict(predictor._model.encoders.items())}
    hooks = [
        module.register_forward_hook(lambda *_, name=name: calls.update([name])) for name, module in modules.items()
    ]
    try:
        predictor.predict(TEXT)
    finally:
        for hook in hooks:
            hook.remove()
    assert calls == dict.fromkeys(["embedding", "ner", "emd", "relation", "coref"], 1)


def test_a_batch_gives_the_same_as_one_by_one(predictor, fixtures):
    inputs = [
        {"text": TEXT, "doc_key": "long"},
        {"text": "Hm"},
        {"sentences": [["One", "."], ["Tom", "and", "Mara", "left", "Oslo"], ["No"]]},
        json.loads((fixtures / "jsonl" / "train.jsonl").read_text().splitlines()[0]),
    ]
    assert predictor.predict_batch_json(inputs) == [predictor.predict_json(record) for record in inputs]


def test_saved_and_loaded_again_it_predicts_the_same(predictor, tiny_run, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.json", "meta.json"):
        shutil.copy(tiny_run / name, run / name)
    shutil.copytree(tiny_run / "vocabulary", run / "vocabulary")
    torch.save(predictor._model.state_dict(), run / "best.th")
    expected = predictor.predict(TEXT)
    assert HMTLPredictor.load(run).predict(TEXT) == expected
    archive = archive_model(run, archive_path=tmp_path / "other.tar.gz")
    assert HMTLPredictor.load(archive).predict(TEXT) == expected
    (run / "best.th").unlink()
    shutil.copy(archive, run / "model.tar.gz")
    assert HMTLPredictor.load(run).predict(TEXT) == expected


def test_allennlp_finds_the_predictor(tiny_run):
    found = Predictor.from_path(tiny_run / "model.tar.gz", import_plugins=False)
    assert isinstance(found, HMTLPredictor)
    assert found.predict(TEXT) == HMTLPredictor.load(tiny_run).predict(TEXT)


def test_a_token_is_a_text(predictor):
    output = predictor.predict_json({"sentences": [["Silence"]]})
    assert output["text"] == "Silence"
    assert {task: output[task] for task in ("relation", "coref")} == {"relation": [], "coref": []}
    assert all((span["start"], span["end"], span["text"]) == (0, 0, "Silence") for span in output["ner"])


def test_a_text_of_two_thousand_tokens(predictor):
    sentence = ["Mara", "Lind", "met", "her", "brother", "Tom", ",", "a", "baker", "of", "Norway", "today", "."] * 2
    output = predictor.predict_json({"sentences": [sentence] * 80})
    assert len(output["token_offsets"]) == 80 * len(sentence) == 2080
    assert max(span["end"] for span in output["ner"]) > 1990
    # Every sentence is read by itself: equal ones get equal spans.
    per_sentence = [[] for _ in range(80)]
    for span in output["ner"]:
        number, start = divmod(span["start"], len(sentence))
        per_sentence[number].append((start, span["end"] - number * len(sentence), span["label"]))
    assert all(spans == per_sentence[0] for spans in per_sentence)


def test_document_in_document_out(predictor, fixtures):
    for document in read_jsonl(fixtures / "jsonl" / "test.jsonl"):
        predicted = predictor.predict_document(document)
        assert predicted is not document
        assert Document.from_json(json.loads(json.dumps(predicted.to_json()))) == predicted
        assert (predicted.doc_key, predicted.sentences) == (document.doc_key, document.sentences)
        assert predicted.metadata == document.metadata
        assert set(predicted.spans) == {"ner", "emd"}
        output = predictor.predict_json(document.to_json())
        assert [span.bounds for span in predicted.spans["emd"]] == [(row["start"], row["end"]) for row in output["emd"]]
        assert [relation.label for relation in predicted.relations] == [row["label"] for row in output["relation"]]
        assert list(map(len, predicted.clusters)) == list(map(len, output["coref"]))


def test_gold_layers_play_no_part(predictor, fixtures):
    record = json.loads((fixtures / "jsonl" / "train.jsonl").read_text().splitlines()[0])
    bare = {"doc_key": record["doc_key"], "sentences": record["sentences"]}
    assert predictor.predict_json(record) == predictor.predict_json(bare)


def test_some_tasks_as_a_document(predictor):
    output = predictor.predict(TEXT)
    document = predictor.to_document(output, ["emd", "coref"])
    assert list(document.spans) == ["emd"]
    assert document.relations is None and document.clusters is not None


def other_model():
    """Two relation tasks above one span task, all with names of their own, and nothing that needs documents."""

    def level(head, reads):
        return {"encoder": {"type": "pass_through"}, "head": head, "reads": reads}

    levels = {
        "who": level({"type": "hmtl_crf"}, []),
        "likes": level({"type": "hmtl_relation"}, ["who"]),
        "pays": level({"type": "hmtl_relation", "threshold": 0.3}, ["who"]),
    }
    embedder = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}}
    labels = {"who_labels": ["A", "B"], "likes_labels": ["yes"], "pays_labels": ["a lot", "little"]}
    return Model.from_params(
        Params({"type": "hmtl", "text_field_embedder": embedder, "levels": levels}),
        vocab=Vocabulary(tokens_to_add=labels),
    )


def test_any_names_and_any_number_of_tasks():
    predictor = HMTLPredictor(other_model(), RelationReader())
    output = predictor.predict("Tom paid. Mara paid, too.")
    assert predictor.layers == {"who": "spans", "likes": "relations", "pays": "relations"}
    assert {"who", "likes", "pays"} < set(output)
    assert {row["label"] for row in output["pays"]} <= {"a lot", "little"}
    with pytest.raises(UserError, match="one layer of relations; leave 'pays' or its rival out"):
        predictor.to_document(output)
    document = predictor.to_document(output, ["who", "pays"])
    assert len(document.relations) == len(output["pays"])
    assert predictor.predict_document(document, ["who", "pays"]).relations == document.relations


def test_a_task_may_not_be_called_like_a_key_of_the_output():
    crf = {"encoder": {"type": "pass_through"}, "head": {"type": "hmtl_crf"}}
    embedder = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}}
    model = HMTL.from_params(
        Params({"text_field_embedder": embedder, "levels": {"text": crf}}),
        vocab=Vocabulary(tokens_to_add={"text_labels": ["A"]}),
    )
    with pytest.raises(UserError, match="task name 'text' is a key"):
        HMTLPredictor(model, RelationReader())


@pytest.mark.parametrize(
    "record, message",
    [
        ({}, 'expected {"text": "..."} or {"sentences".*found the keys: none'),
        ({"txt": "a"}, 'expected {"text": "..."} or {"sentences".*found the keys: txt'),
        (["a"], "found list"),
        ({"text": 3}, "'text' is int; expected"),
        ({"sentences": "a b"}, "'sentences' is str; expected"),
        ({"sentences": [[]]}, "sentence 0 is empty"),
        ({"sentences": ["a b"]}, "sentence 0 is no list of tokens but str"),
        ({"sentences": [["a"], []]}, "sentence 1 is empty"),
        ({"sentences": [["a", 3]]}, "sentence 0 holds a token that is not a non-empty string"),
        ({"text": "ab \ud83d"}, "character 3 of .* is half of a surrogate pair"),
        ({"sentences": [["\udc00"]]}, "half of a surrogate pair"),
        ({"text": "a", "doc_key": "\udc00"}, "half of a surrogate pair"),
    ],
)
def test_bad_input(predictor, record, message):
    with pytest.raises(UserError, match=message):
        predictor.predict_json(record)


def test_bad_lines_are_named_by_their_number(tiny_run):
    predictor = HMTLPredictor.load(tiny_run)
    assert predictor.load_line('{"text": "a"}') == {"doc_key": "line_1", "text": "a"}
    assert predictor.load_line('{"text": "a", "doc_key": "b"}')["doc_key"] == "b"
    assert predictor.load_line('{"text": ""}') == {"doc_key": "line_3", "text": ""}
    with pytest.raises(UserError, match="^line 4 of the input, empty lines not counted: 'text' is int"):
        predictor.load_line('{"text": 3}')
    for number, line in enumerate(['{"text": "a"', "[" * 100_000, '{"text": ' + "1" * 5000 + "}"], start=5):
        with pytest.raises(UserError, match=f"^line {number} .*: not valid JSON"):
            predictor.load_line(line)


def test_not_an_hmtl_model(predictor):
    with pytest.raises(UserError, match="needs an hmtl model, and this is a Linear"):
        HMTLPredictor(torch.nn.Linear(1, 1), predictor._dataset_reader)


def test_instances_of_a_reader_are_refused(predictor):
    instance = predictor._dataset_reader.text_to_instance([["a"]])
    with pytest.raises(UserError, match="takes JSON lines; leave out --use-dataset-reader"):
        predictor.predict_instance(instance)


def test_places_without_a_model(tmp_path):
    with pytest.raises(UserError, match="no such archive"):
        HMTLPredictor.load(tmp_path / "nothing.tar.gz")
    with pytest.raises(UserError, match="neither best.safetensors nor model.tar.gz"):
        HMTLPredictor.load(tmp_path)
