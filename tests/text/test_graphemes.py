import random
import unicodedata
from typing import List, Tuple

import pytest
import regex
from odd_texts import odd_texts

from hmtl.text import SentenceSplitter, TokenizedText
from hmtl.text.graphemes import blanked, emoji_of, unseen_of, whole

SPLITTER = SentenceSplitter()

FAMILY = "👩\u200d👩\u200d👧\u200d👦"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
PIECES = [
    *("a", "Bob", " ", " ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "\u2029", "\x85", "\x00", "\x1b", "\x1f"),
    *(".", "!", "?", "...", "\u2026", "\u3002", "\uff01", '"', "\u201c", "\u201d", "'", "(", ")", "[1]", "-", "1", "9"),
    *(FAMILY, SCOTLAND, "\U0001f1ef\U0001f1f5", "\U0001f1ef", "\U0001f600", "\U0001f44d\U0001f3fd", "\u2764\ufe0f"),
    *("1\ufe0f\u20e3", "\u2122", "\u2122\ufe0f", "\u200d", "\u200c", "\u200b", "\ufeff", "\u00ad", "\u202e", "\u2066"),
    *("\u0301", "e\u0301", "\ufe0f", "\U0001f3fd", "\u0e33", "\u093f", "\u0915\u094d\u0937\u093f", "\u0600", "\u0661"),
    *("\u1100", "\u1161", "\u11a8", "\ud55c", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d", "\u0647\u200c\u0627"),
    *("\u4ed6\u4eec", "caf\u00e9", "U.S.", "Dr.", "e.g.", "http://a.b/c?d", ":)", "\U0001d49c", "\U00013431"),
]


def hostile(count: int) -> List[str]:
    rng = random.Random(13370)
    return ["".join(rng.choice(PIECES) for _ in range(rng.randint(1, 40))) for _ in range(count)]


def check(split: TokenizedText) -> None:
    """Tokens and sentences cover the text in order, but for white space and what nobody sees, and cut no cluster."""
    text, offsets = split.text, split.token_offsets
    assert [text[start:end] for start, end in offsets] == [token for each in split.sentences for token in each]
    assert all(split.sentences)
    place = 0
    for start, end in [*offsets, (len(text), len(text))]:
        assert place <= start <= end
        assert all(character.isspace() or unicodedata.category(character) == "Cf" for character in text[place:start])
        place = end
    assert all(start < end and not any(map(str.isspace, text[start:end])) for start, end in offsets)
    # A token of format alone is none; signs that span digits are seen, and are in no block of these.
    for start, end in offsets:
        assert any(unicodedata.category(character) != "Cf" or character == "\u0600" for character in text[start:end])
    cuts = {end for (_, end), (start, _) in zip(offsets, offsets[1:]) if end == start}
    for cluster in regex.finditer(r"\X", text):
        assert cuts.isdisjoint(range(cluster.start() + 1, cluster.end())), cluster[0].encode("unicode_escape")


def test_no_token_of_a_hostile_text_cuts_a_cluster():
    for text in hostile(1_500):
        check(SPLITTER(text))


def test_no_token_of_a_real_text_with_odd_characters_cuts_a_cluster(shared_data):
    for text in odd_texts(shared_data, 40):
        check(SPLITTER(text))


def test_tokens_that_are_given_become_whole():
    # As a tokeniser may cut that knows nothing of clusters: at every character.
    for text in hostile(500):
        tokens = [(place, place + 1) for place, character in enumerate(text) if not character.isspace()]
        words, members = whole(text, tokens)
        flat = [text[start:end] for start, end in words]
        check(TokenizedText(text, [flat] if flat else [], words))
        for (start, end), (first, last) in zip(words, members):
            assert tokens[first][0] <= start and end <= tokens[last][1]


@pytest.mark.parametrize(
    "cluster",
    [FAMILY, SCOTLAND, "\U0001f1ef\U0001f1f5", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "1\ufe0f\u20e3", "\U0001f600"],
)
def test_an_emoji_is_a_token(cluster):
    for text in (f"so {cluster} nice", f"so{cluster}{cluster}nice", f"({cluster}),{cluster}!"):
        tokens = [token for sentence in SPLITTER(text).sentences for token in sentence]
        assert tokens.count(cluster) == text.count(cluster), tokens
        assert "".join(tokens) == text.replace(" ", "")


def test_signs_are_no_emoji_unless_the_text_says_so():
    assert emoji_of("Acme\u2122 \u00a9 2020 # 1 * \u2600") == []
    assert emoji_of("\u2122\ufe0f 2020\ufe0f\u20e3") == [(0, 2), (6, 9)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("\u200b", []),
        ("\ufeffBob left\u200b .", ["Bob", "left", "."]),
        ("\u202eabc\u202c. \u2066x\u2069", ["abc", ".", "x"]),
        ("New\u200bYork", ["New", "York"]),
        # Within a word they stay: a soft hyphen, a joiner of Persian; and what spans digits is seen.
        ("co\u00adop", ["co\u00adop"]),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u200d",
            ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"],
        ),
        ("\u0600\u0661\u0662", ["\u0600\u0661\u0662"]),
    ],
)
def test_what_nobody_sees_is_no_token(text: str, expected: List[str]) -> None:
    assert [token for sentence in SPLITTER(text).sentences for token in sentence] == expected


@pytest.mark.parametrize(
    "text, tokens, words, members",
    [
        ("ab\u0301c", [(0, 2), (2, 4)], [(0, 4)], [(0, 1)]),
        ("\U0001f1ef\U0001f1f5\U0001f1e9", [(0, 1), (1, 2), (2, 3)], [(0, 2), (2, 3)], [(0, 1), (2, 2)]),
        ("a \u200b b", [(0, 1), (2, 3), (4, 5)], [(0, 1), (4, 5)], [(0, 0), (2, 2)]),
        ("\u200ea\u200f", [(0, 3)], [(1, 2)], [(0, 0)]),
        ("a b", [(0, 1), (2, 3)], [(0, 1), (2, 3)], [(0, 0), (1, 1)]),
        # A mark behind a space has no letter.
        ("a \u0301", [(0, 1), (2, 3)], [(0, 1), (2, 3)], [(0, 0), (1, 1)]),
    ],
)
def test_whole_words_by_hand(
    text: str, tokens: List[Tuple[int, int]], words: List[Tuple[int, int]], members: List[Tuple[int, int]]
) -> None:
    assert whole(text, tokens) == (words, members)


def test_unseen_characters_are_those_of_format():
    tables = {chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"}
    seen = {character for character in tables if regex.match(r"\p{GCB=Prepend}", character)}
    assert {character for character in tables if unseen_of(character)} == tables - seen


def test_blanks_move_nothing():
    assert blanked("abcdef", [(1, 2), (4, 6)]) == "a cd  "
    assert blanked("abc", []) == "abc"
