"""What a probing task is made of."""

import random
from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Tuple

from research.probing_data.splits import SPLITS, Splits

# Sentences of 5 to 28 tokens (Conneau et al. 2018, section 3).
MIN_LENGTH, MAX_LENGTH = 5, 28


class Example(NamedTuple):
    """A sentence with its class; `target` is the word that the class belongs to, where a task has one."""

    label: str
    words: Tuple[str, ...]
    target: str = ""


@dataclass
class Examples:
    """The examples of each split, and in what their making differs from the rule."""

    by_split: Dict[str, List[Example]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    notes: List[str] = field(default_factory=list)

    @property
    def labels(self) -> List[str]:
        return sorted({example.label for examples in self.by_split.values() for example in examples})


@dataclass(frozen=True)
class Settings:
    """How large tasks may get.

    # Attributes

    sizes : `Dict[str, int]`
        The most examples of each split.
    num_words : `int`
        The most classes of the task of word content.
    num_top_constituents : `int`
        The most sequences of constituents that are a class of their own.
    """

    sizes: Dict[str, int]
    num_words: int = 1000
    num_top_constituents: int = 19


class TaskBuilder:
    """Makes one of the ten probing tasks of Conneau et al. (2018, section 2) from the sentences of a treebank.

    A subclass says the name of its file in SentEval, its title in the paper, its rule in words, and whether it needs
    constituency trees.
    """

    file_name: str
    title: str
    rule: str
    needs_brackets = False

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        """The examples of each split, in random order; the sentences given have 5 to 28 tokens, and differ."""
        raise NotImplementedError
