"""Each rule by a text, in which `|` marks where a sentence begins; it is no part of the text."""

import pytest

from hmtl.text import SentenceSplitter
from hmtl.text.sentences import gaps_of, in_sentences, sentence_starts

SPLITTER = SentenceSplitter()

QUOTES_AND_BRACKETS = [
    'He left. |"I am proud," she said. |He slept.',
    '"I am proud." |He left.',
    "“Go.” |“No.” |‘Why?’ |She sat.",
    '"Go!" he said. |"Why?" she asked.',
    "It closed (in May.) |(Then it opened.) |[So it goes.] |Good.",
    'He said "no?". |She said (yes!). |Fine.',
    'He left." |She stayed.',
    "He left.|She stayed.",
    'He left.|"She stayed."',
    'He left . |" I am proud , " she said . |" Go . " |She went . |`` Go . \'\' |( No . ) |Yes .',
    "He died in 1971.[1][2] |Fillmore wrote. [3] [4] |He slept.",
    "The site Yahoo! is known, and so is (oh!) he.",
]
ABBREVIATIONS = [
    "The bar (est. 1990) closed. |It (est. 1990) was old.",
    "Dr. Lind and Mrs. Berg met Prof. J. R. Smith, e.g. in May, i.e. Spring.",
    "He moved to the U.S. |He liked it. |The U.S. President came.",
    "See No. 5, Fig. 2 and p. 7. |There is no. |No. 6 is lost.",
    "Acme Inc. and Acme Ltd. |The firm and Acme Corp. Holdings grew.",
    "They came at 5 p.m. |The rest came at 6 p.m. Tuesday.",
    "He lives in Washington, D.C. |In May he leaves.",
    "Smith et al. (2010) and Smith et al. |They found it, etc. |We did not.",
    "Tim is older than I. |Mara is not. |I. M. Pei built it. |By then I. M. Pei was old.",
    "She came in Jan. 1990 and left on Sept. 5. |Who came?",
    "Jane (b. 1950) and Tom (b. May 1951) met.",
    "Main St. |The road to St. Petersburg.",
]
ELLIPSES_AND_MARKS = [
    "Well... |Then he left. |Wait ... what? |Hm… |Yes… no.",
    "What?! |No way!!! |Really?? |Yes.",
    "It costs 3.50 at example.com. |See v. 2.0 or node.js, too.",
    "Great! 😀😀 |Next day :) we left. :-) |Fine 😀 then.",
    "他们在北京。|后来又去了上海。|「好！」|他说。",
    "वह गया। |वह आया।",
    "How is he? |¿Quién? |¡Nadie! |(No one.)",
]
LINES = [
    "A heading\n|The text begins here. |It goes on.",
    "Line one\n|Line two\n|Line three",
    "To buy:\n|- bread\n|- butter\n|1. one, Two\n|2. two\n|• dot",
    "A heading\n\n|the text\r\n\r\n|more\u2029|end",
    "He\nleft with the\nMayor of\nYork, Anna,\nBerg and\rTom.\n|he slept.\n|Bye",
    "Ada Lind\n|ada@lind.org\n|https://lind.org\n|Dublin\nand York",
    "1. Introduction\n|1.1. Aims. |We aim.\n|II. Methods",
    # Filled lines of seventy columns, of which the last one of a paragraph is shorter.
    "The quick brown fox jumps over the lazy dog and runs to the house of\nAnna Berg, who lives near the river. |She "
    "sees the fox, and the fox sees\nher. |Nobody else is there, and the sun goes down.\n|Another paragraph begins "
    "here",
]


@pytest.mark.parametrize("marked", [*QUOTES_AND_BRACKETS, *ABBREVIATIONS, *ELLIPSES_AND_MARKS, *LINES])
def test_sentences_begin_where_the_rules_say(marked: str) -> None:
    text, places = "", []
    for part in marked.split("|"):
        places.append(len(text))
        text += part
    split = SPLITTER(text)
    found = [split.token_offsets[start][0] for start in split.sentence_starts]
    shown = "".join(f"|{character}" if place in found[1:] else character for place, character in enumerate(text))
    assert shown == marked


def test_the_first_token_begins_no_sentence_and_the_last_ends_one():
    assert sentence_starts(". a, B.", [(0, 1), (2, 3), (3, 4), (5, 6), (6, 7)]) == set()
    assert sentence_starts("", []) == set()


def test_sentences_are_cut_where_they_are_too_long(monkeypatch):
    monkeypatch.setattr("hmtl.text.sentences.MAX_SENTENCE", 3)
    assert in_sentences("abcdefgh", {1, 3}) == [["a"], ["b", "c"], ["d", "e", "f"], ["g", "h"]]
    assert in_sentences("", set()) == []


def test_what_stands_about_a_gap():
    text = 'Tom (b.) left.\n\n"We" 2.'
    tokens = SPLITTER(text).token_offsets
    (first, second) = gaps_of(text, tokens)
    assert (first.tail, first.word, first.num_breaks, first.next_word) == (".)", "b", 0, "left")
    assert (second.tail, second.word, second.num_breaks) == (".", "left", 2)
    assert (second.opening, second.next_word, second.has_space) == ('"', "We", True)


def test_the_work_grows_with_the_length_of_hostile_texts_alone():
    for unit in (
        '. " ',
        ". [1] ",
        "a.\n",
        "\n",
        "! :) ",
        ". ) ",
        "Dr. ",
        "\u3002\u300d",
        " \u2028",
        "a b " * 12 + "\n",
    ):
        sizes = []
        for count in (500, 4_000):
            text = unit * count
            tokens = SPLITTER(text).token_offsets
            # What is read of the text about each gap is bounded, but for the closing marks that are its own.
            gaps = [*gaps_of(text, tokens)]
            sizes.append(sum(len(gap.tail) + len(gap.word) + len(gap.following) for gap in gaps))
            assert all(len(gap.word) <= 24 and len(gap.following) <= 32 for gap in gaps)
        assert sizes[1] <= 10 * sizes[0] + 100


@pytest.mark.parametrize(
    "marked",
    [
        # As transcripts of ACE have it, below a heading in capitals; titles are what they are elsewhere.
        'NEWS STORY\n\n|the port of lunden is closed. |its deputy left, says dr. lind. |"no!" |soldiers came.',
        # One name in capitals is enough for a small letter to go on.
        "the port of Lunden is closed. its deputy left. |The end.",
    ],
)
def test_without_capitals_small_letters_begin_sentences(marked: str) -> None:
    test_sentences_begin_where_the_rules_say(marked)
