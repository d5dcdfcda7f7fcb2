"""Sampling that probing tasks share."""

import random
from collections import Counter

from hmtl.corpora.treebank import SPLITS
from research.probing_data.task_builder import Example, Examples, balance, halves, keep_targets_apart

SIZES = {"tr": 8, "va": 100, "te": 100}


def examples_of(**splits):
    """Such as `tr="aab"`: a letter for each example's class."""
    return Examples({split: [Example(c, (c, str(i))) for i, c in enumerate(splits[split])] for split in SPLITS})


def test_classes_are_equal_and_sizes_kept():
    found = balance(examples_of(tr="a" * 9 + "b" * 5, va="aaab", te="bbaa"), SIZES, random.Random(1))
    counts = {split: Counter(example.label for example in found.by_split[split]) for split in SPLITS}
    assert counts == {"tr": {"a": 4, "b": 4}, "va": {"a": 1, "b": 1}, "te": {"a": 2, "b": 2}}
    assert len(set(found.by_split["tr"])) == 8
    assert found.notes == []


def test_a_class_that_a_split_lacks_is_left_out_of_all():
    found = balance(examples_of(tr="aabbc", va="abc", te="ab"), SIZES, random.Random(1))
    assert found.labels == ["a", "b"]
    assert found.notes == ["Classes that some split lacks are left out: c."]


def test_halves_are_disjoint():
    one, other = halves(range(11), 8, random.Random(1))
    assert len(one) == len(other) == 4
    assert len({*one, *other}) == 8


def test_targets_are_in_one_split_alone():
    generator = random.Random(2)
    examples = Examples()
    for split, number in (("tr", 300), ("va", 60), ("te", 60)):
        examples.by_split[split] = [
            Example(generator.choice("ab"), (str(i),), f"word{int(generator.expovariate(0.1))}") for i in range(number)
        ]
    found = keep_targets_apart(examples)
    targets = {split: {example.target for example in found.by_split[split]} for split in SPLITS}
    assert all(targets[split] for split in SPLITS)
    assert not targets["tr"] & targets["va"] and not targets["tr"] & targets["te"] and not targets["va"] & targets["te"]
    # All that there is of a target in its split is kept.
    for split in SPLITS:
        assert found.by_split[split] == [e for e in examples.by_split[split] if e.target in targets[split]]


def test_targets_of_one_split_lose_nothing():
    examples = Examples({split: [Example("a", ("x",), split)] for split in SPLITS})
    assert keep_targets_apart(examples).by_split == examples.by_split
