"""Raw text as sentences of tokens that know their places in it."""

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Tuple

from hmtl.errors import UserError

if TYPE_CHECKING:
    from spacy.tokens import Token

_NO_SPACY = (
    "spaCy, which splits raw text, is not installed: pip install 'hmtl[text]'; sentences that are lists of tokens need "
    "none"
)
_MARK_SENTENCES = ("parser", "senter", "sentencizer")


@dataclass(frozen=True)
class TokenizedText:
    """A text, its sentences as lists of tokens, and `(char_start, char_end)` of each token, the end excluded."""

    text: str
    sentences: List[List[str]]
    token_offsets: List[Tuple[int, int]]

    @classmethod
    def from_sentences(cls, sentences: List[List[str]]) -> "TokenizedText":
        """The text of given tokens: all of them, joined by single spaces."""
        tokens = [token for sentence in sentences for token in sentence]
        starts = [0, *accumulate(len(token) + 1 for token in tokens)]
        offsets = [(start, start + len(token)) for start, token in zip(starts, tokens)]
        return cls(" ".join(tokens), sentences, offsets)

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self.token_offsets)

    @property
    def sentence_starts(self) -> List[int]:
        """The offset, in tokens, of each sentence's first token."""
        return [0, *accumulate(len(sentence) for sentence in self.sentences)][:-1]

    def mention(self, start: int, end: int) -> Dict[str, Any]:
        """The tokens `start` to `end`, both included, as JSON: their offsets in tokens and characters, and the text."""
        char_start, char_end = self.token_offsets[start][0], self.token_offsets[end][1]
        return {
            "start": start,
            "end": end,
            "text": self.text[char_start:char_end],
            "char_start": char_start,
            "char_end": char_end,
        }


class SentenceSplitter:
    """Splits raw text into sentences and tokens by spaCy. Whitespace is no token, and a blank line ends a sentence.

    # Parameters

    spacy_model : `str`, optional (default = `None`)
        The name or the folder of an installed pipeline. The default needs no download: spaCy's rules for English
        tokens, and sentences that end at punctuation.

    # Raises

    UserError
        Where spaCy finds no such pipeline. Where spaCy is not installed: at once if a pipeline is named, otherwise for
        the first text, since sentences of tokens need none.
    """

    def __init__(self, spacy_model: str = None) -> None:
        self._nlp: Any = None
        try:
            import spacy
        except ModuleNotFoundError as error:
            if error.name != "spacy":
                raise
            if spacy_model is not None:
                raise UserError(_NO_SPACY) from None
            return
        if spacy_model is None:
            self._nlp = spacy.blank("en")
        else:
            try:
                self._nlp = spacy.load(spacy_model, exclude=["ner", "lemmatizer"])
            except OSError as error:
                raise UserError(
                    f"spaCy finds no pipeline '{spacy_model}'; install it (python -m spacy download {spacy_model}), "
                    "name another, or name none for the built-in rules"
                ) from error
        if not any(name in self._nlp.pipe_names for name in _MARK_SENTENCES):
            self._nlp.add_pipe("sentencizer")

    def __call__(self, text: str) -> TokenizedText:
        if self._nlp is None:
            raise UserError(_NO_SPACY)
        # spaCy refuses longer texts than this by default.
        self._nlp.max_length = max(self._nlp.max_length, len(text))
        doc = self._nlp(text)
        sentences = tokens_by_sentence(doc, (token.is_sent_start for token in doc))
        return TokenizedText(
            text,
            [[token.text for token in sentence] for sentence in sentences],
            [(token.idx, token.idx + len(token)) for sentence in sentences for token in sentence],
        )


def tokens_by_sentence(tokens: Iterable["Token"], starts: Iterable[Optional[bool]]) -> List[List["Token"]]:
    """The tokens that are more than whitespace, in sentences that begin where `starts` says or behind a blank line."""
    sentences: List[List["Token"]] = [[]]
    for token, is_start in zip(tokens, starts):
        if is_start or (token.is_space and token.text.count("\n") > 1):
            sentences.append([])
        if not token.is_space:
            sentences[-1].append(token)
    return [sentence for sentence in sentences if sentence]
