import pytest

from hmtl.common.checks import (
    MAX_DEPTH,
    did_you_mean,
    known_key_like,
    label_fault,
    metadata_fault,
    path_advice,
    sentence_fault,
    shown,
    surrogate_fault,
)


@pytest.mark.parametrize("text", ["", "plain", "é", "😀", "a\u0000b", "\ud7ff\ue000"])
def test_a_text_is_unicode(text):
    assert surrogate_fault(text) is None


def test_half_of_a_surrogate_pair_is_named_by_its_place():
    assert surrogate_fault("é\udc00") == r"character 1 of 'é\udc00' is half of a surrogate pair; expected valid Unicode"
    assert "character 0" in surrogate_fault("\ud83d\ude00")


@pytest.mark.parametrize("label", ["PER", "a b", "é", "-", "PART-WHOLE", "a\tb"])
def test_labels(label):
    assert label_fault(label) is None


@pytest.mark.parametrize(
    "label, reason",
    [
        ("", "an empty label"),
        ("PER\r", r"'PER\r' begins or ends in white space"),
        (" PER", "white space"),
        ("PER\u00a0", "white space"),
        ("\n", "white space"),
        ("P\ud800", "half of a surrogate pair"),
        (None, "null is NoneType"),
        (17, "17 is int; expected a text in quotes"),
        (True, "true is bool"),
        (["PER"], 'PER"] is list'),
    ],
)
def test_labels_that_cannot_be_used(label, reason):
    assert reason in label_fault(label)


@pytest.mark.parametrize(
    "sentence, reason",
    [
        ([], "is empty"),
        (["a", ""], "not a non-empty string"),
        (["a", None], "not a non-empty string"),
        (["a", "b\ud83d"], "half of a surrogate pair"),
        (["a", "b\r"], "a carriage return"),
        (["a\rb"], "a carriage return"),
        (["[WORD]"], "hmtl prepare ontonotes"),
        (["[WORD]", "[WORD]"], "a skeleton of CoNLL-2012"),
    ],
)
def test_sentences_that_cannot_be_used(sentence, reason):
    assert reason in sentence_fault(sentence)


def test_a_sentence_on_skeletons_is_fine():
    assert sentence_fault(["The", "[WORD]", "column", "\u2028", " "]) is None


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value, reason",
    [
        ({"a": [1, {"b": "\ud800"}]}, "half of a surrogate pair"),
        ({"a": {"\ud800": 1}}, "half of a surrogate pair"),
        ({"a": {1: 2}}, "the key 1 is int"),
        ({"a": [float("nan")]}, "nan is no number"),
        ({"a": float("inf")}, "inf is no number"),
        ({"a": {1, 2}}, "a value of type set"),
        ({"a": (1, 2)}, "a value of type tuple"),
        ({"a": nested(MAX_DEPTH)}, "deep"),
        ({"a": nested(50_000)}, "deep"),
    ],
)
def test_metadata_that_could_not_be_written_and_read_again(value, reason):
    assert reason in metadata_fault(value)


def test_metadata():
    assert metadata_fault({"a": [None, True, 1, 1.5, "x", {"y": []}], "deep": nested(MAX_DEPTH - 1)}) is None


@pytest.mark.parametrize(
    "key, meant",
    [
        ("relation", "relations"),
        ("Relations", "relations"),
        ("cluster", "clusters"),
        ("sentence", "sentences"),
        ("setences", "sentences"),
        ("dockey", "doc_key"),
        ("NER", "ner"),
        ("ners", "ner"),
        ("entities", "ner"),
        ("tokens", "sentences"),
        ("relations", None),
        ("ner", None),
        ("end", None),
        ("pos", None),
        ("genre", None),
        ("predicted_ner", None),
        ("predicted_relations", None),
        ("event_clusters", None),
        ("mentions", None),
        ("speakers", None),
    ],
)
def test_keys_that_are_meant_for_others(key, meant):
    assert known_key_like(key) == meant


def test_values_in_messages_are_short():
    assert shown([0, None, "X"]) == '[0, null, "X"]'
    assert len(shown("x" * 5000)) == 100
    assert shown(nested(50_000)) == "a list that is no JSON"


def test_the_nearest_name_is_meant_and_a_strange_one_gets_the_other_advice() -> None:
    assert did_you_mean("hiden_size", {"input_size": 1, "hidden_size": 2}, "none") == "did you mean 'hidden_size'?"
    assert did_you_mean("xyzzy", ["ner", "coref"], "it has ner, coref") == "it has ner, coref"


@pytest.mark.parametrize(
    "path, meant",
    [
        ("configs/quickstart", "configs/quickstart.jsonnet"),
        ("configs/quickstart.json", "configs/quickstart.jsonnet"),
        ("configs/quikstart.jsonnet", "configs/quickstart.jsonnet"),
        ("config/quickstart", "configs/quickstart.jsonnet"),
        ("data/trian.jsonl", "data/train.jsonl"),
        ("data/train.conll", "data/train.jsonl"),
        ("data/best.jsonl", None),
        ("dta/train.jsonl", "data/train.jsonl"),
        ("other/train.jsonl", None),
        ("configs/spans.jsonnet", None),
        ("configs/quickstart.jsonnet/x", None),
        ("data", None),
        ("", None),
    ],
)
def test_a_path_that_is_not_there_is_near_to_one_that_is(path, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("configs/quickstart.jsonnet", "configs/.spans.jsonnet", "data/train.jsonl", "data/test.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert path_advice(path) == ("" if meant is None else f"; did you mean '{meant}'?")
    if meant is not None:
        assert path_advice(tmp_path / path) == f"; did you mean '{tmp_path / meant}'?"
