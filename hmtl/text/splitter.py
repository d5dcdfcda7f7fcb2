"""Raw text as sentences of tokens."""

import re
import threading
from bisect import bisect_right
from contextlib import nullcontext
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ContextManager, List, Optional, Set

from hmtl.errors import UserError
from hmtl.text.graphemes import Places, blanked, emoji_of, unseen_of, whole
from hmtl.text.sentences import in_sentences, sentence_starts, starts_behind_blank_lines
from hmtl.text.tokenized_text import TokenizedText

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokenizer import Tokenizer
    from spacy.tokens import Doc

_NO_SPACY = (
    "spaCy, which splits raw text, is not installed: pip install 'hmtl[text]'; sentences that are lists of tokens need "
    "none"
)
_MARK_SENTENCES = ("parser", "senter", "sentencizer")

# The longest token of a raw text, in characters.
MAX_TOKEN = 512
# SpaCy reads the rest of a run of characters without white space again for each of the affixes that it splits off,
# so that its work grows with the square of the run. After so many of them a run is cut, between two affixes.
_MAX_AFFIXES = 16
# The characters that are enough to find an affix; shorter runs are never cut.
_WINDOW = 32
_LONG_RUN = re.compile(rf"\S{{{_WINDOW + 1},}}")
# Marks of scripts without spaces, each a token, and footnotes behind a mark: "1971.[1]". SpaCy leaves them in a word.
_WIDE_MARK = re.compile("[、。「」『』【】〈〉《》！（），：；？｡]")
# Beside white space a token ends anyhow.
_WITHIN_RUN = re.compile(r"(?<=\S)(?=\S)")
_FOOTNOTE = re.compile(r"[.!?,;:\"'”’)](\[)\d")
# Strings that a splitter's pipeline learns for good. Later ones it forgets after each text: a server would fill the
# memory with the words of its clients.
_MAX_STRINGS = 2**15
# Of a forgotten word spaCy's tables keep an empty row, so that in the end they are made anew.
_MAX_WORDS = 2**18
# What a text added is freed at its end, and must not be in use by another thread.
_SPLITTING = threading.Lock()


class SentenceSplitter:
    """Splits raw text into tokens, those of spaCy, and into sentences, by rules where no pipeline has its own.

    An emoji of several characters, a flag, or a letter with its accents is never cut: a token holds whole grapheme
    clusters. White space is no token, and neither are characters that nobody sees, such as zero-width spaces. A blank
    line ends a sentence; a single line break does, unless the line goes on: it is as long as those of a filled text, or
    what follows begins small. See `sentence_starts`.

    The work grows with the length of the text and no faster, whatever it holds: a run of characters without white
    space is cut where spaCy has split off 16 affixes, and a token where it has `MAX_TOKEN` characters; a sentence
    ends at `MAX_SENTENCE` tokens at the latest. The memory does not grow with the words of the texts; that of a
    pipeline that is named grows by some 20 bytes a new word, with spaCy before 3.8 by ten times as much. Threads may
    share a splitter.

    # Parameters

    spacy_model : `str`, optional (default = `None`)
        The name or the folder of an installed pipeline. One that marks sentences has its own. The default needs no
        download: spaCy's rules for English tokens.

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
        self._marks_sentences = any(name in self._nlp.pipe_names for name in _MARK_SENTENCES)
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
        emoji = emoji_of(text)
        doc = self._nlp(self._unsplit(blanked(text, sorted([*emoji, *unseen_of(text)]))))
        found = [(token.idx, token.idx + len(token)) for token in doc if not token.is_space]
        tokens, _ = whole(text, sorted([*found, *emoji]) if emoji else found)
        starts = marked_starts(doc, text, tokens) if self._marks_sentences else sentence_starts(text, tokens)
        words = [text[start:end] for start, end in tokens]
        return TokenizedText(text, in_sentences(words, starts), tokens)

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
        cuts = {cut for run in _LONG_RUN.finditer(text) for cut in _cuts_of_run(tokenizer, text, *run.span())}
        cuts.update(match.start(1) for match in _FOOTNOTE.finditer(text))
        if not text.isascii():
            cuts.update(place for mark in _WIDE_MARK.finditer(text) for place in mark.span())
        return sorted(cut for cut in cuts if _WITHIN_RUN.match(text, cut))


@lru_cache(maxsize=8)
def shared_splitter(spacy_model: Optional[str] = None) -> SentenceSplitter:
    """A `SentenceSplitter` that is made once in a process: its pipeline takes a while to make."""
    return SentenceSplitter(spacy_model)


def marked_starts(doc: "Doc", text: str, tokens: Places) -> Set[int]:
    """The numbers of the tokens of a text that begin a sentence by the marks of a document of the same length, or stand
    behind a blank line."""
    ends = [end for _, end in tokens]
    marked = {bisect_right(ends, token.idx) for token in doc if token.is_sent_start}
    return marked | starts_behind_blank_lines(text, tokens)


def _blank() -> "Language":
    import spacy

    return spacy.blank("en")


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
