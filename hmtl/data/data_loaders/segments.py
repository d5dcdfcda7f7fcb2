"""Runs of sentences of long documents, drawn anew for each epoch, after the training of Joshi et al. 2019."""

import random
from itertools import accumulate
from typing import Any, Sequence, Tuple


def sample_segment(lengths: Sequence[int], max_tokens: int, *key: Any) -> Tuple[int, int]:
    """A random run of a document's sentences that has at most `max_tokens` tokens, as a function of `key`.

    Each sentence is as likely to begin it as another, but for those near the end, from which it would be shorter than
    from an earlier one. The run goes on for as long as sentences fit; a first one that is too long stands alone.

    # Returns

    `Tuple[int, int]`
        The run's first sentence and the one behind its last.
    """
    ends = list(accumulate(lengths))
    # The first sentence from which all that follow fit; the last sentence where none does.
    last = next((n for n in range(len(ends)) if ends[-1] - ends[n] + lengths[n] <= max_tokens), len(ends) - 1)
    first = random.Random(repr(key)).randint(0, last)
    begin = ends[first] - lengths[first]
    stop = next((n for n in range(first + 1, len(ends)) if ends[n] - begin > max_tokens), len(ends))
    return first, stop
