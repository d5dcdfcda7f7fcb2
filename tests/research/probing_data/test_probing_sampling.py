"""Sampling that probing tasks share, and splits by documents."""

import random
from collections import Counter

import pytest
from hand_made import SHE_SLEEPS, parsed

from hmtl.errors import DataError, UserError
from research.probing_data.sampling import balance, halves, keep_targets_apart
from research.probing_data.splits import SPLITS, find_lists, split_at_random, split_by_lists
from research.probing_data.task_builder import Example, Examples

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


def documents(tmp_path, number):
    sentences = parsed(tmp_path, SHE_SLEEPS)
    return {f"d{i}": [type(sentences[0])(sentences[0].tokens, None, f"d{i}", 0)] * (1 + i % 3) for i in range(number)}


def test_whole_documents_at_random_by_their_shares(tmp_path):
    treebank = documents(tmp_path, 60)
    splits = split_at_random(treebank, (0.6, 0.2, 0.2), seed=1)
    names = {split: {sentence.document for sentence in splits[split]} for split in SPLITS}
    assert sum(map(len, names.values())) == 60
    assert set().union(*names.values()) == set(treebank)
    assert [len(splits[split]) for split in SPLITS] == pytest.approx([72, 24, 24], abs=3)
    assert split_at_random(treebank, (0.6, 0.2, 0.2), seed=1) == splits
    assert split_at_random(treebank, (0.6, 0.2, 0.2), seed=2) != splits


def test_no_split_stays_empty(tmp_path):
    assert all(split_at_random(documents(tmp_path, 3), (0.98, 0.01, 0.01), seed=1).values())
    with pytest.raises(UserError, match="the treebank has 2 documents"):
        split_at_random(documents(tmp_path, 2), (0.8, 0.1, 0.1), seed=1)


def test_lists_beside_or_above_the_treebank(tmp_path):
    treebank = documents(tmp_path, 4)
    (tmp_path / "dep").mkdir()
    assert find_lists(tmp_path / "dep") is None
    for name, text in (("train", "d1\nd0\n"), ("dev", "d2\n"), ("test", "\n")):
        (tmp_path / f"{name}.txt").write_text(text)
    assert find_lists(tmp_path / "dep") == tmp_path
    splits, unlisted = split_by_lists(treebank, tmp_path)
    assert splits == {"tr": treebank["d1"] + treebank["d0"], "va": treebank["d2"], "te": []}
    assert unlisted == ["d3"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("d2\n\nd9\n", r"test\.txt:3: there is no document 'd9'"),
        ("d0\n", r"test\.txt:1: 'd0' is in train\.txt as well"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path, text, message):
    for name, names in (("train", "d0\n"), ("dev", "d1\n"), ("test", text)):
        (tmp_path / f"{name}.txt").write_text(names)
    with pytest.raises(DataError, match=message):
        split_by_lists(documents(tmp_path, 3), tmp_path)
