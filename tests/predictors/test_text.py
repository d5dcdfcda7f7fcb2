import pytest
import spacy

from hmtl.errors import UserError
from hmtl.predictors.text import SentenceSplitter, TokenizedText


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


def test_a_pipeline_without_sentences_gets_them(tmp_path):
    spacy.blank("en").to_disk(tmp_path / "pipeline")
    assert len(SentenceSplitter(str(tmp_path / "pipeline"))("One. Two.").sentences) == 2


def test_unknown_pipeline():
    with pytest.raises(UserError, match="finds no pipeline 'en_no_such_pipeline'; install it"):
        SentenceSplitter("en_no_such_pipeline")


def test_texts_beyond_the_limit_of_spacy():
    splitter = SentenceSplitter()
    splitter._nlp.max_length = 10
    assert len(splitter("One sentence. " * 3).sentences) == 3
