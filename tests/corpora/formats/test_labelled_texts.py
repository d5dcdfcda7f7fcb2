"""Texts with labels, as GLUE, SNLI, SICK, the STS benchmark and the Hub have them, in files of our own writing."""

import json
from pathlib import Path
from typing import Any, List

import pytest

from hmtl.alignment import Changes
from hmtl.cli import main
from hmtl.corpora import Corpus
from hmtl.corpora.formats import LabelledTextsCorpus, read_any, sniff
from hmtl.document import Document, read_jsonl
from hmtl.errors import DataError

ROOT = Path(__file__).resolve().parents[3]


def texts_of(document: Document) -> List[str]:
    """The text, or both texts, as the rows have them."""
    return document.text.text.split("\n")


# Of each file the texts of its first document, then each document's entry of each layer.
FILES = [
    ("snli.jsonl", ["A man in a red coat is reading.", "Somebody reads."], {"label": ["entailment", "contradiction"]}),
    ("mnli.tsv", ["You know, we never went back.", "We went there twice."], {"label": ["neutral", "entailment"]}),
    ("sts.csv", ["A plane is landing.", "An aircraft is landing."], {"score": [5.0, 0.4]}),
    (
        "mrpc.tsv",
        ["The firm sold its mill on Monday .", "On Monday the firm sold its mill ."],
        {"label": ["1", "0"]},
    ),
    ("qqp.tsv", ["How is bread made?", "How do people make bread?"], {"label": ["1", "0"]}),
    (
        "qnli.tsv",
        ["When was the bridge built?", "The bridge was built in 1903."],
        {"label": ["entailment", "not_entailment"]},
    ),
    ("rte.tsv", ["No guns were found in the house.", "Guns were found."], {"label": ["not_entailment", "entailment"]}),
    ("sts_b.tsv", ["A plane is landing.", "An aircraft is landing."], {"score": [5.0, 0.4]}),
    ("cola.tsv", ["The sailors rode the breeze clear of the land."], {"label": ["1", "0"]}),
    ("sst_2.tsv", ["hides new tricks from its own children "], {"label": ["0", "1"]}),
    ("topics.csv", ['Bread, butter and "tea".'], {"label": ["food", "weather"]}),
    ("doccano_categories.jsonl", ["Bread and butter."], {"label": [["food", "home"], []]}),
    ("hub", ["A cat sleeps.", "A cat is awake."], {"label": ["contradiction", None]}),
]


@pytest.mark.parametrize("name, texts, layers", FILES, ids=[name for name, _, _ in FILES])
def test_a_format_is_found_and_read(fixtures, name, texts, layers):
    path = fixtures / "labelled" / name
    assert sniff(path).name == "labelled"
    documents = list(read_any(path))
    assert texts_of(documents[0]) == texts
    assert (documents[0].second_text is not None) == (len(texts) == 2)
    assert {layer: [each.label_values(layer)[0] for each in documents] for layer in layers} == layers
    assert all(each.label_layers == dict.fromkeys(layers, "document") for each in documents)
    for document in documents:
        assert Document.from_json(document.to_json()) == document


def test_the_bundled_pairs_are_in_the_format_of_sick():
    [train, dev, test] = [
        list(read_any(ROOT / "data" / "pairs" / f"{split}.tsv")) for split in ("train", "dev", "test")
    ]
    assert (len(train), len(dev), len(test)) == (70, 15, 15)
    assert texts_of(train[2]) == ["A baker is carrying bread to the market", "A baker is selling cakes"]
    assert train[2].metadata["labels"] == {"document": {"entailment": "NEUTRAL", "relatedness": 3.1}}
    # No sentence is in two splits.
    sides = [{text for each in split for text in texts_of(each)} for split in (train, dev, test)]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    for split in (train, dev, test):
        assert {each.label_values("entailment")[0] for each in split} == {"ENTAILMENT", "NEUTRAL", "CONTRADICTION"}
        assert all(1 <= each.label_values("relatedness")[0] <= 5 for each in split)


def test_a_pair_that_nobody_agreed_on_is_left_out_and_counted(fixtures):
    changes = Changes()
    documents = list(read_any(fixtures / "labelled" / "snli.jsonl", changes=changes))
    assert [document.doc_key for document in documents] == ["1.jpg#0r1e", "1.jpg#0r1c"]
    assert changes.lines() == ["dropped 1 document: its label is '-': the annotators did not agree (first: 1.jpg#0r1n)"]
    # The first text of the last pair has two sentences.
    assert documents[1].second_text == 2 and len(documents[1].sentences) == 3


def test_a_number_as_key_is_led_by_the_name_of_the_file(fixtures):
    keys = [document.doc_key for document in read_any(fixtures / "labelled" / "rte.tsv")]
    assert keys == ["rte_0", "rte_1"]
    # Without a key it is the number of the row.
    assert [each.doc_key for each in read_any(fixtures / "labelled" / "sst_2.tsv")] == ["sst_2_1", "sst_2_2"]


def test_a_test_set_whose_labels_are_secret_has_none(fixtures):
    [document] = read_any(fixtures / "labelled" / "sst_2_secret.tsv", format="glue")
    assert document.label_layers == {} and texts_of(document) == ["uneasy at the edges ."]


def test_tables_of_the_hub_are_read(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    info = {"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}
    table = pyarrow.table({"text": ["Good.", "Bad."], "label": [1, 0]})
    parquet.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), tmp_path / "a.parquet")
    for path in (tmp_path / "a.parquet", tmp_path):
        assert sniff(path).name == "labelled"
        assert [each.label_values("label") for each in read_any(path)] == [["pos"], ["neg"]]


def test_columns_are_named_by_options(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("Claim\tEvidence\tVerdict\tHelp\nSnow is white.\tIt is.\ttrue\t4\n")
    options = {"text": "Claim", "text_pair": "Evidence", "layers": {"verdict": "Verdict", "help": "Help"}}
    corpus = LabelledTextsCorpus(**options, numbers=["help"])
    [document] = corpus.documents(str(path))
    assert document.metadata["labels"] == {"document": {"verdict": "true", "help": 4.0}}
    assert document.second_text == 1
    assert isinstance(Corpus.by_name("labelled")(), LabelledTextsCorpus)


def test_numbered_labels_get_names(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "Good.", "label": 1}\n{"text": "Bad.", "label": 0}\n')
    assert [each.label_values("label") for each in read_any(path)] == [["1"], ["0"]]
    named = read_any(path, options={"label_names": ["neg", "pos"]})
    assert [each.label_values("label") for each in named] == [["pos"], ["neg"]]
    with pytest.raises(DataError, match=":1: 'label' is 1, and there are 1 names, for 0 to 0"):
        list(read_any(path, options={"label_names": ["neg"]}))


BROKEN: List[Any] = [
    (
        "a.tsv",
        "sentence1\tsentence2\tlabel\nOne.\tTwo.\n",
        r"a.tsv:2: 2 columns, expected 3: sentence1, sentence2, label",
    ),
    ("a.tsv", "sentence1\tsentence2\tscore\nOne.\tTwo.\thigh\n", r"a.tsv:2: 'score' is \"high\"; expected a number"),
    ("a.tsv", "words\tlabel\nOne.\ta\n", "a.tsv:2: no column of a text among 'words', 'label'; expected 'text'"),
    ("a.jsonl", '{"text": 3, "label": "a"}\n', "a.jsonl:1: 'text' is 3; expected a text"),
    ("a.jsonl", '{"text": "One.", "label": {"a": 1}}\n', "a.jsonl:1: 'label' is .*; expected a label"),
    (
        "a.jsonl",
        '{"text": "One.", "label": 0.5}\n',
        "'label' is 0.5; expected a label; for numbers name the layer in the",
    ),
    (
        "a.json",
        '[{"text": "One.", "label": "a"}, 3]',
        "a.json: row 2: expected an object with a text and a label, found 3",
    ),
]


@pytest.mark.parametrize("name, content, message", BROKEN)
def test_a_broken_row_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        list(read_any(tmp_path / name, format="labelled"))


def test_a_column_that_is_not_there_is_named(fixtures):
    with pytest.raises(DataError, match="there is no column 'verdict', only 'sentence', 'label'"):
        list(read_any(fixtures / "labelled" / "sst_2.tsv", options={"layers": {"a": "verdict"}}))


def test_a_text_without_words_is_left_out_and_counted(tmp_path):
    (tmp_path / "a.tsv").write_text("sentence1\tsentence2\tlabel\nOne.\t \ta\nOne.\tTwo.\ta\n")
    changes = Changes()
    assert len(list(read_any(tmp_path / "a.tsv", changes=changes))) == 1
    assert changes.num_dropped("document") == 1


def test_rows_are_converted(fixtures, tmp_path, capsys):
    main(["convert", str(fixtures / "labelled" / "snli.jsonl"), str(tmp_path / "a.jsonl")])
    documents = list(read_jsonl(tmp_path / "a.jsonl"))
    assert documents == list(read_any(fixtures / "labelled" / "snli.jsonl"))
    assert "label of documents" in capsys.readouterr().out
