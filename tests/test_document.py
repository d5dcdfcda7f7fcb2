import json
import random

import pytest

from hmtl.document import Document, Relation, Span, attempt_jsonl, read_jsonl, write_jsonl
from hmtl.errors import DataError

RECORD = {
    "doc_key": "tiny",
    "sentences": [["Ann", "met", "her", "aunt"], ["Yes"], ["They", "left", "Rome"]],
    "ner": [[[0, 0, "PER"]], [], [[7, 7, "GPE"]]],
    "relations": [[[2, 2, 3, 3, "FAMILY"]], [], [[5, 5, 7, 7, "AT"]]],
    "clusters": [[[0, 0], [2, 2]], [[2, 3]]],
}


def record(**changes):
    return {**json.loads(json.dumps(RECORD)), **changes}


def random_document(seed: int) -> Document:
    """A valid document whose layers are in the order of their sentences, as a layout grouped by sentence has them."""
    generator = random.Random(seed)
    sentences = [
        [generator.choice(["a", "Ü", "\u2028", '"', "\\n", " "]) for _ in range(generator.randint(1, 6))]
        for _ in range(generator.randint(1, 5))
    ]
    spans = {layer: [] for layer in ("ner", "emd", "mentions") if generator.random() < 0.7}
    relations = [] if generator.random() < 0.7 else None
    mentions = []
    first = 0
    for sentence in sentences:

        def bounds(first=first, sentence=sentence):
            start, end = sorted((generator.randrange(len(sentence)), generator.randrange(len(sentence))))
            return first + start, first + end

        for layer in spans.values():
            layer.extend(Span(*bounds(), generator.choice("AB")) for _ in range(generator.randint(0, 3)))
        if relations is not None:
            relations.extend(Relation(bounds(), bounds(), "R") for _ in range(generator.randint(0, 2)))
        mentions.append(bounds())
        first += len(sentence)
    clusters = [mentions] if generator.random() < 0.5 else None
    return Document(f"d{seed}", sentences, spans, relations, clusters, {"year": seed, "notes": {"a": [None, 1.5]}})


@pytest.mark.parametrize("seed", range(30))
def test_a_document_survives_json_unchanged(seed, tmp_path):
    document = random_document(seed).validate()
    file = tmp_path / "folder" / "documents.jsonl"
    assert write_jsonl([document, document], file) == 2
    assert list(read_jsonl(file)) == [document, document]
    assert [path.name for path in file.parent.iterdir()] == ["documents.jsonl"]


@pytest.mark.parametrize("seed", range(30))
def test_grouping_by_sentence_keeps_the_text_of_every_span(seed):
    document = random_document(seed)
    tokens = document.tokens
    for layer, spans in document.spans.items():
        grouped = document.spans_by_sentence(layer)
        assert len(grouped) == len(document.sentences)
        texts = [
            (sentence[start : end + 1], label)
            for sentence, spans_of_sentence in zip(document.sentences, grouped)
            for start, end, label in spans_of_sentence
        ]
        assert texts == [(tokens[start : end + 1], label) for start, end, label in spans]
    grouped_relations = document.relations_by_sentence()
    assert len(grouped_relations) == len(document.sentences)
    texts = [
        (sentence[start1 : end1 + 1], sentence[start2 : end2 + 1])
        for sentence, relations in zip(document.sentences, grouped_relations)
        for (start1, end1), (start2, end2), _ in relations
    ]
    assert texts == [
        (tokens[start1 : end1 + 1], tokens[start2 : end2 + 1])
        for (start1, end1), (start2, end2), _ in document.relations or []
    ]


def test_offsets_are_read_as_document_offsets_with_both_ends_included():
    document = Document.from_json(record())
    assert document.sentence_starts == [0, 4, 5]
    assert document.spans == {"ner": [Span(0, 0, "PER"), Span(7, 7, "GPE")]}
    assert document.relations == [Relation((2, 2), (3, 3), "FAMILY"), Relation((5, 5), (7, 7), "AT")]
    assert document.clusters == [[(0, 0), (2, 2)], [(2, 3)]]
    assert document.spans_by_sentence("ner") == [[Span(0, 0, "PER")], [], [Span(2, 2, "GPE")]]
    assert document.relations_by_sentence()[2] == [Relation((0, 0), (2, 2), "AT")]


def test_relations_across_sentences_are_held_but_in_no_sentence(tmp_path):
    across = [[0, 0, 7, 7, "FROM"], [2, 2, 3, 3, "FAMILY"]]
    # Either sentence may hold such a row, and the first argument's is written.
    document = Document.from_json(record(relations=[across[1:], [], [across[0], [5, 5, 7, 7, "AT"]]]))
    assert document.relations_across_sentences == [Relation((0, 0), (7, 7), "FROM")]
    assert document.relations_by_sentence() == [
        [Relation((2, 2), (3, 3), "FAMILY")],
        [],
        [Relation((0, 0), (2, 2), "AT")],
    ]
    assert document.to_json()["relations"] == [across[::-1], [], [[5, 5, 7, 7, "AT"]]]
    assert Document.from_json(document.to_json()).relations_across_sentences == document.relations_across_sentences
    # The last token of a sentence and the first of the next.
    document.relations = [Relation((3, 3), (4, 4), "R"), Relation((4, 4), (3, 3), "R"), Relation((5, 5), (7, 7), "R")]
    assert document.relations_across_sentences == document.relations[:2]
    assert document.relations_by_sentence() == [[], [], [Relation((0, 0), (2, 2), "R")]]


def test_an_absent_layer_differs_from_an_empty_one():
    bare = Document.from_json({"doc_key": "a", "sentences": [["x"]]})
    assert (bare.spans, bare.relations, bare.clusters) == ({}, None, None)
    assert bare.to_json() == {"doc_key": "a", "sentences": [["x"]]}
    empty = Document.from_json({"doc_key": "a", "sentences": [["x"]], "ner": [[]], "relations": [[]], "clusters": []})
    assert (empty.spans, empty.relations, empty.clusters) == ({"ner": []}, [], [])
    assert empty.to_json() == {"doc_key": "a", "sentences": [["x"]], "ner": [[]], "relations": [[]], "clusters": []}


def test_extra_span_layers_are_layers_and_other_keys_are_metadata():
    nested = [[[2, 3, "NP"], [2, 2, "NP"]], [], []]
    extra = {"dataset": "own", "weights": [0.1, 0.2, 0.3], "events": [[], [], []], "speakers": [["-"], ["-"], ["-"]]}
    document = Document.from_json(record(mentions=nested, **extra))
    assert document.spans["mentions"] == [Span(2, 3, "NP"), Span(2, 2, "NP")]
    assert document.metadata == extra
    assert document.to_json() == record(mentions=nested, **extra)


def test_scores_behind_a_row_are_dropped():
    scored = record(
        ner=[[[0, 0, "PER", 7.25, 0.99]], [], [[7, 7, "GPE", 3.5, 0.8]]],
        predicted_ner=[[[0, 0, "PER", 7.25, 0.99]], [], []],
        relations=[[[2, 2, 3, 3, "FAMILY", 0.5, 0.25]], [], []],
    )
    document = Document.from_json(scored)
    assert document.spans == {"ner": [Span(0, 0, "PER"), Span(7, 7, "GPE")], "predicted_ner": [Span(0, 0, "PER")]}
    assert document.relations == [Relation((2, 2), (3, 3), "FAMILY")]


@pytest.mark.parametrize(
    "found, message",
    [
        ([1], "expected a JSON object, found list"),
        ({"sentences": [["a"]]}, "the key 'doc_key' is missing"),
        ({"doc_key": "a"}, "the key 'sentences' is missing"),
        (record(sentences="Ann met"), "'sentences' must be a list of lists of tokens"),
        (record(sentences=["Ann met"]), "'sentences' must be a list of lists of tokens"),
        (record(ner=[[]]), "'ner' must hold one list for each of the 3 sentences, found 1 entries"),
        (record(ner={"a": 1}), "'ner' must hold one list for each of the 3 sentences, found dict"),
        (record(ner=[[[0, "PER"]], [], []]), r"'ner' holds \[0, \"PER\"\]; expected \[int, int, str\]"),
        (record(ner=[[[0, True, "PER"]], [], []]), r"'ner' holds \[0, true, \"PER\"\]; expected \[int, int, str\]"),
        (record(ner=["PER", [], []]), r"'ner' holds \"PER\"; expected \[int, int, str\]"),
        (record(relations=[[]]), "'relations' must hold one list for each of the 3 sentences"),
        (record(relations=[[[0, 0, 1, "R"]], [], []]), r"'relations' holds .*expected \[int, int, int, int, str\]"),
        (record(clusters=[1]), "'clusters' must be a list of lists"),
        (record(clusters=[[[0]]]), r"'clusters' holds \[0\]; expected \[int, int\]"),
        (record(clusters=[[[0, 1.5]]]), r"'clusters' holds \[0, 1.5\]; expected \[int, int\]"),
        ({"doc_key": "a", "sentences": []}, "document 'a': it has no sentences"),
        ({"doc_key": "a", "sentences": [["x"], []]}, "sentence 1 is empty; remove it"),
        ({"doc_key": "a", "sentences": [["x", ""]]}, "sentence 0 holds a token that is not a non-empty string"),
        ({"doc_key": "a", "sentences": [["x", 3]]}, "sentence 0 holds a token that is not a non-empty string"),
        (record(ner=[[[0, 8, "PER"]], [], []]), r"'ner' span \[0, 8\] lies outside the text of 8 tokens"),
        (record(ner=[[[-1, 0, "PER"]], [], []]), r"'ner' span \[-1, 0\] lies outside the text"),
        (record(ner=[[[2, 1, "PER"]], [], []]), r"'ner' span \[2, 1\] lies outside the text"),
        (record(ner=[[[3, 4, "PER"]], [], []]), r"'ner' span \[3, 4\] leaves its sentence, tokens 0 to 3"),
        (record(parts=[[[3, 4, "PER"]], [], []]), r"'parts' span \[3, 4\] leaves its sentence"),
        (record(relations=[[[0, 0, 3, 4, "R"]], [], []]), r"relation argument \[3, 4\] leaves its sentence"),
        (record(clusters=[[[0, 0], [4, 5]]]), r"cluster mention \[4, 5\] leaves its sentence, tokens 4 to 4"),
        (record(clusters=[[[0, 99]]]), r"cluster mention \[0, 99\] lies outside the text"),
    ],
)
def test_a_malformed_record_is_refused_with_its_place(found, message, tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text(json.dumps(RECORD) + "\n\n" + json.dumps(found) + "\n", encoding="utf-8")
    documents = read_jsonl(file)
    assert next(documents).doc_key == "tiny"
    with pytest.raises(DataError, match=message) as error:
        next(documents)
    assert str(error.value).startswith(f"{file}:3: ")


def test_a_line_that_is_not_json_is_refused_with_its_place(tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"doc_key": "a"\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.jsonl:1: not valid JSON .*expected one object a line"):
        next(read_jsonl(file))


def test_a_sentence_that_is_a_string_is_refused():
    with pytest.raises(DataError, match="sentence 0 is no list of tokens but str"):
        Document("a", ["Ann met"]).validate()


@pytest.mark.parametrize("key", ["doc_key", "clusters", "ner", "mentions"])
def test_metadata_cannot_hide_a_layer(key):
    document = Document("a", [["x"]], spans={"mentions": []}, metadata={key: 1})
    with pytest.raises(DataError, match=f"the metadata key '{key}' is the name of a layer"):
        document.validate()


def test_a_file_appears_only_once_it_is_complete(tmp_path):
    def documents():
        yield Document("a", [["x"]])
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_jsonl(documents(), tmp_path / "a.jsonl")
    assert list(tmp_path.iterdir()) == []


def two_sentences(**layers):
    return {"doc_key": "d", "sentences": [["Ann", "saw", "Bob", "."], ["He", "left", "Rome", "."]], **layers}


@pytest.mark.parametrize(
    "layers, message",
    [
        (
            {"ner": [[[0, 0, "PER"]], [[2, 2, "LOC"]]]},
            r"'ner' has \[2, 2, \"LOC\"\] in the list of sentence 1, tokens 4 to 7, but it lies in sentence 0: offsets "
            "count tokens of the document, not of the sentence",
        ),
        ({"ner": [[[5, 5, "LOC"]], []]}, "in the list of sentence 0, tokens 0 to 3, but it lies in sentence 1"),
        ({"chunks": [[], [[0, 1, "NP"]]]}, r"'chunks' has \[0, 1, \"NP\"\] in the list of sentence 1"),
        ({"relations": [[], [[0, 0, 2, 2, "IN"]]]}, "'relations' has .* sentence 1, .* lies in sentence 0"),
    ],
)
def test_a_row_under_another_sentence_than_its_own_is_refused(layers, message):
    with pytest.raises(DataError, match=message) as error:
        Document.from_json(two_sentences(**layers), "a.jsonl", 4)
    assert str(error.value).startswith("a.jsonl:4: document 'd': ")


@pytest.mark.parametrize(
    "layers",
    [
        # The end of the first sentence, of the second, of the text; all ends are those of the token behind.
        {"ner": [[[0, 1, "PER"], [2, 4, "X"]], []]},
        {"ner": [[[0, 1, "PER"]], [[6, 8, "LOC"]]]},
        {"ner": [[[0, 1, "PER"]], []], "clusters": [[[0, 1], [2, 4]]]},
        {"relations": [[[0, 1, 2, 4, "R"]], []]},
    ],
)
def test_ends_that_all_are_one_too_far_are_told(layers):
    with pytest.raises(DataError, match="all ends look one too far"):
        Document.from_json(two_sentences(**layers))


@pytest.mark.parametrize("rows", [[[0, 0, "PER"], [2, 4, "X"]], [[2, 4, "X"]], [[0, 1, "X"], [2, 5, "X"]]])
def test_one_wrong_end_says_nothing_of_the_others(rows):
    with pytest.raises(DataError, match="leaves its sentence") as error:
        Document.from_json(two_sentences(ner=[rows, []]))
    assert "all ends" not in str(error.value)


@pytest.mark.parametrize(
    "layers, message",
    [
        ({"relation": [[[0, 0, 2, 2, "R"]], []]}, "did you mean 'relations'"),
        ({"cluster": [[[0, 0], [4, 4]]]}, "did you mean 'clusters'"),
        ({"entities": [{"type": "PER", "start": 0, "end": 1}]}, "did you mean 'ner'"),
        ({"NER": [{"a": 1}]}, "did you mean 'ner'"),
    ],
)
def test_a_key_that_is_misspelt_is_refused(layers, message):
    with pytest.raises(DataError, match=message):
        Document.from_json(two_sentences(**layers))


def test_a_key_that_is_misspelt_and_needed_is_named():
    with pytest.raises(DataError, match="the key 'sentences' is missing; rename 'sentence'"):
        Document.from_json({"doc_key": "d", "sentence": [["a"]]})
    with pytest.raises(DataError, match="the key 'doc_key' is missing; rename 'doc_id'"):
        Document.from_json({"doc_id": "d", "sentences": [["a"]]})


def test_metadata_may_have_any_other_name():
    extra = {"relation": "cousins", "cluster": 7, "entities": 3, "boxes": [[[0, 0, 5]], []], "scores": [[0.5], [0.1]]}
    assert Document.from_json(two_sentences(**extra)).metadata == extra
    # Beside the layer of the right name.
    document = Document.from_json(two_sentences(relations=[[], []], relation=[1]))
    assert document.metadata == {"relation": [1]}
    assert Document.from_json(two_sentences(entities=[[[0, 0, "PER"]], []])).spans == {"entities": [Span(0, 0, "PER")]}


@pytest.mark.parametrize(
    "rows",
    [
        [[[0, 0, "NP"], [1, "1", "NP"]], []],
        [[[0, 0, "NP"]], [[4, 4]]],
        [[[0, 0, "NP"], [2, 2, None]], []],
        [[[0, 0, "NP"], 7], []],
        [[[1, "1", "NP"]], []],
        [[[0, 0, None]], []],
        [[[0, 0, True]], []],
        [[[0, 0, "NP"], [1, 1, "NP"]], "NP"],
        [[[0, 0, "NP"]], None],
    ],
)
def test_one_bad_row_makes_no_metadata_of_a_layer(rows):
    with pytest.raises(DataError, match=r"'chunks' holds .*; expected \[int, int, str\]"):
        Document.from_json(two_sentences(chunks=rows))


def test_a_layer_for_other_sentences_is_refused():
    with pytest.raises(DataError, match="'chunks' must hold one list for each of the 2 sentences, found 1 entries"):
        Document.from_json(two_sentences(chunks=[[[0, 0, "NP"]]]))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"ner": [[[0, 0, "PER\r"]], []]}, r"'ner' has a label that cannot be used: 'PER\\r' begins or ends in white"),
        ({"ner": [[[0, 0, ""]], []]}, "an empty label"),
        ({"relations": [[[0, 0, 2, 2, " R"]], []]}, "'relations' has a label that cannot be used"),
        ({"ner": [[[0, 0, 5]], []]}, r"'ner' holds \[0, 0, 5\]"),
        ({"ner": [[[0, 0, None]], []]}, r"'ner' holds \[0, 0, null\]"),
        ({"ner": [[[0, 0, True]], []]}, r"'ner' holds \[0, 0, true\]"),
        ({"doc_key": None}, "'doc_key' is null; expected a name in quotes"),
        ({"doc_key": ["d"]}, "'doc_key' is "),
        ({"doc_key": "\ud800"}, "half of a surrogate pair"),
        ({"sentences": [["a", "\ud83d"]]}, "sentence 0 holds a broken token: character 0 .* half of a surrogate pair"),
        ({"\ud800": [[[0, 0, "X"]], []]}, "the name of a layer: .* surrogate"),
        ({"note\ud800": 1}, "surrogate"),
        ({"note": {"a": ["\ud800"]}}, "the metadata key 'note': .* surrogate"),
    ],
)
def test_texts_that_cannot_be_kept_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        Document.from_json(two_sentences(**changes))


def test_labels_that_are_no_text_are_refused_whoever_made_them():
    for label in (None, 17, True, ["PER"]):
        with pytest.raises(DataError, match="'ner' has a label that cannot be used: .*expected a text in quotes"):
            Document("d", [["a"]], {"ner": [Span(0, 0, label)]}).validate()


def test_each_line_is_tried(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(json.dumps(RECORD).encode() + b'\n\n{"doc_key"\n\xff\n[1]\n' + json.dumps(RECORD).encode() + b"\n")
    found = list(attempt_jsonl(file))
    assert [number for number, _ in found] == [1, 3, 4, 5, 6]
    assert [isinstance(each, Document) for _, each in found] == [True, False, False, False, True]
    assert [str(each).split(":")[1] for _, each in found[1:4]] == ["3", "4", "5"]
