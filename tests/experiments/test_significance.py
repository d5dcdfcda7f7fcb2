import itertools

import numpy as np
import pytest

from hmtl.experiments.counts import COREFERENCE, LABELLED, f1_of_sums
from hmtl.experiments.significance import paired_bootstrap

# Correct, predicted, gold on three sentences, of two pairs of runs.
OURS = [np.array([[3, 4, 4], [1, 2, 3], [2, 2, 2]]), np.array([[3, 3, 4], [2, 4, 3], [1, 2, 2]])]
THEIRS = [np.array([[2, 4, 4], [2, 3, 3], [0, 1, 2]]), np.array([[2, 4, 4], [1, 3, 3], [1, 2, 2]])]


def f1(rows: list) -> float:
    correct, predicted, gold = (sum(row[number] for row in rows) for number in range(3))
    precision, recall = correct / predicted, correct / gold
    return 0.0 if correct == 0 else 2 * precision * recall / (precision + recall)


def enumerated(ours: list, theirs: list) -> "tuple[float, float]":
    """The mean difference, and the p-value from all 27 samples, each as probable as the others."""

    def difference(sample: "tuple[int, ...]") -> float:
        pairs = [(f1([a[i] for i in sample]), f1([b[i] for i in sample])) for a, b in zip(ours, theirs)]
        return sum(a - b for a, b in pairs) / len(pairs)

    measured = difference((0, 1, 2))
    samples = [difference(sample) for sample in itertools.product(range(3), repeat=3)]
    return measured, sum(abs(each - measured) >= abs(measured) - 1e-12 for each in samples) / len(samples)


@pytest.mark.parametrize("runs", [1, 2])
def test_the_p_value_is_that_of_all_samples(runs):
    ours, theirs = OURS[:runs], THEIRS[:runs]
    measured, p_value = enumerated([a.tolist() for a in ours], [b.tolist() for b in theirs])
    assert 0.01 < p_value < 0.9
    found = paired_bootstrap(LABELLED, ours, theirs, num_samples=40000, seed=1)
    assert found.mean == pytest.approx(measured)
    # Four standard errors of a share of 40,000.
    assert found.p_value == pytest.approx(p_value, abs=4 * (p_value * (1 - p_value) / 40000) ** 0.5)
    back = paired_bootstrap(LABELLED, theirs, ours, num_samples=40000, seed=1)
    assert back.mean == pytest.approx(-measured) and back.p_value == pytest.approx(found.p_value)


def test_the_same_system_twice_and_one_that_is_always_better():
    same = paired_bootstrap(LABELLED, OURS, OURS, 200, seed=3)
    assert (same.mean, same.p_value, same.interval) == (0.0, 1.0, (0.0, 0.0))
    right = np.array([[4, 4, 4]] * 50)
    half = np.array([[2, 4, 4]] * 50)
    better = paired_bootstrap(LABELLED, [right], [half], 999, seed=3)
    assert better.mean == pytest.approx(0.5) and better.p_value == pytest.approx(1 / 1000)


def test_a_seed_gives_the_same_samples():
    found = [paired_bootstrap(LABELLED, OURS, THEIRS, 700, seed).p_value for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_f1_of_coreference_is_the_mean_of_three():
    # Precision and recall 1/2 and 1, 1 and 1/4, 0 and 0.
    sums = np.array([1, 2, 1, 1, 1, 1, 1, 4, 0, 3, 0, 0], dtype=float)
    assert f1_of_sums(COREFERENCE, sums) == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)
    assert f1_of_sums(COREFERENCE, np.stack([sums, 2 * sums])) == pytest.approx([0.35555556] * 2)
