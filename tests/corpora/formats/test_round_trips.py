"""What hmtl writes it reads back equal: brat, DyGIE, columns of flat spans, JSON lines with characters."""

import random

import pytest
from conversions import CONVERSIONS, FIXTURES, by_reason
from odd_texts import odd_texts

from hmtl.alignment import Changes
from hmtl.annotation import OutputFormat
from hmtl.corpora.formats import read_any, sniff
from hmtl.corpora.formats.writing import SUFFIXES, WRITERS
from hmtl.document import Document, Relation, Span

pytest.importorskip("spacy")


def back(documents, name, folder, **options):
    """The documents as they are read from what was written of them."""
    path = folder / f"written{SUFFIXES[name]}"
    if name == "brat":
        path.mkdir(parents=True)
    else:
        folder.mkdir(parents=True, exist_ok=True)
    changes = Changes()
    WRITERS[name](documents, path, changes)
    assert not changes.dropped and not changes.changed
    found = list(read_any(path, changes=changes, options=options))
    # The tokens that were split for a span are split again.
    assert not changes.dropped and {change.what for change in changes.changed} <= {"token", "sentence"}
    return found


def in_order(documents):
    """Files of a folder come in the order of their names."""
    return sorted(documents, key=lambda document: document.doc_key)


@pytest.mark.parametrize("conversion", CONVERSIONS, ids=lambda conversion: conversion.path)
@pytest.mark.parametrize("name", ["dygie", "jsonl"])
def test_json_lines_hold_all_of_a_document(conversion, name, tmp_path):
    documents = list(read_any(FIXTURES / conversion.path))
    found = back(documents, name, tmp_path)
    if name == "jsonl":  # has a text for every document
        for document in documents:
            document.metadata.setdefault("text", document.text.text)
            document.metadata.setdefault("token_offsets", [list(bounds) for bounds in document.text.token_offsets])
    assert found == documents


@pytest.mark.parametrize("conversion", CONVERSIONS, ids=lambda conversion: conversion.path)
def test_brat_holds_text_spans_relations_and_clusters(conversion, tmp_path):
    documents = in_order(read_any(FIXTURES / conversion.path))
    found = in_order(back(documents, "brat", tmp_path))
    assert sniff(tmp_path / "written").name == "brat"
    for new, old in zip(found, documents):
        assert (new.doc_key, new.sentences, new.spans) == (old.doc_key, old.sentences, old.spans)
        assert sorted(new.relations or []) == sorted(old.relations or [])
        assert (new.relations is None, new.clusters) == (old.relations is None, old.clusters)
        if "text" in old.metadata:
            assert new.metadata["text"] == old.metadata["text"]
            assert new.metadata["token_offsets"] == old.metadata["token_offsets"]
    assert len(found) == len(documents)


def test_brat_keeps_names_that_it_cannot_write(tmp_path):
    document = Document(
        "nw/a b",
        [["Mara", "Lind", "(", "b."], ["left"]],
        {"ner": [Span(0, 1, "PER/x"), Span(0, 1, "PER_x"), Span(3, 3, "Mention")], "emd": [Span(0, 0, "PER/x")]},
        [Relation((0, 1), (2, 2), "org:top members"), Relation((2, 2), (0, 1), "Coref")],
        [[(0, 1), (4, 4)], [(3, 3)], [(2, 3)]],
    )
    [found] = back([document], "brat", tmp_path)
    found.clusters.sort()
    document.clusters.sort()
    assert (found.doc_key, found.sentences, found.spans) == (document.doc_key, document.sentences, document.spans)
    assert found.relations == document.relations
    assert found.clusters == document.clusters
    assert {path.name for path in (tmp_path / "written").iterdir()} == {"nw_a_b.txt", "nw_a_b.ann", "annotation.conf"}


@pytest.mark.parametrize(
    "path", ["brat", "huggingface", "conll2003.conll", "bmes.tsv", "suffix.txt", "io.iob", "doccano_spans.jsonl"]
)
def test_columns_hold_flat_spans(path, tmp_path):
    documents = list(read_any(FIXTURES / path))
    for document in documents:
        document.relations = document.clusters = None
        document.metadata = {}
        document.spans["ner"] = [span for span in document.spans["ner"] if span.end < 17]  # without the nested ones
    assert back(documents, "conll", tmp_path) == documents


def test_columns_count_what_they_do_not_hold(tmp_path):
    document = Document(
        "a", [["Mara", "of", "Oslo"]], {"ner": [Span(0, 2, "PER"), Span(2, 2, "LOC")], "emd": [Span(0, 0, "X")]},
        [Relation((0, 2), (2, 2), "in")], [[(0, 2), (2, 2)]],
    )  # fmt: skip
    changes = Changes()
    WRITERS["conll"]([document], tmp_path / "a.conll", changes)
    assert (tmp_path / "a.conll").read_text() == "-DOCSTART- (a)\n\nMara\tO\nof\tO\nOslo\tB-LOC\n\n"
    assert by_reason(changes.dropped) == {
        ("span", "it overlaps another, which columns cannot hold"): 1,
        ("span", "columns have no place for it beside 'ner'"): 1,
        ("relation", "columns have no place for it"): 1,
        ("cluster", "columns have no place for it"): 1,
        ("mention", "columns have no place for it"): 2,
    }


def test_what_annotate_writes_is_read_back(talkative, shared_data, tmp_path):
    """A model that finds much, in odd texts: line breaks within mentions, direction marks, emoji."""
    texts = [{"doc_key": f"t{number}", "text": text} for number, text in enumerate(odd_texts(shared_data, 40))]
    outputs = [output for output in talkative.annotate(texts) if output["sentences"]]
    layers = {"ner": "spans", "emd": "spans", "relation": "relations", "coref": "clusters"}
    expected = [talkative.to_document(output) for output in outputs]
    assert sum(len(document.relations) for document in expected) > 20
    for name, path in (("jsonl", tmp_path / "all.jsonl"), ("brat", tmp_path / "brat"), ("dygie", tmp_path / "d.jsonl")):
        OutputFormat.by_name(name)(layers).write(iter(outputs), path)
        # Tokens of ours are found again, since no span begins or ends within one.
        found = {document.doc_key: document for document in read_any(path)}
        assert len(found) == len(expected)
        for document in expected:
            again = found[document.doc_key]
            assert again.sentences == document.sentences
            assert {layer: sorted(set(spans)) for layer, spans in again.spans.items()} == {
                layer: sorted(set(spans)) for layer, spans in document.spans.items()
            }
            assert set(again.relations) == set(document.relations)
            assert sorted(map(sorted, again.clusters)) == sorted(map(sorted, document.clusters))


def test_random_documents_of_odd_texts_go_through_brat_and_back(tmp_path):
    rng = random.Random(3)
    words = ["Mara", "Lind", "🙂", "Oslo", "日本", "don't", "e\u0301", ".", "U.S.", "\u200b", "a-b", "(x)"]
    gaps = [" ", "  ", "\n", "\r\n", "\t", "\n\n", "", "\u00a0"]
    documents = []
    for number in range(40):
        text = "".join(rng.choice(words) + rng.choice(gaps) for _ in range(rng.randint(1, 30)))
        starts = [0, *(at for at in range(1, len(text)) if rng.random() < 0.3), len(text)]
        bounds = [(a, b) for a, b in zip(starts, starts[1:]) if text[a:b].strip()]
        chosen = rng.sample(bounds, min(len(bounds), 4))
        pairs = [(a, b, rng.choice("RS")) for a, b in zip(chosen, chosen[1:])]
        documents.append(
            Document.from_text(text, [(*b, rng.choice("AB")) for b in chosen], pairs, [chosen[:2]], f"d{number:02}")
        )
    for new, old in zip(back(documents, "brat", tmp_path), documents):
        assert new.metadata == old.metadata
        assert (new.sentences, new.spans, new.relations) == (old.sentences, old.spans, old.relations)
        assert new.clusters == sorted(map(sorted, old.clusters))
