from hmtl.corpora.preparation.report import consistent
from hmtl.corpora.validation import check_document
from hmtl.document import Document, Relation, Span

SENTENCES = [["Ada", "met", "Bob", "."], ["She", "left", "him", "."]]


def test_contradictions_are_dropped():
    document = Document(
        "a",
        SENTENCES,
        spans={"ner": [Span(0, 0, "PER"), Span(2, 2, "PER"), Span(0, 0, "PER"), Span(0, 0, "ORG")]},
        relations=[
            Relation((0, 0), (2, 2), "MET"),
            Relation((0, 0), (1, 1), "MET"),
            Relation((0, 0), (2, 2), "MET"),
            Relation((2, 2), (0, 0), "MET"),
        ],
        clusters=[[(0, 0), (4, 4), (0, 0)], [(4, 4), (2, 2)], [(6, 6)]],
    )
    converted = consistent(document)
    assert converted.documents == [document]
    assert document.spans["ner"] == [Span(0, 0, "PER"), Span(2, 2, "PER"), Span(0, 0, "ORG")]
    assert document.relations == [Relation((0, 0), (2, 2), "MET"), Relation((2, 2), (0, 0), "MET")]
    assert document.clusters == [[(0, 0), (4, 4)], [(6, 6)]]
    assert [(dropped.what, dropped.reason, dropped.detail) for dropped in converted.dropped] == [
        ("mention", "twice in 'ner'", "PER [0, 0] 'Ada'"),
        ("relation", "twice in its document", "MET [0, 0] 'Ada' and [2, 2] 'Bob'"),
        ("relation", "an argument is not in 'ner'", "MET [0, 0] 'Ada' and [1, 1] 'met'"),
        ("mention", "twice in its cluster", "[0, 0] 'Ada'"),
        ("mention", "in two clusters", "[4, 4] 'She'"),
        ("cluster", "of fewer than two mentions", "[2, 2] 'Bob'"),
    ]
    assert [problem for problem in check_document(document, "here") if problem.severity == "error"] == []


def test_singletons_go_by_option():
    document = Document("a", SENTENCES, clusters=[[(0, 0), (4, 4)], [(6, 6)]])
    converted = consistent(document, keep_singletons=False)
    assert document.clusters == [[(0, 0), (4, 4)]]
    assert [dropped.detail for dropped in converted.dropped] == ["[6, 6] 'him'"]


def test_a_sound_document_stays_as_it_is():
    def make() -> Document:
        return Document(
            "a",
            SENTENCES,
            spans={"emd": [Span(0, 0, "PER")]},
            relations=[Relation((0, 0), (0, 0), "IS")],
            clusters=[[(0, 0), (4, 4)]],
        )

    converted = consistent(make())
    assert converted.documents == [make()] and converted.dropped == []
    assert consistent(Document("b", SENTENCES)).documents == [Document("b", SENTENCES)]
