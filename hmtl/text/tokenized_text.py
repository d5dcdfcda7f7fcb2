"""A text whose sentences and tokens know their places in it."""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Dict, List, Sequence, Tuple


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

    @classmethod
    def joined(cls, first: "TokenizedText", second: "TokenizedText") -> "TokenizedText":
        """Two texts as one, with a line break between them."""
        shift = len(first.text) + 1
        offsets = [(start + shift, end + shift) for start, end in second.token_offsets]
        return cls(f"{first.text}\n{second.text}", first.sentences + second.sentences, [*first.token_offsets, *offsets])

    def __len__(self) -> int:
        """The number of tokens."""
        return len(self.token_offsets)

    @property
    def sentence_starts(self) -> List[int]:
        """The offset, in tokens, of each sentence's first token."""
        return [0, *accumulate(len(sentence) for sentence in self.sentences)][:-1]

    def fitted(self, mentions: Sequence[Tuple[int, int]]) -> "TokenizedText":
        """The same text, fitted to mentions that are known, `(char_start, char_end)` each: a token that a boundary cuts
        becomes two, and sentences that a mention goes across become one."""
        by_start = sorted(mentions)
        cuts = sorted({boundary for mention in mentions for boundary in mention})
        sentence_starts = set(self.sentence_starts)
        sentences: List[List[str]] = []
        offsets: List[Tuple[int, int]] = []
        # How many mentions begin before the end of the last token, and how far they reach.
        num_before, reach = 0, 0
        for number, (start, end) in enumerate(self.token_offsets):
            if number in sentence_starts and reach <= start:
                sentences.append([])
            while num_before < len(by_start) and by_start[num_before][0] < end:
                reach = max(reach, by_start[num_before][1])
                num_before += 1
            inside = cuts[bisect_right(cuts, start) : bisect_left(cuts, end)]
            for left, right in pairwise([start, *inside, end]):
                sentences[-1].append(self.text[left:right])
                offsets.append((left, right))
        return TokenizedText(self.text, sentences, offsets)

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
