import itertools

import numpy as np
import pytest
from scipy.stats import chi2, ttest_1samp

from research.paper.counts import COREFERENCE, LABELLED, Counts, f1_of_sums
from research.paper.significance import compare_ratios, contrast_bootstrap, holm, paired_bootstrap

# Correct, predicted, gold on three sentences, of two pairs of runs.
OURS = [np.array([[3, 4, 4], [1, 2, 3], [2, 2, 2]]), np.array([[3, 3, 4], [2, 4, 3], [1, 2, 2]])]
THEIRS = [np.array([[2, 4, 4], [2, 3, 3], [0, 1, 2]]), np.array([[2, 4, 4], [1, 3, 3], [1, 2, 2]])]


def f1(rows: list) -> float:
    correct, predicted, gold = (sum(row[number] for row in rows) for number in range(3))
    precision, recall = correct / predicted, correct / gold
    return 0.0 if correct == 0 else 2 * precision * recall / (precision + recall)


def quantiles(number: int) -> np.ndarray:
    """400 factors sqrt(number / x), as probable as one another, x chi-squared of number - 1 degrees of freedom."""
    return np.sqrt(number / chi2.ppf((np.arange(400) + 0.5) / 400, number - 1))


def enumerated(*terms: "tuple[int, list]") -> "tuple[float, float]":
    """The mean sum, and the p-value from all draws of sentences and of runs, each as probable as the others."""
    num_runs = len(terms[0][1])

    def difference(sentences: "tuple[int, ...]", runs: "tuple[int, ...]") -> float:
        of_runs = [sum(weight * f1([counts[run][i] for i in sentences]) for weight, counts in terms) for run in runs]
        return sum(of_runs) / len(of_runs)

    every_run = tuple(range(num_runs))
    measured = difference((0, 1, 2), every_run)
    shares = []
    for sentences in itertools.product(range(3), repeat=3):
        of_sentences = difference(sentences, every_run)
        for runs in itertools.product(every_run, repeat=num_runs):
            deviations = quantiles(3) * (of_sentences - measured)
            if num_runs > 1:
                of_runs = difference(sentences, runs) - of_sentences
                deviations = np.add.outer(deviations, quantiles(num_runs) * of_runs)
            shares.append((abs(deviations) >= abs(measured) - 1e-12).mean())
    return measured, float(np.mean(shares))


@pytest.mark.parametrize("runs", [1, 2])
def test_the_p_value_is_that_of_all_samples(runs):
    ours, theirs = OURS[:runs], THEIRS[:runs]
    measured, p_value = enumerated((1, [a.tolist() for a in ours]), (-1, [b.tolist() for b in theirs]))
    assert 0.01 < p_value < 0.9
    found = paired_bootstrap(LABELLED, ours, theirs, num_samples=40000, seed=1)
    assert found.mean == pytest.approx(measured)
    # Four standard errors of a share of 40,000, and what 400 quantiles leave open.
    assert found.p_value == pytest.approx(p_value, abs=4 * (p_value * (1 - p_value) / 40000) ** 0.5 + 1e-3)
    back = paired_bootstrap(LABELLED, theirs, ours, num_samples=40000, seed=1)
    assert back.mean == pytest.approx(-measured) and back.p_value == pytest.approx(found.p_value)


def test_the_same_system_twice_and_one_that_is_always_better():
    same = paired_bootstrap(LABELLED, OURS, OURS, 200, seed=3)
    assert (same.mean, same.p_value, same.interval) == (0.0, 1.0, (0.0, 0.0))
    assert not same.seeds_agree
    right = np.array([[4, 4, 4]] * 50)
    half = np.array([[2, 4, 4]] * 50)
    better = paired_bootstrap(LABELLED, [right], [half], 999, seed=3)
    # The measured runs count as a sample: p is never 0.
    assert better.mean == pytest.approx(0.5) and better.p_value == pytest.approx(1 / 1000)
    assert better.seeds_agree


# Of the numbers of right ones among 100 in a document: the standard deviation over seeds, documents, and both.
NULLS = {"seeds differ": (5.0, 0.5, 0.5), "documents differ": (0.05, 10.0, 0.05), "both differ": (5.0, 10.0, 0.5)}

BASE = np.array([[60.0, 100.0, 100.0]] * 12)


def simulated(random: np.random.Generator, spreads: "tuple[float, ...]", num_seeds: int, better: float = 0.0) -> list:
    """A system's counts, whose difference from one that gets 60 right everywhere varies by seed and by document."""
    of_seeds, of_documents, of_both = spreads
    num_right = 60 + better + of_seeds * random.normal(size=(num_seeds, 1))
    num_right = num_right + of_documents * random.normal(size=12) + of_both * random.normal(size=(num_seeds, 12))
    return [np.stack([row, np.full(12, 100.0), np.full(12, 100.0)], axis=1) for row in num_right]


@pytest.mark.parametrize("num_seeds", [3, 5])
@pytest.mark.parametrize("spreads", NULLS.values(), ids=list(NULLS))
def test_where_there_is_no_difference_one_is_found_in_one_of_twenty(spreads, num_seeds):
    random = np.random.default_rng(5)
    other = [BASE] * num_seeds
    p_values = []
    for repetition in range(800):
        system = simulated(random, spreads, num_seeds)
        p_values.append(paired_bootstrap(LABELLED, system, other, 200, seed=repetition).p_value)
    # Three standard errors of a share of 800 are 0.023. Where both differ the bootstrap errs on the side of none.
    assert (np.array(p_values) < 0.05).mean() < 0.075
    if spreads != NULLS["both differ"]:
        assert (np.array(p_values) < 0.05).mean() > 0.025


def test_a_difference_beyond_the_spread_is_found():
    random = np.random.default_rng(5)
    system = simulated(random, (2.0, 3.0, 0.5), 5, better=15.0)
    found = paired_bootstrap(LABELLED, system, [BASE] * 5, 2000, seed=1)
    assert found.p_value < 0.01 and found.seeds_agree and found.mean == pytest.approx(0.15, abs=0.05)
    assert found.interval[0] < 0.15 < found.interval[1]


def test_documents_are_drawn_whole():
    """Sentences of a document that err together are as good as one: thirty copies of six documents prove no more."""
    documents = [np.array([[count, 10, 10] for count in counts]) for counts in ([9, 3, 8, 4, 9, 6], [7, 5, 4, 5, 6, 6])]
    units = [(f"document {number // 30}", number % 30) for number in range(180)]
    ours, theirs = (Counts(LABELLED, units, np.repeat(values, 30, axis=0)) for values in documents)
    as_documents = paired_bootstrap(LABELLED, [ours.by_document().values], [theirs.by_document().values], 4000, 1)
    as_sentences = paired_bootstrap(LABELLED, [ours.values], [theirs.values], 4000, 1)
    assert as_documents.p_value == paired_bootstrap(LABELLED, documents[:1], documents[1:], 4000, 1).p_value > 0.2
    assert as_sentences.p_value < 0.01


def test_seeds_that_disagree():
    strong, weak = np.array([[90, 100, 100]] * 20), np.array([[50, 100, 100]] * 20)
    found = paired_bootstrap(LABELLED, [strong, strong, weak], [weak, weak, strong], 2000, 1)
    assert found.differences == pytest.approx([0.4, 0.4, -0.4]) and not found.seeds_agree
    # Documents tell nothing against it, seeds do.
    assert found.p_value > 0.3
    assert paired_bootstrap(LABELLED, [strong], [weak], 2000, 1).p_value == pytest.approx(1 / 2001)


def test_a_difference_of_differences_has_the_p_value_of_all_samples():
    more, less = [counts + np.array([0, 1, 0]) for counts in THEIRS], [counts + np.array([1, 2, 1]) for counts in OURS]
    terms = [(1, OURS), (-1, THEIRS), (-1, more), (1, less)]
    measured, p_value = enumerated(*((weight, [counts.tolist() for counts in runs]) for weight, runs in terms))
    assert 0.01 < p_value < 0.9
    found = contrast_bootstrap(LABELLED, terms, num_samples=40000, seed=1)
    assert found.mean == pytest.approx(measured)
    assert found.p_value == pytest.approx(p_value, abs=4 * (p_value * (1 - p_value) / 40000) ** 0.5 + 1e-3)


def test_ratios_have_students_test_of_their_logarithms():
    ours, theirs = [20, 31, 24, 18], [40, 42, 39, 41]
    found = compare_ratios(ours, theirs)
    logarithms = np.log(np.array(ours) / np.array(theirs))
    reference = ttest_1samp(logarithms, 0)
    assert found.differences == pytest.approx(logarithms.tolist())
    assert found.p_value == pytest.approx(reference.pvalue) and found.seeds_agree
    assert found.interval == pytest.approx(tuple(reference.confidence_interval(0.95)))
    assert compare_ratios([20], [40]).p_value == 1 == compare_ratios([20, 40, 60], [40, 80, 120]).p_value
    assert compare_ratios([20], [40]).interval == (-np.inf, np.inf)


def test_one_unit_is_refused():
    with pytest.raises(ValueError, match="at least two units"):
        paired_bootstrap(LABELLED, [OURS[0][:1]], [THEIRS[0][:1]], 10, 1)


def test_holms_correction_by_hand():
    # Sorted 0.01, 0.02, 0.02, 0.3, 0.6 times 5, 4, 3, 2, 1, and never below the one before.
    assert holm([0.3, 0.02, 0.01, 0.6, 0.02]) == pytest.approx([0.6, 0.08, 0.05, 0.6, 0.08])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.7, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([0.03]) == [0.03] and holm([]) == []


def test_a_seed_gives_the_same_samples():
    found = [paired_bootstrap(LABELLED, OURS, THEIRS, 700, seed).p_value for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_f1_of_coreference_is_the_mean_of_three():
    # Precision and recall 1/2 and 1, 1 and 1/4, 0 and 0.
    sums = np.array([1, 2, 1, 1, 1, 1, 1, 4, 0, 3, 0, 0], dtype=float)
    assert f1_of_sums(COREFERENCE, sums) == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)
    assert f1_of_sums(COREFERENCE, np.stack([sums, 2 * sums])) == pytest.approx([0.35555556] * 2)
