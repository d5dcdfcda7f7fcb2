"""What a probing task is made of."""

import math
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, DefaultDict, Dict, List, NamedTuple, Sequence, Tuple, Type

from hmtl.corpora.treebank import SPLITS, Splits

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


@dataclass
class Made:
    """A task that was made of a treebank, or `left_out` for this reason."""

    task: Type[TaskBuilder]
    examples: Examples = field(default_factory=Examples)
    left_out: str = ""

    def counts(self) -> Dict[str, Dict[str, int]]:
        """The examples by split and class."""
        return {
            split: dict(sorted(Counter(example.label for example in self.examples.by_split[split]).items()))
            for split in SPLITS
        }


# Of moving targets between splits; a few suffice.
_MAX_ROUNDS = 100


def balance(examples: Examples, sizes: Dict[str, int], generator: random.Random) -> Examples:
    """Equally many examples of each class in a split, at most its size in all; the others are dropped at random.

    A class that some split lacks is left out of all, with a note.
    """
    examples = without_lacking_classes(examples)
    labels = examples.labels
    balanced = Examples(notes=list(examples.notes))
    for split in SPLITS if labels else ():
        by_label: Dict[str, List[Example]] = {label: [] for label in labels}
        for example in examples.by_split[split]:
            by_label[example.label].append(example)
        size = min(sizes[split] // len(labels), *map(len, by_label.values()))
        for of_label in by_label.values():
            balanced.by_split[split].extend(generator.sample(of_label, size))
        generator.shuffle(balanced.by_split[split])
    return balanced


def without_lacking_classes(examples: Examples) -> Examples:
    """Without the classes that some split lacks, which a note names."""
    present = {split: {example.label for example in examples.by_split[split]} for split in SPLITS}
    lacking = [label for label in examples.labels if not all(label in present[split] for split in SPLITS)]
    kept = Examples(notes=list(examples.notes))
    for split in SPLITS:
        kept.by_split[split] = [example for example in examples.by_split[split] if example.label not in lacking]
    if lacking:
        kept.notes.append(f"Classes that some split lacks are left out: {', '.join(lacking)}.")
    return kept


def halves(items: Sequence[Any], size: int, generator: random.Random) -> Tuple[List[Any], List[Any]]:
    """Two random disjoint parts of equal length, together at most `size`."""
    half = min(len(items), size) // 2
    chosen = generator.sample(list(items), 2 * half)
    return chosen[:half], chosen[half:]


def keep_targets_apart(examples: Examples) -> Examples:
    """Drops examples until the target of no example occurs in two splits.

    Documents stay in their splits; of each target the examples of one split are kept. Which split that is maximises
    the sum over splits and classes of the logarithm of the number of examples, one target after the other, the most
    frequent first, until nothing changes.
    """
    counts: DefaultDict[str, Counter] = defaultdict(Counter)
    for split in SPLITS:
        for example in examples.by_split[split]:
            counts[example.target][split, example.label] += 1
    split_of = _assign(counts)
    apart = Examples(notes=list(examples.notes))
    for split in SPLITS:
        apart.by_split[split] = [e for e in examples.by_split[split] if split_of[e.target] == split]
    before, after = (sum(map(len, e.by_split.values())) for e in (examples, apart))
    apart.notes.append(
        f"{len(counts)} targets, each in one split alone: {before - after} of {before} sentences are of documents of "
        "another split than their target, and are dropped."
    )
    return apart


def _assign(counts: Dict[str, Counter]) -> Dict[str, str]:
    # Every target at first counts where most of its examples are.
    split_of: Dict[str, str] = {}
    kept: Counter = Counter()

    def gain(target: str, split: str) -> float:
        """By how much the objective grows with the examples of a target in a split."""
        return sum(
            math.log((1 + kept[cell] + number) / (1 + kept[cell]))
            for cell, number in counts[target].items()
            if cell[0] == split
        )

    def move(target: str, split: str, sign: int) -> None:
        for cell, number in counts[target].items():
            if cell[0] == split:
                kept[cell] += sign * number

    targets = sorted(counts, key=lambda target: (-sum(counts[target].values()), target))
    for target in targets:
        split_of[target] = max(
            SPLITS, key=lambda split: sum(n for cell, n in counts[target].items() if cell[0] == split)
        )
        move(target, split_of[target], 1)
    for _ in range(_MAX_ROUNDS):
        changed = False
        for target in targets:
            move(target, split_of[target], -1)
            best = max(SPLITS, key=lambda split: (gain(target, split), split == split_of[target]))
            changed = changed or best != split_of[target]
            split_of[target] = best
            move(target, best, 1)
        if not changed:
            break
    return split_of
