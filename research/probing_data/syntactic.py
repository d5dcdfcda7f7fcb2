"""Tasks of syntax: TreeDepth, TopConst."""

import math
import random
from collections import Counter
from typing import Dict, List, Optional, Tuple

import numpy

from hmtl.corpora.constituents import Constituent
from hmtl.corpora.treebank import SPLITS, Sentence, Splits
from research.probing_data.task_builder import Example, Examples, Settings, TaskBuilder, balance

# The depths of SentEval's classes.
MIN_DEPTH, MAX_DEPTH = 5, 12
# Of length and depth, in each split.
MAX_CORRELATION = 0.1


class TreeDepth(TaskBuilder):
    """Depth and length are decorrelated as SentEval does it: by sampling from a Gaussian without covariance.

    A sentence's weight is the density of that Gaussian divided by the density of the one that has the covariance of
    the treebank. Sentences are drawn by weight without replacement, as many as leave the correlation small.
    The target's variances are those of the treebank times 1 - |correlation|: of those that scale both alike the
    largest for which no weight exceeds that at the mean, so that no few sentences outweigh all others.
    """

    file_name = "tree_depth.txt"
    title = "TreeDepth"
    rule = (
        "The class is the number of edges on the longest path from the root of the tree to a word, "
        f"{MIN_DEPTH} to {MAX_DEPTH}. Sampled such that length and depth are distributed like a bivariate Gaussian "
        f"without covariance, as many as leave their correlation at {MAX_CORRELATION} or below; classes are of "
        "different size, as in SentEval."
    )
    needs_brackets = True

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        by_split = {split: [s for s in splits[split] if MIN_DEPTH <= depth(s) <= MAX_DEPTH] for split in SPLITS}
        before = _lengths_and_depths([sentence for split in SPLITS for sentence in by_split[split]])
        chosen = _sample(by_split, before, settings, generator)
        notes = []
        # A class that some split lacks goes before sampling: without it, length and depth may be correlated again.
        while lacking := _lacking(chosen):
            notes.append(f"Depth {lacking} is left out: some split would lack it.")
            by_split = {split: [s for s in by_split[split] if depth(s) != lacking] for split in SPLITS}
            chosen = _sample(by_split, before, settings, generator)
        examples = Examples(notes=notes)
        correlations = []
        for split, sentences in chosen.items():
            examples.by_split[split] = [Example(str(depth(sentence)), sentence.forms) for sentence in sentences]
            correlations.append(f"{split} {_correlation(_lengths_and_depths(sentences)):.2f} of {len(sentences)}")
        examples.notes.append(
            f"The correlation of length and depth was {_correlation(before):.2f} in {len(before)} sentences; "
            f"it is {', '.join(correlations)}."
        )
        return examples


def _sample(by_split: Splits, everything: numpy.ndarray, settings: Settings, generator: random.Random) -> Splits:
    chosen: Splits = {split: [] for split in SPLITS}
    for split, sentences in by_split.items():
        if len(everything) > 2:
            drawn = _drawn(sentences, everything, generator)[: settings.sizes[split]]
            chosen[split] = drawn[: _largest_uncorrelated(_lengths_and_depths(drawn))]
            generator.shuffle(chosen[split])
    return chosen


def _lacking(chosen: Splits) -> Optional[int]:
    """The class with the fewest sentences, where some split lacks it."""
    counts = {split: Counter(map(depth, chosen[split])) for split in SPLITS}
    total = sum(counts.values(), Counter())
    lacking = [label for label in total if not all(counts[split][label] for split in SPLITS)]
    return min(lacking, key=lambda label: (total[label], label), default=None)


def depth(sentence: Sentence) -> int:
    assert sentence.tree is not None
    return sentence.tree.depth


def _drawn(sentences: List[Sentence], everything: numpy.ndarray, generator: random.Random) -> List[Sentence]:
    """The sentences in the order in which they are drawn, without replacement, by their weights."""
    weights = _weights(_lengths_and_depths(sentences), everything)
    # Efraimidis & Spirakis (2006): the order of log(u) / weight, u uniform, is that of weighted drawing.
    keys = [math.log(1.0 - generator.random()) / weight for weight in weights]
    return [sentences[i] for i in sorted(range(len(sentences)), key=lambda i: -keys[i])]


def _weights(values: numpy.ndarray, everything: numpy.ndarray) -> numpy.ndarray:
    """The target density by the fitted density, up to a factor, at each pair of length and depth."""
    covariance = numpy.cov(everything.T) + 1e-6 * numpy.eye(2)
    # Shape: (num_sentences, 2)
    deviations = values - everything.mean(axis=0)
    # Shape: (num_sentences,)
    fitted = numpy.einsum("ni,ij,nj->n", deviations, numpy.linalg.inv(covariance), deviations)
    variances = numpy.diag(covariance) * (1 - abs(_correlation(everything)))
    target = (deviations**2 / variances).sum(axis=1)
    return numpy.exp((fitted - target) / 2)


def _largest_uncorrelated(values: numpy.ndarray) -> int:
    """The largest number of first rows whose correlation is small enough."""
    sizes = range(len(values), 2, -1)
    return next((size for size in sizes if abs(_correlation(values[:size])) <= MAX_CORRELATION), 0)


def _correlation(values: numpy.ndarray) -> float:
    """Pearson's; 0 where one of the two does not vary."""
    if len(values) < 2 or (values.std(axis=0) == 0).any():
        return 0.0
    return float(numpy.corrcoef(values.T)[0, 1])


def _lengths_and_depths(sentences: List[Sentence]) -> numpy.ndarray:
    pairs: List[Tuple[int, int]] = [(len(sentence.tokens), depth(sentence)) for sentence in sentences]
    # Shape: (num_sentences, 2)
    return numpy.array(pairs, dtype=float).reshape(-1, 2)


OTHER, END = "OTHER", "."
ROOT_LABELS = ("", "ROOT", "TOP")
# A class needs as many sentences in each split.
MIN_SENTENCES = {"tr": 20, "va": 2, "te": 2}


class TopConstituents(TaskBuilder):
    file_name = "top_constituents.txt"
    title = "TopConst"
    rule = (
        "The class is the sequence of constituents below the topmost clause or phrase, such as NP_VP_. for one of the "
        "most frequent sequences, else OTHER. Sequences with punctuation or quotes before their end, or without a full "
        "stop, question or exclamation mark at it, are left out."
    )
    needs_brackets = True

    def make(self, splits: Splits, settings: Settings, generator: random.Random) -> Examples:
        counts: Dict[str, Counter] = {split: Counter() for split in SPLITS}
        examples = Examples()
        for split, sentences in splits.items():
            for sentence in sentences:
                assert sentence.tree is not None
                label = top_constituents(sentence.tree)
                if label is not None:
                    examples.by_split[split].append(Example(label, sentence.forms))
                    counts[split][label] += 1
        total = sum(counts.values(), Counter())
        classes = [
            label
            for label, _ in sorted(total.items(), key=lambda item: (-item[1], item[0]))
            if all(counts[split][label] >= MIN_SENTENCES[split] for split in SPLITS)
        ][: settings.num_top_constituents]
        if len(classes) < settings.num_top_constituents:
            needs = ", ".join(f"{number} {split}" for split, number in MIN_SENTENCES.items())
            examples.notes.append(
                f"{len(classes)} sequences and OTHER instead of {settings.num_top_constituents} and OTHER: those with "
                f"enough sentences ({needs})."
            )
        for split in SPLITS:
            examples.by_split[split] = [
                example if example.label in classes else example._replace(label=OTHER)
                for example in examples.by_split[split]
            ]
        return balance(examples, settings.sizes, generator)


def top_constituents(tree: Constituent) -> Optional[str]:
    """The categories below the root's only child, joined by `_`; `None` where punctuation is amid them."""
    top = tree
    while top.label in ROOT_LABELS and len(top.constituents) == 1:
        top = top.constituents[0]
    categories: List[str] = [child.category for child in top.constituents]
    if len(categories) < 2 or categories[-1] != END:
        return None
    return None if any(_is_punctuation(child) for child in top.constituents[:-1]) else "_".join(categories)


def _is_punctuation(node: Constituent) -> bool:
    """Whether a node has words without a letter or digit alone."""
    return not any(character.isalnum() for word in node.words() for character in word)
