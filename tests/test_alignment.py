"""From characters to tokens and into sentences: exact where it can be, and all that changes is counted."""

import random

import pytest

from hmtl.alignment import Changes, Policies
from hmtl.document import Document
from hmtl.errors import ConfigurationError, DataError
from hmtl.text import split_at_white_space

pytest.importorskip("spacy")

TEXT = "Mara Lind left. She likes Oslo-born people."
MARA, SHE, OSLO, BORN = (0, 9), (16, 19), (26, 30), (31, 35)


def counts(changes):
    return {
        **{tuple(key): n for key, n in changes.dropped.items()},
        **{tuple(k): n for k, n in changes.changed.items()},
    }


def test_a_text_with_characters_becomes_a_document():
    changes = Changes()
    document = Document.from_text(
        TEXT,
        [(*MARA, "PER"), (*OSLO, "LOC")],
        [(SHE, OSLO, "likes")],
        [[MARA, SHE]],
        doc_key="a",
        changes=changes,
    )
    assert document.to_json() == {
        "doc_key": "a",
        "sentences": [["Mara", "Lind", "left", "."], ["She", "likes", "Oslo", "-", "born", "people", "."]],
        "ner": [[[0, 1, "PER"]], [[6, 6, "LOC"]]],
        "relations": [[], [[4, 4, 6, 6, "likes"]]],
        "clusters": [[[0, 1], [4, 4]]],
        "text": TEXT,
        "token_offsets": [[0, 4], [5, 9], [10, 14], [14, 15], [16, 19], [20, 25], [26, 30], [30, 31], [31, 35],
                          [36, 42], [42, 43]],
    }  # fmt: skip
    assert not changes.dropped and not changes.changed
    assert document.text.mention(6, 6)["char_start"] == 26
    assert Document.from_json(document.to_json()) == document
    absent = Document.from_text(TEXT)
    assert (absent.spans, absent.relations, absent.clusters) == ({}, None, None)
    layers = Document.from_text(TEXT, {"emd": [], "roles": [(*MARA, "x")]})
    assert layers.spans == {"emd": [], "roles": [(0, 1, "x")]}


@pytest.mark.parametrize(
    "policy, tokens, spans, kind",
    [
        ("split", ["Nord", "lys", "wins"], [(0, 0, "A"), (1, 1, "B")], ("token", "split where a span begins or ends")),
        ("snap", ["Nordlys", "wins"], [(0, 0, "A"), (0, 0, "B")], ("span", "extended to whole tokens")),
        ("drop", ["Nordlys", "wins"], [], ("span", "it begins or ends within a token")),
    ],
)
def test_a_span_within_a_token_is_a_matter_of_policy(policy, tokens, spans, kind):
    changes = Changes()
    found = Document.from_text("Nordlys wins", [(0, 4, "A"), (4, 7, "B")], policies=Policies(policy), changes=changes)
    assert (found.tokens, found.spans["ner"]) == (tokens, spans)
    assert counts(changes) == {kind: 1 if policy == "split" else 2}
    with pytest.raises(DataError, match="document 'text': the span 'Nord' .* within a token, of 'Nordlys'"):
        Document.from_text("Nordlys wins", [(0, 4, "A")], policies=Policies("error"))


def test_white_space_around_a_span_is_left_out_and_what_is_nothing_else_dropped():
    changes = Changes()
    spans = [(4, 12, "A"), (4, 5, "B"), (2, 2, "C")]
    document = Document.from_text("Mara  Lind \n wins", spans, changes=changes)
    assert document.spans["ner"] == [(1, 1, "A")]
    assert counts(changes) == {
        ("span", "white space at its ends left out"): 1,
        ("span", "it covers nothing but white space"): 1,
        ("span", "it covers no character"): 1,
    }


def test_what_goes_across_sentences_joins_them_or_is_dropped():
    text = "One is. Two is. Three is."
    one_two, three = (0, 11), (16, 21)
    given = {"spans": [(*one_two, "A")], "relations": [(one_two, three, "r")], "clusters": [[one_two, three], [three]]}
    changes = Changes()
    document = Document.from_text(text, **given, changes=changes)
    assert [len(sentence) for sentence in document.sentences] == [6, 3]
    assert (document.spans["ner"], document.relations) == ([(0, 3, "A")], [])
    assert document.clusters == [[(0, 3), (6, 6)], [(6, 6)]]
    assert counts(changes) == {
        ("sentence", "joined with the one before, since a span goes across"): 1,
        ("relation", "its arguments lie in two sentences"): 1,
    }
    changes = Changes()
    document = Document.from_text(text, **given, policies=Policies(crossing_relations="merge"), changes=changes)
    assert [len(sentence) for sentence in document.sentences] == [9]
    assert document.relations == [((0, 3), (6, 6), "r")]
    assert ("sentence", "joined with the one before, since a relation goes across") in counts(changes)
    changes = Changes()
    document = Document.from_text(text, **given, policies=Policies(crossing_spans="drop"), changes=changes)
    assert [len(sentence) for sentence in document.sentences] == [3, 3, 3]
    # The cluster that had one mention from the start stays.
    assert (document.spans["ner"], document.relations, document.clusters) == ([], [], [[(6, 6)]])
    why = "it goes across the end of a sentence"
    assert counts(changes) == {
        ("span", why): 1,
        ("relation", f"an argument: {why}"): 1,
        ("mention", why): 1,
        ("mention", "the only one left of its cluster"): 1,
        ("cluster", "fewer than two mentions are left"): 1,
    }
    for policies in (Policies(crossing_spans="error"), Policies(crossing_relations="error")):
        with pytest.raises(DataError, match="document 'text': .*sentence"):
            Document.from_text(text, **given, policies=policies)


def test_repetitions_are_kept_once_and_counted():
    changes = Changes()
    document = Document.from_text(
        "a b", [(0, 1, "X"), (0, 1, "X"), (0, 1, "Y")], [((0, 1), (2, 3), "r")] * 3, [[(0, 1), (0, 1), (2, 3)]],
        changes=changes,
    )  # fmt: skip
    assert document.spans["ner"] == [(0, 0, "X"), (0, 0, "Y")]
    assert (len(document.relations), document.clusters) == (1, [[(0, 0), (1, 1)]])
    assert list(counts(changes).values()) == [1, 2, 1]
    assert changes.num_dropped("relation") == 2
    assert changes.lines()[0] == "dropped 1 span: twice in its layer (first: text: X 'a')"


def test_offsets_outside_and_texts_without_words_are_errors():
    for bounds in ((0, 4), (-1, 2), (2, 1)):
        with pytest.raises(DataError, match=r"characters -?\d to \d lie outside the text of 3 characters"):
            Document.from_text("a b", [(*bounds, "X")])
    with pytest.raises(DataError, match="document 'text': it has no sentences"):
        Document.from_text("  ")
    with pytest.raises(ConfigurationError, match="crossing_spans is 'split'; expected one of merge, drop, error"):
        Policies(crossing_spans="split")


def test_white_space_and_lines_split_a_text_that_has_tokens_already():
    split = split_at_white_space(" Mara\tLind .\r\n\nShe\u00a0left\n")
    assert split.sentences == [["Mara", "Lind", "."], ["She", "left"]]
    assert [split.text[start:end] for start, end in split.token_offsets] == ["Mara", "Lind", ".", "She", "left"]
    document = Document.from_text("Do n't", [(0, 6, "X")], splitter=split_at_white_space)
    assert document.tokens == ["Do", "n't"]


def test_a_span_of_what_nobody_sees_covers_no_token_and_its_ends_are_left_out():
    changes = Changes()
    text = "\u200bMara \ufeff Oslo\u200b."
    document = Document.from_text(text, [(0, 1, "A"), (0, 5, "B"), (5, 8, "C"), (6, 13, "D")], changes=changes)
    assert document.tokens == ["Mara", "Oslo", "."]
    assert document.spans["ner"] == [(0, 0, "B"), (1, 1, "D")]
    assert changes.dropped == {("span", "it covers no token"): 2}


@pytest.mark.parametrize("boundaries", ["split", "snap"])
def test_random_spans_of_odd_texts_cover_the_words_that_they_should(boundaries):
    """An independent count: a span holds the characters of the text that are seen, with `snap` or more."""
    rng = random.Random(5)
    # A family of emoji, an accent by itself, a space of no width, a byte order mark, the separator of lines.
    odd = ["\U0001f642", "\U0001f469\u200d\U0001f467", "e\u0301", "\u200b", "\ufeff", "\u00a0", "\u2028", "x" * 30]
    pieces = ["Mara", "don't", "a-b", ".", "!?", "(", "\u3002", "\u65e5", " ", "  ", "\n", "\r\n", "\n\n", "\t", *odd]
    for number in range(120):
        text = "".join(rng.choice(pieces) for _ in range(rng.randint(1, 25)))
        spans = []
        for _ in range(rng.randint(0, 6)):
            start = rng.randint(0, len(text))
            spans.append((start, rng.randint(start, len(text)), rng.choice("AB")))
        if not seen(text):
            continue
        changes = Changes()
        policies = Policies(boundaries=boundaries)
        document = Document.from_text(text, spans, doc_key=str(number), policies=policies, changes=changes)
        offsets = document.metadata["token_offsets"]
        assert seen("".join(document.tokens)) == seen(text)
        assert [text[start:end] for start, end in offsets] == document.tokens
        expected = {(*inner(text, start, end), label) for start, end, label in spans if seen(text[start:end])}
        found = {(offsets[first][0], offsets[last][1], label) for first, last, label in document.spans["ner"]}
        if boundaries == "split":
            # Of a word with such a character in its midst a span may be this character.
            assert {(*inner(text, a, b), label) for a, b, label in found if seen(text[a:b])} == expected
        else:
            # Nothing is cut off, and no token further than the one at each end is taken.
            for start, end, label in expected:
                assert any(
                    a <= start and end <= b and text[a:start].split() == [text[a:start]] * bool(text[a:start])
                    for a, b, other in found if other == label
                )  # fmt: skip
        assert len(spans) == len(document.spans["ner"]) + changes.num_dropped("span")
        assert Document.from_json(document.to_json()) == document


def seen(text):
    return "".join(character for character in text if is_seen(character))


def inner(text, start, end):
    places = [place for place in range(start, end) if is_seen(text[place])]
    return places[0], places[-1] + 1


def is_seen(character):
    return not character.isspace() and character not in "\u200b\ufeff"
