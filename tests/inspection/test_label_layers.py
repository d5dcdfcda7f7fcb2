"""Layers of labels in the statistics, the text and the page of a corpus, in its validation and in conversion."""

import json

from hmtl.cli import main
from hmtl.corpora import JsonlCorpus
from hmtl.corpora.validation import validate_corpus
from hmtl.document import Document, write_jsonl
from hmtl.inspection import corpus_statistics, find_splits
from hmtl.inspection.plain_text import DocumentPrinter
from hmtl.inspection.splits import ShownDocument

SENTENCES = [["It", "rained", "."], ["Why", "?"]]


def document(key: str, types: list, **of_document: object) -> Document:
    labels = {"sentences": {"s_type": types}, "document": of_document}
    return Document(key, SENTENCES, metadata={"labels": labels, "second_text": 1})


DOCUMENTS = [
    document("a", ["decl", ["q", "wh"]], genre="tale", grade=2),
    document("b", [None, "decl"], genre="news", grade=4.5),
]


def written(tmp_path):
    write_jsonl(DOCUMENTS, tmp_path / "train.jsonl")
    return str(tmp_path / "train.jsonl")


def test_statistics(tmp_path):
    corpus = JsonlCorpus()
    report = corpus_statistics(find_splits([written(tmp_path)], corpus), corpus)
    [split] = report["splits"].values()
    types, grades = split["layers"]["s_type"], split["layers"]["grade"]
    assert (types["kind"], types["scope"], types["rows"], types["annotated"], types["several"]) == (
        "labels", "sentence", 4, 3, 1,
    )  # fmt: skip
    assert {label: each["count"] for label, each in types["labels"].items()} == {"decl": 2, "q": 1, "wh": 1}
    assert types["annotated_share"] == 0.75
    assert (grades["kind"], grades["mean"], grades["lowest"], grades["highest"]) == ("numbers", 3.25, 2.0, 4.5)


def test_the_table_and_the_page(tmp_path, capsys):
    path = written(tmp_path)
    main(["inspect", path])
    table = capsys.readouterr().out
    for words in ("sentences with an entry", "3 (75.0%)", "documents with a number", "3.25"):
        assert words in table
    main(["inspect", path, "--html", str(tmp_path / "a.html")])
    page = (tmp_path / "a.html").read_text()
    assert page.count('title="s_type">decl<') == 2 and "genre: tale" in page


def test_a_document_is_printed_with_its_labels():
    lines = list(DocumentPrinter().lines(ShownDocument("train", DOCUMENTS[0])))
    assert "layers: s_type, genre, grade" in lines and "genre: tale" in lines and "grade: 2.00" in lines
    assert "the second text begins with sentence 2" in lines
    text = lines[lines.index("") + 1 :]
    assert [line.split() for line in text] == [
        ["1", "It", "rained", "."],
        ["s_type", "decl"],
        ["2", "Why", "?"],
        ["s_type", "q,", "wh"],
    ]


def test_validation_counts_labels_and_misses_layers(tmp_path):
    report = validate_corpus([written(tmp_path)], tasks=["s_type", "mood"])
    [counts] = report.counts.values()
    assert counts.labels["s_type"] == {"decl": 2, "q": 1, "wh": 1}
    assert counts.labels["grade"] == {"numbers": 2}
    assert [problem.message for problem in report.errors] == [
        "document 'a' has no layer 'mood'",
        "document 'b' has no layer 'mood'",
    ]


def test_a_layer_that_some_documents_lack_is_told(tmp_path):
    write_jsonl([DOCUMENTS[0], Document("c", SENTENCES)], tmp_path / "a.jsonl")
    warnings = [problem.message for problem in validate_corpus([tmp_path / "a.jsonl"]).warnings]
    assert "only 1 of 2 documents have the layer 'genre'" in warnings


def test_conversion_counts_entries(tmp_path, capsys):
    main(["convert", written(tmp_path), "--json"])
    counts = json.loads(capsys.readouterr().out)["written"]["all"]
    assert (counts["s_type of sentences"], counts["genre of documents"]) == (3, 2)
