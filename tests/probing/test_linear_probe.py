"""The linear probe beside scikit-learn's softmax regression."""

import numpy
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from hmtl.probing.linear_probe import LinearProbe, standardized


@pytest.fixture(scope="module")
def noisy():
    """Labels of 3 classes from 10 dimensions, with noise: 800 for training, 400 for testing."""
    generator = numpy.random.default_rng(5)
    vectors = generator.normal(size=(1200, 10)).astype(numpy.float32)
    scores = vectors @ generator.normal(size=(10, 3)) + generator.gumbel(size=(1200, 3))
    labels = scores.argmax(axis=1)
    return vectors[:800], labels[:800], vectors[800:], labels[800:]


def test_as_good_as_scikit_learn(noisy):
    train, train_labels, test, test_labels = noisy
    probe = LinearProbe(3, seed=1).fit(train, train_labels)
    reference = LogisticRegression(C=1.0, max_iter=1000).fit(train, train_labels)
    expected = log_loss(test_labels, reference.predict_proba(test))
    assert log_loss(test_labels, numpy.exp(probe.log_probabilities(test))) == pytest.approx(expected, abs=0.03)
    assert probe.correct(test, test_labels).mean() == pytest.approx(reference.score(test, test_labels), abs=0.03)


def test_probabilities(noisy):
    train, labels, test, _ = noisy
    probabilities = numpy.exp(LinearProbe(5, seed=1).fit(train, labels).log_probabilities(test))
    assert probabilities.shape == (400, 5)
    assert probabilities.sum(axis=1) == pytest.approx(numpy.ones(400))
    # Classes that do not occur are improbable.
    assert probabilities[:, 3:].max() < 0.1


def test_nothing_is_learnt_where_there_is_nothing(noisy):
    train, _, test, _ = noisy
    random_labels = numpy.random.default_rng(1).integers(0, 3, 800)
    probabilities = numpy.exp(LinearProbe(3, seed=1).fit(train, random_labels).log_probabilities(test))
    assert probabilities.min() > 0.2 and probabilities.max() < 0.5


def test_the_same_seed_gives_the_same_weights(noisy):
    train, labels, test, _ = noisy
    one, two, other = (LinearProbe(3, seed).fit(train, labels).log_probabilities(test) for seed in (1, 1, 2))
    assert (one == two).all()
    assert (one != other).any()


def test_one_example(noisy):
    """It is held out: nothing is left to train on."""
    train, labels, test, _ = noisy
    probabilities = numpy.exp(LinearProbe(3, seed=1).fit(train[:1], labels[:1]).log_probabilities(test))
    assert probabilities == pytest.approx(numpy.full((400, 3), 1 / 3))


def test_standardized():
    by = numpy.array([[1.0, 5.0], [3.0, 5.0]])
    assert standardized(numpy.array([[1.0, 5.0], [4.0, 6.0]]), by).tolist() == [[-1.0, 0.0], [2.0, 1.0]]
