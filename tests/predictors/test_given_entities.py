"""Entities that are given with a text: relations are found among them, in place of predicted ones."""

from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import pytest
from test_predict_many import predictor as predictor
from test_predict_many import random_texts

from hmtl.document import Document, Span
from hmtl.errors import UserError
from hmtl.models import HMTL
from hmtl.predictors import HMTLPredictor

TEXT = "Mara Lind, a baker from Oslo, met her brother Tom. He works for Fjord Bakeries in Bergen."
NAMES = ["Mara Lind", "Oslo", "Tom", "Fjord Bakeries", "Bergen"]


def by_characters(*names: str, label: str = "PER") -> List[Dict[str, Any]]:
    starts = [TEXT.index(name) for name in names]
    return [{"char_start": start, "char_end": start + len(name), "label": label} for start, name in zip(starts, names)]


def bounds_of(rows: List[Dict[str, Any]]) -> List[Tuple[int, int]]:
    return [(row["start"], row["end"]) for row in rows]


def arguments_of(output: Dict[str, Any]) -> Set[Tuple[int, int]]:
    return {bounds for row in output["relation"] for bounds in bounds_of([row["arg1"], row["arg2"]])}


def test_they_are_the_layer_that_relations_read_and_relations_join_them_alone(predictor: HMTLPredictor):
    as_found = predictor.predict(TEXT)
    output = predictor.predict(TEXT, entities=by_characters(*NAMES))
    assert [row["text"] for row in output["emd"]] == NAMES and {row["label"] for row in output["emd"]} == {"PER"}
    assert [TEXT[row["char_start"] : row["char_end"]] for row in output["emd"]] == NAMES
    of_names = set(bounds_of(output["emd"]))
    assert arguments_of(output) <= of_names and len(arguments_of(output)) > 2
    assert not arguments_of(as_found) <= of_names
    # An argument is found by its last token: it is the given entity that ends there, not the predicted one.
    by_end = {end: (start, end) for start, end in of_names}
    expected = [
        (row["label"], by_end[row["arg1"]["end"]], by_end[row["arg2"]["end"]])
        for row in as_found["relation"]
        if row["arg1"]["end"] in by_end and row["arg2"]["end"] in by_end
    ]
    found = [(row["label"], *bounds_of([row["arg1"], row["arg2"]])) for row in output["relation"]]
    assert sorted(found) == sorted(expected)
    assert all(output[task] == as_found[task] for task in ("ner", "coref", "sentences"))


def test_the_task_whose_layer_they_are_may_be_named(predictor: HMTLPredictor):
    entities = by_characters(*NAMES)
    plain = predictor.predict(TEXT, entities=entities)
    output = predictor.predict(TEXT, entities={"ner": entities})
    assert output["ner"] == plain["emd"] and output["emd"] == predictor.predict(TEXT)["emd"]
    assert output["relation"] == plain["relation"]


def test_tokens_rows_of_an_output_and_lists_say_the_same(predictor: HMTLPredictor):
    output = predictor.predict(TEXT, entities=by_characters(*NAMES))
    sentences, rows = output["sentences"], output["emd"]
    assert predictor.predict(TEXT, entities=rows) == output
    assert predictor.predict(TEXT, entities=[(r["char_start"], r["char_end"], r["label"]) for r in rows]) == output
    of_tokens = predictor.predict(sentences, entities=rows)
    lists = [[start, end, "PER"] for start, end in bounds_of(rows)]
    assert len(sentences) == 2 and predictor.predict(sentences, entities=lists) == of_tokens
    assert predictor.predict(sentences, entities=[lists[:3], lists[3:]]) == of_tokens
    assert bounds_of(of_tokens["emd"]) == bounds_of(rows)
    assert [row["label"] for row in of_tokens["relation"]] == [row["label"] for row in output["relation"]]


def test_texts_with_entities_and_without_share_a_batch(predictor: HMTLPredictor):
    texts = random_texts(12, seed=3)
    for number, text in enumerate(texts):
        text["emd"] = predictor.predict_json(text)["ner"][: 10 * (number % 3)]
    inputs = [predictor.tokenized(text, None if number % 3 == 0 else text["emd"]) for number, text in enumerate(texts)]
    together = predictor.predict_batch_json(inputs)
    assert together == [predictor.predict_batch_json([each])[0] for each in inputs]
    assert together[::3] == [{**each, "doc_key": "document"} for each in predictor.predict_batch_json(texts[::3])]
    for number, (output, text) in enumerate(zip(together, texts)):
        if number % 3:
            assert bounds_of(output["emd"]) == sorted(bounds_of(text["emd"]))
            assert arguments_of(output) <= set(bounds_of(text["emd"]))
    assert any(map(arguments_of, together[2::3]))
    by_key = list(predictor.predict_many(texts[1:3], entities="emd"))
    assert [each["relation"] for each in by_key] == [each["relation"] for each in together[1:3]]


def test_without_entities_there_is_no_relation(predictor: HMTLPredictor):
    output = predictor.predict(TEXT, entities=[])
    assert output["emd"] == output["relation"] == [] and output["ner"] == predictor.predict(TEXT)["ner"]
    assert predictor.predict("", entities=[]) == predictor.predict("")


def test_tokens_and_sentences_give_way_to_what_is_given_by_characters(predictor: HMTLPredictor):
    text = "The Oslo-born Dr. Lind? Yes! She left."
    assert len(predictor.predict(text)["sentences"]) == 3
    start = text.index("Lind?")
    entities = [(text.index("Oslo"), text.index("Oslo") + 2, "LOC"), (start, start + len("Lind? Yes"), "PER")]
    output = predictor.predict(text, entities=entities)
    assert [row["text"] for row in output["emd"]] == ["Os", "Lind? Yes"]
    joined = ["The Os lo - born Dr. Lind ? Yes !", "She left ."]
    assert [" ".join(sentence) for sentence in output["sentences"]] == joined
    # Space at its ends is no part of an entity.
    (row,) = predictor.predict(text, entities=[(3, 9, "LOC")])["emd"]
    assert row["text"] == "Oslo-"


def test_a_document_whose_layer_holds_them(predictor: HMTLPredictor):
    sentences = predictor.predict(TEXT)["sentences"]
    spans = [Span(0, 1, "PER"), Span(15, 16, "never seen")]
    document = Document("d", sentences, {"ner": spans, "gold": spans[:1]})
    predicted = predictor.predict_document(document, ["ner", "relation"], entities="ner")
    assert predicted.spans["ner"] == spans
    assert all({*relation[:2]} <= {(0, 1), (15, 16)} for relation in predicted.relations or [])
    # A layer that the model does not know is what relations read.
    assert predictor.predict_document(document, ["emd"], entities="gold").spans == {"emd": spans[:1]}
    with pytest.raises(UserError, match="'entities', which the entities are read from, is missing; there are: .*gold"):
        predictor.predict_document(document, entities="entities")


@pytest.mark.parametrize(
    ("entities", "reason"),
    [
        ("Mara", "the entities are str; expected a list of"),
        (3, "the entities are int"),
        ([{"start": 0, "end": 1, "label": "PER"}], "entity 1: the key 'char_start' is missing"),
        ([{"char_start": 0, "char_end": 4}], "entity 1: the key 'label' is missing"),
        ([(0, 4, "PER"), (0, 4)], "entity 2 is tuple of int; expected"),
        ([(0, 4, "PER"), "Mara"], "entity 2 is str; expected"),
        ([(0, 4.0, "PER")], "entity 1 is tuple of float and int and str"),
        ([(True, 4, "PER")], "entity 1 is tuple of bool and int and str"),
        ([(0, 4, "")], "label"),
        ([(0, 4, None)], "entity 1 is tuple of NoneType and int; expected"),
        ([(4, 4, "PER")], "entity 1: characters 4 to 4 are no part of the text, which has 89"),
        ([(-1, 4, "PER")], "characters -1 to 4"),
        ([(0, 4, "PER"), (80, 90, "PER")], "entity 2: characters 80 to 90"),
        ([(4, 5, "PER")], "entity 1: characters 4 to 5 hold no token"),
        ({"relation": []}, "entities are given for relation; expected one of the span tasks of the model: ner, emd"),
        ({}, "entities are given for no task"),
    ],
)
def test_what_are_no_entities_of_a_raw_text(predictor: HMTLPredictor, entities: Any, reason: str):
    assert len(TEXT) == 89
    with pytest.raises(UserError) as raised:
        predictor.predict(TEXT, entities=entities)
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("entities", "reason"),
    [
        ([(0, 3, "PER")], r"\[0, 3\] lies outside the text of 3 tokens"),
        ([(1, 2, "PER")], r"\[1, 2\] leaves its sentence"),
        ([{"char_start": 0, "char_end": 1, "label": "PER"}], "the key 'start' is missing"),
    ],
)
def test_what_are_no_entities_of_tokens(predictor: HMTLPredictor, entities: Any, reason: str):
    with pytest.raises(UserError, match=reason):
        predictor.predict([["Mara", "left"], ["Yes"]], entities=entities)


def test_texts_and_entities_that_do_not_fit_go_to_on_error(predictor: HMTLPredictor):
    errors: List[Tuple[int, str]] = []
    texts = ["Mara left.", {"text": "Tom.", "emd": [[0, 3, "PER"]]}, {"text": "Tom.", "emd": [[0, 9, "PER"]]}, {}]
    texts.append({"text": "Tom.", "emd": None})
    outputs = predictor.predict_many(
        texts, on_error=lambda number, error: errors.append((number, str(error))), entities="emd"
    )
    assert [[row["text"] for row in output["emd"]] for output in outputs] == [["Tom"]]
    assert [number for number, _ in errors] == [0, 2, 3, 4]
    assert "0 to 9" in errors[1][1] and "expected" in errors[2][1]
    assert all("'emd', which the entities are read from, is missing" in errors[number][1] for number in (0, 3))


def test_consistency_is_asked_for_text_by_text(tiny_run: Path):
    options = [{}, {"consistent": True}]
    as_found, agreeing = (HMTLPredictor.load(tiny_run, **option) for option in options)
    texts = random_texts(6)
    expected = [each.predict_batch_json(texts) for each in (as_found, agreeing)]
    assert expected[0] != expected[1]
    for loaded, default in zip((as_found, agreeing), (False, True)):
        asked = [None, True, False, True, None, False]
        inputs = [loaded.tokenized(text, consistent=each) for text, each in zip(texts, asked)]
        for number, (output, each) in enumerate(zip(loaded.predict_batch_json(inputs), asked)):
            of_text = expected[default if each is None else each][number]
            assert output == {**of_text, "doc_key": "document"}
    sentences = texts[1]["sentences"]
    assert as_found.predict(sentences, consistent=True) == agreeing.predict(sentences)
    model = HMTL.from_archive(tiny_run)
    with_scores = HMTLPredictor.load(tiny_run, with_scores=True, consistent=True)
    assert list(model.annotate(texts, consistent=True)) == list(with_scores.annotate(texts))
