import re

import pytest
from rich.cells import cell_len
from worked_corpus import training_documents

from hmtl.document import Document, Relation, Span
from hmtl.inspection import DocumentPrinter, ShownDocument

CODE = re.compile(r"\x1b\[\d+m")


def lines(document, width=100, colour=False):
    return list(DocumentPrinter(width, colour).lines(ShownDocument("train.jsonl", document)))


def test_a_document():
    assert lines(training_documents()[0]) == [
        "a  train.jsonl  (2 sentences, 10 tokens)",
        "genre: tale",
        "layers: ner, relations, clusters",
        "",
        "1  ner        [Ann Lee PER] met [Bo PER] in [Old [Rome LOC] LOC]",
        "   relations  Ann Lee --LIVE--> Old Rome",
        "   relations  Rome --NEAR--> Bo",
        "   relations  Old Rome --LIVE--> Rome",
        "   clusters   [Ann Lee 1] met [Bo 2] in [Old [Rome 3] 3]",
        "2  clusters   [She 1] left .",
        "",
        "clusters",
        "    1  Ann Lee | She",
        "    2  Bo",
        "    3  Old Rome | Rome",
    ]


def test_a_relation_across_sentences_stands_with_its_first_argument():
    document = Document("a", [["x", "y"], ["z", "v"]], {}, [Relation((2, 2), (0, 1), "R")])
    assert lines(document)[-2:] == ["1             x y", "2  relations  z --R--> x y"]


def test_a_sentence_without_annotations_is_shown():
    assert lines(Document("a", [["x", "y"]]))[1:] == ["layers: none", "", "1    x y"]


@pytest.mark.parametrize(
    "spans, shown",
    [
        ([(0, 3, "A"), (0, 1, "B"), (1, 1, "C")], "[[a [b C] B] c d A]"),
        ([(0, 3, "A"), (2, 3, "B"), (3, 3, "C")], "[a b [c [d C] B] A]"),
        ([(1, 1, "WORK OF ART")], "a [b WORK OF ART] c d"),
    ],
)
def test_brackets_nest(spans, shown):
    for order in (spans, spans[::-1]):
        document = Document("a", [["a", "b", "c", "d"]], {"ner": [Span(*span) for span in order]})
        assert lines(document)[-1] == f"1  ner  {shown}"


def test_one_stretch_with_two_labels():
    document = Document("a", [["a", "b"]], {"ner": [Span(0, 0, "X"), Span(0, 0, "Y")]})
    assert lines(document)[-1] in ("1  ner  [[a X] Y] b", "1  ner  [[a Y] X] b")


def test_wide_characters_are_wrapped_by_the_cells_that_they_take():
    document = Document("a", [["東京"] * 8], {"ner": [Span(0, 0, "LOC")], "名": [Span(1, 1, "X")]})
    shown = lines(document, width=33)[3:]
    assert shown == [
        "1  ner  [東京 LOC] 東京 東京 東京",
        "        東京 東京 東京 東京",
        "   名   東京 [東京 X] 東京 東京",
        "        東京 東京 東京 東京",
    ]
    assert max(map(cell_len, shown)) <= 33


def test_spans_that_cross_are_named():
    document = Document("a", [["p"], ["a", "b", "c"]], {"ner": [Span(1, 2, "A"), Span(2, 3, "B")]})
    assert lines(document)[-2:] == ["2  ner  [a [b A] c B]", "   ner  [a b A] crosses [b c B]"]


def test_colour_only_adds_escape_codes():
    document = training_documents()[0]
    coloured = lines(document, colour=True)
    assert [CODE.sub("", line) for line in coloured] == lines(document)
    assert not any("\x1b" in line for line in lines(document))
    # A label has one colour wherever it stands.
    text = "\n".join(coloured)
    assert len(set(re.findall(r"(\x1b\[\d+m)LOC\]", text))) == 1
    assert len(set(re.findall(r"(\x1b\[\d+m)LIVE\x1b", text))) == 1


def test_long_sentences_wrap_below_their_beginning():
    tokens = [f"word{number}" for number in range(40)]
    document = Document("a", [tokens], {"ner": [Span(0, 39, "LONG LABEL"), Span(3, 5, "B")]})
    for colour in (False, True):
        wrapped = [CODE.sub("", line) for line in lines(document, width=50, colour=colour)][3:]
        assert len(wrapped) > 5 and all(len(line) <= 50 for line in wrapped)
        assert wrapped[0].startswith("1  ner  [word0 ") and all(line.startswith(" " * 8) for line in wrapped[1:])
        assert " ".join(line.strip() for line in wrapped).count("word") == 40


def test_escape_codes_in_a_text_are_seen_not_obeyed():
    document = Document(
        "k\x1b[2J", [["\x1b]0;t\x07", "half\ud83d"]], {"ner": [Span(0, 0, "\x1b[1m")]}, metadata={"m": "\r"}
    )
    text = "\n".join(lines(document))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert "\\x1b]0;t\\x07" in text and text.encode("utf-8")
