"""What a kind of prediction gets without saying it, of rows of other forms than a label: arcs between tokens."""

import pytest

from hmtl.errors import ConfigurationError
from hmtl.tasks.kind import DocItem, Kind, TextRow, kind_of, kinds_of, scored
from hmtl.text import TokenizedText

TEXT = TokenizedText.from_sentences([["Yes", "."], ["He", "saw", "her"]])
SECOND = TextRow(TEXT, 2, 4)


class Arcs(Kind):
    """Items are `(dependent, head, relation)`."""

    singular, plural = "arc", "arcs"

    def to_json(self, item, row, score):
        dependent, head, label = item
        return scored(
            {"label": label, "arg1": row.mention(head, head), "arg2": row.mention(dependent, dependent)}, score
        )


class Lines:
    """A standoff format that keeps what it is told."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *arguments: self.told.append((name, *arguments))


ARCS = Arcs("arcs")
SUBJECT = ARCS.to_json((0, 1, "subject"), SECOND, 0.123456)


def test_offsets_count_the_tokens_of_the_text():
    assert (SUBJECT["arg1"]["start"], SUBJECT["arg1"]["text"]) == (3, "saw")
    assert (SUBJECT["arg2"]["start"], SUBJECT["arg2"]["text"], SUBJECT["score"]) == (2, "He", 0.1235)
    label = Kind("labels").to_json(("statement",), SECOND, None)
    assert label == {"start": 2, "end": 4, "text": "He saw her", "char_start": 6, "char_end": 16, "label": "statement"}


def test_two_mentions_become_a_relation_and_one_an_entity():
    lines = Lines()
    for row in (SUBJECT, {**SUBJECT["arg1"], "label": "verb"}, {"label": "alone"}, [SUBJECT["arg1"]] * 3):
        ARCS.add_to_standoff(row, lines)
    entity = {**SUBJECT["arg1"], "label": "verb"}
    assert lines.told == [
        ("relation", "subject", SUBJECT["arg1"], SUBJECT["arg2"]),
        ("entity", entity, "verb"),
        ("leave_out",),
        ("leave_out",),
    ]


def test_a_line_names_the_label_and_all_mentions():
    assert ARCS.lines([SUBJECT, {"label": "a\x1bb"}], {}, str.upper) == ["SUBJECT  saw  He", "A\\X1BB"]


def test_values_of_spacy_are_kept_as_plain_ones_and_gone_with_a_mention():
    value = ARCS.doc_value(SUBJECT, lambda mention: mention["text"])
    assert value == DocItem("subject", ["saw", "He"], 0.1235)
    kept = ARCS.kept(value, lambda span: [0, len(span), span])
    assert kept == {"label": "subject", "mentions": [[0, 3, "saw"], [0, 2, "He"]], "score": 0.1235}
    assert ARCS.restored(kept, lambda mention: mention[2]) == value
    assert ARCS.restored(kept, lambda mention: None if mention[2] == "He" else mention[2]) is None


def test_scores_of_spacy_compare_all_mentions_and_the_label():
    gold = [DocItem("subject", [(0, 1), (2, 3)]), DocItem("object", [(0, 1), (4, 5)])]
    predicted = [gold[0], DocItem("object", [(4, 5), (0, 1)])]
    scores = ARCS.doc_scores([(predicted, gold)], "arcs")
    assert (scores["arcs_p"], scores["arcs_r"], scores["arcs_f"]) == (0.5, 0.5, 0.5)
    assert scores["arcs_per_type"] == {"object": {"p": 0, "r": 0, "f": 0}, "subject": {"p": 1, "r": 1, "f": 1}}


def test_columns_are_the_figures_that_some_weights_have():
    class Trees(Kind):
        figures = {"uas": "UAS", "las": "LAS"}

    columns = Trees("trees").columns
    assert list(columns([{"uas": 0.5}, {"las": 0.5, "f1": 1.0}], None).items()) == [("uas", "UAS"), ("las", "LAS")]
    assert columns([{"loss": 1.0}], {"las": 0.5}) == {"uas": "UAS"}


def test_gold_is_asked_for_where_the_reader_gives_none():
    assert ARCS.gold({"arcs": [1], "doc_key": "a"}) == [1]
    with pytest.raises(ConfigurationError, match="no gold 'arcs', only doc_key, tokens"):
        ARCS.gold({"tokens": [], "doc_key": "a"})


def test_kinds_go_by_their_names():
    assert {task: kind.name for task, kind in kinds_of({"ner": "spans", "coref": "clusters"}).items()} == {
        "ner": "spans",
        "coref": "clusters",
    }
    # A dot would make AllenNLP import a module.
    with pytest.raises(ConfigurationError, match="no kind of prediction is registered as 'os.path'"):
        kind_of("os.path")
