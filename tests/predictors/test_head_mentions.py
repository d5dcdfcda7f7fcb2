import pytest

from hmtl.errors import UserError
from hmtl.predictors import mark_heads, name_task

SENTENCES = [["The", "old", "painter", "met", "Tom", "and", "I", "."], ["She", "saw", "the", "Reka", "of", "Tom", "."]]


def head_of(mentions, names=()):
    """The text of the head of a cluster of these mentions, where `names` are named entities."""
    tokens = [token for sentence in SENTENCES for token in sentence]
    cluster = [{"start": start, "end": end, "text": " ".join(tokens[start : end + 1])} for start, end in mentions]
    spans = [{"start": start, "end": end, "label": "X"} for start, end in names]
    output = {"sentences": SENTENCES, "ner": spans, "coref": [cluster]}
    mark_heads(output, {"ner": "spans", "coref": "clusters"}, "ner")
    (head,) = [mention["text"] for mention in cluster if "head" in mention]
    return head


def test_a_named_mention_comes_first_though_it_is_short():
    assert head_of([(0, 2), (4, 4), (8, 8)], names=[(4, 4)]) == "Tom"
    # Partly the same tokens are not the same mention.
    assert head_of([(0, 2), (8, 8)], names=[(1, 2)]) == "The old painter"


def test_then_a_proper_noun_by_its_last_token():
    assert head_of([(0, 2), (4, 4)]) == "Tom"
    assert head_of([(0, 2), (10, 11)]) == "the Reka"


def test_neither_the_first_token_of_a_sentence_nor_one_letter_is_a_proper_noun():
    assert head_of([(8, 8), (0, 2)]) == "The old painter"
    assert head_of([(6, 6), (1, 2)]) == "old painter"


def test_then_the_longest_and_of_equals_the_first():
    assert head_of([(2, 2), (1, 2)]) == "old painter"
    assert head_of([(4, 4), (13, 13)], names=[(4, 4), (13, 13)]) == "Tom"
    assert head_of([(4, 4), (10, 13)], names=[(4, 4), (10, 13)]) == "the Reka of Tom"


def test_every_cluster_gets_one_and_no_names_are_needed():
    clusters = [[{"start": 0, "end": 0, "text": "The"}], [{"start": 4, "end": 4, "text": "Tom"}]]
    mark_heads({"sentences": SENTENCES, "who": clusters}, {"who": "clusters"}, None)
    assert [[mention["head"] for mention in cluster] for cluster in clusters] == [[True], [True]]


def test_the_task_that_finds_names():
    assert name_task({"emd": "spans", "ner": "spans"}) == "ner"
    assert name_task({"emd": "spans", "ner": "spans"}, "emd") == "emd"
    assert name_task({"likes": "relations", "who": "spans", "what": "spans"}) == "who"
    assert name_task({"likes": "relations"}) is None
    with pytest.raises(UserError, match="no span task 'likes'; it has: who"):
        name_task({"likes": "relations", "who": "spans"}, "likes")
