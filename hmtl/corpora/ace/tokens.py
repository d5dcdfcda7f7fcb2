"""Sentences of tokens that know their places in the source text, split at the boundaries of mentions."""

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Collection, Dict, Iterable, List, Optional, Set, cast

from hmtl.corpora.ace.sgml import Passage, Range
from hmtl.document import Bounds


@dataclass
class TokenizedSource:
    """The tokens of a text, and where its sentences and paragraphs begin.

    # Attributes

    tokens : `List[str]`
        The tokens, entities decoded.
    offsets : `List[Range]`
        For each token, its first character and the one behind its last, in the source text.
    sentence_starts : `Set[int]`
        The first token of each sentence.
    paragraph_starts : `Set[int]`
        The first token of each paragraph.
    """

    tokens: List[str] = field(default_factory=list)
    offsets: List[Range] = field(default_factory=list)
    sentence_starts: Set[int] = field(default_factory=set)
    paragraph_starts: Set[int] = field(default_factory=set)

    def bounds(self, characters: Range) -> Optional[Bounds]:
        """The first and the last token of a range of characters; `None` where it is no whole number of tokens."""
        start, end = characters
        first = bisect_left(self.offsets, start, key=lambda token: token[0])
        last = bisect_left(self.offsets, end, key=lambda token: token[1])
        if max(first, last) >= len(self.offsets) or self.offsets[first][0] != start or self.offsets[last][1] != end:
            return None
        return first, last

    def crosses(self, first: int, last: int, starts: Set[int]) -> bool:
        """Whether one of `starts` separates two tokens."""
        return not starts.isdisjoint(range(first + 1, last + 1))

    def merge(self, first: int, last: int) -> None:
        """Makes one sentence of those that the tokens from `first` to `last` lie in."""
        self.sentence_starts.difference_update(range(first + 1, last + 1))

    def sentences(self) -> List[List[str]]:
        """The tokens, sentence by sentence."""
        limits = [*sorted(self.sentence_starts), len(self.tokens)]
        return [self.tokens[start:end] for start, end in pairwise(limits)]


class Tokenizer:
    """Splits passages into sentences of tokens by spaCy; no sentence spans two passages.

    # Parameters

    spacy_model : `str`, optional (default = `None`)
        As in `SentenceSplitter`.

    # Raises

    UserError
        Where spaCy finds no such pipeline.
    """

    def __init__(self, spacy_model: str = None) -> None:
        # Predictors import models, and these the package that this module belongs to.
        from hmtl.text import SentenceSplitter

        self._split = SentenceSplitter(spacy_model)

    def __call__(self, passages: Iterable[Passage], boundaries: Collection[int]) -> TokenizedSource:
        """The tokens of the passages; those that a boundary (an offset in the source text) cuts become two."""
        result = TokenizedSource()
        ordered = sorted(boundaries)
        for passage in passages:
            first, last = (bisect_left(ordered, passage.offsets[end]) for end in (0, -1))
            cuts = sorted(passage.position(boundary) for boundary in ordered[first:last])
            result.paragraph_starts.add(len(result.tokens))
            text = self._split(passage.text)
            starts = set(text.sentence_starts)
            for number, (start, end) in enumerate(text.token_offsets):
                if number in starts:
                    result.sentence_starts.add(len(result.tokens))
                inside = cuts[bisect_left(cuts, start + 1) : bisect_left(cuts, end)]
                for left, right in pairwise([start, *dict.fromkeys(inside), end]):
                    result.tokens.append(passage.text[left:right])
                    result.offsets.append((passage.offsets[left], passage.offsets[right]))
        return result


def describe_tokenizer(spacy_model: Optional[str]) -> Dict[str, Any]:
    """Which tokeniser, in which version: different versions give different tokens."""
    import spacy

    if spacy_model is None:
        return {"pipeline": "blank English with sentencizer", "spacy": spacy.__version__}
    meta = cast(Dict[str, Any], spacy.info(spacy_model, silent=True))
    return {"pipeline": spacy_model, "version": meta.get("version"), "spacy": spacy.__version__}
