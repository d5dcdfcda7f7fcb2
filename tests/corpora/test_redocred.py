import json
import re
from pathlib import Path

import pytest

from hmtl.corpora import RedocredCorpus
from hmtl.corpora.entity_relations import EntityRelations
from hmtl.document import Relation, Span
from hmtl.errors import ConfigurationError, DataError

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "redocred"
REDOCRED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "redocred" / "dev_revised.json"


def read(path) -> list:
    return list(RedocredCorpus().documents(str(path)))


def write(path: Path, *records) -> Path:
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def mention(sentence: int, start: int, stop: int, label: str = "PER") -> dict:
    return {"name": "x", "sent_id": sentence, "pos": [start, stop], "type": label}


def record(entities, labels=(), sentences=(("a", "b", "c"), ("d", "e")), title="T") -> dict:
    return {
        "title": title,
        "sents": sentences,
        "vertexSet": entities,
        "labels": [{"h": head, "t": tail, "r": label, "evidence": []} for head, tail, label in labels],
    }


def test_the_training_fixture():
    first, second = read(FIXTURES / "train.json")
    assert first.doc_key == "Mara Lind"
    assert [len(sentence) for sentence in first.sentences] == [9, 9, 1, 5]
    assert first.spans["ner"] == [
        Span(0, 1, "PER"),
        Span(5, 5, "LOC"),
        Span(7, 7, "LOC"),
        Span(9, 9, "PER"),
        Span(12, 14, "ORG"),
        Span(14, 14, "LOC"),
        Span(16, 16, "TIME"),
        Span(20, 20, "ORG"),
    ]
    assert first.clusters == [[(0, 1), (9, 9)], [(5, 5), (14, 14)], [(12, 14), (20, 20)]]
    # University of Bergen and Norway never share a sentence.
    assert first.relations == [
        Relation((0, 1), (5, 5), "P19"),
        Relation((5, 5), (7, 7), "P17"),
        Relation((9, 9), (12, 14), "P69"),
        Relation((9, 9), (14, 14), "P19"),
        Relation((12, 14), (14, 14), "P131"),
    ]
    assert (second.relations, second.clusters) == ([], [])


def test_a_label_holds_between_all_mentions_that_share_a_sentence(tmp_path):
    entities = [
        [mention(0, 0, 1), mention(0, 2, 3), mention(1, 0, 1), mention(0, 0, 1)],
        [mention(0, 1, 2), mention(1, 0, 1)],
    ]
    [document] = read(write(tmp_path / "a.json", record(entities, [(0, 1, "P1"), (0, 1, "P1"), (0, 0, "P2")])))
    # The two entities share the mention (3, 3), which is no pair of two mentions.
    assert document.relations == [
        Relation((0, 0), (1, 1), "P1"),
        Relation((0, 0), (2, 2), "P2"),
        Relation((2, 2), (0, 0), "P2"),
        Relation((2, 2), (1, 1), "P1"),
    ]
    assert document.spans["ner"] == [Span(0, 0, "PER"), Span(1, 1, "PER"), Span(2, 2, "PER"), Span(3, 3, "PER")]
    assert document.clusters == [[(0, 0), (2, 2), (3, 3)], [(1, 1), (3, 3)]]


def test_relations_across_sentences_are_dropped_and_counted_or_kept(tmp_path, caplog):
    entities = [[mention(0, 0, 1), mention(1, 0, 1)], [mention(0, 1, 2)], [mention(1, 1, 2)]]
    labels = [(0, 1, "P1"), (1, 2, "P2"), (2, 1, "P2")]
    file = write(tmp_path / "a.json", record(entities, labels), record(entities, labels[1:2], title="U"))
    kept = list(RedocredCorpus(across_sentences="keep").documents(str(file)))
    assert kept[0].relations == [
        Relation((0, 0), (1, 1), "P1"),
        Relation((1, 1), (4, 4), "P2"),
        Relation((3, 3), (1, 1), "P1"),
        Relation((4, 4), (1, 1), "P2"),
    ]
    caplog.set_level("INFO")
    for part, left_out in (("", 3), ("#1:", 1)):
        documents = read(f"{file}{part}")
        assert [document.relations for document in documents][-2:] == [[Relation((0, 0), (1, 1), "P1")], []][
            -len(documents) :
        ]
        assert all(not document.metadata for document in documents)
        assert caplog.messages[-1] == f"{file}{part}: {left_out} labels whose entities share no sentence left out"
    with pytest.raises(ConfigurationError, match="across_sentences: 'merge' is neither 'drop' nor 'keep'"):
        RedocredCorpus(across_sentences="merge")


def test_repeated_titles_become_distinct_keys(tmp_path):
    file = write(tmp_path / "a.json", *(record([], title=title) for title in ("A", "B", "A", "A (2)", "A")))
    assert [document.doc_key for document in read(file)] == ["A", "B", "A (2)", "A (2) (2)", "A (3)"]


@pytest.mark.parametrize(
    "bad, message",
    [
        (record([[mention(0, 2, 4)]]), r"document 1 \(from 0\): mention 'x' at \[2, 4\) lies outside its sentence 0"),
        (record([[mention(0, 1, 1)]]), r"mention 'x' at \[1, 1\) lies outside"),
        (record([[mention(0, -1, 1)]]), r"mention 'x' at \[-1, 1\) lies outside"),
        (record([[mention(2, 0, 1)]]), "lies outside its sentence 2"),
        (record([[mention(0, 0, 1)]], [(0, 1, "P1")]), "a label names entity 1, expected 0 to 0"),
        ({"title": "T", "sents": [["a"]], "labels": []}, "expected 'title', 'sents', 'vertexSet' and .*KeyError"),
        (["T"], "expected 'title', 'sents', 'vertexSet' and 'labels'"),
        (record([[{"sent_id": 0, "pos": [0], "type": "PER"}]]), "ValueError"),
        (record([], sentences=[[]]), "sentence 0 is empty"),
    ],
)
def test_a_malformed_document_is_refused_with_its_place(bad, message, tmp_path):
    file = write(tmp_path / "a.json", record([]), bad)
    with pytest.raises(DataError, match=message) as error:
        read(file)
    assert str(error.value).startswith(f"{file}: ")


def test_a_file_of_another_format_is_refused(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('[\n{"title":\n}]')
    with pytest.raises(DataError, match=r"a\.json:3: not valid JSON .*expected a list of documents"):
        read(file)
    file.write_text('{"title": "T"}')
    with pytest.raises(DataError, match=r"a\.json: expected a JSON list of documents, found dict"):
        read(file)
    file.write_bytes(b'["\xe9"]')
    with pytest.raises(DataError, match=r"a\.json: not valid UTF-8"):
        read(file)
    with pytest.raises(DataError, match="expected a JSON file, found a directory"):
        read(tmp_path)


@pytest.mark.skipif(not REDOCRED.is_file(), reason="Re-DocRED is absent")
def test_entities_are_related_as_the_labels_say():
    """But for one document, in which two entities have the same mention."""
    records = json.loads(REDOCRED.read_text("utf-8"))
    sharing = []
    for raw, document in zip(records, RedocredCorpus("keep").documents(str(REDOCRED)), strict=True):
        starts = document.sentence_starts
        bounds = [
            sorted({(starts[m["sent_id"]] + m["pos"][0], starts[m["sent_id"]] + m["pos"][1] - 1) for m in entity})
            for entity in raw["vertexSet"]
        ]
        expected = {Relation(bounds[label["h"]][0], bounds[label["t"]][0], label["r"]) for label in raw["labels"]}
        relations = EntityRelations(document)
        if len({mention for entity in bounds for mention in entity}) < sum(map(len, bounds)):
            sharing.append(document.doc_key)
            continue
        assert relations.gold == expected and len(expected) == len(raw["labels"])
        sentences = [{m["sent_id"] for m in entity} for entity in raw["vertexSet"]]
        within = [label for label in raw["labels"] if sentences[label["h"]] & sentences[label["t"]]]
        assert sum(map(relations.is_in_one_sentence, relations.gold)) == len(within)
    assert len(sharing) == 1


@pytest.mark.skipif(not REDOCRED.is_file(), reason="Re-DocRED is absent")
@pytest.mark.parametrize("start, stop", [(0, 400), (400, 450), (450, 500)])
def test_redocred_against_counts_from_the_raw_records(start, stop):
    records = json.loads(REDOCRED.read_text("utf-8"))[start:stop]
    documents = read(f"{REDOCRED}#{start}:{stop}")
    assert [document.doc_key for document in documents] == [record["title"] for record in records]
    for document, raw in zip(documents, records):
        assert document.sentences == raw["sents"]
        # By sentence and text position, never by offsets of the document.
        expected = set()
        for label in raw["labels"]:
            for head in raw["vertexSet"][label["h"]]:
                for tail in raw["vertexSet"][label["t"]]:
                    if head["sent_id"] == tail["sent_id"] and head["pos"] != tail["pos"]:
                        expected.add((head["sent_id"], *head["pos"], *tail["pos"], label["r"]))
        found = [
            (sentence, start1, end1 + 1, start2, end2 + 1, label)
            for sentence, relations in enumerate(document.relations_by_sentence())
            for (start1, end1), (start2, end2), label in relations
        ]
        assert len(found) == len(set(found)) == len(expected)
        assert set(found) == expected
        mentions = {(m["sent_id"], *m["pos"], m["type"]) for entity in raw["vertexSet"] for m in entity}
        spans = [
            (sentence, start, end + 1, label)
            for sentence, spans in enumerate(document.spans_by_sentence("ner"))
            for start, end, label in spans
        ]
        assert len(spans) == len(mentions) and set(spans) == mentions
        sizes = [len({(m["sent_id"], *m["pos"]) for m in entity}) for entity in raw["vertexSet"]]
        assert sorted(map(len, document.clusters)) == sorted(size for size in sizes if size > 1)


@pytest.mark.parametrize(
    "bad, message",
    [
        (record([[{**mention(0, 0, 1), "type": None}]]), "the 'type' of a mention is null; expected a text in quotes"),
        (record([[{**mention(0, 0, 1), "type": True}]]), "the 'type' of a mention is true"),
        (record([[mention(0, 0, 1, "PER\r")]]), "begins or ends in white space"),
        (record([[mention(0, 0, 1)], [mention(0, 1, 2)]], [(0, 1, 17)]), "the relation 'r' of a label is 17"),
        (record([[mention(0, 0, 1)], [mention(0, 1, 2)]], [(0, 1, False)]), "the relation 'r' of a label is false"),
        (record([[mention(0, 0, 1)], [mention(0, 1, 2)]], [(0, True, "P1")]), "'h' or 't' holds true"),
        (record([[mention(0, 0, 1)], []], [(0, 1, "P1")]), r"entity 1 \(from 0\) has no mention"),
        (record([[mention(False, 0, 1)]]), "'sent_id' holds false"),
        (record([[mention(0, 0, 1.5)]]), "'pos' holds 1.5"),
        (record([], title=None), "'title' is null"),
        (record([], title="\ud800"), "half of a surrogate pair"),
        (record([], sentences=[["a", "\ud800"]]), "half of a surrogate pair"),
    ],
)
def test_values_of_other_types_are_named_and_the_other_documents_are_read(bad, message, tmp_path):
    file = write(tmp_path / "a.json", record([], title="A"), bad, record([], title="B"))
    first, refused, last = RedocredCorpus().attempts(str(file))
    assert (first.doc_key, last.doc_key) == ("A", "B")
    assert isinstance(refused, DataError) and str(refused).startswith(f"{file}: document 1 (from 0): ")
    assert re.search(message, str(refused))
    with pytest.raises(DataError, match=message):
        read(file)
