"""Raw text as sentences of tokens that know their places in it."""

import re
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, ContextManager, Dict, Iterable, List, Optional, Tuple

from hmtl.errors import UserError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokenizer import Tokenizer
    from spacy.tokens import Doc, Token

_NO_SPACY = (
    "spaCy, which splits raw text, is not installed: pip install 'hmtl[text]'; sentences that are lists of tokens need "
    "none"
)
_MARK_SENTENCES = ("parser", "senter", "sentencizer")

# The longest token of a raw text, in characters, and the longest sentence, in tokens. What is longer is no language,
# and the work of a model grows with the square of a sentence.
MAX_TOKEN, MAX_SENTENCE = 512, 5_000
# SpaCy reads the rest of a run of characters without white space again for each of the affixes that it splits off,
# so that its work grows with the square of the run. After so many of them a run is cut, between two affixes.
_MAX_AFFIXES = 16
# The characters that are enough to find an affix; shorter runs are never cut.
_WINDOW = 32
_LONG_RUN = re.compile(rf"\S{{{_WINDOW + 1},}}")
# Strings that a splitter's pipeline learns for good. Later ones it forgets after each text: a server would fill the
# memory with the words of its clients.
_MAX_STRINGS = 2**15
# Of a forgotten word spaCy's tables keep an empty row, so that in the end they are made anew.
_MAX_WORDS = 2**18
# What a text added is freed at its end, and must not be in use by another thread.
_SPLITTING = threading.Lock()


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


def split_at_white_space(text: str) -> TokenizedText:
    """A text whose lines are its sentences, and whose tokens stand between white space; empty lines are none."""
    sentences: List[List[str]] = []
    offsets: List[Tuple[int, int]] = []
    for line in re.finditer(r"[^\n]+", text):
        found = [(match.start() + line.start(), match.end() + line.start()) for match in re.finditer(r"\S+", line[0])]
        if found:
            sentences.append([text[start:end] for start, end in found])
            offsets += found
    return TokenizedText(text, sentences, offsets)


class SentenceSplitter:
    """Splits raw text into sentences and tokens by spaCy. Whitespace is no token, and a blank line ends a sentence.

    The work grows with the length of the text and no faster, whatever it holds: a run of characters without white
    space is cut where spaCy has split off 16 affixes, and a token where it has `MAX_TOKEN` characters; a sentence
    ends at `MAX_SENTENCE` tokens at the latest. The memory does not grow with the words of the texts; that of a
    pipeline that is named grows by some 20 bytes a new word, with spaCy before 3.8 by ten times as much. Threads may
    share a splitter.

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
        self._is_blank = spacy_model is None
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
            self._nlp = _blank()
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
        self._max_strings = len(self._nlp.vocab.strings) + _MAX_STRINGS

    def __call__(self, text: str) -> TokenizedText:
        if self._nlp is None:
            raise UserError(_NO_SPACY)
        with _SPLITTING:
            if self._is_blank and len(self._nlp.vocab) > _MAX_WORDS:
                self._nlp = _blank()
            with self._zone():
                return self._split(text)

    def _zone(self) -> ContextManager[Any]:
        # Outside a zone spaCy remembers how it split a word, which is faster.
        if len(self._nlp.vocab.strings) < self._max_strings or not hasattr(self._nlp, "memory_zone"):
            return nullcontext()
        return self._nlp.memory_zone()

    def _split(self, text: str) -> TokenizedText:
        # Within a zone: nothing of spaCy's may be returned.
        doc = self._nlp(self._unsplit(text))
        sentences = tokens_by_sentence(doc, (token.is_sent_start for token in doc))
        return TokenizedText(
            text,
            [[token.text for token in sentence] for sentence in sentences],
            [(token.idx, token.idx + len(token)) for sentence in sentences for token in sentence],
        )

    def _unsplit(self, text: str) -> "Doc":
        """The tokens of a text, without sentences."""
        from spacy.tokens import Doc

        cuts = self._cuts(text)
        # SpaCy refuses longer texts than this by default.
        self._nlp.max_length = max(self._nlp.max_length, len(text) + len(cuts))
        if not cuts:
            return self._nlp.make_doc(text)
        pieces = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
        spaced = self._nlp.make_doc(" ".join(pieces))
        # Without the spaces again that were put into the text.
        added = {cut + number for number, cut in enumerate(cuts)}
        spaces = [bool(token.whitespace_) and token.idx + len(token) not in added for token in spaced]
        return Doc(self._nlp.vocab, words=[token.text for token in spaced], spaces=spaces)

    def _cuts(self, text: str) -> List[int]:
        from spacy.tokenizer import Tokenizer

        tokenizer = self._nlp.tokenizer
        # Others, such as those for Chinese, are not known to be slow, and know words in what looks like a run.
        if not isinstance(tokenizer, Tokenizer):
            return []
        return [cut for run in _LONG_RUN.finditer(text) for cut in _cuts_of_run(tokenizer, text, *run.span())]


@lru_cache(maxsize=8)
def shared_splitter(spacy_model: Optional[str] = None) -> SentenceSplitter:
    """A `SentenceSplitter` that is made once in a process: its pipeline takes a while to make."""
    return SentenceSplitter(spacy_model)


def _blank() -> "Language":
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


def _cuts_of_run(tokenizer: "Tokenizer", text: str, start: int, end: int) -> List[int]:
    """Where `text[start:end]`, without white space, is cut, in ascending order."""
    before: List[int] = []
    number = 0
    while end - start > _WINDOW and (length := tokenizer.find_prefix(text[start : start + _WINDOW])):
        start, number = start + length, number + 1
        if number % _MAX_AFFIXES == 0:
            before.append(start)
    behind: List[int] = []
    number = 0
    while end - start > _WINDOW and (length := tokenizer.find_suffix(text[end - _WINDOW : end])):
        end, number = end - length, number + 1
        if number % _MAX_AFFIXES == 0:
            behind.append(end)
    between: List[int] = []
    if end - start > MAX_TOKEN:
        for first in range(start, end, MAX_TOKEN):
            inside = _cuts_of_run(tokenizer, text, first, min(first + MAX_TOKEN, end))
            between += inside if first == start else [first, *inside]
    return [*before, *between, *reversed(behind)]


def tokens_by_sentence(tokens: Iterable["Token"], starts: Iterable[Optional[bool]]) -> List[List["Token"]]:
    """The tokens that are more than whitespace, in sentences that begin where `starts` says, behind a blank line, or
    after `MAX_SENTENCE` tokens."""
    sentences: List[List["Token"]] = [[]]
    for token, is_start in zip(tokens, starts):
        if is_start or len(sentences[-1]) == MAX_SENTENCE or (token.is_space and token.text.count("\n") > 1):
            sentences.append([])
        if not token.is_space:
            sentences[-1].append(token)
    return [sentence for sentence in sentences if sentence]
