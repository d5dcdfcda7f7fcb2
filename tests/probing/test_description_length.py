"""Online code lengths, worked out anew block by block."""

import math

import numpy
import pytest
from sklearn.metrics import log_loss

from hmtl.probing.linear_probe import FRACTIONS, LinearProbe, block_ends, description_length

SEED = 7


@pytest.fixture(scope="module")
def data():
    """800 vectors, labels of 4 classes that a linear function of them gives, and random ones."""
    generator = numpy.random.default_rng(3)
    vectors = generator.normal(size=(800, 8)).astype(numpy.float32)
    return vectors, (vectors @ generator.normal(size=(8, 4))).argmax(axis=1), generator.integers(0, 4, 800)


def test_fractions_are_those_of_the_paper():
    percent = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.25, 12.5, 25, 50, 100]
    assert pytest.approx([100 * fraction for fraction in FRACTIONS]) == percent
    assert block_ends(10000) == [10, 20, 40, 80, 160, 320, 625, 1250, 2500, 5000, 10000]
    assert block_ends(5) == [1, 2, 3, 5]


def test_code_lengths_are_those_of_log_loss(data):
    vectors, labels, _ = data
    found = description_length(vectors, labels, 4, SEED, fractions=(0.05, 0.2, 1.0))
    order = numpy.random.default_rng(SEED).permutation(800)
    inputs = ((vectors - vectors.mean(axis=0)) / vectors.std(axis=0))[order]
    shuffled = labels[order]
    expected = {40: 40 * 2.0}
    for start, end in ((40, 160), (160, 800)):
        probabilities = numpy.exp(LinearProbe(4, SEED).fit(inputs[:start], shuffled[:start]).log_probabilities(inputs))
        total = log_loss(shuffled[start:end], probabilities[start:end], labels=range(4), normalize=False)
        expected[end] = total / math.log(2)
    assert found.blocks == pytest.approx({end: bits / 1000 for end, bits in expected.items()}, rel=1e-4)
    assert found.kbits == pytest.approx(sum(expected.values()) / 1000, rel=1e-4)
    assert found.uniform_kbits == pytest.approx(1.6)
    assert found.compression == pytest.approx(1600 / sum(expected.values()), rel=1e-4)


def test_labels_that_vectors_give_are_compressed_and_random_ones_are_not(data):
    vectors, labels, random_labels = data
    fractions = (0.0625, 0.25, 1.0)
    assert description_length(vectors, labels, 4, SEED, fractions).compression > 2
    assert description_length(vectors, random_labels, 4, SEED, fractions).compression == pytest.approx(1, abs=0.04)


def test_the_same_seed_gives_the_same_code(data):
    vectors, labels, _ = data
    one, other = (description_length(vectors[:100], labels[:100], 4, 1, fractions=(0.5, 1)) for _ in range(2))
    assert one == other


def test_one_example(data):
    found = description_length(data[0][:1], [0], 2, SEED)
    assert (found.kbits, found.compression) == (0.001, 1.0)


@pytest.mark.parametrize(
    "number, labels, message",
    [(0, [], "0 vectors and 0 labels"), (2, [0], "2 vectors and 1 labels"), (2, [0, 4], "labels from 0 to 4")],
)
def test_what_cannot_be_coded(data, number, labels, message):
    with pytest.raises(ValueError, match=message):
        description_length(data[0][:number], labels, 4, SEED)
