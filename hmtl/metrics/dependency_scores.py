"""Attachment scores of dependency trees."""

import unicodedata
from typing import Any, Dict, Iterable, List, Sequence, Tuple

from allennlp.training.metrics import Metric

from hmtl.metrics.counts import all_reduce_counts, ratio

# A token, its head (-1: the root) and the relation between them.
Arc = Tuple[int, int, str]


@Metric.register("dependency_scores")
class DependencyScores(Metric):
    """The shares of gold tokens whose head (`uas`), or whose head and relation (`las`), are right.

    All tokens count, those of punctuation too, as in the shared task of 2018 (Zeman et al. 2018), whose F1
    these are where both sides have the same tokens. `uas_without_punctuation` and `las_without_punctuation` leave
    tokens out that consist of Unicode's punctuation alone, as CoNLL-X did (Buchholz and Marsi 2006).
    Relations are compared as they are given: those of hmtl's corpora have no subtypes, which the shared task leaves
    out, too.

    Each distributed worker counts its own sentences; `get_metric` sums over the workers.
    """

    supports_distributed = True

    def __init__(self) -> None:
        self.reset()

    def __call__(  # type: ignore[override]
        self,
        predicted: Sequence[Iterable[Tuple[Any, ...]]],
        gold: Sequence[Iterable[Tuple[Any, ...]]],
        sentences: Sequence[Sequence[str]],
    ) -> None:
        """Counts some sentences.

        # Parameters

        predicted, gold : `Sequence[Iterable[Arc]]`
            The arcs of each sentence; a token without a predicted one is wrong.
        sentences : `Sequence[Sequence[str]]`
            The tokens of each.

        # Raises

        ValueError
            Where the arguments differ in length.
        """
        for found, wanted, tokens in zip(predicted, gold, sentences, strict=True):
            heads = {token: (head, label) for token, head, label in found}
            for token, head, label in wanted:
                its_head, its_label = heads.get(token, (None, None))
                is_head = its_head == head
                right = [1, is_head, is_head and its_label == label]
                counted = [self._all] if is_punctuation(tokens[token]) else [self._all, self._words]
                for counts in counted:
                    counts[:] = map(sum, zip(counts, right))

    def get_metric(self, reset: bool = False) -> Dict[str, float]:
        """The four figures, from 0 to 1."""
        tokens, heads, both, words, word_heads, word_both = all_reduce_counts([*self._all, *self._words])
        if reset:
            self.reset()
        return {
            "uas": ratio(heads, tokens),
            "las": ratio(both, tokens),
            "uas_without_punctuation": ratio(word_heads, words),
            "las_without_punctuation": ratio(word_both, words),
        }

    def reset(self) -> None:
        """Forgets all counts."""
        # Tokens, those with the right head, those with the right relation as well.
        self._all: List[int] = [0, 0, 0]
        # The same without punctuation.
        self._words: List[int] = [0, 0, 0]


def is_punctuation(token: str) -> bool:
    """Whether a token consists of Unicode's punctuation (categories P) alone: `.` and `--`, not `$` or `:)x`."""
    return all(unicodedata.category(character).startswith("P") for character in token)
