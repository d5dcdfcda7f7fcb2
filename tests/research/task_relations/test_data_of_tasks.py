"""Features of data against scipy, scikit-learn and values worked by hand."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn.feature_extraction.text import CountVectorizer

from research.task_relations.features import TaskFeatures
from research.task_relations.measures import (
    DATA,
    data_features,
    frobenius_norm,
    js_divergence,
    label_entropy,
    oov_rate,
    tokens_per_type,
)


def sentences(seed, count, words="abcdefghij", labels="BIO"):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 9, count)
    return [
        (list(generator.choice(list(words), length)), list(generator.choice(list(labels), length, p=[0.2, 0.1, 0.7])))
        for length in lengths
    ]


TRAIN, VALIDATION = sentences(1, 40), sentences(2, 15, "cdefghijklm")


def test_label_entropy_is_scipys():
    counts = Counter(label for _, labels in TRAIN for label in labels)
    assert label_entropy(TRAIN) == pytest.approx(entropy(list(counts.values())), rel=1e-12)
    assert label_entropy([(["x", "y"], ["A", "B"])]) == pytest.approx(math.log(2))


def test_js_divergence_is_the_square_of_scipys_distance():
    counts = [Counter(word for words, _ in part for word in words) for part in (TRAIN, VALIDATION)]
    words = sorted(counts[0] | counts[1])
    distance = jensenshannon(*([count[word] for word in words] for count in counts))
    assert js_divergence(TRAIN, VALIDATION) == pytest.approx(distance**2, rel=1e-12)
    assert js_divergence(TRAIN, TRAIN) == pytest.approx(0, abs=1e-15)
    assert js_divergence([(["x"], ["A"])], [(["y"], ["A"])]) == pytest.approx(math.log(2))


def test_the_frobenius_norm_is_that_of_the_count_matrix():
    matrix = CountVectorizer(analyzer=list).fit_transform([words for words, _ in TRAIN]).toarray()
    assert frobenius_norm(TRAIN) == pytest.approx(np.linalg.norm(matrix, "fro"), rel=1e-12)
    assert tokens_per_type(TRAIN) == pytest.approx(matrix.sum() / matrix.shape[1])


def test_words_that_training_lacks_count_as_often_as_they_occur():
    train = [(["the", "cat"], ["O", "B"])]
    validation = [(["the", "dog", "the", "dog", "The"], ["O"] * 5)]
    assert oov_rate(train, validation) == pytest.approx(60.0)


def test_degenerate_data_are_noted_and_missing():
    features = TaskFeatures()
    features.add("one", data_features([(["x", "y"], ["O", "O"])], []))
    values = features.values["one"]
    assert set(values) == set(DATA)
    assert {name for name, value in values.items() if math.isnan(value)} == {
        "label_entropy",
        "oov_rate",
        "js_divergence",
    }
    assert values["labels"] == 1 and values["sentences"] == 1
    assert features.notes == [
        "one: the training data have 1 label; missing: label_entropy",
        "one: there are no words; missing: oov_rate, js_divergence",
    ]
