from typing import Any, List

import pytest
from scipy.stats import pearsonr
from spacy.tokens import Doc
from spacy.vocab import Vocab

from hmtl.document import Document
from hmtl.tasks import Kind
from hmtl.tasks.kind import DocItem, TextRow, kind_of
from hmtl.text import TokenizedText

TEXT = TokenizedText.from_sentences([["It", "rained", "."], ["Why", "?"]])
FIRST, WHOLE = TextRow(TEXT, 0, 2, 0), TextRow(TEXT, 0, 4)
SENTENCE = {"sentence": 0, "start": 0, "end": 2, "text": "It rained .", "char_start": 0, "char_end": 11}
PAIR = {
    "text1": {"start": 0, "end": 2, "text": "It rained .", "char_start": 0, "char_end": 11},
    "text2": {"start": 3, "end": 4, "text": "Why ?", "char_start": 12, "char_end": 17},
}
BOUNDS = (0, 2), (3, 4)
# By kind and row an item, its score, and its JSON.
ROWS: List[Any] = [
    ("labels", FIRST, ("decl",), 0.87654, {**SENTENCE, "label": "decl", "score": 0.8765}),
    ("labels", WHOLE, ("tale",), None, {"label": "tale"}),
    ("numbers", FIRST, (2.34567,), None, {**SENTENCE, "value": 2.3457}),
    ("numbers", WHOLE, (2.0,), None, {"value": 2.0}),
    ("pairs", WHOLE, (*BOUNDS, "yes"), 0.5, {**PAIR, "label": "yes", "score": 0.5}),
    ("pair_numbers", WHOLE, (*BOUNDS, 4.5), None, {**PAIR, "value": 4.5}),
]


@pytest.mark.parametrize("name, row, item, score, expected", ROWS)
def test_rows_in_the_output(name, row, item, score, expected):
    assert kind_of(name).to_json(item, row, score) == expected


def lines(name: str, *rows: Any) -> List[str]:
    return kind_of(name).lines(list(rows), {}, lambda text: f"*{text}*")


def test_lines_on_a_terminal():
    assert lines("labels", {**SENTENCE, "label": "decl"}) == ["*decl*  It rained ."]
    assert lines("labels", {"label": "tale"}) == ["*tale*"]
    assert lines("numbers", {**SENTENCE, "value": 2.3457}) == ["*2.35*  It rained ."]
    assert lines("pairs", {**PAIR, "label": "yes"}) == ["*yes*  It rained .  Why ?"]


def layers(name: str, *rows: Any) -> Any:
    document = Document("a", TEXT.sentences)
    kind_of(name).add_to_document(document, "x", list(rows))
    return document.validate().metadata


def test_rows_become_a_layer():
    second = {**SENTENCE, "sentence": 1}
    one, other = {**SENTENCE, "label": "a"}, {**second, "label": "b"}
    assert layers("labels", one, other) == {"labels": {"sentences": {"x": ["a", "b"]}}}
    # Where a sentence has another number of labels than one, each has a list.
    assert layers("labels", one, {**SENTENCE, "label": "c"}) == {"labels": {"sentences": {"x": [["a", "c"], []]}}}
    assert layers("labels", {"label": "a"}) == {"labels": {"document": {"x": "a"}}}
    assert layers("labels", {"label": "a"}, {"label": "b"}) == {"labels": {"document": {"x": ["a", "b"]}}}
    assert layers("numbers", {"value": 2.5}) == {"labels": {"document": {"x": 2.5}}}
    assert layers("labels") == {}
    assert layers("pairs", {**PAIR, "label": "yes"}) == {"labels": {"document": {"x": "yes"}}, "second_text": 1}


def test_categories_are_those_of_the_whole_text():
    def cats(kind: Kind, rows):
        doc = Doc(Vocab(), words=["a"])
        kind.add_to_doc(doc, "x", rows, lambda mention: None)
        return doc.cats

    rows = [{"label": "a", "score": 0.75}, {"label": "b"}, {**SENTENCE, "label": "c"}]
    assert cats(kind_of("labels"), rows) == {"a": 0.75, "b": 1.0}
    assert cats(kind_of("numbers"), [{"value": 2.5}]) == {"x": 2.5}
    assert cats(kind_of("pairs"), [{**PAIR, "label": "yes", "score": 0.5}]) == {"yes": 0.5}
    assert cats(Kind("other"), [{"label": "a"}]) == {}


def test_numbers_of_spacys_documents_are_correlated():
    gold = [[DocItem(None, [(0, 5)], 1.0), DocItem(None, [(6, 9)], 4.0)], [DocItem(None, [(0, 2)], 2.0)]]
    found = [[DocItem(None, [(0, 5)], 2.0), DocItem(None, [(6, 9)], 3.0)], [DocItem(None, [(0, 2)], 2.5)]]
    scores = kind_of("numbers").doc_scores(zip(found, gold), "x")
    assert scores["x_pearson"] == pytest.approx(pearsonr([2, 3, 2.5], [1, 4, 2]).statistic)
    assert scores["x_mse"] == pytest.approx((1 + 1 + 0.25) / 3)


def test_of_one_label_each_micro_f1_is_no_column():
    one = {"accuracy": 0.5, "f1": 0.5, "f1_macro": 0.4, "matthews": 0.1}
    assert list(kind_of("labels").columns([one], None)) == ["accuracy", "f1_macro", "matthews"]
    del one["matthews"]
    assert list(kind_of("labels").columns([one], None)) == ["accuracy", "f1", "f1_macro"]


class _Reader:
    layer, values = "x", "labels"


def rows_of(*entries: Any) -> List[Document]:
    return [Document("a", [["a"]], metadata={"labels": {"document": {"x": entry}}}) for entry in entries]


def test_the_baseline_of_several_labels_is_the_most_frequent_one():
    train, test = rows_of(["b"], ["a", "b"], []), rows_of(["a", "b"], ["b"], [])
    baseline = kind_of("labels").baseline(_Reader(), None, train, test)
    assert baseline.description == "always 'b', the most frequent label in training"
    # Of three rows one is right; two of three labels are, and two of three gold ones are found.
    assert baseline.metrics["accuracy"] == pytest.approx(1 / 3)
    assert baseline.metrics["f1"] == pytest.approx(2 / 3) and baseline.metrics["f1_macro"] == pytest.approx(0.4)


def test_the_baseline_of_numbers_is_the_mean():
    baseline = kind_of("numbers").baseline(_Reader(), None, rows_of(1, 2.0, 6), rows_of(4, 2))
    assert baseline.metrics == {"pearson": 0.0, "spearman": 0.0, "mse": pytest.approx(1.0)}
    assert "always 3.00" in baseline.description
