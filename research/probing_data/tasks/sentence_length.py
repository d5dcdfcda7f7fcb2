"""SentLen: in which of six ranges is the number of tokens?"""

import random

from research.probing_data.sampling import balance
from research.probing_data.splits import Splits
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder

# The last length, in tokens, of each class; the first begins at 5.
LAST_LENGTHS = (8, 12, 16, 20, 25, 28)


class SentenceLength(TaskBuilder):
    file_name = "sentence_length.txt"
    title = "SentLen"
    rule = "The class is the range of the number of tokens: 0: 5-8, 1: 9-12, 2: 13-16, 3: 17-20, 4: 21-25, 5: 26-28."

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        examples = Examples()
        for split, sentences in splits.items():
            for sentence in sentences:
                label = next(i for i, last in enumerate(LAST_LENGTHS) if len(sentence.tokens) <= last)
                examples.by_split[split].append(Example(str(label), sentence.forms))
        return balance(examples, settings.sizes, generator)
