import random
import re
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Tuple

import pytest
import spacy
from odd_texts import odd_texts

from hmtl.errors import UserError
from hmtl.text import MAX_SENTENCE, MAX_TOKEN, SentenceSplitter, TokenizedText
from hmtl.text import splitter as splitter_module
from hmtl.text.graphemes import emoji_of, unseen_of

# Each is split off by itself.
MARKS = "=()[]{}*#_!?+<>:'\""
# As they occur in texts, each with a run of more than 32 characters.
ORDINARY = [
    "See (https://example.org/a/very/long/path?first=1&second=2#a-part-of-the-page), please.",
    '"https://en.wikipedia.org/wiki/Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"!!!',
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft's office",
    "A title\n" + "=" * 80 + "\n\n" + "-" * 120 + "\nChapter 1 " + "." * 200 + " 7\n" + "*" * 60 + "\n___" + "_" * 70,
    "well-known-state-of-the-art-hand-in-hand-two-year-old-ideas... (so-they-say-in-the-old-country)).",
    "No" + "o" * 60 + "!" * 50 + "1" + "?!" * 30 + " " + "ha" * 40 + "... 😀" + "😀" * 50,
    "f(g(h(x[0][1], y[2]{3})))" + ";for(i=0;i<10;i++){a[i]=b[(i+1)%n]*(c<<2)|~d&0xff;}/*end*/",
    "jane.doe+newsletter@a-very-long-subdomain.of-some.university.example.ac.uk, 1,234,567,890.00km²",
]


def test_tokens_are_found_where_their_offsets_say():
    text = "  Zoë's café\tsold “naïve” 🙂 bread.\n Then, in 2003, it closed!  "
    split = SentenceSplitter()(text)
    tokens = [token for sentence in split.sentences for token in sentence]
    assert [text[start:end] for start, end in split.token_offsets] == tokens
    # Nothing but whitespace lies outside the tokens.
    assert "".join(tokens) == "".join(text.split())


def test_sentences_end_at_punctuation_and_at_blank_lines():
    text = "A title\n\nMr. Lind came. He\nleft\r\n\r\nThe end"
    sentences = SentenceSplitter()(text).sentences
    assert [" ".join(sentence) for sentence in sentences] == ["A title", "Mr. Lind came .", "He left", "The end"]


def test_whitespace_is_no_token():
    assert SentenceSplitter()(" \n\n a \t b \n\n").sentences == [["a", "b"]]
    assert SentenceSplitter()(" \n\n ").sentences == []


def test_given_tokens_are_joined_by_single_spaces():
    text = TokenizedText.from_sentences([["Ünal", "met"], ["me", "."]])
    assert text.text == "Ünal met me ."
    assert text.token_offsets == [(0, 4), (5, 8), (9, 11), (12, 13)]
    assert text.sentence_starts == [0, 2]


def test_mention():
    text = SentenceSplitter()("He saw  New York.")
    expected = {"start": 2, "end": 3, "text": "New York", "char_start": 8, "char_end": 16}
    assert text.mention(2, 3) == expected


def test_any_pipeline_can_split(tmp_path):
    german = spacy.blank("de")
    german.add_pipe("sentencizer", config={"punct_chars": [";"]})
    german.to_disk(tmp_path / "pipeline")
    splitter = SentenceSplitter(str(tmp_path / "pipeline"))
    assert splitter("Er kam; sie ging.").sentences == [["Er", "kam", ";"], ["sie", "ging", "."]]
    # Its sentences stay where a token of its own is none of ours: white space, a half of a flag, a zero-width space.
    split = splitter("\U0001f1e9\U0001f1ea Er;  \u200bsie\u200b\n\nwir; \u200b ihr")
    assert split.sentences == [["\U0001f1e9\U0001f1ea", "Er", ";"], ["sie"], ["wir", ";"], ["ihr"]]


def test_a_pipeline_without_sentences_gets_the_built_in_ones(tmp_path):
    spacy.blank("en").to_disk(tmp_path / "pipeline")
    text = 'He left. "I am proud," said Dr. Lind.'
    assert SentenceSplitter(str(tmp_path / "pipeline"))(text) == SPLITTER(text)
    assert len(SPLITTER(text).sentences) == 2


def test_unknown_pipeline():
    with pytest.raises(UserError, match="finds no pipeline 'en_no_such_pipeline'; install it"):
        SentenceSplitter("en_no_such_pipeline")


def test_texts_beyond_the_limit_of_spacy():
    splitter = SentenceSplitter()
    splitter._nlp.max_length = 10
    assert len(splitter("One sentence. " * 3).sentences) == 3


ALONE = spacy.blank("en")
SPLITTER = SentenceSplitter()


def by_spacy_alone(text: str) -> List[str]:
    return [token.text for token in ALONE(text) if not token.is_space]


def tokens_of(split: TokenizedText) -> List[str]:
    tokens = [token for sentence in split.sentences for token in sentence]
    assert [split.text[start:end] for start, end in split.token_offsets] == tokens
    return tokens


@pytest.mark.parametrize("text", ORDINARY, ids=range(len(ORDINARY)))
def test_long_runs_of_ordinary_texts_are_tokenised_as_by_spacy(text):
    assert tokens_of(SPLITTER(text)) == by_spacy_alone(text)


def test_real_texts_are_tokenised_as_by_spacy_but_for_emoji_and_what_nobody_sees(shared_data):
    reference = spacy.blank("en")
    compared = 0
    for text in odd_texts(shared_data, 200):
        ours, spacys = (
            by_run(text, SPLITTER(text).token_offsets),
            by_run(text, [(token.idx, token.idx + len(token)) for token in reference(text) if not token.is_space]),
        )
        special = [start for start, _ in (*emoji_of(text), *unseen_of(text))]
        for run in re.finditer(r"\S+", text):
            if any(run.start() <= start < run.end() for start in special) or "\u0301" in run[0]:
                continue
            compared += 1
            assert ours[run.start()] == spacys[run.start()], run[0]
    assert compared > 10_000


def by_run(text: str, offsets: List[Tuple[int, int]]) -> Dict[int, List[Tuple[int, int]]]:
    """The tokens of each run of characters without white space, by its start."""
    runs = [run.span() for run in re.finditer(r"\S+", text)]
    found: Dict[int, List[Tuple[int, int]]] = {start: [] for start, _ in runs}
    for start, end in offsets:
        run = runs[bisect_right(runs, (start, len(text))) - 1]
        assert run[0] <= start < end <= run[1]
        found[run[0]].append((start, end))
    return found


def test_runs_of_marks_are_tokenised_as_by_spacy():
    # But for apostrophes, of which spaCy takes one or two at a time, as it comes from both ends.
    marks = [mark * 300 for mark in MARKS.replace("'", "")]
    for text in [*marks, "'s" * 150, "😀" * 300, "a " + "[" * 300 + "b" + ")" * 300 + " c"]:
        assert tokens_of(SPLITTER(text)) == by_spacy_alone(text), text[:5]


def searched(text: str) -> int:
    """The characters that spaCy's rules looked at: those of all strings that it searched for an affix."""
    tokenizer, count = SPLITTER._nlp.tokenizer, 0
    searches = tokenizer.prefix_search, tokenizer.suffix_search

    def counted(search: Any) -> Any:
        def counting(string: str) -> Any:
            nonlocal count
            count += len(string)
            return search(string)

        return counting

    # Setting them also empties the tokeniser's memory.
    tokenizer.prefix_search, tokenizer.suffix_search = map(counted, searches)
    tokens = tokens_of(SPLITTER(text))
    tokenizer.prefix_search, tokenizer.suffix_search = searches
    assert "".join(tokens) == "".join(text.split())
    return count


def hostile_texts(length: int) -> List[str]:
    chosen = random.Random(length)
    mixed = "".join(chosen.choice(MARKS) for _ in range(length))
    units = ["[", ":", "'s", "1km", "a''", "[..", "(=", "😀", "\n", "x@", "://"]
    runs = [mixed[start : start + 400] for start in range(0, length, 400)]
    return [
        *(unit * (length // len(unit)) for unit in units),
        *(mixed, f"a{mixed}a", f"{mixed}a{mixed}"),
        *("".join(chosen.choice(f"ab{MARKS}") for _ in range(length)), " ".join(runs), " a".join(runs)),
    ]


def test_the_work_grows_with_the_length_of_hostile_texts_alone():
    for short, long in zip(hostile_texts(1_500), hostile_texts(12_000)):
        # Of the square it would be 64 times as much.
        assert searched(long) < 12 * searched(short) + 20_000, short[:20]
        assert searched(long) < 200 * len(long), short[:20]


def test_no_token_and_no_sentence_is_longer_than_the_limits():
    tokens = tokens_of(SPLITTER("a" * (2 * MAX_TOKEN + 5)))
    assert list(map(len, tokens)) == [MAX_TOKEN, MAX_TOKEN, 5]
    assert tokens_of(SPLITTER("a" * MAX_TOKEN)) == ["a" * MAX_TOKEN]
    sentences = SPLITTER("word " * (MAX_SENTENCE + 2) + ". The end").sentences
    assert list(map(len, sentences)) == [MAX_SENTENCE, 3, 2]


def test_tokenisers_of_another_kind_are_left_alone(tmp_path):
    # SpaCy's for Chinese makes each character a token.
    chinese = spacy.blank("zh")
    chinese.to_disk(tmp_path / "pipeline")
    assert len(SentenceSplitter(str(tmp_path / "pipeline"))("中" * 2_000)) == 2_000


@pytest.mark.skipif(not hasattr(spacy.Language, "memory_zone"), reason="this spaCy has no memory zones")
def test_new_words_are_forgotten(monkeypatch):
    monkeypatch.setattr(splitter_module, "_MAX_STRINGS", 100)
    splitter = SentenceSplitter()
    vocab = splitter._nlp.vocab
    sizes = []
    for number in range(100):
        # Every text has forty new words.
        text = " ".join(f"word{number}x{k} [{number}y{k}] don't" for k in range(20)) + ". The end." + "[" * 100
        assert splitter(text) == SPLITTER(text)
        sizes.append(len(vocab.strings))
    # The first texts fill it; after that nothing is added.
    assert sizes[0] < sizes[-1] == sizes[5] < splitter._max_strings + 100
    assert "word0x0" in vocab.strings
    assert "word99x19" not in vocab.strings


def test_the_tables_of_words_are_made_anew(monkeypatch):
    splitter = SentenceSplitter()
    monkeypatch.setattr(splitter_module, "_MAX_WORDS", len(splitter._nlp.vocab) + 300)
    pipelines = {id(splitter._nlp): splitter._nlp}
    for number in range(20):
        text = " ".join(f"word{number}x{k}" for k in range(50)) + ". The end."
        assert tokens_of(splitter(text)) == by_spacy_alone(text)
        pipelines[id(splitter._nlp)] = splitter._nlp
    assert 3 <= len(pipelines) <= 4


def test_threads_share_a_splitter(monkeypatch):
    monkeypatch.setattr(splitter_module, "_MAX_STRINGS", 0)
    splitter = SentenceSplitter()
    texts = [f"Text{number} has (new{number}) words{number}. It's {number}!" + "=" * number for number in range(60)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(splitter, texts)) == list(map(SPLITTER, texts))


def test_tokens_are_cut_and_sentences_joined_where_mentions_are_known():
    split = SentenceSplitter()
    text = "Dr. Lind met Tom-Ann. Yes! She left. Bye."
    tokens = split(text)
    assert tokens.fitted([]) == tokens
    ann, yes, left = text.index("Ann"), text.index("Yes"), text.index("left")
    # Boundaries at those of tokens change nothing, nor do mentions of two sentences that touch only the space between.
    same = [(13, 20), (21, yes), (yes, yes + 4), (yes - 1, yes + 3)]
    assert tokens.fitted(same) == tokens
    fitted = tokens.fitted([(yes, left + 2), (ann, ann + 1), (ann, ann + 3)])
    by_hand = [*tokens.sentences[:-3], ["Yes", "!", "She", "le", "ft", "."], ["Bye", "."]]
    by_hand = [
        [part for token in sentence for part in (["A", "nn"] if token == "Ann" else [token])] for sentence in by_hand
    ]
    assert fitted.sentences == by_hand
    assert [text[start:end] for start, end in fitted.token_offsets] == [token for each in by_hand for token in each]
    # One that reaches across a whole sentence joins three.
    assert len(tokens.fitted([(yes + 3, text.index("Bye") + 1)]).sentences) == len(tokens.sentences) - 2
