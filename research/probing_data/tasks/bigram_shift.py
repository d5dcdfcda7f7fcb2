"""BShift: were two neighbouring tokens swapped?"""

import random
from typing import List, Tuple

from research.probing_data.sampling import halves
from research.probing_data.splits import Splits
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder
from research.probing_data.treebank import Sentence

INVERTED, ORIGINAL = "I", "O"
DOUBLE_QUOTES = frozenset(('"', "``", "''", "“", "”", "„"))


class BigramShift(TaskBuilder):
    file_name = "bigram_shift.txt"
    title = "BShift"
    rule = (
        "I: two neighbouring tokens, drawn at random, are swapped; O: the sentence as it was. Neither token is the "
        "first of the sentence or punctuation, and they differ. Sentences with double quotes are left out, and no "
        "sentence is in both classes."
    )

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        examples = Examples()
        for split, sentences in splits.items():
            usable = [sentence for sentence in sentences if swaps(sentence)]
            inverted, original = halves(usable, settings.sizes[split], generator)
            made = [Example(INVERTED, swapped(s.forms, generator.choice(swaps(s)))) for s in inverted]
            made += [Example(ORIGINAL, sentence.forms) for sentence in original]
            generator.shuffle(made)
            examples.by_split[split] = made
        return examples


def swaps(sentence: Sentence) -> List[int]:
    """The positions of tokens that can be swapped with the next one."""
    if DOUBLE_QUOTES.intersection(sentence.forms):
        return []
    return [
        i
        for i in range(1, len(sentence.tokens) - 1)
        if all(any(map(str.isalnum, sentence.forms[j])) and sentence.tokens[j].upos != "PUNCT" for j in (i, i + 1))
        and sentence.forms[i].lower() != sentence.forms[i + 1].lower()
    ]


def swapped(words: Tuple[str, ...], position: int) -> Tuple[str, ...]:
    return words[:position] + (words[position + 1], words[position]) + words[position + 2 :]
