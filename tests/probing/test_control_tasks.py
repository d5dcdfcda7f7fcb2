"""Control tasks: a label for each type."""

from collections import Counter

import pytest

from hmtl.probing.controls import control_labels, sentence_control_labels


def test_a_type_has_one_label():
    types = ["a", "b", "c", "a", "b", "a"] * 5
    found = control_labels(types, list("xyzxyz") * 5, seed=1)
    assert len(set(zip(types, found))) == 3
    assert set(found) <= set("xyz")


def test_labels_have_the_distribution_of_the_task():
    labels = ["x"] * 800 + ["y"] * 200
    counts = Counter(control_labels(range(1000), labels, seed=1))
    # Three standard deviations of 1000 draws.
    assert counts["x"] == pytest.approx(800, abs=38)


def test_labels_do_not_depend_on_the_task_beyond_its_distribution():
    """A type of one label in the task gets any."""
    types = list(range(2000))
    labels = ["x" if number % 2 else "y" for number in types]
    agreeing = sum(one == other for one, other in zip(control_labels(types, labels, seed=1), labels))
    assert agreeing == pytest.approx(1000, abs=70)


def test_seeds():
    types, labels = list(range(100)), ["x", "y"] * 50
    assert control_labels(types, labels, seed=1) == control_labels(types, labels, seed=1)
    assert control_labels(types, labels, seed=1) != control_labels(types, labels, seed=2)


def test_sentences_with_the_same_first_word_have_the_same_label():
    sentences = [("The", "dog"), ("the", "cat"), ("A", "cat")] * 20
    found = sentence_control_labels(sentences, list("xyz") * 20, seed=4)
    assert len({label for sentence, label in zip(sentences, found) if sentence[0] != "A"}) == 1


def test_as_many_labels_as_types():
    with pytest.raises(ValueError, match="2 types and 1 labels"):
        control_labels(["a", "b"], ["x"], seed=1)
