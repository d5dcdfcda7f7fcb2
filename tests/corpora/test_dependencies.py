"""Where documents keep dependency trees, and what is said of those that are none."""

import re

import pytest

from hmtl.corpora import Corpus
from hmtl.corpora.conllu import read_conllu
from hmtl.corpora.dependencies import Dependency, crossing, dependencies_of, has_dependencies, set_dependencies
from hmtl.corpora.validation import validate_corpus
from hmtl.document import Document, Span, read_jsonl, write_jsonl
from hmtl.errors import DataError

# "She sang , loud" and "Yes".
ARCS = [
    [Dependency(0, 1, "nsubj"), Dependency(1, -1, "root"), Dependency(2, 1, "punct"), Dependency(3, 1, "advmod")],
    [Dependency(0, -1, "root")],
]


@pytest.fixture
def document():
    document = Document("a", [["She", "sang", ",", "loud"], ["Yes"]])
    set_dependencies(document, ARCS)
    return document.validate()


def test_heads_are_metadata_and_relations_a_layer_of_spans(document, tmp_path):
    assert document.metadata == {"heads": [[1, -1, 1, 1], [-1]]}
    assert document.spans["deprel"][3:] == [Span(3, 3, "advmod"), Span(4, 4, "root")]
    assert dependencies_of(document) == ARCS
    write_jsonl([document], tmp_path / "a.jsonl")
    (again,) = read_jsonl(tmp_path / "a.jsonl")
    assert again == document and dependencies_of(again) == ARCS


def changed(document, heads=None, spans=None):
    if heads is not None:
        document.metadata["heads"] = heads
    if spans is not None:
        document.spans["deprel"] = spans
    return document


@pytest.mark.parametrize(
    "heads,message",
    [
        ([[1, -1, 1, 1]], "'heads' must hold one list for each of the 2 sentences, found 1 entries"),
        ("no", "'heads' must hold one list for each of the 2 sentences, found str"),
        ([[1, -1, 1], [-1]], "sentence 0: expected a head for each of its 4 tokens, found 3"),
        ([[1, -1, 1, 1], 0], "sentence 1: expected a head for each of its 1 tokens, found 0"),
        ([[1, -1, 1, 4], [-1]], "the head of token 3 'loud' is 4; expected the position of another token of the"),
        ([[1, -1, 1, True], [-1]], "the head of token 3 'loud' is true; expected"),
        ([[0, -1, 1, 1], [-1]], "the head of token 0 'She' is 0; expected the position of another token"),
        ([[1, -1, 1, -2], [-1]], "the head of token 3 'loud' is -2; expected"),
        ([[1, -1, -1, 1], [-1]], "sentence 0: expected one root, a token with the head -1, found 2"),
        ([[1, -1, 3, 2], [-1]], "sentence 0: the heads above token 2 ',' go round in a circle; expected a tree"),
    ],
)
def test_heads_that_are_no_trees(document, heads, message):
    with pytest.raises(DataError, match=re.escape(message)):
        dependencies_of(changed(document, heads=heads))


@pytest.mark.parametrize(
    "spans,message",
    [
        ([Span(0, 0, "nsubj")], "sentence 0: token 1 'sang' has no relation in 'deprel'; expected one for each token"),
        ([Span(0, 1, "x")], "sentence 0: 'deprel' has x for the tokens 0 to 1; expected one relation for each token"),
        ([Span(0, 0, "x"), Span(0, 0, "y")], "'deprel' has y for the tokens 0 to 0; expected one relation"),
    ],
)
def test_relations_that_are_none(document, spans, message):
    with pytest.raises(DataError, match=re.escape(message)):
        dependencies_of(changed(document, spans=spans))


def test_a_document_without_says_what_it_has(document):
    assert has_dependencies(document) and not has_dependencies(document, "other")
    with pytest.raises(DataError, match=r"'a' has no layer 'other', .* \(it has: deprel, heads\); docs/formats.md"):
        dependencies_of(document, "other")
    del document.metadata["heads"]
    with pytest.raises(DataError, match=r"'a' has no 'heads' in its metadata"):
        dependencies_of(document)


def test_arcs_that_cross_others():
    # "A letter arrived that surprised": the clause depends on `letter`, across the root.
    heads = [1, 2, -1, 4, 1]
    arcs = [Dependency(token, head, "x") for token, head in enumerate(heads)]
    assert crossing(arcs) == [arcs[4]]
    assert crossing(ARCS[0]) == []


def test_conllu_keeps_what_is_no_word(fixtures, caplog):
    caplog.set_level("INFO")
    path = fixtures / "treebank" / "train.conllu"
    garden, dog = Corpus.by_name("conllu")().documents(str(path))
    assert garden.metadata["multiword_tokens"] == [[10, 11, "doesn't"]]
    assert garden.tokens[10:12] == ["does", "n't"] and garden.metadata["empty_nodes"] == 1
    assert "multiword_tokens" not in dog.metadata and "empty_nodes" not in dog.metadata
    assert (
        "changed 1 multiword token: read as its words, and kept as metadata (first: garden: 'doesn't')" in caplog.text
    )
    assert "dropped 1 empty node: it stands for no word (first: garden: line 43)" in caplog.text
    sentence = read_conllu(path)[1]
    assert [tuple(multiword) for multiword in sentence.multiword_tokens] == [(2, 3, "doesn't")]
    # Of UD's possessive the universal relation is the layer's.
    assert dependencies_of(garden)[1][0] == Dependency(0, 1, "nmod")


def test_validation_names_the_document_and_what_is_wrong(document, tmp_path):
    write_jsonl([document], tmp_path / "train.jsonl")
    report = validate_corpus([tmp_path / "train.jsonl"], tasks=["dependencies"])
    assert not report.errors
    write_jsonl([changed(document, heads=[[1, -1, 3, 2], [-1]])], tmp_path / "train.jsonl")
    (problem,) = validate_corpus([tmp_path / "train.jsonl"]).errors
    assert problem.kind == "no dependency tree" and "sentence 0: the heads above token 2 ','" in problem.message
    write_jsonl([Document("b", [["Yes"]])], tmp_path / "train.jsonl")
    (problem,) = validate_corpus([tmp_path / "train.jsonl"], tasks=["dependencies"]).errors
    assert problem.kind == "missing layer" and "'b' has no layer 'dependencies'" in problem.message
